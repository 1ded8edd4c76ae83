/*
 * block_demos.h: the sections of chapter 4's program. Each prints one part of the
 * lesson and its checks (report.h), and leaves nothing behind. Where there is no memory
 * the program ends (chapter_needs).
 */
#pragma once

#include <stdint.h>

#include "chapters/04_encoder_block/encoder_block.h"
#include "common/error.h"

void remedies_demo(void);              /* 24 blocks without norm, residual */
void layer_norm_demo(void);            /* by hand; eps; one pass; its gradient */
void mlp_demo(void);                   /* ReLU and GELU, two layers */
void dropout_demo(void);               /* the share, the mask again */
void block_steps_demo(NormPlace norm); /* one block, call by call */
void gradient_depth_demo(void);        /* pre-norm against post-norm */
void block_cost_demo(void);            /* parameters, counted */

/* chapter4_gradient_checks: a section with a line for each gradient, in double. */
void chapter4_gradient_checks(void);

/* chapter4_dump: every tensor of one pre-norm block into a file (dump.h): 2 images of
 * 5 tokens, D = 8, 2 heads, M = 12, GELU, no dropout. */
bool chapter4_dump(const char *path, Error *error);

/* ---- what they share: a stack of blocks ------------------------------------ */

/* L encoder blocks on top of each other: the body of a Transformer, without an
 * embedding below or a head above.
 *
 *     z_l = block_l(z_{l-1}),  l = 1 ... L                 [ViT eq.2, eq.3]
 *     y   = LN(z_L)                                         [ViT eq.4], all tokens
 *
 * The last LN is there in a pre-norm stack only: in a post-norm stack each block
 * ends with one [AIAYN 3.1]. The gradient dL/dz_l of every depth is kept. */
#define BLOCK_STACK_MAX 32

typedef struct {
    BlockConfig block;
    int L, B, n;     /* L blocks for B images of n tokens */
    uint64_t seed;   /* of the weights, z_0 and dy */
    double jitter;   /* N(0, jitter^2) is added to all weights: no gamma 1, no bias 0 */
    Dropout dropout; /* rate 0: none */
} BlockStackPlan;

/* All weights; or, laid over a block of gradients, their gradients. */
typedef struct {
    EncoderBlock blocks[BLOCK_STACK_MAX];
    LayerNorm norm; /* pre-norm only */
} BlockStackWeights;

typedef struct {
    BlockStackPlan plan;
    BlockStackWeights weights, d;
    ParameterList list;
    Arena arena; /* of everything below */
    real *weight_block, *gradient_block;
    EncoderBlockActivations a[BLOCK_STACK_MAX];
    EncoderBlockScratch s;
    LayerNormActivations norm;
    Tensor y, dy;                   /* (B, n, D) */
    Tensor z[BLOCK_STACK_MAX + 1];  /* (B, n, D) each: z_0 ... z_L */
    Tensor dz[BLOCK_STACK_MAX + 1]; /* (B, n, D) each: dL/dz_0 ... dL/dz_L */
} BlockStack;

/* block_stack_make: matrices are uniform with variance 2 / (in + out) (Glorot and
 * Bengio, 2010: "Xavier uniform"), gamma is 1, biases and beta are 0. The same seed
 * gives a pre-norm and a post-norm stack the same matrices. z_0 and dy are from N(0,1);
 * the caller may change them. */
void block_stack_make(BlockStack *stack, const BlockStackPlan *plan);
void block_stack_free(BlockStack *stack);

/* block_stack_forward: from z_0 to y; block_stack_backward: from dy = dL/dy to dz[L],
 * ..., dz[0], and to the weights' gradients, which are set to zero first. */
void block_stack_forward(BlockStack *stack);
void block_stack_backward(BlockStack *stack);
