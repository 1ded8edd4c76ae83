/*
 * pretrained.c: chapter 5's model, [ViT eq.1] to [ViT eq.4], with what published models
 * add before and after the blocks. See pretrained.h.
 */
#include "chapters/07_pretrained_weights/model/pretrained.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/03_multi_head_attention/positions.h"
#include "chapters/07_pretrained_weights/model/block_on_threads.h"
#include "chapters/07_pretrained_weights/weights/arrays.h"
#include "common/linear.h"
#include "common/matmul.h"

/* ---- sizes ------------------------------------------------------------- */

int pretrained_first_patch(const PretrainedConfig *c) {
    return (c->class_token ? 1 : 0) + (c->distil_token ? 1 : 0);
}

int pretrained_tokens(const PretrainedConfig *c) {
    return vit_patches(&c->vit) + pretrained_first_patch(c);
}

static PatchEmbeddingConfig embedding_config(const PretrainedConfig *c) {
    return (PatchEmbeddingConfig){.D = c->vit.block.D,
                                  .channels = c->vit.channels,
                                  .patch = c->vit.patch,
                                  .down = c->vit.height / c->vit.patch,
                                  .across = c->vit.width / c->vit.patch,
                                  .positions = c->vit.positions,
                                  .no_class_token = !c->class_token};
}

/* ---- memory ------------------------------------------------------------ */

/* What comes after the blocks. */
static void lay_out_head(Arena *arena, PretrainedActivations *a) {
    const PretrainedConfig *c = &a->config;
    const int B = a->B, n = pretrained_tokens(c), D = c->vit.block.D;
    const bool all_normed = c->reading == READ_MEAN_OF_NORMED;
    layer_norm_activations(&a->norm, arena, all_normed ? B * n : B);
    a->row = arena_tensor2(arena, B, D);
    a->y = arena_tensor2(arena, B, D);
    if (all_normed) {
        a->normed = arena_tensor3(arena, B, n, D);
    }
    if (c->pre_logits > 0) {
        a->hidden = arena_tensor2(arena, B, c->pre_logits);
    }
    if (c->reading == READ_CLASS_AND_DISTIL) {
        a->y_distil = arena_tensor2(arena, B, D);
    }
    if (c->head) {
        a->logits = arena_tensor2(arena, B, c->vit.classes);
    }
    if (c->head && c->reading == READ_CLASS_AND_DISTIL) {
        a->logits_distil = arena_tensor2(arena, B, c->vit.classes);
    }
}

static void lay_out(Arena *arena, void *activations) {
    PretrainedActivations *a = activations;
    const PretrainedConfig *c = &a->config;
    const int B = a->B, n = pretrained_tokens(c), D = c->vit.block.D;
    const PatchEmbeddingConfig embedding = embedding_config(c);
    patch_embedding_activations(&a->embedding, arena, B, &embedding);
    encoder_block_activations(&a->block, arena, B, n, &c->vit.block);
    a->z[0] = arena_tensor3(arena, B, n, D);
    a->z[1] = a->block.y;
    a->A[0] = a->block.attn.A;
    for (int l = 1; l < c->vit.depth; l++) {
        a->A[l] = arena_tensor4(arena, B, c->vit.block.heads, n, n);
    }
    lay_out_head(arena, a);
}

bool pretrained_activations_make(PretrainedActivations *a,
                                 const PretrainedConfig *config, int B, Error *error) {
    *a = (PretrainedActivations){.config = *config, .B = B};
    return arena_make(&a->arena, lay_out, a, "activations", error);
}

void pretrained_activations_free(PretrainedActivations *a) {
    arena_free(&a->arena);
}

/* One matrix; where it is mapped, its pages of the file are given back. */
static bool prepack(const Pretrained *model, Tensor W) {
    if (!matmul_prepack(W)) {
        return false;
    }
    if (model->file) {
        arrays_release_view(model->file, W.data, tensor_count(W));
    }
    return true;
}

bool pretrained_prepack(const Pretrained *model) {
    const Vit *vit = &model->vit;
    const Tensor E = vit->embedding.E;
    const int D = vit->config.block.D;
    bool ok = prepack(model, tensor2(E.data, D, (int)(tensor_count(E) / D)));
    for (int l = 0; l < vit->config.depth && ok; l++) {
        const EncoderBlock *block = &vit->blocks[l];
        ok = prepack(model, block->attn.W_qkv) && prepack(model, block->attn.W_O) &&
             prepack(model, block->mlp.W_1) && prepack(model, block->mlp.W_2);
    }
    if (!ok) {
        matmul_forget_prepacked();
    }
    return ok;
}

void pretrained_free(Pretrained *model) {
    free(model->memory);
    if (model->file) {
        arrays_close(model->file);
    }
    model->memory = model->file = NULL;
}

/* ---- before the blocks --------------------------------------------------- */

/* The memory of z, for B images of n tokens: fewer than z has. */
static Tensor shorter(Tensor z, int B, int n) {
    return tensor3(z.data, B, n, tensor_cols(z));
}

/*
 * z_0 = [x_class; x_distil; x_p^1 E; ...; x_p^N E] + E_pos, with all n positions.
 * Chapter 5's layer makes the tokens without positions; the second is put between.
 */
static void embed_distilled(const Pretrained *model, Tensor images,
                            PretrainedActivations *a, Tensor z_0) {
    const int B = z_0.shape[0], n = z_0.shape[1], D = z_0.shape[2];
    PatchEmbedding without_positions = model->vit.embedding;
    Tensor tokens = shorter(a->z[1], B, n - 1);
    without_positions.positions = POSITIONS_NONE;
    patch_embedding_forward(&without_positions, images, &a->embedding, tokens);
    const size_t token_bytes = (size_t)D * sizeof(real);
    for (int b = 0; b < B; b++) {
        Tensor z = tensor_slice(z_0, b), t = tensor_slice(tokens, b);
        memcpy(tensor_row(z, 0), tensor_row(t, 0), token_bytes);
        memcpy(tensor_row(z, 1), model->dist_token.data, token_bytes);
        memcpy(tensor_row(z, 2), tensor_row(t, 1), (size_t)(n - 2) * token_bytes);
    }
    positions_add(z_0, tensor_slice(model->vit.embedding.pos_embed, 0));
}

/* ---- after the blocks ---------------------------------------------------- */

/* Token `which` of each image: a view (B, D) of z (B, n, D). */
static Tensor token_rows(Tensor z, int which) {
    Tensor rows = tensor2(z.data + (long)which * z.ld, z.shape[0], z.shape[2]);
    rows.ld = z.shape[1] * z.ld;
    return rows;
}

/* y[b] = the mean of z[b]'s rows from `first` on: of the patches. */
static void mean_of_patches(Tensor z, int first, Tensor y) {
    const int N = z.shape[1] - first, D = z.shape[2];
    tensor_fill(y, 0);
    for (int b = 0; b < z.shape[0]; b++) {
        Tensor patches = tensor2(tensor_row(tensor_slice(z, b), first), N, D);
        tensor_sum_rows_add(patches, tensor_slice(y, b));
    }
    tensor_scale(y, (real)1 / (real)N);
}

/* y = LN(z^which) */
static void read_token(const Pretrained *model, Tensor z, int which,
                       PretrainedActivations *a, Tensor y) {
    Tensor row = tensor_first(a->row, z.shape[0]);
    tensor_copy(row, token_rows(z, which));
    layer_norm_forward(&model->vit.norm, row, &a->norm, y);
}

/* What the head reads, from the last block's tokens. */
static void read_tokens(const Pretrained *model, Tensor z, PretrainedActivations *a) {
    const int B = z.shape[0], first = pretrained_first_patch(&model->config);
    Tensor y = tensor_first(a->y, B), row = tensor_first(a->row, B);
    switch (model->config.reading) {
    case READ_CLASS_AND_DISTIL:
        read_token(model, z, 1, a, tensor_first(a->y_distil, B)); /* falls through */
    case READ_CLASS:
        read_token(model, z, 0, a, y); /* [ViT eq.4]   y = LN(z_L^0) */
        break;
    case READ_MEAN_OF_NORMED:
        /* y = mean over p of LN(z_L^p) */
        layer_norm_forward(&model->vit.norm, z, &a->norm, tensor_first(a->normed, B));
        mean_of_patches(tensor_first(a->normed, B), first, y);
        break;
    case READ_NORM_OF_MEAN:
        /* y = LN(mean over p of z_L^p) */
        mean_of_patches(z, first, row);
        layer_norm_forward(&model->fc_norm, row, &a->norm, y);
        break;
    }
}

/* Y = X W^T + b, or, where a head has no bias, X W^T. */
static void dense(Tensor X, Tensor W, Tensor b, Tensor Y) {
    if (b.ndim == 0) {
        matmul_nt(X, W, Y);
    } else {
        linear_forward(X, W, b, Y);
    }
}

/* X = tanh(X) */
static void tanh_in_place(Tensor X) {
    for (int i = 0; i < tensor_rows(X); i++) {
        for (int j = 0; j < tensor_cols(X); j++) {
            tensor_row(X, i)[j] = (real)tanh((double)tensor_row(X, i)[j]);
        }
    }
}

static void head_forward(const Pretrained *model, int B, PretrainedActivations *a) {
    Tensor y = tensor_first(a->y, B), logits = tensor_first(a->logits, B);
    if (model->config.pre_logits > 0) {
        /* [ViT 3.1]   in pre-training the head has a hidden layer: tanh(y W + b) */
        Tensor hidden = tensor_first(a->hidden, B);
        dense(y, model->W_pre, model->b_pre, hidden);
        tanh_in_place(hidden);
        y = hidden;
    }
    dense(y, model->vit.W_head, model->vit.b_head, logits);
    if (model->config.reading == READ_CLASS_AND_DISTIL) {
        /* DeiT's late fusion: the mean of both heads (Touvron et al., 2021, 4) */
        Tensor other = tensor_first(a->logits_distil, B);
        dense(tensor_first(a->y_distil, B), model->W_dist, model->b_dist, other);
        tensor_add(logits, other);
        tensor_scale(logits, (real)0.5);
    }
}

/* ---- forward ------------------------------------------------------------- */

void pretrained_forward(const Pretrained *model, Tensor images,
                        PretrainedActivations *a) {
    const VitConfig *c = &model->config.vit;
    const int B = images.shape[0];
    expect_shape(images, "Images are (B, C, H, W).", B, c->channels, c->height,
                 c->width);
    Tensor z = tensor_first(a->z[0], B);
    /* [ViT eq.1]   z_0 = [x_class; x_p E] + E_pos */
    if (model->config.distil_token) {
        embed_distilled(model, images, a, z);
    } else {
        patch_embedding_forward(&model->vit.embedding, images, &a->embedding, z);
    }
    /* [ViT eq.2] [ViT eq.3]   z_l = block_l(z_{l-1}), between two buffers; what a block
     * looked at stays where it is: the next one has its A elsewhere. */
    for (int l = 0; l < c->depth; l++) {
        a->block.attn.A = a->A[l];
        a->block.y = a->z[(l + 1) % 2];
        z = block_forward_on_threads(&model->vit.blocks[l], z, &a->block);
    }
    read_tokens(model, z, a);
    if (model->config.head) {
        head_forward(model, B, a);
    }
}
