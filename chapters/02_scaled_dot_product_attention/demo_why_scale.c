/*
 * demo_why_scale.c: what 1/sqrt(d_k) is for [AIAYN fn.4], by measurement.
 *
 *     q.k = sum of d_k products q_i k_i; each has mean 0 and variance 1 when the
 *     q_i and k_i are independent, with mean 0 and variance 1. So q.k has mean 0
 *     and variance d_k, and q.k / sqrt(d_k) has variance 1 whatever d_k is.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "chapters/02_scaled_dot_product_attention/attention_demos.h"
#include "common/error.h"
#include "common/matmul.h"
#include "common/lesson/plot_file.h"
#include "common/random.h"
#include "common/real_math.h"
#include "common/lesson/report.h"
#include "common/softmax.h"

enum { FIRST_D_K = 4, LAST_D_K = 1024, SIZES = 9, PAIRS = 4096 };
enum { QUERIES = 256, KEYS = 64 };

/* ---- the mean and the variance of q.k ---------------------------------- */

/* Each pair (q, k) grows from 4 to 1024 components; its product so far is added
 * to the sums whenever d_k is one of the sizes. */
static void measure_products(double sum[SIZES], double squares[SIZES]) {
    for (uint32_t pair = 0; pair < PAIRS; pair++) {
        const Random q = {2, RANDOM_DEMO, 2 * pair}, k = {2, RANDOM_DEMO, 2 * pair + 1};
        double dot = 0;
        int done = 0;
        for (int size = 0; size < SIZES; size++) {
            for (const int d_k = FIRST_D_K << size; done < d_k; done++) {
                const uint64_t i = (uint64_t)done;
                dot += random_normal(q, i) * random_normal(k, i);
            }
            sum[size] += dot;
            squares[size] += dot * dot;
        }
    }
}

/*
 * How far chance may carry the measurement. Over P pairs the mean's standard error
 * is sqrt(d_k / P). The variance's, relative to d_k, is sqrt((2 + 6/d_k) / P): a
 * product of two normal numbers has fourth moment 9, so q.k has 3 d_k^2 + 6 d_k.
 */
static void show_products(void) {
    double sum[SIZES] = {0}, squares[SIZES] = {0}, worst_mean = 0, worst_variance = 0;
    measure_products(sum, squares);
    printf("\nDraw %d pairs of q and k, all components from N(0,1), let each pair\n"
           "grow from 4 to 1024 components, and look at q.k:\n\n",
           PAIRS);
    printf("     d_k   mean of q.k      (+-)    variance   variance / d_k      (+-)\n");
    for (int size = 0; size < SIZES; size++) {
        const double d_k = FIRST_D_K << size;
        const double mean = sum[size] / PAIRS;
        const double ratio = (squares[size] / PAIRS - mean * mean) / d_k;
        const double mean_error = sqrt(d_k / PAIRS);
        const double ratio_error = sqrt((2 + 6 / d_k) / PAIRS);
        printf("    %4.0f %13.3f %9.3f %11.1f %16.3f %9.3f\n", d_k, mean, mean_error,
               ratio * d_k, ratio, ratio_error);
        worst_mean = fmax(worst_mean, fabs(mean) / mean_error);
        worst_variance = fmax(worst_variance, fabs(ratio - 1) / ratio_error);
    }
    printf("\n(+-) is one standard error: how far chance alone carries %d pairs.\n"
           "Five of them happen to one measurement in two million.\n\n",
           PAIRS);
    report_check(worst_mean < 5,
                 "the mean of q.k is 0: at most %.1f standard errors off", worst_mean);
    report_check(worst_variance < 5,
                 "the variance of q.k is d_k: at most %.1f standard errors off",
                 worst_variance);
}

/* ---- what large scores do to the softmax ------------------------------- */

typedef struct {
    double entropy; /* mean over queries, in nats: ln(keys) for equal weights */
    double largest; /* the largest weight, mean over queries */
    double slope;   /* |J|, the size of the softmax's Jacobian: median over queries */
} Sharpness;

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* |J|^2, the sum of (a_i [i = j] - a_i a_j)^2, is s2 - 2 s3 + s2^2 with s2 and s3
 * the sums of the weights' squares and cubes. */
static double jacobian_size(const real *a) {
    double s2 = 0, s3 = 0;
    for (int j = 0; j < KEYS; j++) {
        double w = (double)a[j];
        s2 += w * w;
        s3 += w * w * w;
    }
    return sqrt(fmax(0, s2 - 2 * s3 + s2 * s2));
}

static Sharpness measure_sharpness(Tensor A) {
    Sharpness mean = {0};
    double slopes[QUERIES];
    for (int i = 0; i < QUERIES; i++) {
        const real *a = tensor_row(A, i);
        double largest = 0;
        for (int j = 0; j < KEYS; j++) {
            double w = (double)a[j];
            mean.entropy -= w > 0 ? w * log(w) / QUERIES : 0;
            largest = fmax(largest, w);
        }
        mean.largest += largest / QUERIES;
        slopes[i] = jacobian_size(a);
    }
    qsort(slopes, QUERIES, sizeof slopes[0], ascending);
    mean.slope = slopes[QUERIES / 2];
    return mean;
}

/* softmax(scale * Q K^T) for Q and K of N(0,1) numbers; `numbers` holds both. The first
 * query's weights are left in `first`. */
static Sharpness sharpness(real *numbers, int d_k, double scale, real first[KEYS]) {
    static real weights[QUERIES * KEYS];
    Tensor Q = tensor2(numbers, QUERIES, d_k);
    Tensor K = tensor2(numbers + QUERIES * d_k, KEYS, d_k);
    Tensor A = tensor2(weights, QUERIES, KEYS);
    matmul_nt(Q, K, A);
    tensor_scale(A, (real)scale);
    softmax_forward(A, A);
    tensor_copy(tensor1(first, KEYS), tensor1(weights, KEYS));
    return measure_sharpness(A);
}

/* What a picture is made of: the table, and the first query's weights at d_k = 64. */
typedef struct {
    Sharpness plain[SIZES], scaled[SIZES];
    real plain_row[KEYS], scaled_row[KEYS];
} Measured;

enum { ROW_SIZE = 4 }; /* the size whose row is kept: d_k = 4 << 4 = 64 */

static void write_plot(const Measured *m) {
    FILE *file = plot_file_open("attention_scale",
                                "d_k; entropy, largest weight, |J| of softmax(q.k), "
                                "and of softmax(q.k / sqrt(d_k)). Then one query's "
                                "weights at d_k = 64: key, without, with");
    for (int i = 0; file && i < SIZES; i++) {
        const Sharpness *both[2] = {&m->plain[i], &m->scaled[i]};
        fprintf(file, "%d", FIRST_D_K << i);
        for (int k = 0; k < 2; k++) {
            fprintf(file, " %.6g %.6g %.6g", both[k]->entropy, both[k]->largest,
                    both[k]->slope);
        }
        fprintf(file, "\n");
    }
    for (int j = 0; file && j < KEYS; j++) {
        fprintf(file, "%s%d %.6g %.6g\n", j == 0 ? "\n\n" : "", j + 1,
                (double)m->plain_row[j], (double)m->scaled_row[j]);
    }
    plot_file_close(file, "attention_scale");
}

static void check_sharpness(Sharpness plain[SIZES], Sharpness scaled[SIZES]) {
    const int last = SIZES - 1;
    double min = HUGE_VAL, max = 0;
    for (int size = 0; size < SIZES; size++) {
        min = fmin(min, scaled[size].slope);
        max = fmax(max, scaled[size].slope);
    }
    report_check(plain[last].slope < plain[0].slope / 100,
                 "without: from d_k = %d to %d the gradient shrinks %.0f times",
                 FIRST_D_K, LAST_D_K, plain[0].slope / plain[last].slope);
    report_check(max < 1.3 * min, "with 1/sqrt(d_k): it stays, between %.3f and %.3f",
                 min, max);
}

static void show_sharpness(real *numbers) {
    Measured m;
    real row[2][KEYS] = {{0}}; /* not looked at */
    printf("\nWhat such scores do to the softmax, over %d queries of %d keys: the\n"
           "entropy in nats (%.2f: all keys alike; 0: one key takes all); the largest\n"
           "weight; and |J|, the size of the softmax's Jacobian (median), which is\n"
           "what lets a gradient through to Q and K.\n\n",
           QUERIES, KEYS, log(KEYS));
    printf("             softmax(q.k)               softmax(q.k / sqrt(d_k))\n");
    printf("     d_k   entropy  largest      |J|    entropy  largest      |J|\n");
    for (int size = 0; size < SIZES; size++) {
        const int d_k = FIRST_D_K << size;
        Tensor both = tensor1(numbers, (QUERIES + KEYS) * d_k);
        random_fill_normal((Random){3, RANDOM_DEMO, (uint32_t)size}, both, 1.0);
        real *plain_row = size == ROW_SIZE ? m.plain_row : row[0];
        real *scaled_row = size == ROW_SIZE ? m.scaled_row : row[1];
        m.plain[size] = sharpness(numbers, d_k, 1.0, plain_row);
        m.scaled[size] = sharpness(numbers, d_k, 1 / sqrt(d_k), scaled_row);
        printf("    %4d %9.3f %8.3f %8.4f %10.3f %8.3f %8.4f\n", d_k,
               m.plain[size].entropy, m.plain[size].largest, m.plain[size].slope,
               m.scaled[size].entropy, m.scaled[size].largest, m.scaled[size].slope);
    }
    printf(
        "\nWithout the scale scores grow: first a few keys compete, and |J| rises, "
        "for\n"
        "a little then moves much weight; then one key wins outright, and where one\n"
        "weight is 1 and the others 0 the softmax is flat: the gradient that Q and K\n"
        "should learn from is gone. With it, d_k makes no difference.\n\n");
    check_sharpness(m.plain, m.scaled);
    write_plot(&m);
}

void why_scale_demo(void) {
    Error error;
    const size_t count = (size_t)(QUERIES + KEYS) * LAST_D_K;
    report_section("2.3 Why 1/sqrt(d_k)");
    show_products();
    real *numbers = allocate(count * sizeof(real), "queries and keys", &error);
    if (!numbers) {
        report_check(false, "%s", error.text);
        return;
    }
    show_sharpness(numbers);
    free(numbers);
}
