/* naive_vit.c: see naive_vit.h. */
#include "tests/naive_vit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/naive_layers.h"

/* Column `d` of x_p E + b_E, of patch (row, column) of an image (C, H, W). */
static double project(const NaiveEmbedding *e, const double *image, int row, int column,
                      int d) {
    double sum = e->b_E[d];
    for (int c = 0; c < e->C; c++) {
        for (int y = 0; y < e->P; y++) {
            for (int x = 0; x < e->P; x++) {
                const int image_y = row * e->P + y, image_x = column * e->P + x;
                sum += image[(c * e->H + image_y) * e->W + image_x] *
                       e->E[((d * e->C + c) * e->P + y) * e->P + x];
            }
        }
    }
    return sum;
}

void naive_embedding(const NaiveEmbedding *e, const double *images, double *z_0) {
    const int across = e->W / e->P, down = e->H / e->P, D = e->D;
    for (int b = 0; b < e->B; b++) {
        const double *image = images + b * e->C * e->H * e->W;
        const int first = e->cls ? 1 : 0;
        double *z = z_0 + b * (down * across + first) * D;
        for (int d = 0; d < D; d++) {
            if (e->cls) {
                z[d] = e->cls[d] + (e->pos ? e->pos[d] : 0);
            }
            for (int row = 0; row < down; row++) {
                for (int column = 0; column < across; column++) {
                    const int token = first + row * across + column;
                    z[token * D + d] = project(e, image, row, column, d) +
                                       (e->pos ? e->pos[token * D + d] : 0);
                }
            }
        }
    }
}

/* The parameter of that name. */
static double *named(const ParameterList *list, double *weights, const char *name) {
    for (int i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].name, name) == 0) {
            return weights + list->items[i].offset;
        }
    }
    fprintf(stderr, "naive_vit: there is no parameter %s\n", name);
    abort();
}

static double *in_block(const ParameterList *list, double *weights, int l,
                        const char *rest) {
    char name[64];
    snprintf(name, sizeof name, "blocks.%d.%s", l, rest);
    return named(list, weights, name);
}

static NaiveLayerNorm norm_of(int D, const ParameterList *p, double *w, int l,
                              const char *weight, const char *bias) {
    return (NaiveLayerNorm){D, in_block(p, w, l, weight), in_block(p, w, l, bias)};
}

static NaiveBlock block_of(const VitConfig *c, const ParameterList *p, double *w,
                           int l) {
    const int D = c->block.D;
    return (NaiveBlock){
        .post_norm = c->block.norm == POST_NORM,
        .norm1 = norm_of(D, p, w, l, "norm1.weight", "norm1.bias"),
        .norm2 = norm_of(D, p, w, l, "norm2.weight", "norm2.bias"),
        .attn = {.D = D,
                 .heads = c->block.heads,
                 .W_qkv = in_block(p, w, l, "attn.qkv.weight"),
                 .b_qkv = in_block(p, w, l, "attn.qkv.bias"),
                 .W_O = in_block(p, w, l, "attn.proj.weight"),
                 .b_O = in_block(p, w, l, "attn.proj.bias")},
        .mlp = {.D = D,
                .M = c->block.M,
                .relu = c->block.activation == ACTIVATION_RELU,
                .W_1 = in_block(p, w, l, "mlp.fc1.weight"),
                .b_1 = in_block(p, w, l, "mlp.fc1.bias"),
                .W_2 = in_block(p, w, l, "mlp.fc2.weight"),
                .b_2 = in_block(p, w, l, "mlp.fc2.bias")},
    };
}

/* What is added to token `token`'s element d, of whichever kind [ViT T.8]. */
static double position(const VitConfig *c, const ParameterList *p, double *w, int token,
                       int d) {
    const int D = c->block.D, across = c->width / c->patch;
    const int patch = c->pool == POOL_CLASS ? token - 1 : token;
    const double wave = token / pow(10000, (double)(d / 2 * 2) / D); /* [AIAYN 3.5] */
    switch (c->positions) {
    case POSITIONS_1D: return named(p, w, "pos_embed")[token * D + d];
    case POSITIONS_SINUSOIDAL: return d % 2 == 0 ? sin(wave) : cos(wave);
    case POSITIONS_NONE: return 0;
    case POSITIONS_2D: break;
    }
    if (patch < 0) {
        return named(p, w, "pos_embed_cls")[d];
    }
    return d < D / 2 ? named(p, w, "pos_embed_x")[patch % across * (D / 2) + d]
                     : named(p, w, "pos_embed_y")[patch / across * (D / 2) + d - D / 2];
}

/* y (D): LN(z_L^0) [ViT eq.4], or the mean of all LN(z_L^p); z (n, D) */
static void naive_pool(const VitConfig *c, const NaiveLayerNorm *norm, int n,
                       const double *z, double *y) {
    const int D = c->block.D, read = c->pool == POOL_CLASS ? 1 : n;
    double *normed = y + D;
    memset(y, 0, (size_t)D * sizeof *y);
    for (int i = 0; i < read; i++) {
        naive_layer_norm(norm, 1, z + i * D, normed);
        for (int d = 0; d < D; d++) {
            y[d] += normed[d] / read;
        }
    }
}

void naive_vit(const VitConfig *c, const ParameterList *list, double *weights, int B,
               const double *images, double *logits) {
    const int n = vit_tokens(c), D = c->block.D, K = c->classes;
    double *z = calloc((size_t)(2 * B * n * D + 2 * D + n * D), sizeof *z);
    if (!z) {
        abort();
    }
    double *next = z + B * n * D, *y = next + B * n * D, *pos = y + 2 * D;
    for (int i = 0; i < n * D; i++) {
        pos[i] = position(c, list, weights, i / D, i % D);
    }
    const NaiveEmbedding embedding = {
        B,
        c->channels,
        c->height,
        c->width,
        c->patch,
        D,
        c->pool == POOL_CLASS ? named(list, weights, "cls_token") : NULL,
        pos,
        named(list, weights, "patch_embed.proj.weight"),
        named(list, weights, "patch_embed.proj.bias")};
    naive_embedding(&embedding, images, z);
    for (int l = 0; l < c->depth; l++) {
        const NaiveBlock block = block_of(c, list, weights, l);
        naive_block(&block, B, n, z, next);
        memcpy(z, next, (size_t)(B * n * D) * sizeof *z);
    }
    const NaiveLayerNorm norm = {D, named(list, weights, "norm.weight"),
                                 named(list, weights, "norm.bias")};
    for (int b = 0; b < B; b++) {
        naive_pool(c, &norm, n, z + b * n * D, y);
        naive_linear(1, D, K, y, named(list, weights, "head.weight"),
                     named(list, weights, "head.bias"), logits + b * K);
    }
    free(z);
}

double naive_cross_entropy(int B, int K, const double *logits, const int *labels,
                           double eps) {
    double loss = 0;
    for (int b = 0; b < B; b++) {
        double sum = 0;
        for (int k = 0; k < K; k++) {
            sum += exp(logits[b * K + k]);
        }
        for (int k = 0; k < K; k++) {
            const double q = (k == labels[b]) * (1 - eps) + eps / K;
            loss -= q * log(exp(logits[b * K + k]) / sum) / B;
        }
    }
    return loss;
}
