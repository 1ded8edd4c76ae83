/* demo_separate_heads.c: [AIAYN 3.2.2] to the letter. See demo_separate_heads.h. */
#include "chapters/03_multi_head_attention/demo_separate_heads.h"

#include "chapters/02_scaled_dot_product_attention/attention.h"
#include "common/linear.h"
#include "common/matmul.h"

/* One head's own weights and results: nothing is shared, nothing is a view. */
typedef struct {
    Tensor W_Q, W_K, W_V; /* (d_k, D) the papers' W_i^Q, W_i^K, W_i^V, transposed */
    Tensor b_Q, b_K, b_V; /* (d_k)    */
    Tensor Q, K, V;       /* (n, d_k) */
    Tensor A;             /* (n, n)   */
    Tensor head;          /* (n, d_k) */
    Tensor concat;        /* (n, D)   all heads' results */
} SeparateHead;

static void lay_out(SeparateHead *s, Arena *arena, int n, int D, int d_k) {
    Tensor *W[3] = {&s->W_Q, &s->W_K, &s->W_V}, *b[3] = {&s->b_Q, &s->b_K, &s->b_V};
    Tensor *x[3] = {&s->Q, &s->K, &s->V};
    for (int j = 0; j < 3; j++) {
        *W[j] = arena_tensor2(arena, d_k, D);
        *b[j] = arena_tensor1(arena, d_k);
        *x[j] = arena_tensor2(arena, n, d_k);
    }
    s->A = arena_tensor2(arena, n, n);
    s->head = arena_tensor2(arena, n, d_k);
    s->concat = arena_tensor2(arena, n, D);
}

/* Rows from..from+count-1 of W_qkv and b_qkv, copied. */
static void cut_out(const MultiHeadAttention *layer, int from, Tensor W, Tensor b) {
    const int d_k = tensor_rows(W), D = tensor_cols(W);
    tensor_copy(W, tensor2(tensor_row(layer->W_qkv, from), d_k, D));
    tensor_copy(b, tensor1(layer->b_qkv.data + from, d_k));
}

/* head_i = Attention(z W_i^Q, z W_i^K, z W_i^V)   [AIAYN 3.2.2] */
static void one_head(const MultiHeadAttention *layer, Tensor z, int i,
                     SeparateHead *s) {
    const int D = tensor_cols(z), d_k = tensor_cols(s->Q);
    cut_out(layer, 0 * D + i * d_k, s->W_Q, s->b_Q);
    cut_out(layer, 1 * D + i * d_k, s->W_K, s->b_K);
    cut_out(layer, 2 * D + i * d_k, s->W_V, s->b_V);
    linear_forward(z, s->W_Q, s->b_Q, s->Q);
    linear_forward(z, s->W_K, s->b_K, s->K);
    linear_forward(z, s->W_V, s->b_V, s->V);
    attention_forward(s->Q, s->K, s->V, NULL, s->A, s->head);
}

bool separate_heads_forward(const MultiHeadAttention *layer, Tensor z, LastStep last,
                            Tensor Y, Error *error) {
    const int n = tensor_rows(z), D = tensor_cols(z), d_k = D / layer->heads;
    expect_shape(z, "One image: (tokens, D).", n, tensor_cols(layer->W_O));
    expect_same_shape(Y, z);
    SeparateHead s;
    Arena plan = {0}, arena;
    lay_out(&s, &plan, n, D, d_k);
    if (!arena_make(&arena, &plan, "one separate head", error)) {
        return false;
    }
    lay_out(&s, &arena, n, D, d_k);
    arena_check_full(&arena);

    tensor_fill(Y, 0);
    for (int i = 0; i < layer->heads; i++) {
        one_head(layer, z, i, &s);
        if (last == SUM_OF_PROJECTIONS) {
            /* W_i^O: rows i d_k ... of the paper's W^O, columns of our transpose */
            matmul_nt_add(s.head, tensor_columns(layer->W_O, i * d_k, d_k), Y);
        } else {
            tensor_copy(tensor_columns(s.concat, i * d_k, d_k), s.head);
        }
    }
    if (last == SUM_OF_PROJECTIONS) {
        tensor_add_bias(Y, layer->b_O);
    } else {
        linear_forward(s.concat, layer->W_O, layer->b_O, Y);
    }
    arena_free(&arena);
    return true;
}
