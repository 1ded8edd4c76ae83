/* gradient_checks.h: chapter 5's part that is compiled in double. */
#ifndef CHAPTER5_GRADIENT_CHECKS_H
#define CHAPTER5_GRADIENT_CHECKS_H

#include "vit.h"

/*
 * chapter5_gradient_checks: every parameter of a small ViT; returns how many of
 * its tensors failed. every_tensor 1: a line for each; 0: one line for all. The
 * positions and the pooling are those of `chosen`.
 */
int chapter5_gradient_checks(int every_tensor, const VitConfig *chosen);

#endif
