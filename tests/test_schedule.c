/* test_schedule.c: the learning rate of each step (schedule.h). */
#include <math.h>

#include "tests/check_helpers.h"
#include "chapters/05_vision_transformer/training/schedule.h"
#include "tests/suites.h"

static const Schedule cosine = {
    .kind = SCHEDULE_COSINE, .peak = 0.004, .warmup = 100, .total_steps = 1100};

static const Schedule noam = {
    .kind = SCHEDULE_NOAM, .peak = 1, .warmup = 4000, .total_steps = 100000, .D = 512};

START_TEST(cosine_warms_up_in_a_straight_line) {
    assert_number_close(schedule_rate(&cosine, 1), 0.00004, 1e-12, "[ViT T.3]");
    assert_number_close(schedule_rate(&cosine, 50), 0.002, 1e-12, "[ViT T.3]");
    assert_number_close(schedule_rate(&cosine, 99), 0.00396, 1e-12, "[ViT T.3]");
}
END_TEST

START_TEST(cosine_is_highest_when_warm) {
    ck_assert_double_eq(schedule_rate(&cosine, 100), 0.004);
    ck_assert_double_lt(schedule_rate(&cosine, 99), 0.004);
    ck_assert_double_lt(schedule_rate(&cosine, 101), 0.004);
}
END_TEST

START_TEST(cosine_is_half_the_peak_half_way_down_and_0_at_the_end) {
    assert_number_close(schedule_rate(&cosine, 600) / 0.004, 0.5, 1e-12, "[ViT T.3]");
    const double quarter = 0.5 * (1 + sqrt(0.5)); /* cos(pi/4) = sqrt(1/2) */
    assert_number_close(schedule_rate(&cosine, 350) / 0.004, quarter, 1e-12,
                        "[ViT T.3]");
    assert_number_close(schedule_rate(&cosine, 850) / 0.004, 1 - quarter, 1e-12,
                        "[ViT T.3]");
    ck_assert_double_eq(schedule_rate(&cosine, 1100), 0);
    ck_assert_double_gt(schedule_rate(&cosine, 1099), 0);
}
END_TEST

START_TEST(without_warm_up_cosine_begins_near_the_peak) {
    Schedule s = cosine;
    s.warmup = 0;
    const double first = schedule_rate(&s, 1);
    ck_assert_double_lt(first, 0.004);
    ck_assert_double_gt(first, 0.00399);
}
END_TEST

START_TEST(a_warm_up_as_long_as_the_run_or_longer_is_finite) {
    Schedule s = cosine;
    s.warmup = s.total_steps;
    assert_number_close(schedule_rate(&s, 550) / 0.004, 0.5, 1e-12, "warm-up");
    ck_assert_double_eq(schedule_rate(&s, 1100), 0);
    s.warmup = 2 * s.total_steps;
    assert_number_close(schedule_rate(&s, 1100) / 0.004, 0.5, 1e-12, "warm-up");
}
END_TEST

START_TEST(noam_peaks_when_warm) {
    const double peak = 1 / sqrt(512.0 * 4000);
    assert_number_close(schedule_rate(&noam, 4000) / peak, 1, 1e-12, "[AIAYN eq.3]");
    ck_assert_double_lt(schedule_rate(&noam, 3999), schedule_rate(&noam, 4000));
    ck_assert_double_lt(schedule_rate(&noam, 4001), schedule_rate(&noam, 4000));
}
END_TEST

START_TEST(noam_grows_with_the_step_then_falls_with_its_root) {
    const double peak = 1 / sqrt(512.0 * 4000);
    assert_number_close(schedule_rate(&noam, 1000) / peak, 0.25, 1e-12, "[AIAYN eq.3]");
    assert_number_close(schedule_rate(&noam, 16000) / peak, 0.5, 1e-12, "[AIAYN eq.3]");
}
END_TEST

START_TEST(noam_takes_its_peak_as_a_factor_and_no_warm_up_as_one_step) {
    Schedule s = noam;
    s.peak = 3;
    assert_number_close(schedule_rate(&s, 700) / schedule_rate(&noam, 700), 3, 1e-12,
                        "factor");
    s.warmup = 0;
    assert_number_close(schedule_rate(&s, 4), 1.5 / sqrt(512), 1e-12, "[AIAYN eq.3]");
}
END_TEST

Suite *schedule_suite(void) {
    Suite *suite = suite_create("schedule");
    TCase *of_cosine = add_case(suite, "cosine");
    tcase_add_test(of_cosine, cosine_warms_up_in_a_straight_line);
    tcase_add_test(of_cosine, cosine_is_highest_when_warm);
    tcase_add_test(of_cosine, cosine_is_half_the_peak_half_way_down_and_0_at_the_end);
    tcase_add_test(of_cosine, without_warm_up_cosine_begins_near_the_peak);
    tcase_add_test(of_cosine, a_warm_up_as_long_as_the_run_or_longer_is_finite);
    TCase *of_noam = add_case(suite, "noam");
    tcase_add_test(of_noam, noam_peaks_when_warm);
    tcase_add_test(of_noam, noam_grows_with_the_step_then_falls_with_its_root);
    tcase_add_test(of_noam, noam_takes_its_peak_as_a_factor_and_no_warm_up_as_one_step);
    return suite;
}
