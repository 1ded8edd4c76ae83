/*
 * gpu_vit.h: the Vision Transformer of chapter 5, its forward and backward pass made of
 * kernels. It has the same struct Vit, laid over a block of weights on the device, and
 * the same lines as vit.c and encoder_block.c, each of them a launch or two.
 *
 *     z_0  = [x_class; x_p^1 E; ...; x_p^N E] + E_pos          [ViT eq.1]
 *     z'_l = MSA(LN(z_{l-1})) + z_{l-1},   l = 1 ... L         [ViT eq.2]
 *     z_l  = MLP(LN(z'_l)) + z'_l,         l = 1 ... L         [ViT eq.3]
 *     y    = LN(z_L^0),   logits = y W_head^T + b_head         [ViT eq.4]
 *
 * Nothing here waits for the device and nothing allocates: a step is a queue of
 * launches.
 */
#pragma once

#include "chapters/06_cuda_training/gpu.h"
#include "chapters/06_cuda_training/kernels/gpu_attention.h"
#include "chapters/06_cuda_training/kernels/gpu_elementwise.h"
#include "chapters/06_cuda_training/kernels/gpu_gelu.h"
#include "chapters/06_cuda_training/kernels/gpu_layer_norm.h"
#include "chapters/06_cuda_training/kernels/gpu_matmul.h"
#include "chapters/05_vision_transformer/model/vit.h"

/* The versions that a run chooses; of all other kernels it takes the best. */
typedef struct {
    MatmulVersion matmul;
    AttentionVersion attention;
} GpuChoices;
static inline GpuChoices gpu_choices_default(void) {
    return (GpuChoices){MATMUL_BEST, ATTENTION_BEST};
}

/* What a block's forward pass keeps, for up to B images of n tokens. */
typedef struct {
    LayerNormActivations norm1, norm2;
    Tensor x1;  /* (B, n, D)  LN(z), or z + MSA(z) */
    Tensor qkv; /* (B, n, 3D) */
    AttentionKept kept;
    Tensor concat;      /* (B, n, D)  the heads' results, side by side */
    Tensor z_prime, x2; /* (B, n, D) */
    Tensor pre, hidden; /* (B, n, M)  before and after the nonlinearity */
    Tensor y;           /* (B, n, D) */
} GpuBlockActivations;

/* Everything that a pass over B images needs; all on the device. */
typedef struct {
    VitConfig config;
    AttentionVersion attention;
    Arena arena;     /* its block is device memory, owned, and has the tensors below */
    Tensor patches;  /* (B, N, C P P) */
    Tensor embedded; /* (B, N, D)  in backward its gradient */
    Tensor z_0;      /* (B, n, D) */
    GpuBlockActivations blocks[VIT_MAX_DEPTH];
    Tensor cls; /* (B, D)  z_L^0 */
    LayerNormActivations norm;
    Tensor y, logits; /* (B, D), (B, K) */
    /* backward's scratch, shared by all blocks; dlogits overwrites logits */
    Tensor dcls;            /* (B, D) */
    Tensor dz, dx, dconcat; /* (B, n, D) */
    Tensor dqkv;            /* (B, n, 3D) */
    Tensor dhidden;         /* (B, n, M) */
    AttentionKept scratch;  /* dA, delta */
    Tensor partial;         /* sums of runs of rows */
} GpuVitActivations;

/* Says that the gradients from element `from` on are complete as soon as what has been
 * put into the model's stream is done. The backward pass says so of the head with its
 * norm, of each block from the last to the first, and of the embedding, which is 0. */
typedef void GpuGradientsDone(void *listener, long from);

/* The model on the device: `vit` and `d` are laid over the blocks of weights and
 * gradients, which it owns. */
typedef struct {
    GpuStream stream; /* where launches go */
    MatmulVersion matmul;
    float *weights, *gradients;
    Vit vit, d;
    GpuVitActivations a;
    GpuGradientsDone *gradients_done; /* NULL: nobody listens */
    void *listener;
} GpuVit;

/*
 * gpu_vit_can: false, and a line, for a model that only chapter 5 has: here positions
 * are 1d and the logits come from the class token.
 */
bool gpu_vit_can(const VitConfig *config, Error *error);

/* gpu_vit_make: for up to B images. False, and an error, if there is no memory for it;
 * *model must be freed in any case. gpu_vit_activations_bytes: what B images need. */
bool gpu_vit_make(GpuVit *model, const ParameterList *list, const VitConfig *config,
                  GpuChoices choices, int B, Error *error);
void gpu_vit_free(GpuVit *model);
double gpu_vit_activations_bytes(const VitConfig *config, AttentionVersion attention,
                                 int B);

/*
 * gpu_vit_forward: logits (B, K), on the device, from images (B, C, H, W), on the
 * device. B may be less than what the model was made for: its activations are then laid
 * out again, for B images.
 */
Tensor gpu_vit_forward(GpuVit *model, Tensor images, const Dropout *dropout);

/* gpu_vit_backward: add the gradients of all weights to d. dlogits (B, K) in. */
void gpu_vit_backward(GpuVit *model, Tensor dlogits, const Dropout *dropout);
