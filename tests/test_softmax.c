/* test_softmax.c: forward, its fast form and backward (common/softmax.h). */
#include "common/softmax.h"

#include <math.h>

#include "tests/check_helpers.h"
#include "tests/naive_layers.h"
#include "tests/suites.h"

#define TAG "[softmax]"

/* ---- shapes and errors --------------------------------------------------- */

START_TEST(shapes_that_differ_stop) {
    Tensor S = zero_tensor(SHAPE(2, 3)), A = zero_tensor(SHAPE(3, 2));
    assert_stops("softmax_forward: A is (3,2), want (2,3)", softmax_forward(S, A));
    assert_stops("softmax_backward: dA is (3,2), want (2,3)",
                 softmax_backward(S, A, S));
    assert_stops("softmax_backward: dS is (3,2), want (2,3)",
                 softmax_backward(S, S, A));
}
END_TEST

/* ---- hand-computed values ------------------------------------------------ */

START_TEST(one_two_three_by_hand) {
    Tensor S = tensor_of(SHAPE(2, 3), 1, 2, 3, 0, 0, 0), A = unset_tensor(S);
    softmax_forward(S, A);
    assert_values(A, TOLERANCE, TAG, 0.09003057317038046, 0.24472847105479767,
                  0.6652409557748219, 1.0 / 3, 1.0 / 3, 1.0 / 3);
}
END_TEST

START_TEST(each_row_is_normalised_not_each_column) {
    Tensor S = tensor_of(SHAPE(2, 2), 0, log(3), log(9), 0), A = unset_tensor(S);
    softmax_forward(S, A);
    assert_values(A, TOLERANCE, TAG, 0.25, 0.75, 0.9, 0.1);
}
END_TEST

START_TEST(the_backward_of_two_weights_by_hand) {
    /* a (1 - a) (da_1 - da_2) = 0.25 * 0.75 * 2 */
    Tensor A = tensor_of(SHAPE(1, 2), 0.25, 0.75), dS = unset_tensor(A);
    softmax_backward(A, tensor_of(SHAPE(1, 2), 5, 3), dS);
    assert_values(dS, TOLERANCE, TAG, 0.375, -0.375);
}
END_TEST

/* ---- an independent reference -------------------------------------------- */

START_TEST(forward_agrees_with_the_formula_at_every_length) {
    for (int cols = 1; cols <= 70; cols++) {
        Tensor S = random_tensor('S', SHAPE(3, cols)), A = unset_tensor(S);
        tensor_scale(S, 4);
        softmax_forward(S, A);
        double *want = test_doubles(3L * cols);
        naive_softmax(3, cols, doubles_of(S), want);
        assert_close_to_naive(A, want, TOLERANCE, TAG);
    }
}
END_TEST

typedef struct {
    int rows, cols;
    double *S, *C;
} NaiveLoss;

START_TEST(many_rows_in_place_agree_with_the_formula) {
    const int sizes[][2] = {{1000, 10}, {100, 90}, {7, 3000}, {3, 5000}};
    for (int s = 0; s < 4; s++) {
        const int rows = sizes[s][0], cols = sizes[s][1];
        Tensor S = random_tensor('S', SHAPE(rows, cols));
        double *want = test_doubles((long)rows * cols);
        naive_softmax(rows, cols, doubles_of(S), want);
        softmax_forward(S, S);
        assert_close_to_naive(S, want, TOLERANCE, TAG);
    }
}
END_TEST

static double naive_loss(void *context) {
    const NaiveLoss *c = context;
    double A[64], sum = 0;
    naive_softmax(c->rows, c->cols, c->S, A);
    for (int i = 0; i < c->rows * c->cols; i++) {
        sum += c->C[i] * A[i];
    }
    return sum;
}

START_TEST(backward_is_the_gradient_of_the_formula) {
    Tensor S = random_tensor('S', SHAPE(4, 7)), dA = random_tensor('C', SHAPE(4, 7));
    Tensor A = unset_tensor(S), dS = unset_tensor(S);
    softmax_forward(S, A);
    softmax_backward(A, dA, dS);
    NaiveLoss context = {4, 7, doubles_of(S), doubles_of(dA)};
    assert_gradient_of_naive(naive_loss, &context, context.S, dS, TAG);
}
END_TEST

/* ---- properties ---------------------------------------------------------- */

START_TEST(rows_sum_to_one_and_weights_are_positive) {
    Tensor S = random_tensor('S', SHAPE(20, 13)), A = unset_tensor(S);
    softmax_forward(S, A);
    for (int i = 0; i < 20; i++) {
        double sum = 0;
        for (int j = 0; j < 13; j++) {
            ck_assert(tensor_row(A, i)[j] > 0);
            sum += (double)tensor_row(A, i)[j];
        }
        assert_number_close(sum, 1, TOLERANCE, TAG);
    }
}
END_TEST

START_TEST(a_constant_added_to_a_row_changes_nothing) {
    /* Quarters plus 512 are exact in float, so that only the softmax is tested. */
    Tensor S = tensor_of(SHAPE(1, 4), 0.25, -1.5, 2, 0.75), A = unset_tensor(S);
    Tensor moved = tensor_of(SHAPE(1, 4), 512.25, 510.5, 514, 512.75);
    Tensor moved_A = unset_tensor(S);
    softmax_forward(S, A);
    softmax_forward(moved, moved_A);
    assert_tensor_close(moved_A, A, 1e-7, TAG);
}
END_TEST

START_TEST(scores_in_the_thousands_do_not_overflow) {
    Tensor S = tensor_of(SHAPE(3, 3), 5000, 4999, 0, -5000, -5000, -5000, 3e4, 0, -3e4);
    Tensor A = unset_tensor(S);
    softmax_forward(S, A);
    double p = 1 / (1 + exp(-1)), third = 1.0 / 3;
    assert_values(A, TOLERANCE, TAG, p, 1 - p, 0, third, third, third, 1, 0, 0);
}
END_TEST

START_TEST(a_score_of_minus_infinity_gets_weight_zero) {
    Tensor S = tensor_of(SHAPE(2, 3), 1, -HUGE_VAL, 1, -HUGE_VAL, -HUGE_VAL, -7);
    Tensor A = unset_tensor(S);
    softmax_forward(S, A);
    assert_values(A, TOLERANCE, TAG, 0.5, 0, 0.5, 0, 0, 1);
}
END_TEST

START_TEST(nan_is_not_hidden_and_stays_in_its_row) {
    for (int j = 0; j < 3; j++) {
        Tensor S = zero_tensor(SHAPE(2, 3)), A = unset_tensor(S);
        tensor_row(S, 0)[j] = (real)NAN;
        softmax_forward(S, A);
        ck_assert(isnan(A.data[0]) && isnan(A.data[1]) && isnan(A.data[2]));
        assert_values(tensor_slice(A, 1), TOLERANCE, TAG, 1.0 / 3, 1.0 / 3, 1.0 / 3);
    }
    Tensor S = tensor_of(SHAPE(1, 2), -HUGE_VAL, -HUGE_VAL), A = zero_tensor(S);
    softmax_forward(S, A);
    ck_assert(isnan(A.data[0]) && isnan(A.data[1]));
}
END_TEST

START_TEST(results_may_overwrite_inputs) {
    Tensor S = random_tensor('S', SHAPE(3, 5)), dA = random_tensor('C', SHAPE(3, 5));
    Tensor A = unset_tensor(S), dS = unset_tensor(S);
    softmax_forward(S, A);
    softmax_backward(A, dA, dS);
    softmax_forward(S, S);
    softmax_backward(A, dA, dA);
    assert_same_bits(S, A);
    assert_same_bits(dA, dS);
}
END_TEST

START_TEST(a_view_is_worked_on_alone) {
    Tensor S = random_tensor('S', SHAPE(3, 5)), A = unset_tensor(S);
    Tensor view = wide_view(S);
    tensor_copy(view, S);
    softmax_forward(view, view);
    softmax_forward(S, A);
    assert_tensor_close(view, A, 1e-7, TAG);
    ck_assert(canaries_live(view));
}
END_TEST

START_TEST(the_gradient_of_scores_sums_to_zero_in_each_row) {
    Tensor S = random_tensor('S', SHAPE(6, 9)), dA = random_tensor('C', SHAPE(6, 9));
    softmax_forward(S, S);
    softmax_backward(S, dA, dA);
    for (int i = 0; i < 6; i++) {
        double sum = 0;
        for (int j = 0; j < 9; j++) {
            sum += (double)tensor_row(dA, i)[j];
        }
        assert_number_close(sum, 0, TOLERANCE, TAG);
    }
}
END_TEST

/* ---- the fast form ------------------------------------------------------- */

/* Both forms of softmax of S, in place of a copy in a wider tensor too. */
static void assert_equal_forms(Tensor S) {
    Tensor A = unset_tensor(S), fast = unset_tensor(S), view = wide_view(S);
    softmax_forward(S, A);
    softmax_fast_forward(S, fast);
    assert_tensor_close(fast, A, TOLERANCE, TAG);
    tensor_copy(view, S);
    softmax_fast_forward(view, view);
    assert_tensor_close(view, A, TOLERANCE, TAG);
    ck_assert(canaries_live(view));
    softmax_fast_forward(S, S);
    assert_same_bits(S, fast);
}

START_TEST(the_fast_form_is_equal_at_every_length_and_beyond_its_groups) {
    for (int cols = 1; cols <= 70; cols++) {
        Tensor S = random_tensor('S', SHAPE(3, cols));
        tensor_scale(S, 4);
        assert_equal_forms(S);
    }
    const int sizes[][2] = {{1000, 10}, {100, 90}, {7, 3000}, {3, 5000}};
    for (int s = 0; s < 4; s++) {
        assert_equal_forms(random_tensor('S', SHAPE(sizes[s][0], sizes[s][1])));
    }
}
END_TEST

START_TEST(the_fast_form_finds_the_maximum_wherever_it_is) {
    for (int j = 0; j < 21; j++) { /* two groups of eight, and a rest */
        Tensor S = zero_tensor(SHAPE(2, 21)), A = unset_tensor(S);
        tensor_row(S, 0)[j] = 2000;
        softmax_fast_forward(S, A);
        for (int i = 0; i < 21; i++) {
            assert_number_close((double)tensor_row(A, 0)[i], i == j, TOLERANCE, TAG);
        }
    }
}
END_TEST

START_TEST(the_fast_form_hides_no_nan_and_allows_minus_infinity) {
    for (int j = 0; j < 21; j++) {
        Tensor S = zero_tensor(SHAPE(2, 21)), A = unset_tensor(S);
        tensor_row(S, 0)[j] = (real)NAN;
        softmax_fast_forward(S, A);
        for (int i = 0; i < 21; i++) {
            ck_assert(isnan(tensor_row(A, 0)[i]));
            assert_number_close((double)tensor_row(A, 1)[i], 1.0 / 21, TOLERANCE, TAG);
        }
        tensor_row(S, 0)[j] = (real)-INFINITY;
        assert_equal_forms(S);
    }
}
END_TEST

START_TEST(shapes_that_differ_stop_the_fast_form) {
    assert_stops("softmax_fast_forward: A is (3,2), want (2,3)",
                 softmax_fast_forward(SHAPE(2, 3), SHAPE(3, 2)));
}
END_TEST

/* ---- gradients ----------------------------------------------------------- */

#ifdef REAL_IS_DOUBLE
typedef struct {
    Tensor S, C;
} Loss;

static double loss(void *context) {
    const Loss *c = context;
    real buffer[64];
    Tensor A = tensor2(buffer, tensor_rows(c->S), tensor_cols(c->S));
    softmax_forward(c->S, A);
    return weighted_sum(c->C, A);
}

START_TEST(every_element_passes_the_gradient_check) {
    Loss context = {random_tensor('S', SHAPE(5, 6)), random_tensor('C', SHAPE(5, 6))};
    Tensor A = unset_tensor(context.S), dS = unset_tensor(context.S);
    softmax_forward(context.S, A);
    softmax_backward(A, context.C, dS);
    assert_gradcheck(loss, &context, context.S, dS, TAG);
}
END_TEST

START_TEST(a_backward_without_the_row_sum_fails_the_gradient_check) {
    Loss context = {random_tensor('S', SHAPE(5, 6)), random_tensor('C', SHAPE(5, 6))};
    Tensor A = unset_tensor(context.S), wrong = unset_tensor(context.S);
    softmax_forward(context.S, A);
    for (int i = 0; i < 30; i++) {
        wrong.data[i] = A.data[i] * context.C.data[i];
    }
    Gradcheck check = gradcheck(loss, &context, context.S, wrong);
    ck_assert(!gradcheck_passed(&check));
}
END_TEST
#endif

Suite *softmax_suite(void) {
    Suite *suite = suite_create("softmax");
    TCase *errors = add_case(suite, "shapes and errors");
    tcase_add_test(errors, shapes_that_differ_stop);
    tcase_add_test(errors, shapes_that_differ_stop_the_fast_form);
    TCase *values = add_case(suite, "hand-computed values");
    tcase_add_test(values, one_two_three_by_hand);
    tcase_add_test(values, each_row_is_normalised_not_each_column);
    tcase_add_test(values, the_backward_of_two_weights_by_hand);
    TCase *reference = add_case(suite, "an independent reference");
    tcase_add_test(reference, forward_agrees_with_the_formula_at_every_length);
    tcase_add_test(reference, many_rows_in_place_agree_with_the_formula);
    tcase_add_test(reference, backward_is_the_gradient_of_the_formula);
    TCase *properties = add_case(suite, "properties");
    tcase_add_test(properties, rows_sum_to_one_and_weights_are_positive);
    tcase_add_test(properties, a_constant_added_to_a_row_changes_nothing);
    tcase_add_test(properties, scores_in_the_thousands_do_not_overflow);
    tcase_add_test(properties, a_score_of_minus_infinity_gets_weight_zero);
    tcase_add_test(properties, nan_is_not_hidden_and_stays_in_its_row);
    tcase_add_test(properties, results_may_overwrite_inputs);
    tcase_add_test(properties, a_view_is_worked_on_alone);
    tcase_add_test(properties, the_gradient_of_scores_sums_to_zero_in_each_row);
    TCase *fast = add_case(suite, "the fast form");
    tcase_add_test(fast, the_fast_form_is_equal_at_every_length_and_beyond_its_groups);
    tcase_add_test(fast, the_fast_form_finds_the_maximum_wherever_it_is);
    tcase_add_test(fast, the_fast_form_hides_no_nan_and_allows_minus_infinity);
#ifdef REAL_IS_DOUBLE
    TCase *gradients = add_case(suite, "gradients");
    tcase_add_test(gradients, every_element_passes_the_gradient_check);
    tcase_add_test(gradients, a_backward_without_the_row_sum_fails_the_gradient_check);
#endif
    return suite;
}
