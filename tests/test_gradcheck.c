/*
 * test_gradcheck.c: the judge is judged: right gradients pass, planted wrong ones
 * don't (common/gradcheck.h). In float only large mistakes can be told from rounding.
 */
#include "common/gradcheck.h"

#include <math.h>
#include <string.h>

#include "tests/check_helpers.h"
#include "tests/suites.h"

/* L(x) = sum_i (sin(x_i) + x_i x_{i+1}), around the end:
 * dL/dx_i = cos(x_i) + x_{i+1} + x_{i-1}. */
static double loss(void *context) {
    const Tensor *x = context;
    const int n = (int)tensor_count(*x);
    double sum = 0;
    for (int i = 0; i < n; i++) {
        double x_i = (double)x->data[i];
        sum += sin(x_i) + x_i * (double)x->data[(i + 1) % n];
    }
    return sum;
}

enum { N = 12 };

static Tensor right_gradient(Tensor x) {
    Tensor dx = unset_tensor(x);
    for (int i = 0; i < N; i++) {
        dx.data[i] = (real)(cos((double)x.data[i]) + (double)x.data[(i + 1) % N] +
                            (double)x.data[(i + N - 1) % N]);
    }
    return dx;
}

static Gradcheck check_of(Tensor x, Tensor dx) {
    return gradcheck(loss, &x, x, dx);
}

static bool passes(Tensor x, Tensor dx) {
    Gradcheck check = check_of(x, dx);
    return gradcheck_passed(&check);
}

/* ---- shapes and errors --------------------------------------------------- */

START_TEST(a_gradient_of_another_shape_stops) {
    Tensor x = zero_tensor(SHAPE(3, 4)), dx = zero_tensor(SHAPE(4, 3));
    assert_stops("gradcheck: dx is (4,3), want (3,4)", check_of(x, dx));
}
END_TEST

START_TEST(nothing_compared_is_not_passed) {
    Gradcheck nothing = {.elements = 0, .worst = 0};
    ck_assert(!gradcheck_passed(&nothing));
    Gradcheck of_nan = {.elements = 5, .worst = (double)NAN};
    ck_assert(!gradcheck_passed(&of_nan));
    Gradcheck bad = {.elements = 5, .worst = 1e-5};
    ck_assert(!gradcheck_passed(&bad));
    Gradcheck good = {.elements = 5, .worst = 1e-9};
    ck_assert(gradcheck_passed(&good));
}
END_TEST

/* ---- properties ---------------------------------------------------------- */

START_TEST(all_elements_are_compared_and_put_back) {
    Tensor x = random_tensor('x', SHAPE(3, 4)), before = copy_of(x);
    Gradcheck check = check_of(x, right_gradient(x));
    ck_assert_int_eq(check.elements, 12);
    assert_same_bits(x, before);
}
END_TEST

START_TEST(a_large_mistake_is_found_where_it_is) {
    for (int i = 0; i < N; i++) {
        Tensor x = random_tensor('x', SHAPE(3, 4)), dx = right_gradient(x);
        dx.data[i] = dx.data[i] * 10 + 50;
        Gradcheck check = check_of(x, dx);
        ck_assert(!gradcheck_passed(&check));
        ck_assert_int_eq(check.index, i);
        ck_assert(check.analytic == (double)dx.data[i]);
    }
}
END_TEST

START_TEST(a_nan_in_the_gradient_is_caught_wherever_it_is) {
    for (int i = 0; i < N; i++) {
        Tensor x = random_tensor('x', SHAPE(N)), dx = right_gradient(x);
        dx.data[i] = (real)NAN;
        Gradcheck check = check_of(x, dx);
        ck_assert(!gradcheck_passed(&check));
        ck_assert(isnan(check.worst));
    }
}
END_TEST

static double nan_loss(void *context) {
    (void)context;
    return (double)NAN;
}

START_TEST(a_loss_of_nan_is_caught) {
    Tensor x = random_tensor('x', SHAPE(N)), dx = right_gradient(x);
    Gradcheck check = gradcheck(nan_loss, NULL, x, dx);
    ck_assert(!gradcheck_passed(&check));
    check = gradcheck(nan_loss, NULL, x, zero_tensor(x));
    ck_assert(!gradcheck_passed(&check));
}
END_TEST

START_TEST(a_gradient_of_zeros_is_caught) {
    Tensor x = random_tensor('x', SHAPE(N));
    ck_assert(!passes(x, zero_tensor(x)));
}
END_TEST

START_TEST(the_sign_turned_is_caught) {
    Tensor x = random_tensor('x', SHAPE(N)), dx = right_gradient(x);
    tensor_scale(dx, -1);
    ck_assert(!passes(x, dx));
}
END_TEST

START_TEST(a_missing_term_is_caught) {
    Tensor x = random_tensor('x', SHAPE(N)), dx = right_gradient(x);
    for (int i = 0; i < N; i++) {
        dx.data[i] -= x.data[(i + 1) % N]; /* x_i x_{i+1} differentiated on one side */
    }
    ck_assert(!passes(x, dx));
}
END_TEST

#ifdef REAL_IS_DOUBLE
START_TEST(the_right_gradient_passes) {
    Tensor x = random_tensor('x', SHAPE(N));
    Gradcheck check = check_of(x, right_gradient(x));
    ck_assert(gradcheck_passed(&check));
    ck_assert(check.worst < 1e-8);
}
END_TEST

START_TEST(a_gradient_too_large_by_one_in_ten_thousand_is_caught) {
    Tensor x = random_tensor('x', SHAPE(N)), dx = right_gradient(x);
    tensor_scale(dx, 1 + 1e-4);
    ck_assert(!passes(x, dx));
}
END_TEST

START_TEST(one_element_wrong_by_one_in_ten_thousand_is_caught) {
    for (int i = 0; i < N; i++) {
        Tensor x = random_tensor('x', SHAPE(N)), dx = right_gradient(x);
        dx.data[i] *= 1 + 1e-4;
        ck_assert_msg(!passes(x, dx), "element %d", i);
    }
}
END_TEST

START_TEST(two_elements_changed_for_each_other_are_caught) {
    Tensor x = random_tensor('x', SHAPE(N)), dx = right_gradient(x);
    double first = dx.data[0];
    dx.data[0] = dx.data[1];
    dx.data[1] = first;
    ck_assert(!passes(x, dx));
}
END_TEST

START_TEST(a_view_is_checked_like_any_tensor) {
    Tensor values = random_tensor('x', SHAPE(3, 4)), dx = right_gradient(values);
    Tensor view = wide_view(dx);
    tensor_copy(view, dx);
    Gradcheck check = gradcheck(loss, &values, values, view);
    ck_assert(gradcheck_passed(&check));
    ck_assert(canaries_live(view));
}
END_TEST

/* L does not depend on x_0: its gradient is rounding, and no error. */
static double loss_without_first(void *context) {
    const Tensor *x = context;
    double sum = 0;
    for (int i = 1; i < N; i++) {
        sum += x->data[i] * x->data[i];
    }
    return sum;
}

START_TEST(an_element_that_is_zero_by_symmetry_is_not_compared_to_itself) {
    Tensor x = random_tensor('x', SHAPE(N)), dx = copy_of(x);
    tensor_scale(dx, 2);
    dx.data[0] = 1e-13;
    Gradcheck check = gradcheck(loss_without_first, &x, x, dx);
    ck_assert(gradcheck_passed(&check));
    dx.data[0] = 1e-4;
    check = gradcheck(loss_without_first, &x, x, dx);
    ck_assert(!gradcheck_passed(&check));
    ck_assert_int_eq(check.index, 0);
}
END_TEST

START_TEST(the_tests_own_assertion_says_where) {
    Tensor x = random_tensor('x', SHAPE(3, 4)), dx = right_gradient(x);
    ck_assert_ptr_null(gradcheck_difference(loss, &x, x, dx, "dx", "[tag]"));
    tensor_row(dx, 1)[2] = 77;
    const char *message = gradcheck_difference(loss, &x, x, dx, "dx", "[tag]");
    ck_assert_ptr_nonnull(message);
    ck_assert_ptr_nonnull(strstr(message, "[tag] dx (3,4)"));
    ck_assert_ptr_nonnull(strstr(message, "row 1, column 2: backward says 77"));
}
END_TEST
#endif

/* The same loss over doubles, for the tests' other gradient check. */
static double naive_loss(void *context) {
    const double *x = context;
    double sum = 0;
    for (int i = 0; i < N; i++) {
        sum += sin(x[i]) + x[i] * x[(i + 1) % N];
    }
    return sum;
}

START_TEST(the_tests_naive_gradient_catches_the_same_mistakes) {
    Tensor x = random_tensor('x', SHAPE(N)), dx = right_gradient(x);
    double *numbers = doubles_of(x);
    assert_gradient_of_naive(naive_loss, numbers, numbers, dx, "[tag]");
    assert_close_to_naive(x, numbers, 0, "[put back]");
    for (int i = 0; i < N; i++) {
        Tensor wrong = copy_of(dx);
        wrong.data[i] += 1 + (real)fabs((double)dx.data[i]) / 100;
        ck_assert_ptr_nonnull(naive_gradient_difference(naive_loss, numbers, numbers,
                                                        wrong, "wrong", "[tag]"));
        wrong.data[i] = (real)NAN;
        ck_assert_ptr_nonnull(naive_gradient_difference(naive_loss, numbers, numbers,
                                                        wrong, "wrong", "[tag]"));
    }
    tensor_scale(dx, (real)(1 + 1e-4));
    ck_assert_ptr_nonnull(
        naive_gradient_difference(naive_loss, numbers, numbers, dx, "dx", "[tag]"));
}
END_TEST

Suite *gradcheck_suite(void) {
    Suite *suite = suite_create("gradcheck");
    TCase *errors = add_case(suite, "shapes and errors");
    tcase_add_test(errors, a_gradient_of_another_shape_stops);
    tcase_add_test(errors, nothing_compared_is_not_passed);
    TCase *properties = add_case(suite, "properties");
    tcase_add_test(properties, all_elements_are_compared_and_put_back);
    TCase *planted = add_case(suite, "planted bugs");
    tcase_add_test(planted, a_large_mistake_is_found_where_it_is);
    tcase_add_test(planted, a_nan_in_the_gradient_is_caught_wherever_it_is);
    tcase_add_test(planted, a_loss_of_nan_is_caught);
    tcase_add_test(planted, a_gradient_of_zeros_is_caught);
    tcase_add_test(planted, the_sign_turned_is_caught);
    tcase_add_test(planted, a_missing_term_is_caught);
    tcase_add_test(planted, the_tests_naive_gradient_catches_the_same_mistakes);
#ifdef REAL_IS_DOUBLE
    tcase_add_test(properties, the_right_gradient_passes);
    tcase_add_test(properties, a_view_is_checked_like_any_tensor);
    tcase_add_test(properties,
                   an_element_that_is_zero_by_symmetry_is_not_compared_to_itself);
    tcase_add_test(properties, the_tests_own_assertion_says_where);
    tcase_add_test(planted, a_gradient_too_large_by_one_in_ten_thousand_is_caught);
    tcase_add_test(planted, one_element_wrong_by_one_in_ten_thousand_is_caught);
    tcase_add_test(planted, two_elements_changed_for_each_other_are_caught);
#endif
    return suite;
}
