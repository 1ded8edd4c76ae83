/*
 * naive_vit.h: the Vision Transformer once more, from naive_layers.h and equations
 * [ViT eq.1] to [ViT eq.4], in double. It shares nothing with the code under test
 * but the parameters' names.
 */
#pragma once

#include "common/parameters.h"
#include "chapters/05_vision_transformer/model/vit.h"

/*
 * naive_embedding: z_0 (B, n, D) [ViT eq.1]
 *   images (B, C, H, W)   cls (D)   pos (n, D)   E (D, C, P, P)   b_E (D)
 * cls NULL: no class token, n = N. pos NULL: no positions [ViT T.8].
 */
typedef struct {
    int B, C, H, W, P, D;
    const double *cls, *pos, *E, *b_E;
} NaiveEmbedding;

void naive_embedding(const NaiveEmbedding *e, const double *images, double *z_0);

/* naive_vit: logits (B, K) of B images, the weights stored as the list says. */
void naive_vit(const VitConfig *config, const ParameterList *list, double *weights,
               int B, const double *images, double *logits);

/* naive_cross_entropy: the images' mean loss with smoothing eps [AIAYN 5.4]. */
double naive_cross_entropy(int B, int K, const double *logits, const int *labels,
                           double eps);
