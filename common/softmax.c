/* softmax.c: see softmax.h. Layers call forward's fast form, softmax_fast.c. */
#include "common/softmax.h"

#include "common/real_math.h"

void softmax_forward(Tensor S, Tensor A) {
    expect_same_shape(A, S);
    /* exercise 1.2 */
    const int rows = tensor_rows(S), cols = tensor_cols(S);
    for (int i = 0; i < rows; i++) {
        const real *s = tensor_row(S, i);
        real *a = tensor_row(A, i);
        real max = s[0], sum = 0;
        for (int j = 1; j < cols; j++) {
            max = s[j] > max ? s[j] : max;
        }
        for (int j = 0; j < cols; j++) {
            a[j] = real_exp(s[j] - max);
            sum += a[j];
        }
        for (int j = 0; j < cols; j++) {
            a[j] /= sum;
        }
    }
    /* end of exercise 1.2 */
}

void softmax_backward(Tensor A, Tensor dA, Tensor dS) {
    expect_same_shape(dA, A);
    expect_same_shape(dS, A);
    /* exercise 1.3 */
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
#pragma omp simd
        for (int j = 0; j < cols; j++) {
            ds[j] = a[j] * (da[j] - dot);
        }
    }
    /* end of exercise 1.3 */
}
