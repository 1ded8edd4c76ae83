/* test_report.c: what the chapters print, and what they count (lesson/report.h). */
#include "common/lesson/report.h"

#include <math.h>
#include <string.h>

#include "tests/check_helpers.h"
#include "tests/suites.h"

/* The failures that an expression adds; what it prints is left in `printed`. */
static const char *printed;
static int before;
#define FAILURES_ADDED_BY(...)                                                         \
    (capture_begin(), before = report_failures(), __VA_ARGS__,                         \
     printed = capture_end(), report_failures() - before)

/* ---- layout of what is printed ------------------------------------------- */

START_TEST(titles_and_sections_are_underlined_to_their_length) {
    capture_begin();
    report_title("Chapter 2");
    report_section("2.1 Scores");
    printed = capture_end();
    ck_assert_str_eq(printed, "Chapter 2\n=========\n\n2.1 Scores\n----------\n");
}
END_TEST

START_TEST(an_equation_stands_beside_its_tag) {
    capture_begin();
    report_equation("[AIAYN eq.1]", "softmax(Q K^T / sqrt(d_k)) V");
    printed = capture_end();
    ck_assert_str_eq(printed, "    [AIAYN eq.1]     softmax(Q K^T / sqrt(d_k)) V\n");
}
END_TEST

START_TEST(a_matrix_is_printed_with_its_shape_row_by_row) {
    Tensor T = tensor_of(SHAPE(2, 3), 1, -2, 3, 0.125, 10, 100);
    capture_begin();
    report_matrix("Q", T, 2);
    report_matrix("part", tensor_columns(T, 1, 2), 0);
    printed = capture_end();
    ck_assert_str_eq(printed, "Q (2,3) =\n"
                              "      1.00  -2.00   3.00\n"
                              "      0.12  10.00 100.00\n"
                              "part (2,2) =\n"
                              "      -2    3\n"
                              "      10  100\n");
}
END_TEST

/* ---- verdicts ------------------------------------------------------------ */

START_TEST(a_check_that_holds_is_pass_and_counts_nothing) {
    bool ok = false;
    ck_assert_int_eq(FAILURES_ADDED_BY(ok = report_check(true, "%d rows", 3)), 0);
    ck_assert(ok);
    ck_assert_str_eq(printed, "PASS  3 rows\n");
}
END_TEST

START_TEST(a_check_that_does_not_hold_is_fail_and_counts) {
    bool ok = true;
    ck_assert_int_eq(FAILURES_ADDED_BY(ok = report_check(false, "%d rows", 3)), 1);
    ck_assert(!ok);
    ck_assert_str_eq(printed, "FAIL  3 rows\n");
}
END_TEST

START_TEST(a_gradient_check_is_reported_with_where_it_went_wrong) {
    Gradcheck good = {.elements = 6, .worst = 1e-9};
    ck_assert_int_eq(FAILURES_ADDED_BY(report_gradcheck("dW", &good)), 0);
    ck_assert_ptr_nonnull(strstr(printed, "PASS  dW"));
    ck_assert_ptr_nonnull(strstr(printed, "6 elements"));
    Gradcheck bad = {
        .elements = 6, .worst = 0.5, .index = 4, .analytic = 1.5, .numeric = 3};
    ck_assert_int_eq(FAILURES_ADDED_BY(report_gradcheck("dW", &bad)), 1);
    ck_assert_ptr_nonnull(strstr(printed, "FAIL  dW"));
    ck_assert_ptr_nonnull(
        strstr(printed, "at [4]: backward says 1.5, differences say 3"));
    Gradcheck of_nan = {.elements = 6, .worst = (double)NAN};
    ck_assert_int_eq(FAILURES_ADDED_BY(report_gradcheck("dW", &of_nan)), 1);
    Gradcheck none = {.elements = 0};
    ck_assert_int_eq(FAILURES_ADDED_BY(report_gradcheck("dW", &none)), 1);
}
END_TEST

START_TEST(the_verdict_is_the_exit_status_and_knows_of_the_other_program) {
    capture_begin();
    int already = report_failures();
    int clean = already ? 1 : report_verdict("chapter9", 0);
    int other_program = report_verdict("chapter9", 1);
    report_check(false, "planted");
    int own = report_verdict("chapter9", 0);
    printed = capture_end();
    ck_assert_int_eq(clean, already ? 1 : 0);
    ck_assert_int_eq(other_program, 1);
    ck_assert_int_eq(own, 1);
    ck_assert_ptr_nonnull(strstr(printed, "chapter9: FAIL: see the lines"));
    if (already == 0) {
        ck_assert_ptr_nonnull(strstr(printed, "chapter9: PASS: every check holds"));
    }
}
END_TEST

Suite *report_suite(void) {
    Suite *suite = suite_create("report");
    TCase *layout = add_case(suite, "layout");
    tcase_add_test(layout, titles_and_sections_are_underlined_to_their_length);
    tcase_add_test(layout, an_equation_stands_beside_its_tag);
    tcase_add_test(layout, a_matrix_is_printed_with_its_shape_row_by_row);
    TCase *verdicts = add_case(suite, "verdicts");
    tcase_add_test(verdicts, a_check_that_holds_is_pass_and_counts_nothing);
    tcase_add_test(verdicts, a_check_that_does_not_hold_is_fail_and_counts);
    tcase_add_test(verdicts, a_gradient_check_is_reported_with_where_it_went_wrong);
    tcase_add_test(verdicts,
                   the_verdict_is_the_exit_status_and_knows_of_the_other_program);
    return suite;
}
