/*
 * demo_properties.c: what holds for attention whatever Q, K and V are. Each
 * property would be broken by a mistake that shapes don't show: a softmax along the
 * wrong axis, a forgotten scale, values and keys out of step.
 */
#include <math.h>
#include <stdio.h>

#include "chapters/02_scaled_dot_product_attention/attention.h"
#include "chapters/02_scaled_dot_product_attention/attention_demos.h"
#include "common/matmul.h"
#include "common/random.h"
#include "common/lesson/report.h"

enum { QUERIES = 7, KEYS = 11, D_K = 4, D_V = 3 };

typedef struct {
    real q[QUERIES * D_K], k[KEYS * D_K], v[KEYS * D_V], a[QUERIES * KEYS];
    real o[QUERIES * D_V];
    Tensor Q, K, V, A, O;
} Example;

static void attend(Example *x) {
    attention_forward(x->Q, x->K, x->V, NULL, x->A, x->O);
}

/* Always the same numbers, attended to. */
static void make_example(Example *x) {
    x->Q = tensor2(x->q, QUERIES, D_K);
    x->K = tensor2(x->k, KEYS, D_K);
    x->V = tensor2(x->v, KEYS, D_V);
    x->A = tensor2(x->a, QUERIES, KEYS);
    x->O = tensor2(x->o, QUERIES, D_V);
    random_fill_normal((Random){6, RANDOM_DEMO, 1}, x->Q, 1.0);
    random_fill_normal((Random){6, RANDOM_DEMO, 2}, x->K, 1.0);
    random_fill_normal((Random){6, RANDOM_DEMO, 3}, x->V, 1.0);
    attend(x);
}

/* PASS if A and B differ by at most what float's rounding explains. */
static void check_same(Tensor A, Tensor B, const char *what) {
    double worst = tensor_max_abs_difference(A, B);
    report_check(worst < 1e-5, "%s (%.0e)", what, worst);
}

static void check_sums(const Example *x) {
    double worst = 0, min = HUGE_VAL, max = 0;
    for (int i = 0; i < QUERIES; i++) {
        double sum = 0;
        for (int j = 0; j < KEYS; j++) {
            sum += (double)tensor_row(x->A, i)[j];
        }
        const double off = fabs(sum - 1);
        worst = off > worst ? off : worst;
    }
    for (int j = 0; j < KEYS; j++) {
        double sum = 0;
        for (int i = 0; i < QUERIES; i++) {
            sum += (double)tensor_row(x->A, i)[j];
        }
        min = sum < min ? sum : min;
        max = sum > max ? sum : max;
    }
    report_check(worst < 1e-6, "each query's weights sum to 1 (off by at most %.0e)",
                 worst);
    report_check(max - min > 0.2,
                 "a key's don't, from %.2f to %.2f: the softmax goes over the keys",
                 min, max);
}

/* to's row order[i] = from's row i. */
static void permute_rows(Tensor to, Tensor from, const int *order) {
    for (int i = 0; i < tensor_rows(from); i++) {
        tensor_copy(tensor_slice(to, order[i]), tensor_slice(from, i));
    }
}

static void check_order(const Example *x) {
    static Example y;
    int order[KEYS];
    real permuted[QUERIES * D_V];
    make_example(&y);
    random_permutation((Random){6, RANDOM_DEMO, 4}, order, KEYS);
    permute_rows(y.K, x->K, order);
    permute_rows(y.V, x->V, order);
    attend(&y);
    check_same(y.O, x->O, "keys and values in another order, together: the same O");

    make_example(&y);
    permute_rows(y.V, x->V, order);
    attend(&y);
    report_check(tensor_max_abs_difference(y.O, x->O) > 0.1,
                 "values alone in another order: another O");

    make_example(&y);
    random_permutation((Random){6, RANDOM_DEMO, 5}, order, QUERIES);
    permute_rows(y.Q, x->Q, order);
    attend(&y);
    permute_rows(tensor2(permuted, QUERIES, D_V), x->O, order);
    check_same(y.O, tensor2(permuted, QUERIES, D_V),
               "queries in another order: O's rows in that order");
}

/* Q K^T gains q_i.c in all of row i, which the softmax doesn't see. */
static void check_shift(const Example *x) {
    static Example y;
    real c[] = {1, -2, 3, 1};
    make_example(&y);
    tensor_add_bias(y.K, tensor1(c, D_K));
    attend(&y);
    check_same(y.O, x->O, "one vector added to all keys: the same O");
}

static void check_average(const Example *x) {
    static Example y;
    bool inside = true;
    for (int c = 0; c < D_V; c++) {
        real min = (real)HUGE_VAL, max = -min;
        for (int j = 0; j < KEYS; j++) {
            const real v = tensor_row(x->V, j)[c];
            min = v < min ? v : min;
            max = v > max ? v : max;
        }
        for (int i = 0; i < QUERIES; i++) {
            const real o = tensor_row(x->O, i)[c];
            inside = inside && o >= min && o <= max;
        }
    }
    report_check(inside, "O is an average: each column within the range of V's");
    make_example(&y);
    tensor_fill(y.K, 1);
    attend(&y);
    tensor_fill(y.A, (real)(1.0 / KEYS));
    real mean[QUERIES * D_V];
    Tensor M = tensor2(mean, QUERIES, D_V);
    matmul_nn(y.A, y.V, M);
    check_same(y.O, M, "all keys alike: O is the plain mean of the values");
}

/*
 * The scale depends on d_k: zeros appended to each query and key change no q.k, but
 * d_k is then 16 and not 4, and S half as large. As if Q had been halved.
 */
static void check_scale(void) {
    static Example y;
    real q[QUERIES * 4 * D_K] = {0}, k[KEYS * 4 * D_K] = {0}, a[QUERIES * KEYS];
    real o[QUERIES * D_V];
    Tensor Q = tensor2(q, QUERIES, 4 * D_K), K = tensor2(k, KEYS, 4 * D_K);
    Tensor O = tensor2(o, QUERIES, D_V);
    make_example(&y);
    tensor_copy(tensor_columns(Q, 0, D_K), y.Q);
    tensor_copy(tensor_columns(K, 0, D_K), y.K);
    attention_forward(Q, K, y.V, NULL, tensor2(a, QUERIES, KEYS), O);
    tensor_scale(y.Q, (real)0.5);
    attend(&y);
    check_same(O, y.O, "zeros appended, d_k = 16 for 4: as if Q were halved");
}

void attention_properties_demo(void) {
    static Example x;
    report_section("2.5 What always holds");
    make_example(&x);
    printf("\n%d queries, %d keys, random numbers (in brackets: the difference):\n\n",
           QUERIES, KEYS);
    check_sums(&x);
    check_order(&x);
    check_shift(&x);
    check_average(&x);
    check_scale();
    printf("\nSo attention sees a set, not a sequence: it can't tell first from last.\n"
           "Positions have to be added to the tokens: chapter 3.\n");
}
