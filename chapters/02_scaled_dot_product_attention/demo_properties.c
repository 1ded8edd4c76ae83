/*
 * demo_properties.c: what holds for attention whatever Q, K and V are. Each
 * property would be broken by a mistake that shapes don't show: a softmax along the
 * wrong axis, a forgotten scale, values and keys out of step.
 */
#include <math.h>
#include <stdio.h>

#include "chapters/02_scaled_dot_product_attention/attention_demos.h"
#include "common/lesson/report.h"
#include "common/matmul.h"
#include "common/random.h"

enum { QUERIES = 7, KEYS = 11, D_K = 4, D_V = 3 };

/* The plain example, and another that a section makes from it by some change. */
static real plain_memory[PASS_ELEMENTS], changed_memory[PASS_ELEMENTS];

/* Always the same example, with its forward pass. */
static Pass make_example(real memory[PASS_ELEMENTS]) {
    Pass x = pass_in((Arena){memory, 0, PASS_ELEMENTS}, QUERIES, KEYS, D_K, D_V);
    pass_draw(&x, 6, 1);
    pass_forward(&x);
    return x;
}

/* PASS if A and B differ by at most what float's rounding explains. */
static void check_same(Tensor A, Tensor B, const char *what) {
    double worst = tensor_max_abs_difference(A, B);
    report_check(worst < 1e-5, "%s (%.0e)", what, worst);
}

static void check_sums(const Pass *x) {
    double off = 0, min = HUGE_VAL, max = 0, of_key[KEYS] = {0};
    for (int i = 0; i < QUERIES; i++) {
        double of_query = 0;
        for (int j = 0; j < KEYS; j++) {
            of_query += (double)tensor_row(x->A, i)[j];
            of_key[j] += (double)tensor_row(x->A, i)[j];
        }
        off = fmax(off, fabs(of_query - 1));
    }
    for (int j = 0; j < KEYS; j++) {
        min = fmin(min, of_key[j]);
        max = fmax(max, of_key[j]);
    }
    report_check(off < 1e-6, "each query's weights sum to 1 (off by at most %.0e)",
                 off);
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

static void check_order(const Pass *x) {
    int order[KEYS];
    real permuted[QUERIES * D_V];
    Tensor want = tensor2(permuted, QUERIES, D_V);
    Pass y = make_example(changed_memory);
    random_permutation((Random){6, RANDOM_DEMO, 4}, order, KEYS);
    permute_rows(y.K, x->K, order);
    permute_rows(y.V, x->V, order);
    pass_forward(&y);
    check_same(y.O, x->O, "keys and values in another order, together: the same O");

    tensor_copy(y.K, x->K);
    pass_forward(&y);
    report_check(tensor_max_abs_difference(y.O, x->O) > 0.1,
                 "values alone in another order: another O");

    y = make_example(changed_memory);
    random_permutation((Random){6, RANDOM_DEMO, 5}, order, QUERIES);
    permute_rows(y.Q, x->Q, order);
    permute_rows(want, x->O, order);
    pass_forward(&y);
    check_same(y.O, want, "queries in another order: O's rows in that order");
}

/* Q K^T gains q_i.c in all of row i, which the softmax doesn't see. */
static void check_shift(const Pass *x) {
    real c[] = {1, -2, 3, 1};
    Pass y = make_example(changed_memory);
    tensor_add_bias(y.K, tensor1(c, D_K));
    pass_forward(&y);
    check_same(y.O, x->O, "one vector added to all keys: the same O");
}

static void check_average(const Pass *x) {
    bool inside = true;
    real mean[QUERIES * D_V];
    for (int c = 0; c < D_V; c++) {
        double min = HUGE_VAL, max = -HUGE_VAL;
        for (int j = 0; j < KEYS; j++) {
            min = fmin(min, (double)tensor_row(x->V, j)[c]);
            max = fmax(max, (double)tensor_row(x->V, j)[c]);
        }
        for (int i = 0; i < QUERIES; i++) {
            const double o = (double)tensor_row(x->O, i)[c];
            inside = inside && o >= min && o <= max;
        }
    }
    report_check(inside, "O is an average: each column within the range of V's");
    Pass y = make_example(changed_memory);
    tensor_fill(y.K, 1);
    pass_forward(&y);
    tensor_fill(y.A, (real)(1.0 / KEYS));
    Tensor M = tensor2(mean, QUERIES, D_V);
    matmul_nn(y.A, y.V, M);
    check_same(y.O, M, "all keys alike: O is the plain mean of the values");
}

/*
 * The scale depends on d_k: zeros appended to each query and key change no q.k, but
 * d_k is then 16 and not 4, so S is half as large, as if Q had been halved.
 */
static void check_scale(void) {
    static real memory[PASS_ELEMENTS]; /* zeros */
    Pass wide = pass_in((Arena){memory, 0, PASS_ELEMENTS}, QUERIES, KEYS, 4 * D_K, D_V);
    Pass y = make_example(changed_memory);
    tensor_copy(tensor_columns(wide.Q, 0, D_K), y.Q);
    tensor_copy(tensor_columns(wide.K, 0, D_K), y.K);
    tensor_copy(wide.V, y.V);
    pass_forward(&wide);
    tensor_scale(y.Q, (real)0.5);
    pass_forward(&y);
    check_same(wide.O, y.O, "zeros appended, d_k = 16 for 4: as if Q were halved");
}

void attention_properties_demo(void) {
    Pass x = make_example(plain_memory);
    report_section("2.5 What always holds");
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
