/*
 * linear.h: the dense layer  Y = X W^T + b.
 *
 * The papers write x W with W (in, out). We keep W as (out, in), as PyTorch does, so
 * that weights travel.    DIFFERS: W here is the papers' W^T.
 */
#pragma once

#include "common/tensor.h"

/*
 * linear_forward: Y = X W^T + b
 *   X (rows, in)   W (out, in)   b (out)      in
 *   Y (rows, out)                             out, must not alias an input
 * Cost: 2 rows in out flops.
 */
void linear_forward(Tensor X, Tensor W, Tensor b, Tensor Y);

/*
 * linear_backward: the loss's gradients, from dY = dL/dY (rows, out)
 *   dX (rows, in)            out, must not alias dY, W; data NULL: not wanted
 *   dW (out, in)   db (out)  added to: all rows share the weights
 * Cost: 4 rows in out flops, half of that without dX.
 */
void linear_backward(Tensor X, Tensor W, Tensor dY, Tensor dX, Tensor dW, Tensor db);
