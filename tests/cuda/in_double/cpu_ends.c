/* cpu_ends.c: see cpu_in_double.h: what comes before the encoder and after it. */
#include <stddef.h>
#include <stdlib.h>

#include "adamw.h"
#include "cpu_in_double.h"
#include "cross_entropy.h"
#include "error.h"
#include "patch_embedding.h"

/* ---- patches ------------------------------------------------------------------- */

void cpu_patches(int B, int C, int H, int W, int P, const double *images,
                 double *patches) {
    patches_from_images(tensor4((real *)images, B, C, H, W), P,
                        tensor3(patches, B, H / P * (W / P), C * P * P));
}

static PatchEmbedding embedding(const CpuEmbedding *l, const double *cls_token,
                                const double *pos_embed, const double *E,
                                const double *b_E) {
    const int n = l->H / l->P * (l->W / l->P) + 1;
    return (PatchEmbedding){.cls_token = tensor3((real *)cls_token, 1, 1, l->D),
                            .pos_embed = tensor3((real *)pos_embed, 1, n, l->D),
                            .E = tensor4((real *)E, l->D, l->C, l->P, l->P),
                            .b_E = tensor1((real *)b_E, l->D)};
}

/* What forward leaves for backward; the blocks are the caller's to free. */
static PatchEmbeddingActivations scratch(const CpuEmbedding *l) {
    const int N = l->H / l->P * (l->W / l->P), pixels = l->C * l->P * l->P;
    real *patches = calloc((size_t)(l->B * N * pixels), sizeof(real));
    real *embedded = calloc((size_t)(l->B * N * l->D), sizeof(real));
    if (!patches || !embedded) {
        bug("cpu_embedding: no memory");
    }
    return (PatchEmbeddingActivations){.patches = tensor3(patches, l->B, N, pixels),
                                       .embedded = tensor3(embedded, l->B, N, l->D)};
}

static void forward(const CpuEmbedding *l, PatchEmbeddingActivations *a, Tensor z_0) {
    const PatchEmbedding layer = embedding(l, l->cls_token, l->pos_embed, l->E, l->b_E);
    patch_embedding_forward(&layer, tensor4((real *)l->images, l->B, l->C, l->H, l->W),
                            a, z_0);
}

static Tensor tokens(const CpuEmbedding *l, const double *data) {
    return tensor3((real *)data, l->B, l->H / l->P * (l->W / l->P) + 1, l->D);
}

void cpu_embedding(const CpuEmbedding *l, double *z_0) {
    PatchEmbeddingActivations a = scratch(l);
    forward(l, &a, tokens(l, z_0));
    free(a.patches.data);
    free(a.embedded.data);
}

void cpu_embedding_backward(const CpuEmbedding *l, const double *dz_0) {
    const PatchEmbedding layer = embedding(l, l->cls_token, l->pos_embed, l->E, l->b_E);
    PatchEmbedding d = embedding(l, l->dcls_token, l->dpos_embed, l->dE, l->db_E);
    PatchEmbeddingActivations a = scratch(l);
    patches_from_images(tensor4((real *)l->images, l->B, l->C, l->H, l->W), l->P,
                        a.patches);
    patch_embedding_backward(&layer, &d, &a, tokens(l, dz_0));
    free(a.patches.data);
    free(a.embedded.data);
}

/* ---- loss ----------------------------------------------------------------------- */

double cpu_cross_entropy(int B, int K, const double *logits,
                         const unsigned char *labels, double smoothing, double scale,
                         double *dlogits) {
    return cross_entropy(tensor2((real *)logits, B, K), labels, smoothing, scale,
                         tensor2(dlogits, B, K));
}

int cpu_argmax(int K, const double *logits, int b) {
    return argmax_row(tensor2((real *)logits, b + 1, K), b);
}

/* ---- AdamW ----------------------------------------------------------------------- */

enum { MOST_PARAMETERS = 16 };

void cpu_adamw_step(const CpuAdamW *o, double lr, long t, double *weights,
                    const double *gradients, double *m, double *v) {
    const AdamW adamw = {o->beta1, o->beta2, o->epsilon, o->weight_decay};
    Parameter parameters[MOST_PARAMETERS];
    long offset = 0;
    if (o->parameters > MOST_PARAMETERS) {
        bug("cpu_adamw_step: %d parameters, at most %d", o->parameters,
            MOST_PARAMETERS);
    }
    for (int i = 0; i < o->parameters; i++) {
        parameters[i] = (Parameter){.at = tensor1(NULL, (int)(o->ends[i] - offset)),
                                    .offset = offset,
                                    .decay = o->decay[i] ? DECAY : NO_DECAY};
        offset = o->ends[i];
    }
    const ParameterList list = {
        .list = parameters, .count = o->parameters, .total = offset};
    adamw_step(&adamw, &list, lr, t, weights, gradients, m, v);
}

double cpu_gradient_norm(const double *gradients, long count) {
    return gradient_norm(gradients, count);
}
