/*
 * test_ladder.c: the rungs below matmul_nn (test_matmul.c) against a triple loop, at
 * sizes around every block (common/matmul_plain.h, chapters/01_tensor_ops/ladder.h);
 * and what machine_speed.h measures is no nonsense.
 */
#include "chapters/01_tensor_ops/ladder.h"

#include <math.h>
#include <stdio.h>

#include "tests/check_helpers.h"
#include "common/lesson/machine_speed.h"
#include "common/matmul_plain.h"
#include "tests/suites.h"

enum { RUNGS = 4 };

static const struct {
    const char *name;
    LadderRung *product;
} rungs[RUNGS] = {
    {"matmul_plain_nn", matmul_plain_nn},
    {"ladder_loop_order", ladder_loop_order},
    {"ladder_blocked", ladder_blocked},
    {"ladder_packed", ladder_packed},
};

/* ---- one product on every rung ------------------------------------------- */

/* A (m,k), B (k,n), and A B as a triple loop in double has it. */
typedef struct {
    Tensor A, B;
    double *product;
} Case;

static Case make_case(int m, int n, int k) {
    Case c = {random_tensor('A', SHAPE(m, k)), random_tensor('B', SHAPE(k, n)),
              test_doubles((long)m * n)};
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            double sum = 0;
            for (int l = 0; l < k; l++) {
                sum += (double)tensor_row(c.A, i)[l] * (double)tensor_row(c.B, l)[j];
            }
            c.product[(long)i * n + j] = sum;
        }
    }
    return c;
}

static void assert_every_rung(int m, int n, int k) {
    const Case c = make_case(m, n, k);
    for (int r = 0; r < RUNGS; r++) {
        Tensor C = unset_tensor(SHAPE(m, n));
        rungs[r].product(c.A, c.B, C);
        assert_close_to_naive(C, c.product, TOLERANCE, rungs[r].name);
    }
}

/* ---- shapes and errors --------------------------------------------------- */

START_TEST(sizes_that_do_not_fit_stop_every_rung) {
    for (int r = 0; r < RUNGS; r++) {
        char words[128];
        snprintf(words, sizeof words, "%s: B is (5,2), want (4,2)|A (m,k), B (k,n)",
                 rungs[r].name);
        assert_stops(words, rungs[r].product(SHAPE(3, 4), SHAPE(5, 2), SHAPE(3, 2)));
        snprintf(words, sizeof words, "%s: C is (2,2), want (3,2)|C (m,n)",
                 rungs[r].name);
        assert_stops(words, rungs[r].product(SHAPE(3, 4), SHAPE(4, 2), SHAPE(2, 2)));
    }
}
END_TEST

/* ---- hand-computed values ------------------------------------------------ */

START_TEST(every_rung_agrees_with_a_product_by_hand) {
    Tensor A = tensor_of(SHAPE(2, 3), 1, 2, 3, 4, 5, 6);
    Tensor B = tensor_of(SHAPE(3, 2), 7, 8, 9, 10, 11, 12);
    for (int r = 0; r < RUNGS; r++) {
        Tensor C = unset_tensor(SHAPE(2, 2));
        rungs[r].product(A, B, C);
        assert_values(C, 0, rungs[r].name, 58, 64, 139, 154);
    }
}
END_TEST

/* ---- against the triple loop --------------------------------------------- */

START_TEST(every_rung_agrees_when_sizes_are_one) {
    assert_every_rung(1, 1, 1);
    assert_every_rung(1, 1, 40);
    assert_every_rung(1, 40, 1);
    assert_every_rung(40, 1, 1);
    assert_every_rung(1, 37, 41);
}
END_TEST

START_TEST(every_rung_agrees_at_prime_sizes) {
    assert_every_rung(2, 3, 5);
    assert_every_rung(31, 37, 41);
    assert_every_rung(101, 53, 67);
}
END_TEST

START_TEST(every_rung_agrees_at_sizes_around_and_beyond_the_block) {
    for (int more = -1; more <= 1; more++) {
        assert_every_rung(5, 7, BLOCK_K + more);
        assert_every_rung(5, BLOCK_N + more, 7);
    }
    assert_every_rung(3, 2 * BLOCK_N + 5, 2 * BLOCK_K + 3);
}
END_TEST

START_TEST(every_rung_agrees_on_views_and_touches_nothing_beside_them) {
    const int sizes[][3] = {
        {1, 1, 1}, {25, 17, BLOCK_K + 1}, {11, BLOCK_N + 3, 2 * BLOCK_K + 5}};
    for (int i = 0; i < 3; i++) {
        const Case c = make_case(sizes[i][0], sizes[i][1], sizes[i][2]);
        Tensor A = wide_view(c.A), B = wide_view(c.B);
        tensor_copy(A, c.A);
        tensor_copy(B, c.B);
        for (int r = 0; r < RUNGS; r++) {
            Tensor C = wide_view(SHAPE(sizes[i][0], sizes[i][1]));
            rungs[r].product(A, B, C);
            assert_close_to_naive(C, c.product, TOLERANCE, rungs[r].name);
            ck_assert_msg(canaries_live(C), "%s wrote beside its view", rungs[r].name);
        }
    }
}
END_TEST

START_TEST(what_c_held_before_does_not_matter) {
    const Case c = make_case(19, 35, 70);
    for (int r = 0; r < RUNGS; r++) {
        Tensor C = unset_tensor(SHAPE(19, 35)); /* NaN: NaN + x would stay */
        rungs[r].product(c.A, c.B, C);
        rungs[r].product(c.A, c.B, C);
        assert_close_to_naive(C, c.product, TOLERANCE, rungs[r].name);
    }
}
END_TEST

/* ---- the machine's speed ------------------------------------------------- */

START_TEST(the_machine_has_a_peak_and_a_bandwidth) {
    const long count = 3 * 4096;
    real *data = test_reals(count);
    const double speeds[] = {machine_peak_gflops(1), machine_read_gbs(data, count, 1),
                             machine_triad_gbs(data, count, 1)};
    for (int i = 0; i < 3; i++) {
        ck_assert_msg(isfinite(speeds[i]) && speeds[i] > 0, "speed %d is %g", i,
                      speeds[i]);
    }
}
END_TEST

START_TEST(a_product_is_timed_and_computed) {
    const Case c = make_case(9, 8, 7);
    Tensor C = unset_tensor(SHAPE(9, 8));
    const double ms =
        machine_product_ms((MachineProduct){ladder_loop_order, c.A, c.B, C}, 2, 1);
    ck_assert_msg(isfinite(ms) && ms >= 0, "%g ms", ms);
    assert_close_to_naive(C, c.product, TOLERANCE, "[machine_product_ms]");
}
END_TEST

Suite *ladder_suite(void) {
    Suite *suite = suite_create("ladder");
    TCase *errors = add_case(suite, "shapes and errors");
    tcase_add_test(errors, sizes_that_do_not_fit_stop_every_rung);
    TCase *values = add_case(suite, "hand-computed values");
    tcase_add_test(values, every_rung_agrees_with_a_product_by_hand);
    TCase *naive = add_case(suite, "against the triple loop");
    tcase_add_test(naive, every_rung_agrees_when_sizes_are_one);
    tcase_add_test(naive, every_rung_agrees_at_prime_sizes);
    tcase_add_test(naive, every_rung_agrees_at_sizes_around_and_beyond_the_block);
    tcase_add_test(naive, every_rung_agrees_on_views_and_touches_nothing_beside_them);
    tcase_add_test(naive, what_c_held_before_does_not_matter);
    TCase *speed = add_case(suite, "the machine's speed");
    tcase_add_test(speed, the_machine_has_a_peak_and_a_bandwidth);
    tcase_add_test(speed, a_product_is_timed_and_computed);
    return suite;
}
