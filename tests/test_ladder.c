/*
 * test_ladder.c: every rung against a triple loop, at sizes around every block and
 * tile (chapters/01_tensor_ops/ladder.h); and what machine_speed.h measures is no
 * nonsense.
 */
#include "ladder.h"

#include <math.h>
#include <stdio.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "check_helpers.h"
#include "machine_speed.h"
#include "suites.h"

enum { RUNGS = 6 };

static const struct {
    const char *name;
    LadderRung *product;
} rungs[RUNGS] = {
    {"ladder_by_definition", ladder_by_definition},
    {"ladder_loop_order", ladder_loop_order},
    {"ladder_blocked", ladder_blocked},
    {"ladder_packed", ladder_packed},
    {"ladder_micro_kernel", ladder_micro_kernel},
    {"ladder_threads", ladder_threads},
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

START_TEST(every_rung_agrees_at_sizes_around_the_tile) {
    const LadderSizes s = ladder_sizes();
    const int MR = s.tile_rows, NR = s.tile_vectors * s.lanes;
    const int ms[] = {MR - 1, MR, MR + 1, 2 * MR + 3};
    const int ns[] = {s.lanes - 1, s.lanes + 1, NR - 1, NR, NR + 1, 2 * NR + 3};
    for (int i = 0; i < 4; i++) {
        for (int j = 0; j < 6; j++) {
            assert_every_rung(ms[i], ns[j], 9);
        }
    }
}
END_TEST

/* One beyond each block, in k and in n, and one short of it. */
static void assert_around(LadderBlock block) {
    for (int more = -1; more <= 1; more++) {
        assert_every_rung(5, 7, block.k + more);
        assert_every_rung(5, block.n + more, 7);
    }
    assert_every_rung(3, 2 * block.n + 5, 2 * block.k + 3);
}

START_TEST(every_rung_agrees_at_sizes_around_and_beyond_the_blocks) {
    const LadderSizes s = ladder_sizes();
    assert_around(s.cache);
    assert_around(s.packed);
}
END_TEST

START_TEST(every_rung_agrees_when_m_crosses_its_block) {
    const int MC = 10 * ladder_sizes().tile_rows;
    for (int more = -1; more <= 1; more++) {
        assert_every_rung(MC + more, 6, 11);
    }
    assert_every_rung(2 * MC + 5, 3, ladder_sizes().packed.k + 2);
}
END_TEST

START_TEST(every_rung_agrees_on_views_and_touches_nothing_beside_them) {
    const LadderSizes s = ladder_sizes();
    const int sizes[][3] = {{1, 1, 1},
                            {s.tile_rows, s.tile_vectors * s.lanes, 5},
                            {2 * s.tile_rows + 1, s.lanes + 1, s.cache.k + 1},
                            {s.tile_rows - 1, s.cache.n + 3, s.packed.k + 5}};
    for (int i = 0; i < 4; i++) {
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

/* ---- threads ------------------------------------------------------------- */

START_TEST(the_rung_with_threads_has_the_same_bits_on_any_number_of_them) {
    const Case c = make_case(131, 67, 300);
    Tensor alone = unset_tensor(SHAPE(131, 67));
    ladder_micro_kernel(c.A, c.B, alone);
    for (int threads = 1; threads <= 17; threads += 4) {
#ifdef _OPENMP
        omp_set_num_threads(threads);
#endif
        Tensor C = unset_tensor(SHAPE(131, 67));
        ladder_threads(c.A, c.B, C);
        assert_same_bits(C, alone);
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
    const double ms = machine_product_ms(ladder_loop_order, c.A, c.B, C, 2, 1);
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
    tcase_add_test(naive, every_rung_agrees_at_sizes_around_the_tile);
    tcase_add_test(naive, every_rung_agrees_at_sizes_around_and_beyond_the_blocks);
    tcase_add_test(naive, every_rung_agrees_when_m_crosses_its_block);
    tcase_add_test(naive, every_rung_agrees_on_views_and_touches_nothing_beside_them);
    tcase_add_test(naive, what_c_held_before_does_not_matter);
    TCase *threads = add_case(suite, "threads");
    tcase_add_test(threads,
                   the_rung_with_threads_has_the_same_bits_on_any_number_of_them);
    TCase *speed = add_case(suite, "the machine's speed");
    tcase_add_test(speed, the_machine_has_a_peak_and_a_bandwidth);
    tcase_add_test(speed, a_product_is_timed_and_computed);
    return suite;
}
