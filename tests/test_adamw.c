/* test_adamw.c: the optimiser and clipping (adamw.h). */
#include <math.h>

#include "chapters/05_vision_transformer/training/adamw.h"
#include "tests/check_helpers.h"
#include "tests/suites.h"

/* Four elements that decay, then three that don't. */
enum { DECAYING = 4, NOT_DECAYING = 3, COUNT = DECAYING + NOT_DECAYING };

static Parameter parameters[2];

static ParameterList list_of_two(void) {
    ParameterList list = {.items = parameters, .count = 2, .total = COUNT};
    parameters[0] = (Parameter){.decay = DECAY, .shape = SHAPE(2, 2), .offset = 0};
    parameters[1] =
        (Parameter){.decay = NO_DECAY, .shape = SHAPE(3), .offset = DECAYING};
    return list;
}

/* An optimiser with its weights and moments. */
typedef struct {
    AdamW o;
    Tensor w, m, v;
} Run;

static Run run_of(AdamW o, Tensor w) {
    return (Run){o, copy_of(w), zero_tensor(SHAPE(COUNT)), zero_tensor(SHAPE(COUNT))};
}

static void step(Run *run, double lr, long t, Tensor g) {
    const ParameterList list = list_of_two();
    adamw_step(
        &(AdamWStep){&run->o, lr, t, run->w.data, g.data, run->m.data, run->v.data},
        &list);
}

/* ---- by hand ------------------------------------------------------------- */

START_TEST(the_first_step_moves_every_weight_by_the_rate) {
    /* mhat = g and vhat = g^2, whatever the betas: so g / |g|. */
    Run run = run_of((AdamW){0.9, 0.999, 1e-12, 0}, zero_tensor(SHAPE(COUNT)));
    step(&run, 0.01, 1, tensor_of(SHAPE(COUNT), 1e-3, -1e-3, 5, -0.2, 1, -7, 1e-4));
    assert_values(run.w, 1e-5, "AdamW", -0.01, 0.01, -0.01, 0.01, -0.01, 0.01, -0.01);
}
END_TEST

START_TEST(epsilon_is_added_to_the_root) {
    /* g / (|g| + eps), not g / sqrt(g^2 + eps). */
    Run run = run_of((AdamW){0.9, 0.999, 0.5, 0}, zero_tensor(SHAPE(COUNT)));
    step(&run, 1, 1, tensor_of(SHAPE(COUNT), 0.5, -0.5, 1.5, 0, 2, -3.5, 9.5));
    assert_values(run.w, 1e-5, "AdamW", -0.5, 0.5, -0.75, 0, -0.8, 0.875, -0.95);
}
END_TEST

START_TEST(two_steps_by_hand) {
    /* Adam, as in [AIAYN 5.3].
     * b1 = 1/2, b2 = 3/4, g = 1 then 3:  m = 1/2, 7/4;  v = 1/4, 39/16;
     * mhat = 1, 7/3;  vhat = 1, 39/7. */
    Run run = run_of((AdamW){0.5, 0.75, 0, 0}, zero_tensor(SHAPE(COUNT)));
    Tensor g = zero_tensor(SHAPE(COUNT));
    tensor_fill(g, 1);
    step(&run, 0.1, 1, g);
    tensor_fill(g, 3);
    step(&run, 0.2, 2, g);
    assert_number_close((double)run.m.data[0], 1.75, 1e-6, "m");
    assert_number_close((double)run.v.data[0], 39.0 / 16, 1e-6, "v");
    const double want = -0.1 - 0.2 * (7.0 / 3) / sqrt(39.0 / 7);
    assert_number_close((double)run.w.data[0], want, 1e-6, "AdamW");
}
END_TEST

START_TEST(decay_pulls_only_where_it_should) {
    Run run = run_of((AdamW){0.9, 0.999, 1e-8, 0.1},
                     tensor_of(SHAPE(COUNT), 1, -2, 3, 4, 5, -6, 7));
    step(&run, 0.5, 1, zero_tensor(SHAPE(COUNT))); /* no gradient: only decay */
    assert_values(run.w, 1e-6, "w - lr lambda w", 0.95, -1.9, 2.85, 3.8, 5, -6, 7);
}
END_TEST

START_TEST(decay_stays_out_of_the_moments) {
    Run run = run_of((AdamW){0.9, 0.999, 1e-8, 0.1}, random_tensor('w', SHAPE(COUNT)));
    step(&run, 0.5, 1, zero_tensor(SHAPE(COUNT)));
    assert_same_bits(run.m, zero_tensor(SHAPE(COUNT)));
    assert_same_bits(run.v, zero_tensor(SHAPE(COUNT)));
}
END_TEST

START_TEST(decay_is_of_the_weight_before_the_step) {
    /* w = 1 - lr (1 + lambda 1) */
    Run run = run_of((AdamW){0.9, 0.999, 0, 0.5},
                     tensor_of(SHAPE(COUNT), 1, 1, 1, 1, 1, 1, 1));
    Tensor g = zero_tensor(SHAPE(COUNT));
    tensor_fill(g, 3);
    step(&run, 0.5, 1, g);
    assert_values(run.w, 1e-6, "AdamW", 0.25, 0.25, 0.25, 0.25, 0.5, 0.5, 0.5);
}
END_TEST

/* ---- against the naive formula ------------------------------------------- */

/* The formulas of adamw.h, one element at a time, in double. */
static double naive_step(const AdamW *o, double lr, long t, double lambda, double w,
                         double g, double *m, double *v) {
    *m = o->beta1 * *m + (1 - o->beta1) * g;
    *v = o->beta2 * *v + (1 - o->beta2) * g * g;
    const double mhat = *m / (1 - pow(o->beta1, (double)t));
    const double vhat = *v / (1 - pow(o->beta2, (double)t));
    return w - lr * (mhat / (sqrt(vhat) + o->epsilon) + lambda * w);
}

static void compare_with_naive(AdamW o, long first_step, int steps) {
    Run run = run_of(o, random_tensor('w', SHAPE(COUNT)));
    double *w = doubles_of(run.w), *m = test_doubles(COUNT), *v = test_doubles(COUNT);
    for (long t = first_step; t < first_step + steps; t++) {
        const double lr = 0.01 * (double)(1 + t % 4);
        Tensor g = random_tensor((int)t, SHAPE(COUNT));
        step(&run, lr, t, g);
        for (int i = 0; i < COUNT; i++) {
            const double lambda = i < DECAYING ? o.weight_decay : 0;
            w[i] = naive_step(&o, lr, t, lambda, w[i], (double)g.data[i], &m[i], &v[i]);
        }
        assert_close_to_naive(run.w, w, TOLERANCE, "AdamW: w");
        assert_close_to_naive(run.m, m, TOLERANCE, "AdamW: m");
        assert_close_to_naive(run.v, v, TOLERANCE, "AdamW: v");
    }
}

START_TEST(steps_equal_the_naive_formula) {
    compare_with_naive((AdamW){0.9, 0.999, 1e-8, 0.05}, 1, 10);
    compare_with_naive((AdamW){0.9, 0.98, 1e-9, 0}, 1, 10); /* [AIAYN eq.3]'s betas */
    compare_with_naive((AdamW){0.5, 0.7, 0.1, 0.3}, 1, 10);
    compare_with_naive((AdamW){0, 0, 1e-3, 0.1}, 1, 3);
    compare_with_naive((AdamW){0.9, 0.999999999, 1e-8, 0}, 1, 3); /* float: 1 */
}
END_TEST

START_TEST(late_steps_equal_the_naive_formula) {
    compare_with_naive((AdamW){0.9, 0.999, 1e-8, 0.05}, 100000, 3);
}
END_TEST

START_TEST(a_layer_of_many_numbers_equals_many_layers_of_one) {
    enum { MANY = 1003 }; /* whole vectors and a rest */
    Parameter one = {.decay = DECAY, .shape = SHAPE(MANY)};
    const ParameterList list = {.items = &one, .count = 1, .total = MANY};
    const AdamW o = {0.9, 0.999, 1e-8, 0.05};
    Tensor w = random_tensor('w', SHAPE(MANY)), g = random_tensor('g', SHAPE(MANY));
    Tensor m = zero_tensor(SHAPE(MANY)), v = zero_tensor(SHAPE(MANY));
    double *want = doubles_of(w);
    for (int i = 0; i < MANY; i++) {
        double m_0 = 0, v_0 = 0;
        want[i] = naive_step(&o, 0.1, 1, 0.05, want[i], (double)g.data[i], &m_0, &v_0);
    }
    adamw_step(&(AdamWStep){&o, 0.1, 1, w.data, g.data, m.data, v.data}, &list);
    assert_close_to_naive(w, want, TOLERANCE, "AdamW");
}
END_TEST

/* ---- clipping ------------------------------------------------------------ */

START_TEST(the_norm_is_the_root_of_the_sum_of_squares) {
    Tensor g = tensor_of(SHAPE(4), 1, -2, 2, 4);
    ck_assert_double_eq(gradient_norm(g.data, 4), 5);
    ck_assert_double_eq(gradient_norm(g.data, 3), 3);
    ck_assert_double_eq(gradient_norm(g.data, 0), 0);
}
END_TEST

START_TEST(the_norm_is_summed_in_double) {
    /* A large element, then many small ones: in float they would all be lost. */
    enum { MANY = 200000 };
    Tensor g = zero_tensor(SHAPE(MANY));
    tensor_fill(g, (real)0.25);
    g.data[0] = 1024;
    const double want = sqrt(1024.0 * 1024 + (MANY - 1) * 0.0625);
    assert_number_close(gradient_norm(g.data, MANY), want, 1e-12, "norm");
}
END_TEST

START_TEST(a_gradient_above_the_limit_is_scaled_to_it) {
    Tensor g = tensor_of(SHAPE(2), 3, -4);
    ck_assert_double_eq(gradient_clip(g.data, 2, 2.5), 5); /* the norm before */
    assert_values(g, 1e-6, "clipped", 1.5, -2);
}
END_TEST

START_TEST(a_gradient_at_or_below_the_limit_is_left_alone) {
    Tensor g = tensor_of(SHAPE(2), 3, -4);
    ck_assert_double_eq(gradient_clip(g.data, 2, 5), 5);
    assert_same_bits(g, tensor_of(SHAPE(2), 3, -4));
    ck_assert_double_eq(gradient_clip(g.data, 2, 100), 5);
    assert_same_bits(g, tensor_of(SHAPE(2), 3, -4));
}
END_TEST

START_TEST(a_limit_of_0_is_no_limit) {
    Tensor g = tensor_of(SHAPE(2), 3e6, -4e6);
    ck_assert_double_eq(gradient_clip(g.data, 2, 0), 5e6);
    assert_same_bits(g, tensor_of(SHAPE(2), 3e6, -4e6));
}
END_TEST

START_TEST(a_norm_that_is_not_a_number_is_reported_and_nothing_is_scaled) {
    Tensor g = tensor_of(SHAPE(3), 3, (double)NAN, -4);
    ck_assert(isnan(gradient_clip(g.data, 3, 1)));
    ck_assert_double_eq((double)g.data[0], 3);
    ck_assert_double_eq((double)g.data[2], -4);
    g.data[1] = (real)INFINITY;
    ck_assert(isinf(gradient_norm(g.data, 3)));
}
END_TEST

Suite *adamw_suite(void) {
    Suite *suite = suite_create("adamw");
    TCase *by_hand = add_case(suite, "by hand");
    tcase_add_test(by_hand, the_first_step_moves_every_weight_by_the_rate);
    tcase_add_test(by_hand, epsilon_is_added_to_the_root);
    tcase_add_test(by_hand, two_steps_by_hand);
    tcase_add_test(by_hand, decay_pulls_only_where_it_should);
    tcase_add_test(by_hand, decay_stays_out_of_the_moments);
    tcase_add_test(by_hand, decay_is_of_the_weight_before_the_step);
    TCase *naive = add_case(suite, "against the naive formula");
    tcase_add_test(naive, steps_equal_the_naive_formula);
    tcase_add_test(naive, late_steps_equal_the_naive_formula);
    tcase_add_test(naive, a_layer_of_many_numbers_equals_many_layers_of_one);
    TCase *clipping = add_case(suite, "clipping");
    tcase_add_test(clipping, the_norm_is_the_root_of_the_sum_of_squares);
    tcase_add_test(clipping, the_norm_is_summed_in_double);
    tcase_add_test(clipping, a_gradient_above_the_limit_is_scaled_to_it);
    tcase_add_test(clipping, a_gradient_at_or_below_the_limit_is_left_alone);
    tcase_add_test(clipping, a_limit_of_0_is_no_limit);
    tcase_add_test(clipping,
                   a_norm_that_is_not_a_number_is_reported_and_nothing_is_scaled);
    return suite;
}
