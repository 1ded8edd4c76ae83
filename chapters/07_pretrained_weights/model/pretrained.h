/*
 * pretrained.h: a Vit with somebody else's weights, and what its forward pass shows.
 *
 * It is chapter 5's model, block for block. What published models add stands here: a
 * distillation token with a head of its own (DeiT), a norm after the mean over patches
 * (timm's fc_norm), a hidden layer before the head (pre_logits), another epsilon.
 * Of each block only the attention weights are kept; the rest of its memory is the next
 * block's, too.
 */
#pragma once

#include "chapters/05_vision_transformer/model/vit.h"

/* What the head reads. */
typedef enum {
    READ_CLASS,            /* y = LN(z_L)^0                          [ViT eq.4] */
    READ_CLASS_AND_DISTIL, /* the mean of two heads' logits (DeiT, distilled)   */
    READ_MEAN_OF_NORMED,   /* the mean over patches of LN(z_L)       [ViT fig.9]  */
    READ_NORM_OF_MEAN      /* LN of the mean over patches (timm's fc_norm)      */
} Reading;

/* All that a file, its neighbours and --heads say about a model. */
typedef struct {
    VitConfig vit; /* pool: POOL_CLASS if there is a class token */
    Reading reading;
    bool class_token;  /* some models that read the mean have one all the same */
    bool distil_token; /* DeiT's second token, even where no head reads it */
    int pre_logits;    /* width of tanh(x W + b) before the head, or 0 */
    bool head, head_bias;
    double epsilon;     /* of every norm */
    bool heads_assumed; /* from a known width: to be printed */
} PretrainedConfig;

typedef struct {
    PretrainedConfig config;
    Vit vit;           /* pos_embed has all n positions, the distillation token's too */
    Tensor dist_token; /* (1, 1, D), or no dimensions */
    Tensor W_dist, b_dist; /* (K, D), (K): the second head */
    Tensor W_pre, b_pre;   /* (pre_logits, D), (pre_logits) */
    LayerNorm fc_norm;
    const char *dialect; /* of its file: "timm", ... */
    void *memory;        /* owned: what wasn't mapped */
    void *file;          /* owned: what is mapped, and the file's texts (Arrays) */
} Pretrained;

/* pretrained_tokens: n: patches, and the tokens before them. */
int pretrained_tokens(const PretrainedConfig *config);
int pretrained_first_patch(const PretrainedConfig *config); /* tokens before patches */

/* What a forward pass leaves, for up to B images. A, y and logits are to be read; the
 * rest is where it computes. */
typedef struct {
    Arena arena; /* owns all below */
    int B;
    PretrainedConfig config;
    Tensor A[VIT_MAX_DEPTH]; /* (B, h, n, n) each block's attention weights */
    Tensor y;                /* (B, D) the model's result for an image: its features */
    Tensor logits;           /* (B, K), or no dimensions: there is no head */

    PatchEmbeddingActivations embedding;
    EncoderBlockActivations block; /* of the block that runs */
    Tensor z[2];                   /* (B, n, D) what a block reads, and what it makes */
    Tensor normed;                 /* (B, n, D) READ_MEAN_OF_NORMED */
    LayerNormActivations norm;     /* of y, or of normed */
    Tensor row;                    /* (B, D) one token of each image, or their mean */
    Tensor y_distil;               /* (B, D) READ_CLASS_AND_DISTIL */
    Tensor logits_distil;          /* (B, K) */
    Tensor hidden;                 /* (B, pre_logits) */
} PretrainedActivations;

/* pretrained_activations_make: all memory for B images at once; false if there is none.
 * B/16 at 224 pixels: 36 MB for one image, most of them attention weights. */
bool pretrained_activations_make(PretrainedActivations *a,
                                 const PretrainedConfig *config, int B, Error *error);
void pretrained_activations_free(PretrainedActivations *a);

/* pretrained_forward: a->logits (B, K), a->y and a->A, from images (B, C, H, W). Fewer
 * images than the activations were made for are the first of them. */
void pretrained_forward(const Pretrained *model, Tensor images,
                        PretrainedActivations *a);

/*
 * pretrained_prepack: for many passes: the weights of all blocks are packed once
 * instead of in each pass (matmul_prepack). That takes as much memory as they have;
 * where they are mapped, the file's pages are given back for it. false: there is no
 * such memory, and passes go on as before. matmul_forget_prepacked() undoes it.
 */
bool pretrained_prepack(const Pretrained *model);

/* pretrained_free: what it owns; also of {0}. */
void pretrained_free(Pretrained *model);
