/* softmax.c: see softmax.h. */
#include "softmax.h"

#include "real_math.h"

/* exercise 1.2, cut: */
/* a = s - max s */
static void subtract_highest(const real *s, real *a, int n) {
    real highest = s[0];
#pragma omp simd reduction(max : highest)
    for (int j = 0; j < n; j++) {
        highest = s[j] > highest ? s[j] : highest;
    }
    for (int j = 0; j < n; j++) {
        a[j] = s[j] - highest;
    }
}

static void exponentiate(real *a, int n) {
#pragma omp simd
    for (int j = 0; j < n; j++) {
        a[j] = real_exp(a[j]);
    }
}

/* a = a / sum a */
static void divide_by_sum(real *a, int n) {
    real sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int j = 0; j < n; j++) {
        sum += a[j];
    }
    const real scale = R(1) / sum;
    for (int j = 0; j < n; j++) {
        a[j] *= scale;
    }
}

/*
 * Several rows at a time, as many as stay in L1. Their exponentials are one loop: at
 * the end of a loop, what doesn't fill a vector is computed number by number, and
 * for rows of 50 that would take half of the time.
 */
enum { NUMBERS_AT_A_TIME = 4096 };
/* end of exercise 1.2 */

void softmax_forward(Tensor S, Tensor A) {
    expect_same_shape(A, S);
    /* exercise 1.2 */
    const int rows = tensor_rows(S), cols = tensor_cols(S);
    const int most =
        A.ld == cols && cols < NUMBERS_AT_A_TIME ? NUMBERS_AT_A_TIME / cols : 1;
    for (int first = 0; first < rows; first += most) {
        const int count = rows - first < most ? rows - first : most;
        for (int i = first; i < first + count; i++) {
            subtract_highest(tensor_row(S, i), tensor_row(A, i), cols);
        }
        exponentiate(tensor_row(A, first), count * cols);
        for (int i = first; i < first + count; i++) {
            divide_by_sum(tensor_row(A, i), cols);
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
        for (int j = 0; j < cols; j++) {
            ds[j] = a[j] * (da[j] - dot);
        }
    }
    /* end of exercise 1.3 */
}
