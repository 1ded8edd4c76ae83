/* test_cross_entropy.c: the loss and its gradient (cross_entropy.h). */
#include <math.h>

#include "tests/check_helpers.h"
#include "chapters/05_vision_transformer/model/cross_entropy.h"
#include "tests/naive_vit.h"
#include "tests/suites.h"

static const Tensor not_wanted = {.data = NULL};

/* Logits whose softmax is 1/8, 2/8, 4/8, 1/8. */
static Tensor eighths(void) {
    return tensor_of(SHAPE(1, 4), 0, log(2), log(4), 0);
}

START_TEST(a_label_that_is_no_class_stops_the_program) {
    const int labels[] = {1, 4};
    Tensor logits = zero_tensor(SHAPE(2, 4));
    assert_stops("label 4 of image 1 is none of 4 classes",
                 cross_entropy(logits, labels, 0, 1, not_wanted));
}
END_TEST

/* ---- by hand ------------------------------------------------------------- */

START_TEST(the_loss_is_minus_the_log_of_the_right_class) {
    const int label[] = {1};
    Tensor d = unset_tensor(SHAPE(1, 4));
    assert_number_close(cross_entropy(eighths(), label, 0, 1, d), log(4), 1e-6, "loss");
    assert_values(d, 1e-6, "p - q", 0.125, -0.75, 0.5, 0.125);
}
END_TEST

START_TEST(smoothing_gives_every_class_eps_over_K) {
    const int label[] = {2};
    Tensor d = unset_tensor(SHAPE(1, 4));
    /* q = 0.05, 0.05, 0.85, 0.05 */
    const double want = 0.05 * (log(8) + log(4) + log(8)) + 0.85 * log(2);
    const double loss = cross_entropy(eighths(), label, 0.2, 1, d);
    assert_number_close(loss, want, 1e-6, "[AIAYN 5.4]");
    assert_values(d, 1e-6, "[AIAYN 5.4]", 0.075, 0.2, -0.35, 0.075);
}
END_TEST

START_TEST(losses_are_summed_over_images_and_only_the_gradient_is_scaled) {
    const int labels[] = {0, 2};
    Tensor logits = tensor_of(SHAPE(2, 4), 0, 0, 0, 0, 0, log(2), log(4), 0);
    Tensor d = unset_tensor(SHAPE(2, 4));
    const double loss = cross_entropy(logits, labels, 0, 0.5, d);
    assert_number_close(loss, log(4) + log(2), 1e-6, "loss");
    assert_values(d, 1e-6, "(p - q) / 2", -0.375, 0.125, 0.125, 0.125, 0.0625, 0.125,
                  -0.25, 0.0625);
}
END_TEST

START_TEST(without_a_gradient_the_loss_is_the_same) {
    const int label[] = {3};
    Tensor d = unset_tensor(SHAPE(1, 4));
    ck_assert_double_eq(cross_entropy(eighths(), label, 0.1, 1, not_wanted),
                        cross_entropy(eighths(), label, 0.1, 1, d));
}
END_TEST

START_TEST(the_gradient_may_be_written_over_the_logits) {
    const int labels[] = {2, 0, 1};
    Tensor logits = random_tensor('z', SHAPE(3, 5)), d = unset_tensor(SHAPE(3, 5));
    const double loss = cross_entropy(logits, labels, 0.1, 0.3, d);
    ck_assert_double_eq(cross_entropy(logits, labels, 0.1, 0.3, logits), loss);
    assert_same_bits(logits, d);
}
END_TEST

START_TEST(the_most_likely_class_is_the_first_of_the_largest) {
    Tensor logits = tensor_of(SHAPE(3, 4), 1, 5, 2, 5, -3, -1, -2, -1.5, 0, 0, 0, 7);
    ck_assert_int_eq(argmax_row(logits, 0), 1);
    ck_assert_int_eq(argmax_row(logits, 1), 1);
    ck_assert_int_eq(argmax_row(logits, 2), 3);
}
END_TEST

/* ---- properties ---------------------------------------------------------- */

START_TEST(large_logits_stay_finite) {
    const int labels[] = {0, 1};
    Tensor logits = tensor_of(SHAPE(2, 3), 1e4, -1e4, 0, 1e4, -1e4, 0);
    Tensor d = unset_tensor(SHAPE(2, 3));
    assert_number_close(cross_entropy(logits, labels, 0, 1, d), 2e4, 1e-6, "loss");
    assert_values(d, 1e-6, "p - q", 0, 0, 0, 1, -1, 0);
    const double smoothed = cross_entropy(logits, labels, 0.1, 1, d);
    ck_assert_msg(isfinite(smoothed), "the smoothed loss is %g", smoothed);
}
END_TEST

START_TEST(a_constant_added_to_all_logits_changes_nothing) {
    const int labels[] = {2, 0};
    Tensor logits = random_tensor('z', SHAPE(2, 4)), d = unset_tensor(SHAPE(2, 4));
    const double loss = cross_entropy(logits, labels, 0.1, 1, d);
    Tensor moved = copy_of(logits), d_moved = unset_tensor(SHAPE(2, 4));
    for (long i = 0; i < tensor_count(moved); i++) {
        moved.data[i] += 3;
    }
    const double same = cross_entropy(moved, labels, 0.1, 1, d_moved);
    assert_number_close(same, loss, TOLERANCE, "loss");
    assert_tensor_close(d_moved, d, TOLERANCE, "p - q");
}
END_TEST

START_TEST(each_row_of_the_gradient_sums_to_0) {
    const int labels[] = {0, 9, 4, 4, 7};
    Tensor d = unset_tensor(SHAPE(5, 10));
    cross_entropy(random_tensor('z', SHAPE(5, 10)), labels, 0.1, 1, d);
    for (int i = 0; i < 5; i++) {
        double sum = 0;
        for (int k = 0; k < 10; k++) {
            sum += (double)tensor_row(d, i)[k];
        }
        assert_number_close(sum, 0, 1e-6, "sum of p - q");
    }
}
END_TEST

START_TEST(a_logit_that_is_not_a_number_is_not_hidden) {
    const int labels[] = {0};
    Tensor logits = tensor_of(SHAPE(1, 3), 0, (double)NAN, 1);
    ck_assert(isnan(cross_entropy(logits, labels, 0.1, 1, not_wanted)));
}
END_TEST

/* ---- gradient ------------------------------------------------------------ */

typedef struct {
    double *logits, eps;
} Trial;

static const int trial_labels[] = {2, 0, 4};

static double naive_loss(void *context) {
    const Trial *t = context;
    return naive_cross_entropy(3, 5, t->logits, trial_labels, t->eps);
}

START_TEST(loss_and_gradient_are_those_of_the_naive_formula) {
    const double smoothings[] = {0, 0.1, 1};
    for (int i = 0; i < 3; i++) {
        Tensor logits = random_tensor('z', SHAPE(3, 5)), d = unset_tensor(SHAPE(3, 5));
        Trial t = {.logits = doubles_of(logits), .eps = smoothings[i]};
        const double loss = cross_entropy(logits, trial_labels, t.eps, 1.0 / 3, d) / 3;
        assert_number_close(loss, naive_loss(&t), TOLERANCE, "[AIAYN 5.4]");
        assert_gradient_of_naive(naive_loss, &t, t.logits, d, "[AIAYN 5.4]");
    }
}
END_TEST

Suite *cross_entropy_suite(void) {
    Suite *suite = suite_create("cross_entropy");
    TCase *by_hand = add_case(suite, "by hand");
    tcase_add_test(by_hand, a_label_that_is_no_class_stops_the_program);
    tcase_add_test(by_hand, the_loss_is_minus_the_log_of_the_right_class);
    tcase_add_test(by_hand, smoothing_gives_every_class_eps_over_K);
    tcase_add_test(by_hand,
                   losses_are_summed_over_images_and_only_the_gradient_is_scaled);
    tcase_add_test(by_hand, without_a_gradient_the_loss_is_the_same);
    tcase_add_test(by_hand, the_gradient_may_be_written_over_the_logits);
    tcase_add_test(by_hand, the_most_likely_class_is_the_first_of_the_largest);
    TCase *properties = add_case(suite, "properties");
    tcase_add_test(properties, large_logits_stay_finite);
    tcase_add_test(properties, a_constant_added_to_all_logits_changes_nothing);
    tcase_add_test(properties, each_row_of_the_gradient_sums_to_0);
    tcase_add_test(properties, a_logit_that_is_not_a_number_is_not_hidden);
    TCase *gradient = add_case(suite, "gradient");
    tcase_add_test(gradient, loss_and_gradient_are_those_of_the_naive_formula);
    return suite;
}
