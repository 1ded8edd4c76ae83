/*
 * linear.h: the dense layer  Y = X W^T + b.
 *
 * The papers write x W with W (in, out). We keep W as (out, in), as PyTorch and
 * timm do, so that weights travel.    DIFFERS: W here is the papers' W^T.
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
 * linear_backward:
 *     dX  = dY W                    one row of dX for each row of dY
 *     dW += dY^T X                  summed over all rows: all tokens, all images
 *     db += sum of dY over its rows
 *   dX may have data NULL: then the input's gradient is not wanted.
 * Cost: 4 rows in out flops.
 */
void linear_backward(Tensor X, Tensor W, Tensor dY, Tensor dX, Tensor dW, Tensor db);
