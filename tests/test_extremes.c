/*
 * test_extremes.c: layers, loss and evaluation with values at the ends of their range:
 * scores near 200, 10000 and the largest of all, infinity, NaN. What isn't a number is
 * never taken for one.
 */
#include <float.h>
#include <math.h>

#include "chapters/02_scaled_dot_product_attention/attention.h"
#include "chapters/05_vision_transformer/model/cross_entropy.h"
#include "common/gelu.h"
#include "chapters/04_encoder_block/layer_norm.h"
#include "tests/naive_layers.h"
#include "tests/scratch.h"
#include "tests/small_run.h"
#include "common/softmax.h"
#include "tests/suites.h"

#ifdef REAL_IS_DOUBLE
#define LARGEST DBL_MAX
#else
#define LARGEST ((double)FLT_MAX)
#endif

static const Tensor not_wanted = {.data = NULL};
static const int sizes[] = {1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 197};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

/* ---- softmax and attention ------------------------------------------------ */

/* Rows of scores near each of these, and one whose scores are the ends of the range. */
START_TEST(softmax_far_from_0_is_the_naive_one) {
    static const double middle[] = {-200, 200, -10000, 10000, -1e6, 0};
    const int n = sizes[_i];
    Tensor S = random_tensor('S', SHAPE(6, n)), A = unset_tensor(S);
    double *want = test_doubles(6L * n);
    for (int i = 0; i < 6; i++) {
        for (int j = 0; j < n; j++) {
            tensor_row(S, i)[j] = (real)((double)tensor_row(S, i)[j] + middle[i]);
        }
    }
    for (int j = 0; j < n; j++) {
        tensor_row(S, 5)[j] = (real)(j % 2 ? -LARGEST : LARGEST);
    }
    naive_softmax(6, n, doubles_of(S), want);
    softmax_forward(S, A);
    assert_close_to_naive(A, want, TOLERANCE, "[AIAYN eq.1]");
}
END_TEST

/* Scores that overflow to -infinity have no weight, wherever they are; where there is
 * nothing else, there is no softmax. */
START_TEST(scores_that_overflow_have_no_weight) {
    const int n = sizes[_i], d = 1 + _i % 3;
    Tensor Q = random_tensor('Q', SHAPE(2, d)), K = random_tensor('K', SHAPE(n, d));
    Tensor V = random_tensor('V', SHAPE(n, 2)), A = unset_tensor(SHAPE(2, n));
    Tensor O = unset_tensor(SHAPE(2, 2));
    for (int i = 0; i < 2; i++) {
        tensor_row(Q, i)[0] = (real)sqrt(LARGEST);
    }
    for (int j = 0; j < n; j++) {
        tensor_row(K, j)[0] = (real)(j < n - 1 || n == 1 ? -4 * sqrt(LARGEST) : 0);
    }
    attention_forward(Q, K, V, NULL, A, O);
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < n; j++) {
            const double a = (double)tensor_row(A, i)[j];
            ck_assert_msg(n == 1 ? isnan(a) : a == (j == n - 1), "A is %g", a);
        }
        ck_assert(n == 1 ? isnan(tensor_row(O, i)[0])
                         : tensor_row(O, i)[0] == tensor_row(V, n - 1)[0]);
    }
}
END_TEST

START_TEST(relu_keeps_nan_and_infinity) {
    Tensor X = tensor_of(SHAPE(5), (double)NAN, HUGE_VAL, -HUGE_VAL, 0, 2);
    Tensor Y = unset_tensor(X), dX = unset_tensor(X);
    Tensor dY = tensor_of(SHAPE(5), 3, 3, HUGE_VAL, (double)NAN, 3);
    relu_forward(X, Y);
    relu_backward(X, dY, dX);
    ck_assert(isnan(Y.data[0]) && isnan(dX.data[0]));
    ck_assert(isinf(Y.data[1]) && dX.data[1] == 3);
    ck_assert(Y.data[2] == 0 && dX.data[2] == 0); /* blocked: 0, and not 0 * inf */
    ck_assert(Y.data[3] == 0 && dX.data[3] == 0 && Y.data[4] == 2 && dX.data[4] == 3);
}
END_TEST

START_TEST(a_variance_beyond_the_range_is_nan) {
    const int D = sizes[1 + _i];
    Tensor X = random_tensor('X', SHAPE(3, D)), Y = unset_tensor(X);
    Tensor one = zero_tensor(SHAPE(D));
    const LayerNorm layer = {one, one, (real)LAYER_NORM_EPSILON};
    LayerNormActivations a = {zero_tensor(SHAPE(3)), zero_tensor(SHAPE(3))};
    tensor_fill(one, 1);
    for (int j = 0; j < D; j++) {
        tensor_row(X, 1)[j] = (real)(sqrt(LARGEST) * (j % 2 ? -10 : 10));
    }
    layer_norm_forward(&layer, X, &a, Y);
    for (int i = 0; i < 3 * D; i++) {
        ck_assert_int_eq(isnan(Y.data[i]) != 0, i / D == 1);
    }
}
END_TEST

/* ---- the loss --------------------------------------------------------------- */

/* No class of a row with NaN, wherever it is, or with an infinite largest one. */
START_TEST(a_row_without_a_softmax_has_no_class) {
    for (int K = 1; K <= 33; K++) {
        for (int k = 0; k < K; k++) {
            Tensor logits = random_tensor('l', SHAPE(2, K));
            const int other = argmax_row(logits, 1);
            ck_assert_int_ge(argmax_row(logits, 0), 0);
            tensor_row(logits, 0)[k] = (real)NAN;
            ck_assert_int_eq(argmax_row(logits, 0), -1);
            tensor_row(logits, 0)[k] = (real)HUGE_VAL;
            ck_assert_int_eq(argmax_row(logits, 0), -1);
            tensor_row(logits, 0)[k] = (real)-HUGE_VAL;
            ck_assert_int_eq(argmax_row(logits, 0) >= 0, K > 1);
            ck_assert_int_eq(argmax_row(logits, 1), other);
        }
    }
    Tensor none = zero_tensor(SHAPE(1, 10));
    tensor_fill(none, (real)-HUGE_VAL);
    ck_assert_int_eq(argmax_row(none, 0), -1);
    tensor_fill(none, (real)NAN);
    ck_assert_int_eq(argmax_row(none, 0), -1);
}
END_TEST

/* q log p of a class that nobody asks for is 0, also where p is. */
START_TEST(an_impossible_class_costs_nothing_without_smoothing) {
    const int label[] = {0}, impossible[] = {2};
    Tensor logits = tensor_of(SHAPE(1, 3), 1, 1, -HUGE_VAL), d = unset_tensor(logits);
    assert_number_close(cross_entropy(logits, label, 0, 1, d), log(2), 1e-6, "loss");
    assert_values(d, 1e-6, "p - q", -0.5, 0.5, 0);
    ck_assert(isinf(cross_entropy(logits, label, 0.1, 1, not_wanted)));
    ck_assert(isinf(cross_entropy(logits, impossible, 0, 1, not_wanted)));
    logits.data[1] = (real)HUGE_VAL;
    ck_assert(isnan(cross_entropy(logits, label, 0, 1, not_wanted)));
}
END_TEST

/* ---- evaluation --------------------------------------------------------------- */

/* Weights that are finite, of a model whose logits are not. */
START_TEST(images_without_finite_logits_are_counted_apart) {
    static const double sizes_of_head[] = {1, LARGEST};
    for (int threads = 1; threads <= 3; threads++) {
        for (int k = 0; k < 2; k++) {
            Dataset data = small_dataset(20, 17);
            Settings s = small_settings();
            Evaluation e;
            int predictions[17];
            Error error = {""};
            s.threads = threads;
            Trainer t = new_trainer(&s, &data);
            tensor_fill(t.vit.W_head, (real)sizes_of_head[k]);
            tensor_row(t.vit.W_head, 3)[0] *= (real)-0.5;
            trainer_evaluate(&t, &data, &data.test, predictions, &e);
            ck_assert_int_eq(e.count, 17);
            ck_assert_int_eq(e.undecided, k * 17);
            for (int i = 0; i < 17; i++) {
                ck_assert_int_eq(predictions[i] < 0, k == 1);
            }
            ck_assert_int_eq(evaluation_check(&e, &error), k == 0);
            if (k > 0) {
                ck_assert_int_eq(e.correct, 0);
                assert_error_line(error, "17 of 17 test images have no finite logits");
            }
            trainer_free(&t);
            dataset_free(&data);
        }
    }
}
END_TEST

START_TEST(an_evaluation_adds_up_what_it_is_given) {
    Evaluation e = {0};
    Error error = {""};
    evaluation_add(&e, 3, 3);
    evaluation_add(&e, 3, 9);
    ck_assert(evaluation_check(&e, &error));
    evaluation_add(&e, 0, -1);
    ck_assert_int_eq(e.count, 3);
    ck_assert_int_eq(e.correct, 1);
    ck_assert_int_eq(e.undecided, 1);
    ck_assert(!evaluation_check(&e, &error));
    assert_error_line(error, "1 of 3 test images have no finite logits|--lr");
    e.undecided = 0;
    e.loss = HUGE_VAL;
    ck_assert(!evaluation_check(&e, &error));
    assert_error_line(error, "the mean loss of 3 test images is inf");
    e.loss = -(double)NAN;
    ck_assert(!evaluation_check(&e, &error));
    assert_error_line(error, "the mean loss of 3 test images is nan");
}
END_TEST

Suite *extremes_suite(void) {
    Suite *suite = suite_create("extremes");
    TCase *layers = add_case(suite, "layers");
    tcase_add_loop_test(layers, softmax_far_from_0_is_the_naive_one, 0, SIZES);
    tcase_add_loop_test(layers, scores_that_overflow_have_no_weight, 0, SIZES);
    tcase_add_loop_test(layers, a_variance_beyond_the_range_is_nan, 0, SIZES - 1);
    tcase_add_test(layers, relu_keeps_nan_and_infinity);
    TCase *loss = add_case(suite, "loss and evaluation");
    tcase_add_test(loss, a_row_without_a_softmax_has_no_class);
    tcase_add_test(loss, an_impossible_class_costs_nothing_without_smoothing);
    tcase_add_test(loss, images_without_finite_logits_are_counted_apart);
    tcase_add_test(loss, an_evaluation_adds_up_what_it_is_given);
    return suite;
}
