/*
 * softmax_fast.h: softmax_forward (softmax.h), computed so that short rows are fast
 * too. Layers call it; a test holds the two equal.
 */
#ifndef COMMON_SOFTMAX_FAST_H
#define COMMON_SOFTMAX_FAST_H

#include "common/tensor.h"

/*
 * softmax_fast_forward: A = softmax of each row of S; shapes, aliasing, infinities and
 * NaN as softmax_forward. The two differ by rounding alone: sums are added in another
 * order.
 */
void softmax_fast_forward(Tensor S, Tensor A);

#endif
