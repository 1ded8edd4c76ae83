/*
 * multi_head_attention.c: [AIAYN 3.2.2], [ViT eq.5] to [ViT eq.8].
 * See multi_head_attention.h for shapes.
 */
#include "chapters/03_multi_head_attention/multi_head_attention.h"

#include "chapters/02_scaled_dot_product_attention/attention.h"
#include "common/error.h"
#include "common/linear.h"

/* ---- layout ------------------------------------------------------------ */

void multi_head_attention_parameters(MultiHeadAttention *layer, ParameterBlock *block,
                                     int D, int heads, const char *name) {
    if (heads < 1 || D % heads != 0) {
        bug("multi_head_attention: %d heads don't divide D = %d: each head is D / "
            "heads "
            "wide",
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

/* exercise 3.2, cut: */
/* ---- one head of one image: views, no copies ---------------------------- */

typedef struct {
    Tensor Q, K, V; /* (n, d_k) each */
} Head;

/* Columns of [q | k | v] (n, 3D) that belong to head i. */
static Head head_of(Tensor qkv, int i, int heads) {
    const int D = tensor_cols(qkv) / 3, d_k = D / heads;
    return (Head){
        .Q = tensor_columns(qkv, 0 * D + i * d_k, d_k),
        .K = tensor_columns(qkv, 1 * D + i * d_k, d_k),
        .V = tensor_columns(qkv, 2 * D + i * d_k, d_k),
    };
}

/* Columns of the concatenation (n, D) that head i writes. */
static Tensor concat_part(Tensor concat, int i, int heads) {
    const int d_v = tensor_cols(concat) / heads;
    return tensor_columns(concat, i * d_v, d_v);
}
/* end of exercise 3.2 */

/* ---- forward and backward ---------------------------------------------- */

void multi_head_attention_forward(const MultiHeadAttention *layer, Tensor z,
                                  MultiHeadAttentionActivations *a, Tensor Y) {
    const int B = z.shape[0], n = z.shape[1], D = z.shape[2], h = layer->heads;
    expect_shape(z, "z is (images, tokens, D).", B, n, tensor_cols(layer->W_qkv));
    expect_same_shape(Y, z);
    Tensor qkv = tensor_first(a->qkv, B);
    expect_shape(qkv, "The activations were made for other sizes.", B, n, 3 * D);

    /* exercise 3.2 */
    Tensor concat = tensor_first(a->concat, B);
    /* [ViT eq.5]   [q, k, v] = z U_qkv, all heads at once */
    linear_forward(z, layer->W_qkv, layer->b_qkv, qkv);
    for (int b = 0; b < B; b++) {
        Tensor A_b = tensor_slice(a->A, b), concat_b = tensor_slice(concat, b);
        for (int i = 0; i < h; i++) {
            /* [AIAYN 3.2.2]   head_i = Attention(Q W_i^Q, K W_i^K, V W_i^V) */
            Head head = head_of(tensor_slice(qkv, b), i, h);
            attention_forward(head.Q, head.K, head.V, NULL, tensor_slice(A_b, i),
                              concat_part(concat_b, i, h));
        }
    }
    /* [ViT eq.8]   MSA(z) = [SA_1(z); ...; SA_h(z)] U_msa */
    linear_forward(concat, layer->W_O, layer->b_O, Y);
    /* end of exercise 3.2 */
}

void multi_head_attention_backward(const MultiHeadAttention *layer,
                                   MultiHeadAttention *d, Tensor z,
                                   const MultiHeadAttentionActivations *a, Tensor dY,
                                   Tensor dz, MultiHeadAttentionScratch *s) {
    const int B = z.shape[0], h = layer->heads;
    expect_same_shape(dY, z);
    expect_same_shape(dz, z);
    /* exercise 3.3 */
    Tensor qkv = tensor_first(a->qkv, B), concat = tensor_first(a->concat, B);
    Tensor dqkv = tensor_first(s->dqkv, B), dconcat = tensor_first(s->dconcat, B);
    /* Y = concat W_O^T + b_O */
    linear_backward(concat, layer->W_O, dY, dconcat, d->W_O, d->b_O);
    for (int b = 0; b < B; b++) {
        Tensor A_b = tensor_slice(a->A, b);
        for (int i = 0; i < h; i++) {
            /* A_i = softmax(q_i k_i^T / sqrt(D_h)), SA_i = A_i v_i. Each head
             * writes its own columns of dqkv; together they fill it. */
            Head head = head_of(tensor_slice(qkv, b), i, h);
            Head dhead = head_of(tensor_slice(dqkv, b), i, h);
            AttentionGradients d_i = {dhead.Q, dhead.K, dhead.V, s->dS, s->dS};
            attention_backward(head.Q, head.K, head.V, tensor_slice(A_b, i),
                               concat_part(tensor_slice(dconcat, b), i, h), d_i);
        }
    }
    /* qkv = z W_qkv^T + b_qkv */
    linear_backward(z, layer->W_qkv, dqkv, dz, d->W_qkv, d->b_qkv);
    /* end of exercise 3.3 */
}
