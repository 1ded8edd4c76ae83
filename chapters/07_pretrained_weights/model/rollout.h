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
 *     R    = the product of all A^_l, in their order
 *
 * I is the residual connection: what a token keeps of itself.
 *   A          in, `layers` tensors (h, n, n): of one image; the first block's is A[0]
 *   R (n, n)   out: its rows sum to 1
 *   room (n, n) each   to work in; R and they are three tensors that share no memory
 * Cost: O(layers n^3).
 */
typedef struct {
    Tensor R, room[2]; /* (n, n) each */
} Rollout;

void rollout(const Tensor *A, int layers, Rollout *to);

/*
 * rollout_rows: how much of each token is in what the model's head reads: row (n), from
 * A or R (n, n); its elements sum to 1. `tokens` tokens stand in front of the patches:
 * none (what does chapter 5's head read then?), the class token, or also DeiT's
 * distillation token, which has a head of its own: the answer is the mean of both.
 */
void rollout_rows(Tensor A, int tokens, real *row);

/*
 * rollout_of_patches: the patches' part of such a row (n), to be drawn: weights (N),
 * the brightest patch is 1. Where no patch is looked at all are 0.
 */
void rollout_of_patches(const real *row, int n, Tensor weights);
