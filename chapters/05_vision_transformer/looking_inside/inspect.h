/*
 * inspect.h: what a trained ViT has learned, as numbers for the papers' figures, which
 * notes/figures.md explains. Nothing is allocated here: results are the caller's.
 */
#pragma once

#include "chapters/05_vision_transformer/model/vit.h"

/*
 * inspect_filters: the principal components of the filters [ViT fig.7]
 *
 *     e_1 ... e_D the rows of E,  m = their mean
 *     covariance = 1/D sum_d (e_d - m)^T (e_d - m) = sum_i lambda_i v_i^T v_i
 *
 *   E (D, C, P, P)      in
 *   scratch (C P P, C P P)
 *   variance (C P P)    out, lambda, the largest first
 *   components          out (C P P, C P P), row i is v_i: a filter (C, P, P)
 */
void inspect_filters(Tensor E, double *scratch, double *variance, double *components);

/*
 * inspect_positions: cosine similarity of the patches' position embeddings [ViT fig.7]
 *
 *     S_ij = p_i . p_j / (|p_i| |p_j|)
 *
 *   pos_embed (1, N+1, D)   in; row 0, the class token's, is left out
 *   S (N, N)                out; 0 where an embedding is 0
 */
void inspect_positions(Tensor pos_embed, double *S);

/* inspect_patches: in this layer, for this image, how much the first `queries` tokens
 * look at each patch (1: the class token), averaged over them and over heads: weights
 * (N), which sum to at most 1. */
void inspect_patches(const VitActivations *a, int layer, int image, int queries,
                     Tensor weights);

/*
 * inspect_distance: how far a head looks, in pixels [ViT fig.7]
 *
 *     mean over patches i of  sum_j A_ij |x_i - x_j| / sum_j A_ij
 *
 * x_i is patch i's centre; i and j run over patches, the class token is left out: it
 * is nowhere in the image.
 *   A (N+1, N+1)    in, one head's weights of one image
 *   columns         patches in a row of the image; divides N
 *   patch           P
 */
double inspect_distance(Tensor A, int columns, int patch);

/*
 * inspect_breadth: over how many tokens a row of weights is spread [AIAYN fig.3]
 *
 *     exp(-sum_j a_j log a_j),  0 log 0 = 0
 *
 * which is m where m weights are 1/m and the others 0: 1 ... n.
 *   a (n)    in, a row of A: sums to 1
 */
double inspect_breadth(const real *a, int n);

/*
 * inspect_rollout: how much of each input token is in the class token after layers
 * 1 ... L [ViT fig.6] (Abnar and Zuidema, 2020)
 *
 *     A^_l = mean over heads of A_l + I, each row divided by its sum
 *     R    = A^_L ... A^_2 A^_1; of it row 0
 *
 *   A       in, `layers` tensors (h, n, n), of which layer L's row 0 is enough
 *   row     out (n): sums to 1
 *   other   (n) scratch
 */
void inspect_rollout(const Tensor *A, int layers, double *row, double *other);
