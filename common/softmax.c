/* softmax.c: see softmax.h. */
#include "softmax.h"

#include "real_math.h"

static void softmax_row(const real *s, real *a, int n) {
    real highest = s[0];
#pragma omp simd reduction(max : highest)
    for (int j = 0; j < n; j++) {
        highest = s[j] > highest ? s[j] : highest;
    }
    real sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int j = 0; j < n; j++) {
        a[j] = real_exp(s[j] - highest);
        sum += a[j];
    }
    real scale = R(1) / sum;
    for (int j = 0; j < n; j++) {
        a[j] *= scale;
    }
}

void softmax_forward(Tensor S, Tensor A) {
    expect_same_shape(A, S);
    const int rows = tensor_rows(S), cols = tensor_cols(S);
    for (int i = 0; i < rows; i++) {
        softmax_row(tensor_row(S, i), tensor_row(A, i), cols);
    }
}

void softmax_backward(Tensor A, Tensor dA, Tensor dS) {
    expect_same_shape(dA, A);
    expect_same_shape(dS, A);
    const int rows = tensor_rows(A), cols = tensor_cols(A);
    for (int i = 0; i < rows; i++) {
        const real *a = tensor_row(A, i);
        const real *da = tensor_row(dA, i);
        real *ds = tensor_row(dS, i);
        real dot = 0;
#pragma omp simd reduction(+ : dot)
        for (int j = 0; j < cols; j++) {
            dot += da[j] * a[j];
        }
        for (int j = 0; j < cols; j++) {
            ds[j] = a[j] * (da[j] - dot);
        }
    }
}
