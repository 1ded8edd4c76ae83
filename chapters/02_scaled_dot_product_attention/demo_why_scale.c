/*
 * demo_why_scale.c: what 1/sqrt(d_k) is for [AIAYN fn.4], by measurement.
 *
 *     q.k = sum of d_k products q_i k_i; each has mean 0 and variance 1 when the
 *     q_i and k_i are independent, with mean 0 and variance 1. So q.k has mean 0
 *     and variance d_k, and q.k / sqrt(d_k) has variance 1 whatever d_k is.
 */
#include <math.h>
#include <stdio.h>

#include "chapters/02_scaled_dot_product_attention/attention_demos.h"
#include "chapters/02_scaled_dot_product_attention/sharpness.h"
#include "common/matmul.h"
#include "common/lesson/plot_file.h"
#include "common/random.h"
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
    Sharpness weights;
    real first[KEYS]; /* the first query's weights */
} Measured;

/* softmax(scale * Q K^T) */
static Measured measure(Tensor Q, Tensor K, double scale) {
    static real weights[QUERIES * KEYS];
    static double slopes[QUERIES];
    Tensor A = tensor2(weights, QUERIES, KEYS);
    matmul_nt(Q, K, A);
    tensor_scale(A, (real)scale);
    softmax_forward(A, A);
    Measured m = {.weights = sharpness_of(A, slopes)};
    tensor_copy(tensor1(m.first, KEYS), tensor_slice(A, 0));
    return m;
}

/* The table, and one query's weights at d_k = 4 << 4 = 64. */
static void write_plot(const Measured plain[SIZES], const Measured scaled[SIZES]) {
    FILE *file = plot_file_open("attention_scale",
                                "d_k; entropy, largest weight, |J| of softmax(q.k), "
                                "and of softmax(q.k / sqrt(d_k)). Then one query's "
                                "weights at d_k = 64: key, without, with");
    for (int i = 0; file && i < SIZES; i++) {
        const Sharpness *p = &plain[i].weights, *s = &scaled[i].weights;
        fprintf(file, "%d %.6g %.6g %.6g %.6g %.6g %.6g\n", FIRST_D_K << i, p->entropy,
                p->largest, p->slope, s->entropy, s->largest, s->slope);
    }
    for (int j = 0; file && j < KEYS; j++) {
        fprintf(file, "%s%d %.6g %.6g\n", j == 0 ? "\n\n" : "", j + 1,
                (double)plain[4].first[j], (double)scaled[4].first[j]);
    }
    plot_file_close(file, "attention_scale");
}

static void show_sharpness(void) {
    static _Alignas(64) real drawn[(QUERIES + KEYS) * LAST_D_K];
    const int last = SIZES - 1;
    Measured plain[SIZES], scaled[SIZES];
    double min = HUGE_VAL, max = 0; /* of |J|, scaled */
    printf("\nWhat such scores do to the softmax, over %d queries of %d keys: the\n"
           "entropy in nats (%.2f: all keys alike; 0: one key takes all); the largest\n"
           "weight; and |J|, the size of the softmax's Jacobian (median), which is\n"
           "what lets a gradient through to Q and K.\n\n",
           QUERIES, KEYS, log(KEYS));
    printf("             softmax(q.k)               softmax(q.k / sqrt(d_k))\n");
    printf("     d_k   entropy  largest      |J|    entropy  largest      |J|\n");
    for (int size = 0; size < SIZES; size++) {
        const int d_k = FIRST_D_K << size;
        Tensor both = tensor2(drawn, QUERIES + KEYS, d_k);
        Tensor Q = tensor_first(both, QUERIES);
        Tensor K = tensor2(tensor_row(both, QUERIES), KEYS, d_k);
        random_fill_normal((Random){3, RANDOM_DEMO, (uint32_t)size}, both, 1.0);
        plain[size] = measure(Q, K, 1.0);
        scaled[size] = measure(Q, K, 1 / sqrt(d_k));
        const Sharpness p = plain[size].weights, s = scaled[size].weights;
        printf("    %4d %9.3f %8.3f %8.4f %10.3f %8.3f %8.4f\n", d_k, p.entropy,
               p.largest, p.slope, s.entropy, s.largest, s.slope);
        min = fmin(min, s.slope);
        max = fmax(max, s.slope);
    }
    printf(
        "\nWithout the scale scores grow: first a few keys compete, and |J| rises, "
        "for\n"
        "a little then moves much weight; then one key wins outright, and where one\n"
        "weight is 1 and the others 0 the softmax is flat: the gradient that Q and K\n"
        "should learn from is gone. With it, d_k makes no difference.\n\n");
    report_check(plain[last].weights.slope < plain[0].weights.slope / 100,
                 "without: from d_k = %d to %d the gradient shrinks %.0f times",
                 FIRST_D_K, LAST_D_K,
                 plain[0].weights.slope / plain[last].weights.slope);
    report_check(max < 1.3 * min, "with 1/sqrt(d_k): it stays, between %.3f and %.3f",
                 min, max);
    write_plot(plain, scaled);
}

void why_scale_demo(void) {
    report_section("2.3 Why 1/sqrt(d_k)");
    show_products();
    show_sharpness();
}
