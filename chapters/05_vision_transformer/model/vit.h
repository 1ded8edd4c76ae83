/*
 * vit.h: the Vision Transformer, whole.
 *
 *     z_0  = [x_class; x_p^1 E; ...; x_p^N E] + E_pos          [ViT eq.1]
 *     z'_l = MSA(LN(z_{l-1})) + z_{l-1},   l = 1 ... L         [ViT eq.2]
 *     z_l  = MLP(LN(z'_l)) + z'_l,         l = 1 ... L         [ViT eq.3]
 *     y    = LN(z_L^0)                                         [ViT eq.4]
 *       or   mean over the patches p of LN(z_L^p)              --pool mean
 *     logits = y W_head^T + b_head
 *
 * DIFFERS: the head is one dense layer; in pre-training the paper's has a hidden one.
 * DIFFERS: pooling by the mean is the paper's appendix D.3 [ViT fig.9]. As in the
 * authors' program there is no class token then, and the norm comes before the mean.
 */
#pragma once

#include <stdint.h>

#include "chapters/04_encoder_block/encoder_block.h"
#include "chapters/05_vision_transformer/model/patch_embedding.h"

#define VIT_MAX_DEPTH 64
#define VIT_MAX_SIDE 4096 /* pixels */

/* What the head reads: the class token, or the mean of all patches. */
typedef enum { POOL_CLASS, POOL_MEAN } Pool;

typedef struct {
    int height, width; /* of the image, in pixels */
    int channels;      /* C */
    int patch;         /* P, divides height and width */
    int depth;         /* L */
    BlockConfig block; /* D, heads, M, ... */
    int classes;       /* K */
    Positions positions;
    Pool pool;
} VitConfig;

/* Weights; or, laid over a block of gradients, their gradients. */
typedef struct {
    VitConfig config;
    PatchEmbedding embedding;
    EncoderBlock blocks[VIT_MAX_DEPTH];
    LayerNorm norm;
    Tensor W_head; /* (K, D) */
    Tensor b_head; /* (K)    */
} Vit;

/* What forward keeps, and backward's scratch, for up to B images. */
typedef struct {
    VitConfig config;
    int B;       /* images at once */
    Arena arena; /* owns all tensors below */
    PatchEmbeddingActivations embedding;
    Tensor z_0; /* (B, n, D), n = N + 1, or N when pooled by the mean */
    EncoderBlockActivations blocks[VIT_MAX_DEPTH];
    EncoderBlockScratch scratch;
    LayerNormActivations norm;
    Tensor cls;    /* (B, D) z_L^0: the class token's row of the last layer */
    Tensor normed; /* (B, N, D) LN(z_L), in place of cls when pooled by the mean */
    Tensor y;      /* (B, D) */
    Tensor logits; /* (B, K) */
    Tensor dz;     /* (B, n, D) */
    Tensor dy;     /* (B, D) */
} VitActivations;

/* vit_config_check: false, and a line that says what is impossible. */
bool vit_config_check(const VitConfig *config, Error *error);

/* vit_patches: N; vit_tokens: N + 1, or N when pooled by the mean. */
int vit_patches(const VitConfig *config);
int vit_tokens(const VitConfig *config);

/* vit_parameters: the layout of a Vit whose config is set (a ParameterLayout). */
void vit_parameters(ParameterBlock *block, void *vit);

/*
 * vit_parameter_formula: the number of parameters by arithmetic alone:
 *     P^2 C D + D + D + (N+1) D + L (4 D^2 + 4 D + 2 D M + D + M + 4 D) + 2 D + D K + K
 * (N+1) D are the 1d positions, the D before it the class token; patch_embedding.h has
 * the others.
 */
long vit_parameter_formula(const VitConfig *config);

/* vit_forward_flops: of one image; a multiply-add counts as two. */
double vit_forward_flops(const VitConfig *config);

/*
 * Positions begin as N(0, 0.5^2).    DIFFERS: the reference implementation has 0.02,
 * nearly nothing beside a projected patch, whose deviation is near 0.6 here: the first
 * epochs would go into learning where things are (notes/05_vision_transformer.md, 9).
 */
#define VIT_POSITION_SIGMA 0.5

/*
 * vit_initialise: dense layers uniform in +-sqrt(6 / (in + out)) (Xavier, as the
 * ViT's reference implementation does); positions as above; norms 1 and 0; biases,
 * class token and head 0.
 */
void vit_initialise(const ParameterList *list, real *weights, uint64_t seed);

/* vit_activations_make: all memory for B images at once; false if there is none. */
bool vit_activations_make(VitActivations *a, const VitConfig *config, int B,
                          Error *error);
void vit_activations_free(VitActivations *a);

/* vit_activations_count: how many elements they are, before any memory is taken. */
long vit_activations_count(const VitConfig *config, int B);

/*
 * vit_forward: logits (B, K), a view of a->logits, from images (B, C, H, W).
 *   dropout   rate 0 for evaluation
 */
Tensor vit_forward(const Vit *vit, Tensor images, VitActivations *a,
                   const Dropout *dropout);

/*
 * vit_backward: add the gradients of all weights to d.
 *   dlogits (B, K)   in
 */
void vit_backward(const Vit *vit, Vit *d, VitActivations *a, const Dropout *dropout,
                  Tensor dlogits);

/*
 * vit_pool_backward: the part of it between head and blocks: dz (B, n, D), of all
 * tokens z of the last layer, from dy (B, D), which is written over.
 */
void vit_pool_backward(const Vit *vit, Vit *d, Tensor z, VitActivations *a, Tensor dy,
                       Tensor dz);
