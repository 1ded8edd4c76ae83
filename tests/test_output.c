/* test_output.c: what is written, and what is said if it isn't (lesson/output.h). */
#include "common/lesson/output.h"

#include <stdio.h>

#include "tests/check_helpers.h"
#include "tests/suites.h"

START_TEST(a_status_stays_where_all_is_written) {
    capture_begin();
    printf("all of it\n");
    const int good = output_end("program", 0), bad = output_end("program", 2);
    ck_assert_str_eq(capture_end(), "all of it\n");
    ck_assert_int_eq(good, 0);
    ck_assert_int_eq(bad, 2);
}
END_TEST

Suite *output_suite(void) {
    Suite *suite = suite_create("output");
    TCase *standard = add_case(suite, "standard output");
    tcase_add_test(standard, a_status_stays_where_all_is_written);
    return suite;
}
