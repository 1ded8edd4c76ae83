/* other_layers.c: see other_layers.h. */
#include "chapters/02_scaled_dot_product_attention/other_layers.h"

#include "common/error.h"
#include "common/matmul.h"
#include "common/real_math.h"

/* h += W_h before */
static void add_past(Tensor W_hT, const real *before, real *restrict h) {
    const int d = tensor_cols(W_hT);
    for (int i = 0; i < d; i++) {
        const real *row = tensor_row(W_hT, i);
        for (int j = 0; j < d; j++) {
            h[j] += row[j] * before[i];
        }
    }
}

void recurrence_forward(Tensor X, Tensor W_x, Tensor W_hT, Tensor H) {
    const int n = tensor_rows(X), d = tensor_cols(X);
    expect_shape(W_x, "W_x takes a token's d numbers to d.", d, d);
    expect_shape(W_hT, "W_h takes h's d numbers to d.", d, d);
    expect_same_shape(H, X);
    /* [AIAYN T.1]   h_t = tanh(W_x x_t + W_h h_{t-1}): n steps, one after the other */
    matmul_nt(X, W_x, H);
    for (int t = 0; t < n; t++) {
        real *h = tensor_row(H, t);
        if (t > 0) {
            add_past(W_hT, tensor_row(H, t - 1), h);
        }
        for (int j = 0; j < d; j++) {
            h[j] = 1 - 2 / (real_exp(2 * h[j]) + 1); /* tanh, in vector instructions */
        }
    }
}

/* Rows from .. from+count-1 of T (n, d). */
static Tensor rows(Tensor T, int from, int count) {
    T.data += (long)from * T.ld;
    T.shape[0] = count;
    return T;
}

void convolution_forward(Tensor X, Tensor W, Tensor Y) {
    const int n = tensor_rows(X), d = tensor_cols(X), k = W.shape[0];
    expect_shape(W, "One (d, d) matrix for each place of the kernel.", k, d, d);
    expect_same_shape(Y, X);
    if (k % 2 == 0 || n < k) {
        bug("convolution_forward: a kernel of %d for %d tokens: it must be odd, and no "
            "longer than they are",
            k, n);
    }
    tensor_fill(Y, 0);
    for (int i = 0; i < k; i++) {
        const int j = i - (k - 1) / 2, outside = j < 0 ? -j : j;
        /* [AIAYN T.1]   y_t += W_j x_{t+j}, for all t at once where x_{t+j} exists */
        matmul_nt_add(rows(X, j > 0 ? j : 0, n - outside), tensor_slice(W, i),
                      rows(Y, j < 0 ? -j : 0, n - outside));
    }
}
