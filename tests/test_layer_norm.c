/* test_layer_norm.c: forward and backward (chapter 4, layer_norm.h). */
#include "chapters/04_encoder_block/layer_norm.h"

#include <math.h>

#include "tests/check_helpers.h"
#include "tests/naive_layers.h"
#include "tests/suites.h"

#define TAG "[layer norm]"

typedef struct {
    LayerNorm layer, d;
    LayerNormActivations a;
    Tensor X, Y, dY, dX;
} Norm;

static Norm make_norm(int rows, int D) {
    Norm norm = {.layer.gamma = random_tensor('g', SHAPE(D)),
                 .layer.beta = random_tensor('b', SHAPE(D)),
                 .layer.epsilon = (real)LAYER_NORM_EPSILON,
                 .d.gamma = zero_tensor(SHAPE(D)),
                 .d.beta = zero_tensor(SHAPE(D)),
                 .a.mean = unset_tensor(SHAPE(rows)),
                 .a.rstd = unset_tensor(SHAPE(rows)),
                 .X = random_tensor('X', SHAPE(rows, D)),
                 .Y = unset_tensor(SHAPE(rows, D)),
                 .dY = random_tensor('C', SHAPE(rows, D)),
                 .dX = unset_tensor(SHAPE(rows, D))};
    return norm;
}

/* gamma = 1, beta = 0, as a layer begins. */
static Norm make_plain_norm(Tensor X) {
    Norm norm = make_norm(tensor_rows(X), tensor_cols(X));
    tensor_fill(norm.layer.gamma, 1);
    tensor_fill(norm.layer.beta, 0);
    norm.X = X;
    return norm;
}

static void forward(Norm *norm) {
    layer_norm_forward(&norm->layer, norm->X, &norm->a, norm->Y);
}

static void backward(Norm *norm) {
    layer_norm_backward(&norm->layer, &norm->d, norm->X, &norm->a, norm->dY, norm->dX);
}

/* ---- shapes and errors --------------------------------------------------- */

START_TEST(shapes_that_do_not_fit_stop) {
    Norm norm = make_norm(2, 3), wrong = norm;
    Tensor other = zero_tensor(SHAPE(3, 2));
    wrong.Y = other;
    assert_stops("layer_norm_forward: Y is (3,2), want (2,3)", forward(&wrong));
    wrong = norm, wrong.layer.gamma = zero_tensor(SHAPE(2));
    assert_stops("layer->gamma is (2), want (3)|gamma has one number for each",
                 forward(&wrong));
    forward(&norm);
    wrong = norm, wrong.dY = other;
    assert_stops("layer_norm_backward: dY is (3,2), want (2,3)", backward(&wrong));
    wrong = norm, wrong.dX = other;
    assert_stops("layer_norm_backward: dX is (3,2), want (2,3)", backward(&wrong));
    wrong = norm, wrong.d.gamma = zero_tensor(SHAPE(2));
    assert_stops("layer_norm_backward: d->gamma is (2), want (3)", backward(&wrong));
}
END_TEST

START_TEST(the_layout_has_timms_names_and_two_numbers_a_token) {
    ParameterList list = {.items = (Parameter[2]){{.offset = 0}}};
    ParameterBlock block = {.list = &list};
    LayerNorm layer;
    layer_norm_parameters(&layer, &block, 6, "norm.");
    ck_assert_str_eq(list.items[0].name, "norm.weight");
    ck_assert_str_eq(list.items[1].name, "norm.bias");
    ck_assert(list.items[0].decay == NO_DECAY && list.items[1].decay == NO_DECAY);
    ck_assert(layer.epsilon == (real)LAYER_NORM_EPSILON);
    ck_assert_int_eq(block.used, 12);
    Arena plan = {0};
    LayerNormActivations a;
    layer_norm_activations(&a, &plan, 7);
    ck_assert(tensor_same_shape(a.mean, SHAPE(7)));
    ck_assert(tensor_same_shape(a.rstd, SHAPE(7)));
}
END_TEST

/* ---- hand-computed values ------------------------------------------------ */

START_TEST(one_to_four_by_hand_with_the_variance_divided_by_D) {
    /* mean 2.5, variance 5/4 (5/3 if divided by D - 1) */
    Norm norm = make_plain_norm(tensor_of(SHAPE(1, 4), 1, 2, 3, 4));
    forward(&norm);
    assert_values(norm.a.mean, TOLERANCE, TAG, 2.5);
    assert_values(norm.a.rstd, TOLERANCE, TAG, 0.8944268332292541);
    assert_values(norm.Y, TOLERANCE, TAG, -1.341640249843881, -0.44721341661462705,
                  0.44721341661462705, 1.341640249843881);
}
END_TEST

START_TEST(gamma_stretches_and_beta_shifts) {
    Norm norm = make_plain_norm(tensor_of(SHAPE(2, 2), 0, 2000, 3000, 1000));
    norm.layer.gamma = tensor_of(SHAPE(2), 2, 3);
    norm.layer.beta = tensor_of(SHAPE(2), 10, 20);
    forward(&norm);
    assert_values(norm.Y, TOLERANCE, TAG, 8, 23, 12, 17);
}
END_TEST

START_TEST(epsilon_is_one_millionth_inside_the_root) {
    /* Variance 1e-6 too: without eps it would be +-1, with 1e-5 it would be +-0.30. */
    Norm norm = make_plain_norm(tensor_of(SHAPE(1, 2), 1e-3, -1e-3));
    forward(&norm);
    assert_values(norm.Y, TOLERANCE, TAG, 0.7071067811865476, -0.7071067811865476);
}
END_TEST

START_TEST(a_layer_may_have_another_epsilon) {
    /* Variance 1, epsilon 3. */
    Norm norm = make_plain_norm(tensor_of(SHAPE(1, 2), 1, -1));
    norm.layer.epsilon = 3;
    forward(&norm);
    assert_values(norm.a.rstd, TOLERANCE, TAG, 0.5);
    assert_values(norm.Y, TOLERANCE, TAG, 0.5, -0.5);
}
END_TEST

START_TEST(a_row_of_equal_numbers_becomes_beta) {
    Norm norm = make_norm(2, 3);
    tensor_fill(norm.X, 7);
    forward(&norm);
    backward(&norm);
    assert_same_bits(tensor_slice(norm.Y, 0), norm.layer.beta);
    assert_values(norm.a.rstd, TOLERANCE, TAG, 1000, 1000);
    for (int i = 0; i < 6; i++) {
        ck_assert(isfinite(norm.dX.data[i]));
    }
}
END_TEST

/* ---- an independent reference -------------------------------------------- */

typedef struct {
    int rows;
    NaiveLayerNorm layer;
    double *X, *Y, *C;
} Naive;

static double naive_loss(void *context) {
    const Naive *c = context;
    naive_layer_norm(&c->layer, c->rows, c->X, c->Y);
    double sum = 0;
    for (int i = 0; i < c->rows * c->layer.D; i++) {
        sum += c->C[i] * c->Y[i];
    }
    return sum;
}

START_TEST(forward_and_backward_agree_with_the_formula) {
    const int sizes[][2] = {{1, 2}, {3, 5}, {4, 16}, {2, 33}};
    for (int s = 0; s < 4; s++) {
        Norm norm = make_norm(sizes[s][0], sizes[s][1]);
        forward(&norm);
        backward(&norm);
        Naive naive = {
            sizes[s][0],
            {sizes[s][1], doubles_of(norm.layer.gamma), doubles_of(norm.layer.beta)},
            doubles_of(norm.X),
            doubles_of(norm.Y),
            doubles_of(norm.dY)};
        naive_loss(&naive);
        assert_close_to_naive(norm.Y, naive.Y, TOLERANCE, TAG);
        if (sizes[s][1] > 2) { /* of two elements only the sign is left: dX is 0 */
            assert_gradient_of_naive(naive_loss, &naive, naive.X, norm.dX, TAG);
        }
        assert_gradient_of_naive(naive_loss, &naive, naive.layer.gamma, norm.d.gamma,
                                 TAG);
        assert_gradient_of_naive(naive_loss, &naive, naive.layer.beta, norm.d.beta,
                                 TAG);
    }
}
END_TEST

/* ---- properties ---------------------------------------------------------- */

START_TEST(each_row_has_mean_zero_and_variance_one) {
    Norm norm = make_plain_norm(random_tensor('X', SHAPE(6, 24)));
    tensor_scale(norm.X, 30);
    forward(&norm);
    for (int i = 0; i < 6; i++) {
        double sum = 0, squares = 0;
        for (int j = 0; j < 24; j++) {
            double y = (double)tensor_row(norm.Y, i)[j];
            sum += y;
            squares += y * y;
        }
        assert_number_close(sum / 24, 0, TOLERANCE, TAG);
        assert_number_close(squares / 24, 1, 1e-5, TAG);
    }
}
END_TEST

START_TEST(a_row_scaled_and_shifted_is_the_same_row) {
    Tensor X = random_tensor('X', SHAPE(4, 8)), moved = copy_of(X);
    tensor_scale(X, 1000);
    tensor_scale(moved, 4000);
    for (int i = 0; i < 32; i++) {
        moved.data[i] += 512;
    }
    Norm one = make_plain_norm(X), other = make_plain_norm(moved);
    forward(&one);
    forward(&other);
    assert_tensor_close(other.Y, one.Y, TOLERANCE, TAG);
}
END_TEST

START_TEST(a_large_mean_does_not_drown_the_variance) {
    /* E[x^2] - E[x]^2 would lose all digits here. */
    Norm norm = make_plain_norm(tensor_of(SHAPE(1, 4), 10001, 10002, 10003, 10004));
    forward(&norm);
    assert_values(norm.Y, TOLERANCE, TAG, -1.341640249843881, -0.44721341661462705,
                  0.44721341661462705, 1.341640249843881);
}
END_TEST

START_TEST(rows_do_not_mix) {
    Norm norm = make_norm(3, 5), other = make_norm(3, 5);
    tensor_fill(tensor_slice(other.X, 1), (real)NAN);
    forward(&norm);
    forward(&other);
    assert_same_bits(tensor_slice(other.Y, 0), tensor_slice(norm.Y, 0));
    assert_same_bits(tensor_slice(other.Y, 2), tensor_slice(norm.Y, 2));
    ck_assert(isnan(tensor_row(other.Y, 1)[0]));
}
END_TEST

START_TEST(the_inputs_gradient_is_orthogonal_to_ones_and_to_xhat) {
    Norm norm = make_plain_norm(random_tensor('X', SHAPE(3, 16)));
    tensor_scale(norm.X, 50); /* so that eps doesn't matter */
    forward(&norm);
    backward(&norm);
    tensor_scale(norm.dX, 50);
    for (int i = 0; i < 3; i++) {
        double sum = 0, along = 0;
        for (int j = 0; j < 16; j++) {
            double dx = (double)tensor_row(norm.dX, i)[j];
            sum += dx;
            along += dx * (double)tensor_row(norm.Y, i)[j];
        }
        assert_number_close(sum, 0, 10 * TOLERANCE, TAG);
        assert_number_close(along, 0, 1e-4, TAG);
    }
}
END_TEST

START_TEST(weight_gradients_are_added_and_the_inputs_is_written) {
    Norm once = make_norm(4, 6), norm = make_norm(4, 6);
    forward(&once);
    forward(&norm);
    backward(&once);
    norm.d.gamma = random_tensor('p', SHAPE(6));
    norm.d.beta = random_tensor('q', SHAPE(6));
    Tensor want_gamma = copy_of(norm.d.gamma), want_beta = copy_of(norm.d.beta);
    tensor_add(want_gamma, once.d.gamma);
    tensor_add(want_beta, once.d.beta);
    tensor_fill(norm.dX, 1000);
    backward(&norm);
    assert_tensor_close(norm.d.gamma, want_gamma, TOLERANCE, TAG);
    assert_tensor_close(norm.d.beta, want_beta, TOLERANCE, TAG);
    assert_same_bits(norm.dX, once.dX);
}
END_TEST

START_TEST(the_gradient_may_overwrite_dY_and_rows_may_be_fewer_than_planned) {
    Norm norm = make_norm(4, 6), other = make_norm(4, 6);
    forward(&norm);
    backward(&norm);
    other.a.mean = unset_tensor(SHAPE(9));
    other.a.rstd = unset_tensor(SHAPE(9));
    other.dX = other.dY;
    forward(&other);
    backward(&other);
    assert_tensor_close(other.dX, norm.dX, TOLERANCE, TAG);
    assert_tensor_close(other.d.gamma, norm.d.gamma, TOLERANCE, TAG);
    ck_assert(isnan(other.a.mean.data[4]));
}
END_TEST

/* ---- gradients ----------------------------------------------------------- */

#ifdef REAL_IS_DOUBLE
static double loss(void *context) {
    Norm *norm = context;
    forward(norm);
    return weighted_sum(norm->dY, norm->Y);
}

static bool passes(Norm *norm, Tensor x, Tensor dx) {
    Gradcheck check = gradcheck(loss, norm, x, dx);
    return gradcheck_passed(&check);
}

START_TEST(every_element_passes_the_gradient_check) {
    Norm norm = make_norm(5, 7);
    forward(&norm);
    backward(&norm);
    assert_gradcheck(loss, &norm, norm.X, norm.dX, TAG);
    assert_gradcheck(loss, &norm, norm.layer.gamma, norm.d.gamma, TAG);
    assert_gradcheck(loss, &norm, norm.layer.beta, norm.d.beta, TAG);
}
END_TEST

/* dX = rstd (g - a mean(g) - b xhat mean(g o xhat)); right with a = b = 1. */
static Tensor input_gradient(const Norm *norm, double a, double b) {
    const int D = tensor_cols(norm->X);
    Tensor dX = unset_tensor(norm->X);
    for (int i = 0; i < tensor_rows(norm->X); i++) {
        const double *x = tensor_row(norm->X, i), *dy = tensor_row(norm->dY, i);
        double mean = norm->a.mean.data[i], rstd = norm->a.rstd.data[i];
        double mean_g = 0, mean_g_xhat = 0;
        for (int j = 0; j < D; j++) {
            double g = dy[j] * norm->layer.gamma.data[j];
            mean_g += g / D;
            mean_g_xhat += g * (x[j] - mean) * rstd / D;
        }
        for (int j = 0; j < D; j++) {
            double g = dy[j] * norm->layer.gamma.data[j], xhat = (x[j] - mean) * rstd;
            tensor_row(dX, i)[j] = rstd * (g - a * mean_g - b * xhat * mean_g_xhat);
        }
    }
    return dX;
}

START_TEST(a_backward_that_forgets_the_mean_or_the_variance_fails) {
    Norm norm = make_norm(5, 7);
    forward(&norm);
    ck_assert(passes(&norm, norm.X, input_gradient(&norm, 1, 1)));
    ck_assert(!passes(&norm, norm.X, input_gradient(&norm, 0, 1)));
    ck_assert(!passes(&norm, norm.X, input_gradient(&norm, 1, 0)));
}
END_TEST
#endif

Suite *layer_norm_suite(void) {
    Suite *suite = suite_create("layer_norm");
    TCase *errors = add_case(suite, "shapes and errors");
    tcase_add_test(errors, shapes_that_do_not_fit_stop);
    tcase_add_test(errors, the_layout_has_timms_names_and_two_numbers_a_token);
    TCase *values = add_case(suite, "hand-computed values");
    tcase_add_test(values, one_to_four_by_hand_with_the_variance_divided_by_D);
    tcase_add_test(values, gamma_stretches_and_beta_shifts);
    tcase_add_test(values, epsilon_is_one_millionth_inside_the_root);
    tcase_add_test(values, a_layer_may_have_another_epsilon);
    tcase_add_test(values, a_row_of_equal_numbers_becomes_beta);
    TCase *reference = add_case(suite, "an independent reference");
    tcase_add_test(reference, forward_and_backward_agree_with_the_formula);
    TCase *properties = add_case(suite, "properties");
    tcase_add_test(properties, each_row_has_mean_zero_and_variance_one);
    tcase_add_test(properties, a_row_scaled_and_shifted_is_the_same_row);
    tcase_add_test(properties, a_large_mean_does_not_drown_the_variance);
    tcase_add_test(properties, rows_do_not_mix);
    tcase_add_test(properties, the_inputs_gradient_is_orthogonal_to_ones_and_to_xhat);
    tcase_add_test(properties, weight_gradients_are_added_and_the_inputs_is_written);
    tcase_add_test(properties,
                   the_gradient_may_overwrite_dY_and_rows_may_be_fewer_than_planned);
#ifdef REAL_IS_DOUBLE
    TCase *gradients = add_case(suite, "gradients");
    tcase_add_test(gradients, every_element_passes_the_gradient_check);
    tcase_add_test(gradients, a_backward_that_forgets_the_mean_or_the_variance_fails);
#endif
    return suite;
}
