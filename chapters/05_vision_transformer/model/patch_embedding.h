/*
 * patch_embedding.h: from pixels to tokens.
 *
 *     z_0 = [x_class; x_p^1 E; x_p^2 E; ...; x_p^N E] + E_pos     [ViT eq.1]
 *
 * The image is cut into N = HW / P^2 patches [ViT 3.1], row by row from the top
 * left. Each is projected to D elements; a learned class token is put in front, and
 * every token has a position. E_pos is one of four:
 *
 *     1d           a learned vector for each token, the paper's choice
 *     2d           a patch's column and its row have a learned vector each, of D/2
 *                  elements, side by side; the class token has one of its own
 *     sinusoidal   the fixed waves of [AIAYN 3.5] over the tokens: no parameters
 *     none         nothing is added
 *
 * The paper compares the learned ones [ViT T.8]; notes/studies.md does it again here.
 *
 * DIFFERS: a patch is flattened channel first, (C, P, P), as PyTorch's
 * convolution does and timm's weights expect; the paper writes (P, P, C). E is
 * kept transposed, (D, C P P), like every dense layer's weight here, and has a
 * bias, which the paper's equation leaves out and its implementation has.
 */
#pragma once

#include "common/arena.h"
#include "common/parameters.h"
#include "common/tensor.h"

typedef enum {
    POSITIONS_1D,
    POSITIONS_NONE,
    POSITIONS_2D,
    POSITIONS_SINUSOIDAL
} Positions;

typedef struct {
    int D, channels, patch; /* patch: P */
    int down, across;       /* the grid of patches: N = down * across */
    Positions positions;
    bool no_class_token; /* then n = N tokens, else n = N + 1 */
} PatchEmbeddingConfig;

/* Weights; or, laid over a block of gradients, their gradients. A tensor that the
 * config has no use for has no dimensions, and is no parameter. */
typedef struct {
    Tensor cls_token;     /* (1, 1, D)        begins as zeros      */
    Tensor pos_embed;     /* (1, n, D)        1d                   */
    Tensor E;             /* (D, C, P, P)                          */
    Tensor b_E;           /* (D)                                   */
    Tensor pos_embed_x;   /* (1, across, D/2) 2d: of each column   */
    Tensor pos_embed_y;   /* (1, down, D/2)   2d: of each row      */
    Tensor pos_embed_cls; /* (1, 1, D)       2d: the class token's */
    Positions positions;
} PatchEmbedding;

typedef struct {
    Tensor patches;  /* (B, N, C P P) the image, cut up */
    Tensor embedded; /* (B, N, D)     x_p E */
    Tensor E_pos;    /* (n, D)        2d: the table; in backward its gradient.
                                      sinusoidal: the table, written once */
} PatchEmbeddingActivations;

void patch_embedding_parameters(PatchEmbedding *layer, ParameterBlock *block,
                                const PatchEmbeddingConfig *config);

/* patch_embedding_formula: how many elements they have, by arithmetic alone. */
long patch_embedding_formula(const PatchEmbeddingConfig *config);

void patch_embedding_activations(PatchEmbeddingActivations *a, Arena *arena, int B,
                                 const PatchEmbeddingConfig *config);

/*
 * patches_from_images: patches (B, N, C P P) = images (B, C, H, W), cut up [ViT 3.1]
 */
void patches_from_images(Tensor images, int patch, Tensor patches);

/*
 * patch_embedding_forward: z_0 (B, n, D) from images (B, C, H, W) [ViT eq.1]
 * Cost: 2 B N C P^2 D flops.
 */
void patch_embedding_forward(const PatchEmbedding *layer, Tensor images,
                             PatchEmbeddingActivations *a, Tensor z_0);

/*
 * patch_embedding_backward: weights' gradients are added to d; the images get none.
 *   dz_0 (B, n, D)   in; of a, what nobody reads any more may be written over
 */
void patch_embedding_backward(const PatchEmbedding *layer, PatchEmbedding *d,
                              PatchEmbeddingActivations *a, Tensor dz_0);
