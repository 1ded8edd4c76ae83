/*
 * softmax.h: a row of scores becomes a row of weights that sum to 1.
 *
 *     softmax(s)_j = exp(s_j) / sum_k exp(s_k)
 *
 * for any finite scores, although exp(89) is already infinite in float. Derivation:
 * notes/01_tensor_ops.md.
 */
#pragma once

#include "common/tensor.h"

/*
 * softmax_forward: A = softmax of each row of S.
 *   S, A (rows, cols), same shape; A may be S.
 * A score of minus infinity gets weight 0. A row of only such scores gives NaN.
 */
void softmax_forward(Tensor S, Tensor A);

/* softmax_fast_forward: the same for layers to call: short rows are fast too
 * (softmax_fast.c). Sums are added in another order, so only rounding differs. */
void softmax_fast_forward(Tensor S, Tensor A);

/*
 * softmax_backward: dS = dL/dS; the Jacobian is never built.
 *   A (rows, cols)   forward's result
 *   dA               the loss's gradient with respect to A
 *   dS               out; may be dA
 */
void softmax_backward(Tensor A, Tensor dA, Tensor dS);
