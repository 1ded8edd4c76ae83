/*
 * layer_norm.h: brings each token's D elements to mean 0 and variance 1, then stretches
 * and shifts them by learned gamma and beta (Ba, Kiros and Hinton, 2016).
 *
 *     LN(x) = gamma o xhat + beta,   xhat = (x - mean) rstd
 *
 * Mean, variance (the biased one) and rstd are the row's own.
 * eps = 1e-6, as in the ViT's reference weights; other published weights have others
 * (chapter 7).
 * Derivation of the backward pass: notes/04_encoder_block.md.
 */
#pragma once

#include "common/arena.h"
#include "common/parameters.h"
#include "common/tensor.h"

#define LAYER_NORM_EPSILON 1e-6

/* Weights; or, laid over a block of gradients, their gradients. */
typedef struct {
    Tensor gamma; /* (D), begins as ones  */
    Tensor beta;  /* (D), begins as zeros */
    real epsilon; /* eps; not learned, begins as LAYER_NORM_EPSILON */
} LayerNorm;

/* What forward keeps for backward: two numbers per token. */
typedef struct {
    Tensor mean; /* (rows) */
    Tensor rstd; /* (rows) */
} LayerNormActivations;

void layer_norm_parameters(LayerNorm *layer, ParameterBlock *block, int D,
                           const char *name);
void layer_norm_activations(LayerNormActivations *a, Arena *arena, int rows);

/*
 * layer_norm_forward: Y = LN(X), row by row
 *   X (rows, D)   in      Y (rows, D)   out; may be X only if backward isn't needed
 */
void layer_norm_forward(const LayerNorm *layer, Tensor X, LayerNormActivations *a,
                        Tensor Y);

/*
 * layer_norm_backward: the gradients for X, gamma and beta, from dY = dL/dY
 *   X              forward's input; `a` is what forward kept of it
 *   dX (rows, D)   out (written); may be dY
 *   d              weights' gradients, added to (+=): all rows share gamma and beta
 */
void layer_norm_backward(const LayerNorm *layer, LayerNorm *d, Tensor X,
                         const LayerNormActivations *a, Tensor dY, Tensor dX);
