/*
 * test_attention.c: scaled dot-product attention [AIAYN eq.1] [AIAYN fig.2]
 * [ViT eq.6, eq.7] (chapter 2).
 */
#include "chapters/02_scaled_dot_product_attention/attention.h"

#include <math.h>

#include "tests/check_helpers.h"
#include "tests/naive_layers.h"
#include "tests/suites.h"

#define TAG "[AIAYN eq.1]"

/* n queries, m keys; everything forward and backward touch. */
typedef struct {
    int n, m, d_k, d_v;
    Tensor Q, K, V, A, O, dO, dQ, dK, dV, dA, dS;
    const Tensor *mask;
} Attention;

static Attention make_attention(int n, int m, int d_k, int d_v) {
    return (Attention){
        .n = n,
        .m = m,
        .d_k = d_k,
        .d_v = d_v,
        .Q = random_tensor('Q', SHAPE(n, d_k)),
        .K = random_tensor('K', SHAPE(m, d_k)),
        .V = random_tensor('V', SHAPE(m, d_v)),
        .A = unset_tensor(SHAPE(n, m)),
        .O = unset_tensor(SHAPE(n, d_v)),
        .dO = random_tensor('C', SHAPE(n, d_v)),
        .dQ = unset_tensor(SHAPE(n, d_k)),
        .dK = unset_tensor(SHAPE(m, d_k)),
        .dV = unset_tensor(SHAPE(m, d_v)),
        .dA = unset_tensor(SHAPE(n, m)),
        .dS = unset_tensor(SHAPE(n, m)),
    };
}

static void forward(Attention *a) {
    attention_forward(a->Q, a->K, a->V, a->mask, a->A, a->O);
}

static void backward(Attention *a) {
    attention_backward(a->Q, a->K, a->V, a->A, a->dO,
                       (AttentionGradients){a->dQ, a->dK, a->dV, a->dA, a->dS});
}

/* Query i may look at keys 0..i. */
static Tensor causal_mask(int n, int m) {
    Tensor mask = zero_tensor(SHAPE(n, m));
    for (int i = 0; i < n; i++) {
        for (int j = i + 1; j < m; j++) {
            tensor_row(mask, i)[j] = -(real)INFINITY;
        }
    }
    return mask;
}

/* ---- shapes and errors --------------------------------------------------- */

START_TEST(shapes_that_do_not_fit_stop_forward) {
    Attention a = make_attention(3, 5, 4, 2);
    Tensor X = zero_tensor(SHAPE(7, 7));
    assert_stops("attention_forward: K is (7,7), want (7,4).|one row of d_k",
                 attention_forward(a.Q, X, a.V, NULL, a.A, a.O));
    assert_stops("attention_forward: V is (3,2), want (5,2).|one row for each key",
                 attention_forward(a.Q, a.K, a.O, NULL, a.A, a.O));
    assert_stops("attention_forward: A is (7,7), want (3,5)",
                 attention_forward(a.Q, a.K, a.V, NULL, X, a.O));
    assert_stops("attention_forward: O is (5,2), want (3,2)",
                 attention_forward(a.Q, a.K, a.V, NULL, a.A, a.V));
    assert_stops("mask is (7,7), want (3,5)",
                 attention_forward(a.Q, a.K, a.V, &X, a.A, a.O));
}
END_TEST

START_TEST(shapes_that_do_not_fit_stop_backward) {
    Attention a = make_attention(3, 5, 4, 2), wrong = a;
    forward(&a);
    wrong.dQ = a.dK;
    assert_stops("attention_backward: d.dQ is (5,4), want (3,4)", backward(&wrong));
    wrong = a, wrong.dK = a.dQ;
    assert_stops("attention_backward: d.dK is (3,4), want (5,4)", backward(&wrong));
    wrong = a, wrong.dV = a.dO;
    assert_stops("attention_backward: d.dV is (3,2), want (5,2)", backward(&wrong));
    wrong = a, wrong.dA = a.dV;
    assert_stops("attention_backward: d.dA is (5,2), want (3,5)", backward(&wrong));
    wrong = a, wrong.dS = a.dV;
    assert_stops("attention_backward: d.dS is (5,2), want (3,5)", backward(&wrong));
    wrong = a, wrong.dO = a.dV;
    assert_stops("attention_backward: dO is (5,2), want (3,2)", backward(&wrong));
}
END_TEST

START_TEST(a_query_that_may_look_at_no_key_stops) {
    Attention a = make_attention(3, 3, 2, 2);
    Tensor mask = causal_mask(3, 3);
    tensor_row(mask, 1)[0] = tensor_row(mask, 1)[1] = -(real)INFINITY;
    a.mask = &mask;
    assert_stops(
        "the mask forbids query 1 every key|Let each query see at least itself",
        forward(&a));
}
END_TEST

/* ---- hand-computed values ------------------------------------------------ */

START_TEST(two_keys_by_hand) {
    /* d_k = 4: scores 2 / sqrt(4) = 1 and 0, weights e / (1 + e) and 1 / (1 + e). */
    Attention a = make_attention(1, 2, 4, 2);
    a.Q = tensor_of(SHAPE(1, 4), 2, 0, 0, 0);
    a.K = tensor_of(SHAPE(2, 4), 1, 5, 0, 0, 0, 0, 7, 0);
    a.V = tensor_of(SHAPE(2, 2), 1, 10, 0, 20);
    forward(&a);
    double p = 0.7310585786300049;
    assert_values(a.A, TOLERANCE, "[ViT eq.6]", p, 1 - p);
    assert_values(a.O, TOLERANCE, "[ViT eq.7]", p, 10 * p + 20 * (1 - p));
}
END_TEST

START_TEST(two_keys_backward_by_hand) {
    /* dA = (3, 1), dS = p (1 - p) (2, -2), then dQ = dS K / 2, dK = dS^T Q / 2. */
    Attention a = make_attention(1, 2, 4, 1);
    a.Q = tensor_of(SHAPE(1, 4), 2, 0, 0, 0);
    a.K = tensor_of(SHAPE(2, 4), 1, 5, 0, 0, 0, 0, 7, 0);
    a.V = tensor_of(SHAPE(2, 1), 3, 1);
    a.dO = tensor_of(SHAPE(1, 1), 1);
    forward(&a);
    backward(&a);
    double p = 0.7310585786300049, s = 2 * p * (1 - p);
    assert_values(a.dV, TOLERANCE, TAG, p, 1 - p);
    assert_values(a.dQ, TOLERANCE, TAG, s / 2, 5 * s / 2, -7 * s / 2, 0);
    assert_values(a.dK, TOLERANCE, TAG, s, 0, 0, 0, -s, 0, 0, 0);
}
END_TEST

/* ---- an independent reference -------------------------------------------- */

typedef struct {
    int n, m, d_k, d_v;
    double *Q, *K, *V, *mask, *A, *O, *C;
} Naive;

static Naive naive_of(const Attention *a) {
    return (Naive){a->n,
                   a->m,
                   a->d_k,
                   a->d_v,
                   .Q = doubles_of(a->Q),
                   .K = doubles_of(a->K),
                   .V = doubles_of(a->V),
                   .mask = a->mask ? doubles_of(*a->mask) : NULL,
                   .A = test_doubles((long)a->n * a->m),
                   .O = test_doubles((long)a->n * a->d_v),
                   .C = doubles_of(a->dO)};
}

static double naive_loss(void *context) {
    const Naive *c = context;
    naive_attention(c->n, c->m, c->d_k, c->d_v, c->Q, c->K, c->V, c->mask, c->A, c->O);
    double sum = 0;
    for (int i = 0; i < c->n * c->d_v; i++) {
        sum += c->C[i] * c->O[i];
    }
    return sum;
}

static const int sizes[][4] = {
    {1, 1, 1, 1}, {3, 5, 4, 2}, {5, 3, 2, 7}, {4, 4, 4, 4}, {17, 17, 16, 16}};
enum { SIZES = 5 };

static void assert_agrees_with_naive(Attention *a) {
    forward(a);
    backward(a);
    Naive naive = naive_of(a);
    naive_loss(&naive);
    assert_close_to_naive(a->A, naive.A, TOLERANCE, "[ViT eq.6]");
    assert_close_to_naive(a->O, naive.O, TOLERANCE, "[ViT eq.7]");
    assert_gradient_of_naive(naive_loss, &naive, naive.Q, a->dQ, TAG);
    assert_gradient_of_naive(naive_loss, &naive, naive.K, a->dK, TAG);
    assert_gradient_of_naive(naive_loss, &naive, naive.V, a->dV, TAG);
}

START_TEST(forward_and_backward_agree_with_the_formula) {
    for (int s = 0; s < SIZES; s++) {
        const int *z = sizes[s];
        Attention a = make_attention(z[0], z[1], z[2], z[3]);
        assert_agrees_with_naive(&a);
    }
}
END_TEST

START_TEST(masked_forward_and_backward_agree_with_the_formula) {
    for (int s = 0; s < SIZES; s++) {
        const int *z = sizes[s];
        Attention a = make_attention(z[0], z[1], z[2], z[3]);
        Tensor mask = causal_mask(a.n, a.m);
        a.mask = &mask;
        assert_agrees_with_naive(&a);
    }
}
END_TEST

/* ---- properties ---------------------------------------------------------- */

START_TEST(each_querys_weights_sum_to_one) {
    Attention a = make_attention(9, 6, 5, 3);
    forward(&a);
    for (int i = 0; i < a.n; i++) {
        double sum = 0;
        for (int j = 0; j < a.m; j++) {
            sum += (double)tensor_row(a.A, i)[j];
        }
        assert_number_close(sum, 1, TOLERANCE, "[ViT eq.6]");
    }
}
END_TEST

/* The rows of T in another order: row i becomes row order[i] of T. */
static Tensor permuted(Tensor T, const int *order) {
    Tensor result = unset_tensor(T);
    for (int i = 0; i < tensor_rows(T); i++) {
        tensor_copy(tensor_slice(result, i), tensor_slice(T, order[i]));
    }
    return result;
}

START_TEST(the_order_of_the_keys_does_not_matter) {
    const int order[5] = {3, 0, 4, 1, 2};
    Attention a = make_attention(4, 5, 3, 2), b = make_attention(4, 5, 3, 2);
    b.K = permuted(a.K, order);
    b.V = permuted(a.V, order);
    forward(&a);
    forward(&b);
    assert_tensor_close(b.O, a.O, TOLERANCE, TAG);
    backward(&a);
    backward(&b);
    assert_tensor_close(b.dQ, a.dQ, TOLERANCE, TAG);
    assert_tensor_close(b.dK, permuted(a.dK, order), TOLERANCE, TAG);
}
END_TEST

START_TEST(the_results_follow_the_order_of_the_queries) {
    const int order[4] = {2, 3, 0, 1};
    Attention a = make_attention(4, 5, 3, 2), b = make_attention(4, 5, 3, 2);
    b.Q = permuted(a.Q, order);
    forward(&a);
    forward(&b);
    assert_tensor_close(b.O, permuted(a.O, order), TOLERANCE, TAG);
}
END_TEST

START_TEST(the_same_vector_added_to_all_keys_changes_nothing) {
    Attention a = make_attention(4, 5, 3, 2), b = make_attention(4, 5, 3, 2);
    tensor_add_bias(b.K, random_tensor('c', SHAPE(3)));
    forward(&a);
    forward(&b);
    assert_tensor_close(b.O, a.O, TOLERANCE, TAG);
}
END_TEST

START_TEST(equal_keys_give_the_mean_of_the_values) {
    Attention a = make_attention(2, 4, 3, 2);
    tensor_fill(a.K, (real)0.7);
    a.V = tensor_of(SHAPE(4, 2), 1, 10, 2, 20, 3, 30, 6, 40);
    forward(&a);
    assert_values(a.O, TOLERANCE, TAG, 3, 25, 3, 25);
}
END_TEST

START_TEST(a_key_like_no_other_is_looked_up_exactly) {
    Attention a = make_attention(3, 3, 3, 2);
    Tensor eye = tensor_of(SHAPE(3, 3), 1e3, 0, 0, 0, 1e3, 0, 0, 0, 1e3);
    a.Q = eye;
    a.K = eye;
    forward(&a);
    assert_same_bits(a.O, a.V);
}
END_TEST

START_TEST(a_causal_mask_hides_the_future) {
    Attention a = make_attention(5, 5, 3, 2), b = make_attention(5, 5, 3, 2);
    Tensor mask = causal_mask(5, 5);
    a.mask = b.mask = &mask;
    forward(&a);
    assert_same_bits(tensor_slice(a.O, 0), tensor_slice(a.V, 0));
    for (int i = 0; i < 5; i++) {
        for (int j = i + 1; j < 5; j++) {
            ck_assert(tensor_row(a.A, i)[j] == 0);
        }
    }
    tensor_fill(tensor_slice(b.K, 4), 99);
    tensor_fill(tensor_slice(b.V, 4), 99);
    forward(&b);
    assert_same_bits(tensor_first(b.O, 4), tensor_first(a.O, 4));
    Tensor last = tensor_slice(a.O, 4), changed = tensor_slice(b.O, 4);
    ck_assert(tensor_max_abs_difference(changed, last) > 1);
}
END_TEST

START_TEST(a_mask_of_finite_numbers_is_added_to_the_scaled_scores) {
    Attention a = make_attention(2, 2, 2, 1);
    Tensor mask = tensor_of(SHAPE(2, 2), -1 - log(3), -1, log(4), 0);
    a.mask = &mask;
    tensor_fill(a.Q, 0);
    forward(&a);
    assert_values(a.A, TOLERANCE, "[ViT eq.6]", 0.25, 0.75, 0.8, 0.2);
}
END_TEST

/* Query i may look at key j where |i - j| <= 1. */
static Tensor neighbours_mask(int n) {
    Tensor mask = zero_tensor(SHAPE(n, n));
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            tensor_row(mask, i)[j] = j < i - 1 || j > i + 1 ? -(real)INFINITY : 0;
        }
    }
    return mask;
}

START_TEST(a_key_may_be_forbidden_in_any_column) {
    Attention a = make_attention(5, 5, 3, 2);
    Tensor mask = neighbours_mask(5);
    a.mask = &mask;
    assert_agrees_with_naive(&a);
}
END_TEST

START_TEST(heads_that_are_views_of_a_wider_tensor_give_the_same) {
    Attention a = make_attention(4, 5, 3, 2), b = make_attention(4, 5, 3, 2);
    b.Q = wide_view(a.Q), b.K = wide_view(a.K), b.V = wide_view(a.V);
    b.O = wide_view(a.O), b.dO = wide_view(a.dO);
    b.dQ = wide_view(a.dQ), b.dK = wide_view(a.dK), b.dV = wide_view(a.dV);
    b.A = wide_view(a.A), b.dS = wide_view(a.dS);
    Tensor mask = causal_mask(4, 5), wide_mask = wide_view(mask);
    tensor_copy(wide_mask, mask);
    a.mask = &mask, b.mask = &wide_mask;
    tensor_copy(b.Q, a.Q), tensor_copy(b.K, a.K), tensor_copy(b.V, a.V);
    tensor_copy(b.dO, a.dO);
    forward(&a);
    forward(&b);
    backward(&a);
    backward(&b);
    assert_tensor_close(b.A, a.A, TOLERANCE, TAG);
    assert_tensor_close(b.O, a.O, TOLERANCE, TAG);
    assert_tensor_close(b.dQ, a.dQ, TOLERANCE, TAG);
    assert_tensor_close(b.dK, a.dK, TOLERANCE, TAG);
    assert_tensor_close(b.dV, a.dV, TOLERANCE, TAG);
    ck_assert(canaries_live(b.A) && canaries_live(b.O) && canaries_live(b.dQ) &&
              canaries_live(b.dK) && canaries_live(b.dV) && canaries_live(b.dS));
}
END_TEST

START_TEST(gradients_are_written_not_added) {
    Attention a = make_attention(4, 5, 3, 2), b = make_attention(4, 5, 3, 2);
    forward(&a);
    forward(&b);
    tensor_fill(b.dQ, 100), tensor_fill(b.dK, 100), tensor_fill(b.dV, 100);
    backward(&a);
    backward(&b);
    assert_same_bits(b.dQ, a.dQ);
    assert_same_bits(b.dK, a.dK);
    assert_same_bits(b.dV, a.dV);
}
END_TEST

/* ---- gradients ----------------------------------------------------------- */

#ifdef REAL_IS_DOUBLE
static double loss(void *context) {
    Attention a = *(const Attention *)context;
    forward(&a);
    return weighted_sum(a.dO, a.O);
}

static void assert_gradients(Attention *a) {
    forward(a);
    backward(a);
    assert_gradcheck(loss, a, a->Q, a->dQ, TAG);
    assert_gradcheck(loss, a, a->K, a->dK, TAG);
    assert_gradcheck(loss, a, a->V, a->dV, TAG);
}

START_TEST(every_element_passes_the_gradient_check) {
    Attention a = make_attention(6, 5, 4, 3);
    assert_gradients(&a);
}
END_TEST

START_TEST(every_element_passes_the_gradient_check_under_a_mask) {
    Attention a = make_attention(6, 5, 4, 3);
    Tensor mask = causal_mask(6, 5);
    a.mask = &mask;
    assert_gradients(&a);
}
END_TEST

static bool passes(Attention *a, Tensor x, Tensor dx) {
    Gradcheck check = gradcheck(loss, a, x, dx);
    return gradcheck_passed(&check);
}

START_TEST(wrong_backwards_fail_the_gradient_check) {
    Attention a = make_attention(5, 5, 4, 4);
    forward(&a);
    backward(&a);
    ck_assert(!passes(&a, a.Q, a.dK));
    ck_assert(!passes(&a, a.K, a.dQ));
    ck_assert(!passes(&a, a.V, a.dK));
    tensor_scale(a.dK, 2); /* sqrt(d_k): dK not scaled */
    ck_assert(!passes(&a, a.K, a.dK));
}
END_TEST
#endif

/* ---- planted bugs -------------------------------------------------------- */

/* Attention at scores that are `factor` times too large, by way of larger queries. */
static Tensor result_with_scores_times(double factor) {
    Attention a = make_attention(4, 5, 4, 2);
    tensor_scale(a.Q, (real)factor);
    forward(&a);
    return a.O;
}

START_TEST(attention_without_the_scale_would_be_seen) {
    Tensor right = result_with_scores_times(1);
    Tensor unscaled = result_with_scores_times(sqrt(4));
    Tensor scaled_twice = result_with_scores_times(1 / sqrt(4));
    ck_assert_ptr_nonnull(tensor_difference(unscaled, right, 1e-2, "O", TAG));
    ck_assert_ptr_nonnull(tensor_difference(scaled_twice, right, 1e-2, "O", TAG));
}
END_TEST

/* [AIAYN fn.4]: components of q and k independent, mean 0, variance 1. 4000 products:
 * their mean is off by some sqrt(d_k / 4000), the variance by d_k sqrt(2 / 4000). */
START_TEST(a_dot_product_of_d_k_numbers_has_variance_d_k) {
    static const int widths[] = {1, 16, 64, 256};
    enum { PAIRS = 4000 };
    const int d_k = widths[_i];
    Tensor Q = random_tensor('Q', SHAPE(PAIRS, d_k)), K = random_tensor('K', Q);
    double sum = 0, squares = 0;
    for (int i = 0; i < PAIRS; i++) {
        double dot = 0;
        for (int j = 0; j < d_k; j++) {
            dot += (double)tensor_row(Q, i)[j] * (double)tensor_row(K, i)[j];
        }
        sum += dot;
        squares += dot * dot;
    }
    const double mean = sum / PAIRS, variance = squares / PAIRS - mean * mean;
    assert_number_close(mean / sqrt(d_k), 0, 5 / sqrt(PAIRS),
                        "mean of q.k [AIAYN fn.4]");
    assert_number_close(variance / d_k, 1, d_k == 1 ? 0.3 : 0.15, "its variance / d_k");
}
END_TEST

Suite *attention_suite(void) {
    Suite *suite = suite_create("attention");
    TCase *errors = add_case(suite, "shapes and errors");
    tcase_add_test(errors, shapes_that_do_not_fit_stop_forward);
    tcase_add_test(errors, shapes_that_do_not_fit_stop_backward);
    tcase_add_test(errors, a_query_that_may_look_at_no_key_stops);
    TCase *values = add_case(suite, "hand-computed values");
    tcase_add_test(values, two_keys_by_hand);
    tcase_add_test(values, two_keys_backward_by_hand);
    TCase *reference = add_case(suite, "an independent reference");
    tcase_add_test(reference, forward_and_backward_agree_with_the_formula);
    tcase_add_test(reference, masked_forward_and_backward_agree_with_the_formula);
    TCase *properties = add_case(suite, "properties");
    tcase_add_test(properties, each_querys_weights_sum_to_one);
    tcase_add_test(properties, the_order_of_the_keys_does_not_matter);
    tcase_add_test(properties, the_results_follow_the_order_of_the_queries);
    tcase_add_test(properties, the_same_vector_added_to_all_keys_changes_nothing);
    tcase_add_test(properties, equal_keys_give_the_mean_of_the_values);
    tcase_add_test(properties, a_key_like_no_other_is_looked_up_exactly);
    tcase_add_test(properties, a_causal_mask_hides_the_future);
    tcase_add_test(properties, a_mask_of_finite_numbers_is_added_to_the_scaled_scores);
    tcase_add_test(properties, a_key_may_be_forbidden_in_any_column);
    tcase_add_test(properties, heads_that_are_views_of_a_wider_tensor_give_the_same);
    tcase_add_test(properties, gradients_are_written_not_added);
    tcase_add_loop_test(properties, a_dot_product_of_d_k_numbers_has_variance_d_k, 0,
                        4);
#ifdef REAL_IS_DOUBLE
    TCase *gradients = add_case(suite, "gradients");
    tcase_add_test(gradients, every_element_passes_the_gradient_check);
    tcase_add_test(gradients, every_element_passes_the_gradient_check_under_a_mask);
    tcase_add_test(gradients, wrong_backwards_fail_the_gradient_check);
#endif
    TCase *planted = add_case(suite, "planted bugs");
    tcase_add_test(planted, attention_without_the_scale_would_be_seen);
    return suite;
}
