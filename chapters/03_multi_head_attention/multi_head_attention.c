/*
 * multi_head_attention.c: [AIAYN 3.2.2], [ViT eq.5] to [ViT eq.8].
 * See multi_head_attention.h for shapes.
 */
#include "multi_head_attention.h"

#include "attention.h"
#include "error.h"
#include "linear.h"
#include "matmul.h"

/* ---- layout ------------------------------------------------------------ */

void multi_head_attention_parameters(MultiHeadAttention *layer, ParameterBlock *block,
                                     int D, int heads, const char *name) {
    if (heads < 1 || D % heads != 0) {
        bug("multi_head_attention: %d heads don't divide D = %d: each head takes "
            "D / heads columns",
            heads, D);
    }
    layer->heads = heads;
    layer->W_qkv = parameter2(block, DECAY, 3 * D, D, "%sqkv.weight", name);
    layer->b_qkv = parameter1(block, NO_DECAY, 3 * D, "%sqkv.bias", name);
    layer->W_O = parameter2(block, DECAY, D, D, "%sproj.weight", name);
    layer->b_O = parameter1(block, NO_DECAY, D, "%sproj.bias", name);
}

void multi_head_attention_activations(MultiHeadAttentionActivations *a, Arena *arena,
                                      int B, int n, int D, int heads) {
    a->qkv = arena_tensor3(arena, B, n, 3 * D);
    a->A = arena_tensor4(arena, B, heads, n, n);
    a->concat = arena_tensor3(arena, B, n, D);
}

void multi_head_attention_scratch(MultiHeadAttentionScratch *s, Arena *arena, int B,
                                  int n, int D) {
    s->dqkv = arena_tensor3(arena, B, n, 3 * D);
    s->dconcat = arena_tensor3(arena, B, n, D);
    s->dS = arena_tensor2(arena, n, n);
}

/* ---- one head of one image: views, no copies ---------------------------- */

typedef struct {
    Tensor Q;    /* (q, d_k) */
    Tensor K, V; /* (n, d_k) */
} Head;

/* Columns of [q | k | v] (n, 3D) that belong to head i; the first q rows ask. */
static Head head_of(Tensor qkv, int q, int i, int heads) {
    /* exercise 3.2 */
    const int D = tensor_cols(qkv) / 3, d_k = D / heads;
    return (Head){
        .Q = tensor_columns(tensor_head(qkv, q), 0 * D + i * d_k, d_k),
        .K = tensor_columns(qkv, 1 * D + i * d_k, d_k),
        .V = tensor_columns(qkv, 2 * D + i * d_k, d_k),
    };
    /* end of exercise 3.2 */
}

/* Columns of the concatenation (n, D) that head i writes, for q tokens. */
static Tensor concat_part(Tensor concat, int q, int i, int heads) {
    /* exercise 3.2 */
    const int d_v = tensor_cols(concat) / heads;
    return tensor_columns(tensor_head(concat, q), i * d_v, d_v);
    /* end of exercise 3.2 */
}

/* ---- the projection to q, k and v --------------------------------------- */

/* Of T (B, n, cols) the tokens that ask: all n, or the first alone. */
static Tensor asking(Tensor T, int q) {
    return q == T.shape[1] ? T : tensor_first_rows(T);
}

/* One part of the fused layer: rows from..from+count-1 of W and b, and the columns of
 * qkv that they make. */
typedef struct {
    Tensor W, b, out;
} Part;

static Part part_of(Tensor W, Tensor b, Tensor qkv, int from, int count) {
    const int D = tensor_cols(W);
    return (Part){.W = tensor2(W.data + (long)from * D, count, D),
                  .b = tensor1(b.data + from, count),
                  .out = tensor_columns(qkv, from, count)};
}

/* [ViT eq.5]   [q, k, v] = z U_qkv, all heads at once; or q of the first token only */
static void project(const MultiHeadAttention *layer, Tensor z, int q, Tensor qkv) {
    const int n = z.shape[1], D = z.shape[2];
    if (q == n) {
        linear_forward(z, layer->W_qkv, layer->b_qkv, qkv);
        return;
    }
    Part Q = part_of(layer->W_qkv, layer->b_qkv, asking(qkv, q), 0, D);
    Part KV = part_of(layer->W_qkv, layer->b_qkv, qkv, D, 2 * D);
    linear_forward(asking(z, q), Q.W, Q.b, Q.out);
    linear_forward(z, KV.W, KV.b, KV.out);
}

/* qkv = z W_qkv^T + b_qkv: from dqkv to dz and the weights' gradients. */
static void project_backward(const MultiHeadAttention *layer, MultiHeadAttention *d,
                             Tensor z, int q, Tensor dqkv, Tensor dz) {
    const int n = z.shape[1], D = z.shape[2];
    if (q == n) {
        linear_backward(z, layer->W_qkv, dqkv, dz, d->W_qkv, d->b_qkv);
        return;
    }
    Part dQ = part_of(d->W_qkv, d->b_qkv, asking(dqkv, q), 0, D);
    Part dKV = part_of(d->W_qkv, d->b_qkv, dqkv, D, 2 * D);
    Part KV = part_of(layer->W_qkv, layer->b_qkv, dqkv, D, 2 * D);
    Part Q = part_of(layer->W_qkv, layer->b_qkv, asking(dqkv, q), 0, D);
    const Tensor added_below = {.data = NULL};
    linear_backward(z, KV.W, dKV.out, dz, dKV.W, dKV.b);
    linear_backward(asking(z, q), Q.W, dQ.out, added_below, dQ.W, dQ.b);
    matmul_nn_add(dQ.out, Q.W, asking(dz, q)); /* z also made q */
}

/* ---- forward and backward ---------------------------------------------- */

void multi_head_attention_forward(const MultiHeadAttention *layer, Tensor z,
                                  MultiHeadAttentionActivations *a, Tensor Y) {
    const int B = z.shape[0], n = z.shape[1], D = z.shape[2], h = layer->heads;
    expect_shape(z, "z is (images, tokens, D).", B, n, tensor_cols(layer->W_qkv));
    const int q = Y.ndim == 3 && Y.shape[1] == 1 ? 1 : n;
    expect_shape(Y, "Y has a row for every token of z, or for the first.", B, q, D);
    Tensor qkv = tensor_head(a->qkv, B), concat = tensor_head(a->concat, B);
    expect_shape(qkv, "The activations were made for other sizes.", B, n, 3 * D);

    project(layer, z, q, qkv);
    /* exercise 3.2 */
    for (int b = 0; b < B; b++) {
        Tensor A_b = tensor_slice(a->A, b), concat_b = tensor_slice(concat, b);
        for (int i = 0; i < h; i++) {
            /* [AIAYN 3.2.2]   head_i = Attention(Q W_i^Q, K W_i^K, V W_i^V) */
            Head head = head_of(tensor_slice(qkv, b), q, i, h);
            attention_forward(head.Q, head.K, head.V, NULL,
                              tensor_head(tensor_slice(A_b, i), q),
                              concat_part(concat_b, q, i, h));
        }
    }
    /* [ViT eq.8]   MSA(z) = [SA_1(z); ...; SA_h(z)] U_msa */
    linear_forward(asking(concat, q), layer->W_O, layer->b_O, Y);
    /* end of exercise 3.2 */
}

void multi_head_attention_backward(const MultiHeadAttention *layer,
                                   MultiHeadAttention *d, Tensor z,
                                   const MultiHeadAttentionActivations *a, Tensor dY,
                                   Tensor dz, MultiHeadAttentionScratch *s) {
    const int B = z.shape[0], n = z.shape[1], D = z.shape[2], h = layer->heads;
    const int q = dY.ndim == 3 && dY.shape[1] == 1 ? 1 : n;
    expect_shape(dY, "dY has the shape of Y.", B, q, D);
    expect_same_shape(dz, z);
    Tensor qkv = tensor_head(a->qkv, B), concat = tensor_head(a->concat, B);
    Tensor dqkv = tensor_head(s->dqkv, B), dconcat = tensor_head(s->dconcat, B);

    /* exercise 3.3 */
    /* Y = concat W_O^T + b_O */
    linear_backward(asking(concat, q), layer->W_O, dY, asking(dconcat, q), d->W_O,
                    d->b_O);
    for (int b = 0; b < B; b++) {
        Tensor A_b = tensor_slice(a->A, b);
        for (int i = 0; i < h; i++) {
            /* A_i = softmax(q_i k_i^T / sqrt(D_h)), SA_i = A_i v_i. Each head
             * writes its own columns of dqkv; together they fill it. */
            Head head = head_of(tensor_slice(qkv, b), q, i, h);
            Head dhead = head_of(tensor_slice(dqkv, b), q, i, h);
            Tensor dS = tensor_head(s->dS, q);
            AttentionGradients d_i = {dhead.Q, dhead.K, dhead.V, dS, dS};
            attention_backward(head.Q, head.K, head.V,
                               tensor_head(tensor_slice(A_b, i), q),
                               concat_part(tensor_slice(dconcat, b), q, i, h), d_i);
        }
    }
    /* end of exercise 3.3 */
    project_backward(layer, d, z, q, dqkv, dz);
}
