/* block_on_threads.c: [ViT eq.2], [ViT eq.3] for few images. See block_on_threads.h. */
#include "chapters/07_pretrained_weights/model/block_on_threads.h"

#include "chapters/02_scaled_dot_product_attention/attention.h"
#include "common/gelu.h"
#include "common/linear.h"

/* ---- parts of tensors: views, no copies --------------------------------- */

/* Rows are given out in this many parts: more than threads, so that one which is slow
 * or comes late takes fewer. */
enum { PARTS = 16 };

/* Where part `part` of T's rows begins; all rows of a tensor (B, n, D) are meant. */
static int first_row(Tensor T, int part) {
    return (int)((long)tensor_rows(tensor_matrix(T)) * part / PARTS);
}

static bool empty(Tensor T, int part) {
    return first_row(T, part) == first_row(T, part + 1);
}

static Tensor rows(Tensor T, int part) {
    Tensor all = tensor_matrix(T);
    const int from = first_row(T, part), count = first_row(T, part + 1) - from;
    Tensor some = tensor2(all.data + (long)from * all.ld, count, tensor_cols(all));
    some.ld = all.ld;
    return some;
}

static void norm_rows(const LayerNorm *norm, Tensor X, const LayerNormActivations *a,
                      Tensor Y, int part) {
    Tensor x = rows(X, part);
    const int from = first_row(X, part), count = tensor_rows(x);
    LayerNormActivations of_rows = {tensor1(a->mean.data + from, count),
                                    tensor1(a->rstd.data + from, count)};
    layer_norm_forward(norm, x, &of_rows, rows(Y, part));
}

/* ---- the sublayers ------------------------------------------------------ */

/* [ViT eq.5] to [ViT eq.8]: Y = MSA(x), the heads side by side. */
static void heads_on_threads(const MultiHeadAttention *layer, Tensor x,
                             MultiHeadAttentionActivations *a, Tensor Y) {
    const int B = x.shape[0], D = x.shape[2], h = layer->heads, d_k = D / h;
    Tensor qkv = tensor_first(a->qkv, B), concat = tensor_first(a->concat, B);
    linear_forward(x, layer->W_qkv, layer->b_qkv, qkv);
#pragma omp parallel for schedule(dynamic)
    for (int head = 0; head < B * h; head++) {
        const int b = head / h, i = head % h;
        Tensor qkv_b = tensor_slice(qkv, b);
        attention_forward(tensor_columns(qkv_b, i * d_k, d_k),
                          tensor_columns(qkv_b, D + i * d_k, d_k),
                          tensor_columns(qkv_b, 2 * D + i * d_k, d_k), NULL,
                          tensor_slice(tensor_slice(a->A, b), i),
                          tensor_columns(tensor_slice(concat, b), i * d_k, d_k));
    }
    linear_forward(concat, layer->W_O, layer->b_O, Y);
}

static void activation_rows(Activation activation, Tensor X, Tensor Y) {
    if (activation == ACTIVATION_GELU) {
        gelu_forward(X, Y);
    } else {
        relu_forward(X, Y);
    }
}

/* ---- the block ---------------------------------------------------------- */

Tensor block_forward_on_threads(const EncoderBlock *block, Tensor z,
                                EncoderBlockActivations *a) {
    const Dropout none = {.rate = 0};
    if (block->norm == POST_NORM) {
        return encoder_block_forward(block, z, a, &none);
    }
    const int B = z.shape[0];
    const Mlp *mlp = &block->mlp;
    Tensor x1 = tensor_first(a->x1, B), z_prime = tensor_first(a->z_prime, B);
    Tensor x2 = tensor_first(a->x2, B), y = tensor_first(a->y, B);
    Tensor pre = tensor_first(a->mlp.pre, B), hidden = tensor_first(a->mlp.hidden, B);

    /* [ViT eq.2]   z' = MSA(LN(z)) + z */
#pragma omp parallel for schedule(dynamic)
    for (int part = 0; part < PARTS; part++) {
        if (!empty(z, part)) {
            norm_rows(&block->norm1, z, &a->norm1, x1, part);
        }
    }
    heads_on_threads(&block->attn, x1, &a->attn, z_prime);
    /* [ViT eq.3]   y = MLP(LN(z')) + z' */
#pragma omp parallel for schedule(dynamic)
    for (int part = 0; part < PARTS; part++) {
        if (!empty(z, part)) {
            tensor_add(rows(z_prime, part), rows(z, part));
            norm_rows(&block->norm2, z_prime, &a->norm2, x2, part);
        }
    }
    linear_forward(x2, mlp->W_1, mlp->b_1, pre);
#pragma omp parallel for schedule(dynamic)
    for (int part = 0; part < PARTS; part++) {
        if (!empty(z, part)) {
            activation_rows(mlp->activation, rows(pre, part), rows(hidden, part));
        }
    }
    linear_forward(hidden, mlp->W_2, mlp->b_2, y);
#pragma omp parallel for schedule(dynamic)
    for (int part = 0; part < PARTS; part++) {
        if (!empty(z, part)) {
            tensor_add(rows(y, part), rows(z_prime, part));
        }
    }
    return y;
}
