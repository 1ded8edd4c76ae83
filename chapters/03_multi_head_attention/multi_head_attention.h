/*
 * multi_head_attention.h: h attentions side by side. Each sees the whole token, through
 * projections of its own to d_k = D / h columns; one more projection mixes the results.
 *
 *     MultiHead(Q,K,V) = Concat(head_1, ..., head_h) W^O       [AIAYN 3.2.2]
 *     head_i           = Attention(Q W_i^Q, K W_i^K, V W_i^V)
 *
 * Here Q = K = V = z (self-attention), as in [ViT eq.5] to [ViT eq.8].
 *
 * New since chapter 2: the projections. One matrix W_qkv (3D, D) has all 3h matrices
 * W_i^Q, W_i^K, W_i^V, so that one product makes all queries, keys and values.
 *
 * DIFFERS: the papers' equations have no biases; their implementations do, and
 * the parameter counts of ViT's Table 1 include them.
 * Memory: weights are in a ParameterBlock, activations in an Arena.
 * Derivation: notes/03_multi_head_attention.md.
 */
#pragma once

#include "common/arena.h"
#include "common/parameters.h"
#include "common/tensor.h"

/* The layer's weights; or, laid over a block of gradients, their gradients. */
typedef struct {
    int heads;    /* h; d_k = d_v = D / h */
    Tensor W_qkv; /* (3D, D): rows 0..D-1 make Q, the next D make K, the last V */
    Tensor b_qkv; /* (3D) */
    Tensor W_O;   /* (D, D) */
    Tensor b_O;   /* (D) */
} MultiHeadAttention;

/* What forward keeps for backward, for up to B images of n tokens. */
typedef struct {
    Tensor qkv;    /* (B, n, 3D)   [q, k, v] of every token */
    Tensor A;      /* (B, h, n, n) attention weights */
    Tensor concat; /* (B, n, D)    the heads' results, side by side */
} MultiHeadAttentionActivations;

/* What else backward needs; the layers of a stack share it. */
typedef struct {
    Tensor dqkv;    /* (B, n, 3D) */
    Tensor dconcat; /* (B, n, D)  */
    Tensor dS;      /* (n, n), dA at first */
} MultiHeadAttentionScratch;

void multi_head_attention_parameters(MultiHeadAttention *layer, ParameterBlock *block,
                                     int D, int heads, const char *name);
void multi_head_attention_activations(MultiHeadAttentionActivations *a, Arena *arena,
                                      int B, int n, int D, int heads);
void multi_head_attention_scratch(MultiHeadAttentionScratch *s, Arena *arena, int B,
                                  int n, int D);

/*
 * multi_head_attention_forward: Y = MSA(z)
 *
 *     [q, k, v] = z U_qkv                                    [ViT eq.5]
 *     A_i = softmax(q_i k_i^T / sqrt(D_h)),  SA_i = A_i v_i  [ViT eq.6, eq.7]
 *     MSA(z) = [SA_1; ...; SA_h] U_msa                       [ViT eq.8]
 *
 *   z (B, n, D)    in, kept by the caller for the backward pass
 *   Y (B, n, D)    out, must not alias z
 *
 * B may be less than what the activations were made for. All of a's first B images are
 * written.
 * Cost: B (8 n D^2 + 4 n^2 D) flops.
 */
void multi_head_attention_forward(const MultiHeadAttention *layer, Tensor z,
                                  MultiHeadAttentionActivations *a, Tensor Y);

/*
 * multi_head_attention_backward: from dY = dL/dY to the gradients of weights and tokens
 *   z, a           in, as forward left them
 *   dY (B, n, D)   in
 *   d              weights' gradients, added to (+=)
 *   dz (B, n, D)   out (written), may be dY
 */
void multi_head_attention_backward(const MultiHeadAttention *layer,
                                   MultiHeadAttention *d, Tensor z,
                                   const MultiHeadAttentionActivations *a, Tensor dY,
                                   Tensor dz, MultiHeadAttentionScratch *s);
