/*
 * gelu.h: the Gaussian error linear unit (Hendrycks and Gimpel, 2016), ViT's
 * activation, in its exact form (not the tanh approximation):
 *
 *     GELU(x) = x Phi(x),   Phi(x) = (1 + erf(x / sqrt(2))) / 2
 *
 * The Transformer of 2017 used the rectified linear unit, max(0, x), instead.
 */
#pragma once

#include "common/tensor.h"

/* Element by element; Y may be X, and dX may be dY. At a corner, X = 0, the slope is 0.
 * Where X is nan, so is the result. */
void gelu_forward(Tensor X, Tensor Y);              /* Y = GELU(X)                 */
void gelu_backward(Tensor X, Tensor dY, Tensor dX); /* dX = dL/dX                  */
void relu_forward(Tensor X, Tensor Y);              /* Y = max(0, X)  [AIAYN eq.2] */
void relu_backward(Tensor X, Tensor dY, Tensor dX); /* dX = dL/dX                  */
