/*
 * demo_block_stack.h: L encoder blocks on top of each other, weights, gradients and
 * activations: the body of a Transformer, without an embedding below or a head above.
 *
 *     z_l = block_l(z_{l-1}),  l = 1 ... L                 [ViT eq.2, eq.3]
 *     y   = LN(z_L)                                         [ViT eq.4], all tokens
 *
 * The last LN is there in a pre-norm stack only: in a post-norm stack each block
 * ends with one [AIAYN 3.1].
 *
 * DIFFERS from a stack that only trains: the gradient dL/dz_l of every depth is
 * kept, to look at.
 * Memory: block_stack_make allocates three blocks (weights, gradients, activations),
 * block_stack_free releases them.
 */
#ifndef BLOCK_STACK_H
#define BLOCK_STACK_H

#include <stdint.h>

#include "chapters/04_encoder_block/encoder_block.h"

#define BLOCK_STACK_MAX 32

/* All weights; or, laid over a block of gradients, their gradients. */
typedef struct {
    EncoderBlock blocks[BLOCK_STACK_MAX];
    LayerNorm norm; /* pre-norm only */
} BlockStackWeights;

typedef struct {
    BlockConfig config;
    int L, B, n;
    BlockStackWeights weights, d;
    ParameterList list;
    real *weight_block, *gradient_block;
    Arena arena;
    EncoderBlockActivations a[BLOCK_STACK_MAX];
    EncoderBlockScratch s;
    LayerNormActivations norm;
    Tensor z_0, y, dy;              /* (B, n, D); z_0 and dy are the caller's to fill */
    Tensor dz[BLOCK_STACK_MAX + 1]; /* (B, n, D) each: dL/dz_0 ... dL/dz_L */
} BlockStack;

/* block_stack_make: L blocks for B images of n tokens; false if no memory. */
bool block_stack_make(BlockStack *stack, const BlockConfig *config, int L, int B, int n,
                      Error *error);
void block_stack_free(BlockStack *stack);

/* block_stack_initialise: matrices uniform with variance 2 / (in + out) (Glorot and
 * Bengio, 2010: "Xavier uniform"), gamma 1, biases and beta 0. The same seed gives a
 * pre-norm and a post-norm stack the same matrices. z_0 and dy from N(0,1). */
void block_stack_initialise(BlockStack *stack, uint64_t seed);

/* block_stack_jitter: N(0, sigma^2) added to every weight, so that a gradient check
 * sees no gamma that is 1 and no bias that is 0. */
void block_stack_jitter(BlockStack *stack, uint64_t seed, double sigma);

/* block_stack_z: z_l, l = 0 ... L. */
Tensor block_stack_z(const BlockStack *stack, int l);

/* block_stack_forward: from z_0 to y. */
void block_stack_forward(BlockStack *stack, const Dropout *dropout);

/* block_stack_backward: from dy = dL/dy to dz[L] ... dz[0], and to the weights'
 * gradients, which are set to zero first. */
void block_stack_backward(BlockStack *stack, const Dropout *dropout);

#endif
