/*
 * softmax_fast.c: see softmax.h. softmax_forward's loops, on several rows at a time.
 *
 * A loop becomes vectors, of 16 floats in AVX-512. At its end, what doesn't fill a
 * vector is computed element by element, and an exponential is some 20 instructions: in
 * rows of 50, two elements alone take as long as the other 48. So the exponentials of
 * many rows are one loop, with one such end.
 */
#include "common/softmax.h"

#include "common/real_math.h"

/* The maximum of n elements. Eight maxima don't wait for each other, as one would, and
 * clang makes vectors of them alone. */
static real max_of(const real *s, int n) {
    enum { MAXIMA = 8 };
    real max[MAXIMA];
    for (int l = 0; l < MAXIMA; l++) {
        max[l] = s[0];
    }
    int j = 0;
    for (; j + MAXIMA <= n; j += MAXIMA) {
#pragma omp simd
        for (int l = 0; l < MAXIMA; l++) {
            max[l] = s[j + l] > max[l] ? s[j + l] : max[l];
        }
    }
    for (; j < n; j++) {
        max[0] = s[j] > max[0] ? s[j] : max[0];
    }
    for (int l = 1; l < MAXIMA; l++) {
        max[0] = max[l] > max[0] ? max[l] : max[0];
    }
    return max[0];
}

/* a = s - max s */
static void subtract_max(const real *s, real *a, int n) {
    const real max = max_of(s, n);
#pragma omp simd
    for (int j = 0; j < n; j++) {
        a[j] = s[j] - max;
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

enum { ELEMENTS_AT_A_TIME = 4096 }; /* 16 KB in float: they stay in the first cache */

void softmax_fast_forward(Tensor S, Tensor A) {
    expect_same_shape(A, S);
    const int rows = tensor_rows(S), cols = tensor_cols(S);
    const bool one_piece = A.ld == cols; /* row follows row */
    const int at_a_time =
        one_piece && cols < ELEMENTS_AT_A_TIME ? ELEMENTS_AT_A_TIME / cols : 1;
    for (int first = 0; first < rows; first += at_a_time) {
        const int count = rows - first < at_a_time ? rows - first : at_a_time;
        for (int i = first; i < first + count; i++) {
            subtract_max(tensor_row(S, i), tensor_row(A, i), cols);
        }
        exponentiate(tensor_row(A, first), count * cols);
        for (int i = first; i < first + count; i++) {
            divide_by_sum(tensor_row(A, i), cols);
        }
    }
}
