/*
 * sharpness.h: how far a softmax has gone from giving all keys the same to giving one
 * key everything: what 1/sqrt(d_k) is measured by.
 */
#pragma once

#include "common/tensor.h"

typedef struct {
    double entropy; /* mean over queries, in nats: ln(keys) for equal weights */
    double largest; /* the largest weight, mean over queries */
    double slope;   /* |J|, the size of the softmax's Jacobian: median over queries */
} Sharpness;

/*
 * sharpness_of: of the weights A (queries, keys), each row a softmax.
 *   slopes (queries)   out: each query's |J|, in ascending order
 */
Sharpness sharpness_of(Tensor A, double *slopes);
