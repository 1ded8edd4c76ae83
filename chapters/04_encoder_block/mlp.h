/*
 * mlp.h: the feed-forward half of a block: two dense layers with a nonlinearity
 * between them, the same for every token.
 *
 *     MLP(x) = GELU(x W_1 + b_1) W_2 + b_2                     [ViT eq.3]
 *     FFN(x) = max(0, x W_1 + b_1) W_2 + b_2                   [AIAYN eq.2]
 */
#pragma once

#include "common/arena.h"
#include "chapters/04_encoder_block/dropout.h"
#include "common/parameters.h"
#include "common/tensor.h"

typedef enum { ACTIVATION_GELU, ACTIVATION_RELU } Activation;

/* Weights; or, laid over a block of gradients, their gradients. */
typedef struct {
    Activation activation;
    Tensor W_1; /* (M, D) */
    Tensor b_1; /* (M)    */
    Tensor W_2; /* (D, M) */
    Tensor b_2; /* (D)    */
} Mlp;

typedef struct {
    Tensor pre;    /* (B, n, M) x W_1 + b_1 */
    Tensor hidden; /* (B, n, M) after the nonlinearity (and dropout) */
} MlpActivations;

void mlp_parameters(Mlp *layer, ParameterBlock *block, int D, int M, Activation act,
                    const char *name);
void mlp_activations(MlpActivations *a, Arena *arena, int B, int n, int M);

/*
 * mlp_forward: Y = MLP(X)
 *   X, Y (B, n, D); Y must not alias X. `site` is the number of the
 *   dropout after the nonlinearity.
 * Cost: 4 B n D M flops.
 */
void mlp_forward(const Mlp *layer, Tensor X, MlpActivations *a, const Dropout *dropout,
                 int site, Tensor Y);

/*
 * mlp_backward: weights' gradients are added to d; dX (B, n, D) is written, and
 * may be dY; dpre (B, n, M) is scratch, dL/dpre in the end.
 */
void mlp_backward(const Mlp *layer, Mlp *d, Tensor X, const MlpActivations *a,
                  const Dropout *dropout, int site, Tensor dY, Tensor dX, Tensor dpre);
