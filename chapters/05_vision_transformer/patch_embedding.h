/*
 * patch_embedding.h: from pixels to tokens.
 *
 *     z_0 = [x_class; x_p^1 E; x_p^2 E; ...; x_p^N E] + E_pos     [ViT eq.1]
 *
 * The image is cut into N = HW / P^2 patches [ViT 3.1], row by row from the top
 * left; each is projected to D numbers; a learned class token is put in front,
 * and only then are the N + 1 position embeddings added.
 *
 * DIFFERS: a patch is flattened channel first, (C, P, P), as PyTorch's
 * convolution does and timm's weights expect; the paper writes (P, P, C). E is
 * kept transposed, (D, C P P), like every dense layer's weight here, and has a
 * bias, which the paper's equation leaves out and its implementation has.
 */
#ifndef PATCH_EMBEDDING_H
#define PATCH_EMBEDDING_H

#include "arena.h"
#include "parameters.h"
#include "tensor.h"

/* Weights; or, laid over a block of gradients, their gradients. */
typedef struct {
    Tensor cls_token; /* (1, 1, D)      begins as zeros      */
    Tensor pos_embed; /* (1, N+1, D)                         */
    Tensor E;         /* (D, C, P, P)                        */
    Tensor b_E;       /* (D)                                 */
} PatchEmbedding;

typedef struct {
    Tensor patches;  /* (B, N, C P P) the image, cut up */
    Tensor embedded; /* (B, N, D)     x_p E; in backward its gradient */
} PatchEmbeddingActivations;

void patch_embedding_parameters(PatchEmbedding *layer, ParameterBlock *block, int D,
                                int N, int channels, int patch);
void patch_embedding_activations(PatchEmbeddingActivations *a, Arena *arena, int B,
                                 int N, int channels, int patch, int D);

/*
 * patches_from_images: patches (B, N, C P P) = images (B, C, H, W), cut up [ViT 3.1]
 */
void patches_from_images(Tensor images, int patch, Tensor patches);

/*
 * patch_embedding_forward: z_0 (B, N+1, D) from images (B, C, H, W) [ViT eq.1]
 * Cost: 2 B N C P^2 D flops.
 */
void patch_embedding_forward(const PatchEmbedding *layer, Tensor images,
                             PatchEmbeddingActivations *a, Tensor z_0);

/*
 * patch_embedding_backward: weights' gradients are added to d; the images get none.
 *   dz_0 (B, N+1, D)   in
 */
void patch_embedding_backward(const PatchEmbedding *layer, PatchEmbedding *d,
                              PatchEmbeddingActivations *a, Tensor dz_0);

#endif
