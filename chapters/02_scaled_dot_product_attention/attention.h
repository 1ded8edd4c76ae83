/*
 * attention.h: scaled dot-product attention, forward and backward.
 *
 *     Attention(Q, K, V) = softmax(Q K^T / sqrt(d_k)) V        [AIAYN eq.1]
 *
 * New since chapter 1: two matrix products with a softmax between them.
 * Memory: all tensors are the caller's; nothing is allocated.
 * Derivation of the backward pass: notes/02_scaled_dot_product_attention.md.
 */
#pragma once

#include "common/tensor.h"

/*
 * attention_forward: scaled dot-product attention [AIAYN eq.1] [ViT eq.6, eq.7]
 *
 *     A = softmax(Q K^T / sqrt(d_k)),   O = A V
 *
 *   Q (n, d_k)   K (m, d_k)   V (m, d_v)      in
 *   mask (n, m)                               in, or NULL: what is added to the
 *                                             scores; -INFINITY forbids a key
 *   A (n, m)                                  out, kept for the backward pass
 *   O (n, d_v)                                out, must not alias an input
 *
 * A query that may look at no key at all is a programmer's mistake.
 * Cost: 2 n m (d_k + d_v) flops.
 */
void attention_forward(Tensor Q, Tensor K, Tensor V, const Tensor *mask, Tensor A,
                       Tensor O);

/* What attention_backward writes: gradients of its inputs, and of A and S. */
typedef struct {
    Tensor dQ, dK, dV; /* shaped as Q, K, V */
    Tensor dA, dS;     /* (n, m); may be the same tensor */
} AttentionGradients;

/*
 * attention_backward: from dO = dL/dO to the gradients of the three inputs
 *
 *   Q, K, V, A            in, as forward left them. The mask is not needed: where
 *                         it forbids, A is 0, and so is dS.
 *   dO (n, d_v)           in
 *   d                     out: all five are written (=), not added to
 *
 * Cost: 4 n m (d_k + d_v) flops, twice the forward pass.
 */
void attention_backward(Tensor Q, Tensor K, Tensor V, Tensor A, Tensor dO,
                        AttentionGradients d);
