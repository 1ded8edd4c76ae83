/* test_gelu.c: GELU, its derivative, and ReLU (common/gelu.h). */
#include "common/gelu.h"

#include <math.h>

#include "tests/check_helpers.h"
#include "tests/naive_layers.h"
#include "tests/suites.h"

#define TAG "[ViT eq.3]"
#define RELU_TAG "[AIAYN eq.2]"

/* -10, -9.99, ..., 10 */
static Tensor line_of_numbers(void) {
    Tensor X = zero_tensor(SHAPE(2001));
    for (int i = 0; i < 2001; i++) {
        X.data[i] = (real)(-10 + 0.01 * i);
    }
    return X;
}

/* ---- shapes and errors --------------------------------------------------- */

START_TEST(shapes_that_differ_stop) {
    Tensor X = zero_tensor(SHAPE(2, 3)), Y = zero_tensor(SHAPE(6));
    assert_stops("gelu_forward: Y is (6), want (2,3)", gelu_forward(X, Y));
    assert_stops("gelu_backward: dY is (6), want (2,3)", gelu_backward(X, Y, X));
    assert_stops("gelu_backward: dX is (6), want (2,3)", gelu_backward(X, X, Y));
    assert_stops("relu_forward: Y is (6), want (2,3)", relu_forward(X, Y));
    assert_stops("relu_backward: dY is (6), want (2,3)", relu_backward(X, Y, X));
    assert_stops("relu_backward: dX is (6), want (2,3)", relu_backward(X, X, Y));
}
END_TEST

/* ---- hand-computed values ------------------------------------------------ */

START_TEST(gelu_by_hand) {
    Tensor X = tensor_of(SHAPE(7), 0, 1, -1, 0.5, -0.5, 2, -3), Y = unset_tensor(X);
    gelu_forward(X, Y);
    assert_values(Y, TOLERANCE, TAG, 0, 0.8413447460685429, -0.15865525393145707,
                  0.34573123063700656, -0.15426876936299344, 1.9544997361036416,
                  -0.004049694094890287);
}
END_TEST

START_TEST(the_derivative_of_gelu_by_hand) {
    Tensor X = tensor_of(SHAPE(6), 0, 1, -1, 0.5, 2, -3), dX = unset_tensor(X);
    gelu_backward(X, tensor_of(SHAPE(6), 1, 1, 1, 1, 1, 10), dX);
    assert_values(dX, TOLERANCE, TAG, 0.5, 1.0833154705876864, -0.08331547058768629,
                  0.8674951246561629, 1.085231801078197, -0.11945647204183927);
}
END_TEST

START_TEST(relu_by_hand) {
    Tensor X = tensor_of(SHAPE(5), -2, -0.5, 0, 0.5, 2), Y = unset_tensor(X);
    Tensor dY = tensor_of(SHAPE(5), 1, 2, 3, 4, 5), dX = unset_tensor(X);
    relu_forward(X, Y);
    relu_backward(X, dY, dX);
    assert_values(Y, 0, RELU_TAG, 0, 0, 0, 0.5, 2);
    assert_values(dX, 0, RELU_TAG, 0, 0, 0, 4, 5);
}
END_TEST

/* ---- an independent reference -------------------------------------------- */

START_TEST(gelu_agrees_with_the_normal_distribution_everywhere) {
    Tensor X = line_of_numbers(), Y = unset_tensor(X);
    gelu_forward(X, Y);
    double *want = doubles_of(X);
    for (int i = 0; i < 2001; i++) {
        want[i] = naive_gelu(want[i]);
    }
    assert_close_to_naive(Y, want, TOLERANCE, TAG);
}
END_TEST

START_TEST(the_derivative_agrees_with_cdf_plus_x_times_density_everywhere) {
    Tensor X = line_of_numbers(), dX = unset_tensor(X), dY = random_tensor('C', X);
    gelu_backward(X, dY, dX);
    double *want = doubles_of(X);
    for (int i = 0; i < 2001; i++) {
        want[i] = (double)dY.data[i] * naive_gelu_derivative(want[i]);
    }
    assert_close_to_naive(dX, want, TOLERANCE, TAG);
}
END_TEST

START_TEST(far_left_the_relative_error_stays_small) {
    for (double x = -4; x > -11; x -= 0.25) {
        Tensor X = tensor_of(SHAPE(1), x), Y = unset_tensor(X);
        gelu_forward(X, Y);
        assert_close_to_naive(Y, (double[]){naive_gelu(x)}, TOLERANCE, TAG);
    }
}
END_TEST

/* ---- properties ---------------------------------------------------------- */

START_TEST(gelu_of_x_minus_gelu_of_minus_x_is_x) {
    Tensor X = line_of_numbers(), minus_X = copy_of(X);
    tensor_scale(minus_X, -1);
    Tensor Y = unset_tensor(X), minus_Y = unset_tensor(X);
    gelu_forward(X, Y);
    gelu_forward(minus_X, minus_Y);
    tensor_scale(minus_Y, -1);
    tensor_add(Y, minus_Y);
    assert_tensor_close(Y, X, TOLERANCE, TAG);
}
END_TEST

START_TEST(far_right_gelu_is_the_identity_far_left_it_is_zero) {
    Tensor X = tensor_of(SHAPE(4), 30, 1e4, -40, -1e4), Y = unset_tensor(X);
    Tensor ones = tensor_of(SHAPE(4), 1, 1, 1, 1), dX = unset_tensor(X);
    gelu_forward(X, Y);
    gelu_backward(X, ones, dX);
    ck_assert(Y.data[0] == 30 && Y.data[1] == (real)1e4);
    ck_assert(fabs((double)Y.data[2]) < 1e-300 && Y.data[3] == 0);
    ck_assert(dX.data[0] == 1 && dX.data[1] == 1);
    ck_assert(fabs((double)dX.data[2]) < 1e-300 && dX.data[3] == 0);
}
END_TEST

START_TEST(nan_is_not_hidden) {
    Tensor X = tensor_of(SHAPE(3), 1, (double)NAN, -1);
    Tensor Y = zero_tensor(X), dX = zero_tensor(X);
    gelu_forward(X, Y);
    gelu_backward(X, X, dX);
    ck_assert(!isnan(Y.data[0]) && isnan(Y.data[1]) && !isnan(Y.data[2]));
    ck_assert(!isnan(dX.data[0]) && isnan(dX.data[1]) && !isnan(dX.data[2]));
    relu_forward(X, Y);
    ck_assert(isnan(Y.data[1]));
}
END_TEST

START_TEST(results_may_overwrite_inputs_and_views_are_worked_on_alone) {
    Tensor X = random_tensor('X', SHAPE(3, 5)), dY = random_tensor('C', SHAPE(3, 5));
    Tensor Y = unset_tensor(X), dX = unset_tensor(X), view = wide_view(X);
    gelu_forward(X, Y);
    gelu_backward(X, dY, dX);
    gelu_backward(X, dY, dY);
    assert_tensor_close(dY, dX, 1e-6, TAG);
    tensor_copy(view, X);
    gelu_forward(view, view);
    assert_tensor_close(view, Y, 1e-6, TAG);
    ck_assert(canaries_live(view));
    relu_forward(X, Y);
    relu_forward(X, X);
    assert_same_bits(X, Y);
}
END_TEST

/* ---- gradients ----------------------------------------------------------- */

#ifdef REAL_IS_DOUBLE
typedef struct {
    Tensor X, C;
    void (*forward)(Tensor X, Tensor Y);
} Loss;

static double loss(void *context) {
    const Loss *c = context;
    real buffer[64];
    Tensor Y = tensor2(buffer, tensor_rows(c->X), tensor_cols(c->X));
    c->forward(c->X, Y);
    return weighted_sum(c->C, Y);
}

START_TEST(every_element_passes_the_gradient_check) {
    Loss context = {random_tensor('X', SHAPE(6, 7)), random_tensor('C', SHAPE(6, 7)),
                    gelu_forward};
    Tensor dX = unset_tensor(context.X);
    gelu_backward(context.X, context.C, dX);
    assert_gradcheck(loss, &context, context.X, dX, TAG);
    context.forward = relu_forward;
    relu_backward(context.X, context.C, dX);
    assert_gradcheck(loss, &context, context.X, dX, RELU_TAG);
}
END_TEST

START_TEST(a_derivative_without_the_density_fails_the_gradient_check) {
    Loss context = {random_tensor('X', SHAPE(6, 7)), random_tensor('C', SHAPE(6, 7)),
                    gelu_forward};
    Tensor wrong = unset_tensor(context.X);
    for (int i = 0; i < 42; i++) {
        wrong.data[i] = context.C.data[i] * naive_normal_cdf(context.X.data[i]);
    }
    Gradcheck check = gradcheck(loss, &context, context.X, wrong);
    ck_assert(!gradcheck_passed(&check));
}
END_TEST
#endif

/* ---- planted bugs -------------------------------------------------------- */

START_TEST(the_tanh_approximation_would_be_seen) {
    Tensor X = line_of_numbers(), approximate = unset_tensor(X);
    double *exact = doubles_of(X);
    for (int i = 0; i < 2001; i++) {
        double x = exact[i], inner = sqrt(2 / acos(-1.0)) * (x + 0.044715 * x * x * x);
        approximate.data[i] = (real)(0.5 * x * (1 + tanh(inner)));
        exact[i] = naive_gelu(x);
    }
    ck_assert_ptr_nonnull(
        doubles_difference(approximate, exact, TOLERANCE, "tanh form", TAG));
}
END_TEST

Suite *gelu_suite(void) {
    Suite *suite = suite_create("gelu");
    TCase *errors = add_case(suite, "shapes and errors");
    tcase_add_test(errors, shapes_that_differ_stop);
    TCase *values = add_case(suite, "hand-computed values");
    tcase_add_test(values, gelu_by_hand);
    tcase_add_test(values, the_derivative_of_gelu_by_hand);
    tcase_add_test(values, relu_by_hand);
    TCase *reference = add_case(suite, "an independent reference");
    tcase_add_test(reference, gelu_agrees_with_the_normal_distribution_everywhere);
    tcase_add_test(reference,
                   the_derivative_agrees_with_cdf_plus_x_times_density_everywhere);
    tcase_add_test(reference, far_left_the_relative_error_stays_small);
    TCase *properties = add_case(suite, "properties");
    tcase_add_test(properties, gelu_of_x_minus_gelu_of_minus_x_is_x);
    tcase_add_test(properties, far_right_gelu_is_the_identity_far_left_it_is_zero);
    tcase_add_test(properties, nan_is_not_hidden);
    tcase_add_test(properties,
                   results_may_overwrite_inputs_and_views_are_worked_on_alone);
#ifdef REAL_IS_DOUBLE
    TCase *gradients = add_case(suite, "gradients");
    tcase_add_test(gradients, every_element_passes_the_gradient_check);
    tcase_add_test(gradients,
                   a_derivative_without_the_density_fails_the_gradient_check);
#endif
    TCase *planted = add_case(suite, "planted bugs");
    tcase_add_test(planted, the_tanh_approximation_would_be_seen);
    return suite;
}
