/*
 * encoder_block.h: one layer of the Transformer's encoder, forward and backward.
 *
 *   pre-norm (ViT)                          post-norm (the Transformer of 2017)
 *     z' = MSA(LN(z)) + z    [ViT eq.2]       z' = LN(z  + MSA(z))   [AIAYN 3.1]
 *     y  = MLP(LN(z')) + z'  [ViT eq.3]       y  = LN(z' + MLP(z'))
 *
 * The scratch of the backward pass is shared by all blocks of a stack.
 * Derivation: notes/04_encoder_block.md.
 */
#pragma once

#include "chapters/04_encoder_block/dropout.h"
#include "chapters/04_encoder_block/layer_norm.h"
#include "chapters/04_encoder_block/mlp.h"
#include "chapters/03_multi_head_attention/multi_head_attention.h"

typedef enum { PRE_NORM, POST_NORM } NormPlace;

typedef struct {
    int D;                 /* width of a token */
    int heads;             /* h, divides D */
    int M;                 /* width of the MLP */
    NormPlace norm;        /* ViT: PRE_NORM */
    Activation activation; /* ViT: ACTIVATION_GELU */
} BlockConfig;

/* Weights; or, laid over a block of gradients, their gradients. */
typedef struct {
    NormPlace norm;
    int index; /* which block of the stack: numbers its dropouts */
    LayerNorm norm1, norm2;
    MultiHeadAttention attn;
    Mlp mlp;
} EncoderBlock;

/* A model's dropouts, numbered: after its positions; in block 0 attention's, the
 * one inside the MLP, and the MLP's; in block 1; ... */
enum { AFTER_POSITIONS, AFTER_ATTENTION, INSIDE_MLP, AFTER_MLP };
static inline int dropout_place(const EncoderBlock *block, int which) {
    return 3 * block->index + which;
}

/* What forward keeps for backward. */
typedef struct {
    LayerNormActivations norm1, norm2;
    MultiHeadAttentionActivations attn;
    MlpActivations mlp;
    Tensor x1;      /* (B, n, D) pre: LN(z)      post: z + MSA(z)   */
    Tensor z_prime; /* (B, n, D) z'                                 */
    Tensor x2;      /* (B, n, D) pre: LN(z')     post: z' + MLP(z') */
    Tensor y;       /* (B, n, D) the block's result                 */
} EncoderBlockActivations;

typedef struct {
    MultiHeadAttentionScratch attn;
    Tensor dpre; /* (B, n, M) gradient inside the MLP */
    Tensor dx;   /* (B, n, D) gradient inside a sublayer */
} EncoderBlockScratch;

void encoder_block_parameters(EncoderBlock *block, ParameterBlock *parameters,
                              const BlockConfig *config, int index);
void encoder_block_activations(EncoderBlockActivations *a, Arena *arena, int B, int n,
                               const BlockConfig *config);
void encoder_block_scratch(EncoderBlockScratch *s, Arena *arena, int B, int n,
                           const BlockConfig *config);

/*
 * encoder_block_forward: a->y = block(z)
 *   z (B, n, D)    in, kept by the caller for the backward pass
 *   returns y (B, n, D), a view of a->y
 * Cost: B (8 n D^2 + 4 n^2 D + 4 n D M) flops.
 */
Tensor encoder_block_forward(const EncoderBlock *block, Tensor z,
                             EncoderBlockActivations *a, const Dropout *dropout);

/*
 * encoder_block_backward: from dL/dy to dL/dz, in place
 *   dz (B, n, D)   in: dL/dy, out: dL/dz
 *   d              weights' gradients, added to (+=)
 */
void encoder_block_backward(const EncoderBlock *block, EncoderBlock *d, Tensor z,
                            const EncoderBlockActivations *a, const Dropout *dropout,
                            Tensor dz, EncoderBlockScratch *s);
