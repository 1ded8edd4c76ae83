/* test_output.c: what is written, and what is said if it isn't (lesson/output.h). */
#include "common/lesson/output.h"

#include <stdio.h>

#include "tests/check_helpers.h"
#include "tests/scratch.h"
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

START_TEST(a_file_is_closed_whole_or_removed) {
    Error error = {""};
    FILE *file = fopen(in_scratch("whole"), "w");
    fputs("all", file);
    ck_assert(output_close(file, in_scratch("whole"), &error));
    ck_assert_uint_eq(read_bytes_of(in_scratch("whole")).count, 3);
    file = fopen(in_scratch("half"), "w");
    file_size_limit(100);
    for (int i = 0; i < 100; i++) {
        fputs("more than there is room for", file);
    }
    const bool ok = output_close(file, in_scratch("half"), &error);
    file_size_limit(-1);
    ck_assert(!ok);
    assert_error_line(error, "half: can't be written|File too large");
    ck_assert(!file_exists(in_scratch("half")));
}
END_TEST

Suite *output_suite(void) {
    Suite *suite = suite_create("output");
    TCase *standard = add_case(suite, "standard output");
    tcase_add_test(standard, a_status_stays_where_all_is_written);
    TCase *files = add_scratch_case(suite, "files");
    tcase_add_test(files, a_file_is_closed_whole_or_removed);
    return suite;
}
