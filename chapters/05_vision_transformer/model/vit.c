/* vit.c: the Vision Transformer, [ViT eq.1] to [ViT eq.4]. See vit.h. */
#include "chapters/05_vision_transformer/model/vit.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "common/linear.h"
#include "common/random.h"

/* ---- sizes ------------------------------------------------------------- */

static PatchEmbeddingConfig embedding_config(const VitConfig *c) {
    return (PatchEmbeddingConfig){.D = c->block.D,
                                  .channels = c->channels,
                                  .patch = c->patch,
                                  .down = c->height / c->patch,
                                  .across = c->width / c->patch,
                                  .positions = c->positions,
                                  .no_class_token = c->pool == POOL_MEAN};
}

int vit_patches(const VitConfig *c) {
    return (c->height / c->patch) * (c->width / c->patch);
}

int vit_tokens(const VitConfig *c) {
    return vit_patches(c) + (c->pool == POOL_CLASS ? 1 : 0);
}

bool vit_config_check(const VitConfig *c, Error *error) {
    const struct {
        const char *what;
        int value, max;
    } sizes[] = {
        {"patch", c->patch, 4096},           {"dim", c->block.D, 65536},
        {"depth", c->depth, VIT_MAX_DEPTH},  {"heads", c->block.heads, 65536},
        {"mlp", c->block.M, 262144},         {"classes", c->classes, 1000000},
        {"height", c->height, VIT_MAX_SIDE}, {"width", c->width, VIT_MAX_SIDE},
        {"channels", c->channels, 4096},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (sizes[i].value < 1 || sizes[i].value > sizes[i].max) {
            return error_set(error, "%s must be from 1 to %d, not %d", sizes[i].what,
                             sizes[i].max, sizes[i].value);
        }
    }
    if (c->height % c->patch != 0 || c->width % c->patch != 0) {
        return error_set(error, "a patch of %d doesn't divide the image of %dx%d",
                         c->patch, c->height, c->width);
    }
    if (c->block.D % c->block.heads != 0) {
        return error_set(error, "%d heads don't divide the width of %d", c->block.heads,
                         c->block.D);
    }
    if ((c->positions == POSITIONS_2D || c->positions == POSITIONS_SINUSOIDAL) &&
        c->block.D % 2 != 0) {
        return error_set(error, "%s positions need an even width, not %d",
                         c->positions == POSITIONS_2D ? "2d" : "sinusoidal",
                         c->block.D);
    }
    return true;
}

long vit_parameter_formula(const VitConfig *c) {
    const long D = c->block.D, L = c->depth, M = c->block.M, K = c->classes;
    const PatchEmbeddingConfig embedding = embedding_config(c);
    const long block = 4 * D * D + 4 * D + 2 * D * M + D + M + 4 * D;
    return patch_embedding_formula(&embedding) + L * block + 2 * D + D * K + K;
}

double vit_forward_flops(const VitConfig *c) {
    const double D = c->block.D, M = c->block.M, n = vit_tokens(c), K = c->classes;
    const double patch = (double)c->patch * c->patch * c->channels;
    const double block = 8 * n * D * D + 4 * n * n * D + 4 * n * D * M;
    return 2 * vit_patches(c) * patch * D + c->depth * block + 2 * D * K;
}

/* ---- layout ------------------------------------------------------------ */

void vit_parameters(ParameterBlock *block, void *model) {
    Vit *vit = model;
    const VitConfig *c = &vit->config;
    const int D = c->block.D;
    const PatchEmbeddingConfig embedding = embedding_config(c);
    patch_embedding_parameters(&vit->embedding, block, &embedding);
    for (int l = 0; l < c->depth; l++) {
        encoder_block_parameters(&vit->blocks[l], block, &c->block, l);
    }
    layer_norm_parameters(&vit->norm, block, D, "norm.");
    vit->W_head = parameter2(block, DECAY, c->classes, D, "head.weight");
    vit->b_head = parameter1(block, NO_DECAY, c->classes, "head.bias");
}

static bool ends_with(const char *text, const char *end) {
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* Glorot and Bengio's (2010) bound for a dense layer: sqrt(6 / (in + out)). */
static double xavier_bound(const Parameter *p) {
    const long out = p->shape.shape[0], in = tensor_count(p->shape) / out;
    /* The fused qkv is three layers of D to D, each with its own bound. */
    const bool fused = ends_with(p->name, "qkv.weight");
    return sqrt(6.0 / (double)(in + (fused ? out / 3 : out)));
}

void vit_initialise(const ParameterList *list, real *weights, uint64_t seed) {
    for (int i = 0; i < list->count; i++) {
        const Parameter *p = &list->items[i];
        Tensor T = parameter_in(p, weights);
        const Random random = {seed, RANDOM_INITIALISE, (uint32_t)i};
        if (strncmp(p->name, "pos_embed", strlen("pos_embed")) == 0) {
            random_fill_normal(random, T, VIT_POSITION_SIGMA);
        } else if (p->decay == DECAY && strcmp(p->name, "head.weight") != 0) {
            random_fill_uniform(random, T, xavier_bound(p));
        } else if (strstr(p->name, "norm") && ends_with(p->name, ".weight")) {
            tensor_fill(T, 1);
        } else {
            tensor_fill(T, 0);
        }
    }
}

static void lay_out(Arena *arena, void *activations) {
    VitActivations *a = activations;
    const VitConfig *c = &a->config;
    const int B = a->B, n = vit_tokens(c), D = c->block.D;
    const PatchEmbeddingConfig embedding = embedding_config(c);
    patch_embedding_activations(&a->embedding, arena, B, &embedding);
    a->z_0 = arena_tensor3(arena, B, n, D);
    for (int l = 0; l < c->depth; l++) {
        encoder_block_activations(&a->blocks[l], arena, B, n, &c->block);
    }
    encoder_block_scratch(&a->scratch, arena, B, n, &c->block);
    if (c->pool == POOL_CLASS) {
        layer_norm_activations(&a->norm, arena, B);
        a->cls = arena_tensor2(arena, B, D);
    } else {
        layer_norm_activations(&a->norm, arena, B * n);
        a->normed = arena_tensor3(arena, B, n, D);
    }
    a->y = arena_tensor2(arena, B, D);
    a->logits = arena_tensor2(arena, B, c->classes);
    a->dz = arena_tensor3(arena, B, n, D);
    a->dy = arena_tensor2(arena, B, D);
}

bool vit_activations_make(VitActivations *a, const VitConfig *config, int B,
                          Error *error) {
    a->config = *config;
    a->B = B;
    return arena_make(&a->arena, lay_out, a, "activations", error);
}

long vit_activations_count(const VitConfig *config, int B) {
    VitActivations a = {.config = *config, .B = B};
    lay_out(&a.arena, &a);
    return a.arena.used;
}

void vit_activations_free(VitActivations *a) {
    arena_free(&a->arena);
}

/* ---- forward ----------------------------------------------------------- */

/* The class token's row of each image: a view (B, D) of z (B, n, D). */
static Tensor class_rows(Tensor z) {
    /* exercise 5.4 */
    Tensor rows = tensor2(z.data, z.shape[0], z.shape[2]);
    rows.ld = z.shape[1] * z.ld;
    return rows;
    /* end of exercise 5.4 */
}

/* y[b] = the mean of z[b]'s n rows */
static void mean_of_tokens(Tensor z, Tensor y) {
    tensor_fill(y, 0);
    for (int b = 0; b < z.shape[0]; b++) {
        tensor_sum_rows_add(tensor_slice(z, b), tensor_slice(y, b));
    }
    tensor_scale(y, (real)1 / (real)z.shape[1]);
}

/* y = the mean of n rows: each has an n-th of its gradient */
static void mean_of_tokens_backward(Tensor dy, Tensor dz) {
    tensor_fill(dz, 0);
    for (int b = 0; b < dz.shape[0]; b++) {
        tensor_add_bias(tensor_slice(dz, b), tensor_slice(dy, b));
    }
    tensor_scale(dz, (real)1 / (real)dz.shape[1]);
}

/* What the head reads, from the last layer's tokens.
 * [ViT fig.9]   the class token's row, or the mean of the patches' */
static void pool_forward(const Vit *vit, Tensor z, VitActivations *a, Tensor y) {
    const int B = y.shape[0];
    if (vit->config.pool == POOL_CLASS) {
        /* exercise 5.4 */
        /* [ViT eq.4]   y = LN(z_L^0) */
        Tensor cls = tensor_first(a->cls, B);
        tensor_copy(cls, class_rows(z));
        layer_norm_forward(&vit->norm, cls, &a->norm, y);
        /* end of exercise 5.4 */
    } else {
        /* y = mean over p of LN(z_L^p) */
        Tensor normed = tensor_first(a->normed, B);
        layer_norm_forward(&vit->norm, z, &a->norm, normed);
        mean_of_tokens(normed, y);
    }
}

/* dz: of all tokens of the last layer. dy is written over. */
void vit_pool_backward(const Vit *vit, Vit *d, Tensor z, VitActivations *a, Tensor dy,
                       Tensor dz) {
    if (vit->config.pool == POOL_CLASS) {
        /* exercise 5.4 */
        /* y = LN(z_L^0): the head reads only the class token's row */
        Tensor cls = tensor_first(a->cls, dy.shape[0]);
        layer_norm_backward(&vit->norm, &d->norm, cls, &a->norm, dy, dy);
        tensor_fill(dz, 0);
        tensor_copy(class_rows(dz), dy);
        /* end of exercise 5.4 */
    } else {
        /* y = mean over p of LN(z_L^p) */
        mean_of_tokens_backward(dy, dz);
        layer_norm_backward(&vit->norm, &d->norm, z, &a->norm, dz, dz);
    }
}

/* [ViT fig.1]   patches, E, the class token, positions, L blocks, the head */
Tensor vit_forward(const Vit *vit, Tensor images, VitActivations *a,
                   const Dropout *dropout) {
    const VitConfig *c = &vit->config;
    const int B = images.shape[0];
    expect_shape(images, "Images are (B, C, H, W).", B, c->channels, c->height,
                 c->width);
    /* exercise 5.4 */
    Tensor z_0 = tensor_first(a->z_0, B), y = tensor_first(a->y, B);
    Tensor logits = tensor_first(a->logits, B);
    /* [ViT eq.1]   z_0 = [x_class; x_p E] + E_pos */
    patch_embedding_forward(&vit->embedding, images, &a->embedding, z_0);
    dropout_apply(dropout, AFTER_POSITIONS, z_0);
    /* [ViT eq.2] [ViT eq.3]   z_l = block_l(z_{l-1}) */
    Tensor z = z_0;
    for (int l = 0; l < c->depth; l++) {
        z = encoder_block_forward(&vit->blocks[l], z, &a->blocks[l], dropout);
    }
    /* [ViT eq.4]   y = LN(z_L^0), or the mean of all */
    pool_forward(vit, z, a, y);
    linear_forward(y, vit->W_head, vit->b_head, logits);
    return logits;
    /* end of exercise 5.4 */
}

/* ---- backward ---------------------------------------------------------- */

void vit_backward(const Vit *vit, Vit *d, VitActivations *a, const Dropout *dropout,
                  Tensor dlogits) {
    const VitConfig *c = &vit->config;
    const int B = dlogits.shape[0];
    expect_shape(dlogits, "One row of gradients for each image.", B, c->classes);
    /* exercise 5.4 */
    Tensor z_0 = tensor_first(a->z_0, B),
           z_L = tensor_first(a->blocks[c->depth - 1].y, B);
    Tensor y = tensor_first(a->y, B), dy = tensor_first(a->dy, B);
    Tensor dz = tensor_first(a->dz, B);

    /* logits = y W_head^T + b_head */
    linear_backward(y, vit->W_head, dlogits, dy, d->W_head, d->b_head);
    /* y = LN(z_L^0), or the mean of all */
    vit_pool_backward(vit, d, z_L, a, dy, dz);
    /* z_l = block_l(z_{l-1}), from the last to the first */
    for (int l = c->depth - 1; l >= 0; l--) {
        Tensor z_before = l > 0 ? tensor_first(a->blocks[l - 1].y, B) : z_0;
        encoder_block_backward(&vit->blocks[l], &d->blocks[l], z_before, &a->blocks[l],
                               dropout, dz, &a->scratch);
    }
    /* z_0 = [x_class; x_p E] + E_pos */
    dropout_apply(dropout, AFTER_POSITIONS, dz);
    patch_embedding_backward(&vit->embedding, &d->embedding, &a->embedding, dz);
    /* end of exercise 5.4 */
}
