/*
 * attention.c: scaled dot-product attention [AIAYN eq.1].
 * See attention.h for shapes.
 */
#include "chapters/02_scaled_dot_product_attention/attention.h"

#include "common/error.h"
#include "common/matmul.h"
#include "common/real_math.h"
#include "common/softmax.h"

/* exercise 2.2, cut: */
/* [AIAYN fn.4]: q.k is a sum of d_k products, so its variance is d_k. */
static real one_over_sqrt_d_k(Tensor Q) {
    return R(1) / real_sqrt((real)tensor_cols(Q));
}
/* end of exercise 2.2 */

/* See the lesson, "What must not be seen". */
static void apply_mask(Tensor S, Tensor mask) {
    expect_shape(mask, "A mask has a row for each query, a column for each key.",
                 tensor_rows(S), tensor_cols(S));
    /* exercise 2.3 */
    for (int i = 0; i < tensor_rows(S); i++) {
        int allowed = 0;
        for (int j = 0; j < tensor_cols(S); j++) {
            tensor_row(S, i)[j] += tensor_row(mask, i)[j];
            allowed += tensor_row(mask, i)[j] > (real)-INFINITY;
        }
        if (allowed == 0) {
            bug("attention_forward: the mask forbids query %d every key, so its "
                "softmax has nothing to sum. Let each query see at least itself.",
                i);
        }
    }
    /* end of exercise 2.3 */
}

void attention_forward(Tensor Q, Tensor K, Tensor V, const Tensor *mask, Tensor A,
                       Tensor O) {
    const int n = tensor_rows(Q), m = tensor_rows(K);
    const int d_k = tensor_cols(Q), d_v = tensor_cols(V);
    expect_shape(K, "K has one row of d_k for each key; Q's rows are as long.", m, d_k);
    expect_shape(V, "V has one row for each key.", m, d_v);
    expect_shape(A, "A has a row for each query, a column for each key.", n, m);
    expect_shape(O, "O has one row of d_v for each query.", n, d_v);

    /* exercise 2.2 */
    /* [AIAYN fig.2]   left: product, scale, mask, softmax, product */
    /* [AIAYN eq.1] [ViT eq.6]   A = softmax(Q K^T / sqrt(d_k)) */
    matmul_nt(Q, K, A);
    tensor_scale(A, one_over_sqrt_d_k(Q));
    if (mask) {
        apply_mask(A, *mask);
    }
    softmax_fast_forward(A, A);
    /* [AIAYN eq.1] [ViT eq.7]   O = A V */
    matmul_nn(A, V, O);
    /* end of exercise 2.2 */
}

void attention_backward(Tensor Q, Tensor K, Tensor V, Tensor A, Tensor dO,
                        AttentionGradients d) {
    expect_same_shape(d.dQ, Q);
    expect_same_shape(d.dK, K);
    expect_same_shape(d.dV, V);
    expect_same_shape(d.dA, A);
    expect_same_shape(d.dS, A);
    expect_shape(dO, "dO has the shape of O.", tensor_rows(Q), tensor_cols(V));

    /* exercise 2.4 */
    /* O = A V */
    matmul_tn(A, dO, d.dV);
    matmul_nt(dO, V, d.dA);
    /* A = softmax(S), row by row */
    softmax_backward(A, d.dA, d.dS);
    /* S = Q K^T / sqrt(d_k) */
    matmul_nn(d.dS, K, d.dQ);
    tensor_scale(d.dQ, one_over_sqrt_d_k(Q));
    matmul_tn(d.dS, Q, d.dK);
    tensor_scale(d.dK, one_over_sqrt_d_k(Q));
    /* end of exercise 2.4 */
}
