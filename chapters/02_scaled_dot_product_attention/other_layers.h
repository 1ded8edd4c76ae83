/*
 * other_layers.h: what attention is compared with in [AIAYN T.1]: the two other ways
 * to let tokens know of each other. Forward only: they are here to be timed.
 *
 *     recurrence    h_t = tanh(W_x x_t + W_h h_{t-1}),  h_0 = 0
 *     convolution   y_t = sum_{j = -(k-1)/2 .. (k-1)/2} W_j x_{t+j},  x = 0 outside
 *
 * Memory: all tensors are the caller's; nothing is allocated.
 */
#pragma once

#include "common/tensor.h"

/*
 * recurrence_forward: h_t = tanh(W_x x_t + W_h h_{t-1}) [AIAYN T.1]
 *
 *   X (n, d)       in
 *   W_x (d, d)     in
 *   W_hT (d, d)    in, W_h transposed: its rows are added up, so that the compiler
 *                  makes vector instructions of the loop
 *   H (n, d)       out, row t is h_t; must not alias an input
 *
 * Cost: 4 n d^2 flops. Half of them, all W_x x_t, are one matrix product. The
 * other half are n products of a matrix with a vector, and each waits for the last.
 */
void recurrence_forward(Tensor X, Tensor W_x, Tensor W_hT, Tensor H);

/*
 * convolution_forward: y_t = sum_j W_j x_{t+j} [AIAYN T.1]
 *
 *   X (n, d)       in, n at least k
 *   W (k, d, d)    in, k odd; W[i] is W_j of j = i - (k-1)/2
 *   Y (n, d)       out, must not alias an input
 *
 * Cost: 2 k n d^2 flops (a little less: nothing is multiplied with the zeros outside):
 * k matrix products, none of which waits for another.
 */
void convolution_forward(Tensor X, Tensor W, Tensor Y);
