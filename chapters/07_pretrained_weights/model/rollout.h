/*
 * rollout.h: where a model looked: from attention weights, which are of tokens of the
 * layer before, to the patches of the picture.
 */
#pragma once

#include "common/tensor.h"

/*
 * rollout: how much of each input token is in each token of the last layer [ViT fig.6]
 * (Abnar and Zuidema, 2020)
 *
 *     A^_l = mean over heads of A_l + I, each row divided by its sum
 *     R    = A^_L ... A^_2 A^_1
 *
 * I is the residual connection: what a token keeps of itself. Chapter 5's inspect_rollout
 * makes row 0 alone; here every token has its row.
 *   A          in, `layers` tensors (h, n, n): of one image
 *   R (n, n)   out: its rows sum to 1
 *   A_hat, product (n, n)   scratch
 * Cost: 2 (layers - 1) n^3 flops.
 */
typedef struct {
    Tensor R, A_hat, product; /* (n, n) each */
} Rollout;

void rollout(const Tensor *A, int layers, Rollout *to);

/*
 * rollout_of_patches: the part of a row of weights (n) that belongs to patches, the last
 * N of its tokens; divided by its largest element, so that weights (N) are 0 to 1. Where
 * nothing looks at a patch they are 0.
 */
void rollout_of_patches(const real *row, int n, Tensor weights);

/*
 * rollout_rows: what is looked at by what the head reads: row (n) = the mean of the first
 * `tokens` rows of A or R (n, n) (class token, distillation token), or, without such
 * tokens, of all rows.
 */
void rollout_rows(Tensor A, int tokens, real *row);
