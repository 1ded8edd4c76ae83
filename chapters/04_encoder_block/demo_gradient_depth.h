/*
 * demo_gradient_depth.h: how large gradients are at each depth when training begins, in
 * a pre-norm and in a post-norm stack: the measurement behind Xiong et al., "On
 * Layer Normalization in the Transformer Architecture" (2020).
 */
#ifndef GRADIENT_DEPTH_H
#define GRADIENT_DEPTH_H

#include "common/error.h"

/* gradient_depth_show: the tables, their checks, plots/gradient_norms_by_depth.dat. */
bool gradient_depth_show(Error *error);

#endif
