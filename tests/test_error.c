/* test_error.c: error_set, allocate, bug (common/error.h). */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/check_helpers.h"
#include "common/error.h"
#include "tests/suites.h"

START_TEST(error_set_formats_the_text_and_returns_false) {
    Error error;
    ck_assert(!error_set(&error, "%s has %d images, want %d", "a.idx", 3, 5));
    ck_assert_str_eq(error.text, "a.idx has 3 images, want 5");
}
END_TEST

START_TEST(error_set_cuts_a_text_that_is_too_long) {
    char long_text[2000];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    Error error;
    ck_assert(!error_set(&error, "%s", long_text));
    ck_assert_uint_eq(strlen(error.text), sizeof error.text - 1);
    ck_assert(!error_set(&error, "%s: why, and what to do", long_text));
    ck_assert_uint_eq(strlen(error.text), sizeof error.text - 1);
    ck_assert_ptr_nonnull(strstr(error.text, "xxx...xxx"));
    ck_assert_ptr_nonnull(strstr(error.text, "x: why, and what to do"));
}
END_TEST

START_TEST(error_set_makes_one_line_of_any_text) {
    Error error;
    error_set(&error, "%s: no such file", "a\nb\rc\033[31md\177\te");
    ck_assert_str_eq(error.text, "a b c [31md  e: no such file");
}
END_TEST

START_TEST(allocated_memory_is_zeroed_and_aligned_to_a_cache_line) {
    const size_t sizes[] = {0, 1, 63, 64, 65, 1000, 1 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        Error error;
        unsigned char *memory = allocate(sizes[i], "numbers", &error);
        ck_assert_ptr_nonnull(memory);
        ck_assert_uint_eq((uintptr_t)memory % 64, 0);
        size_t zeros = 0;
        for (size_t byte = 0; byte < sizes[i]; byte++) {
            zeros += memory[byte] == 0;
        }
        ck_assert_uint_eq(zeros, sizes[i]);
        free(memory);
    }
}
END_TEST

START_TEST(no_memory_comes_back_as_an_error_that_names_what_for) {
    Error error = {""};
    ck_assert_ptr_null(allocate(SIZE_MAX - 10, "activations", &error));
    ck_assert_ptr_nonnull(strstr(error.text, "no memory for activations"));
}
END_TEST

/* AddressSanitizer ends the program itself when asked for so much. */
#ifndef WITH_ADDRESS_SANITIZER
START_TEST(memory_that_no_machine_has_comes_back_as_an_error) {
    Error error = {""};
    volatile size_t exabytes = SIZE_MAX / 2;
    ck_assert_ptr_null(allocate(exabytes, "a dream", &error));
    ck_assert_ptr_nonnull(strstr(error.text, "no memory for a dream"));
    ck_assert_ptr_nonnull(strstr(error.text, "MB asked for"));
}
END_TEST
#endif

START_TEST(a_bug_stops_the_program_with_its_message) {
    assert_stops("bug: |want 4 rows, got 7", bug("want %d rows, got %d", 4, 7));
}
END_TEST

START_TEST(the_stop_helper_fails_when_nothing_stops_or_other_words_are_said) {
    StopTrial trial = stop_trial_begin();
    if (trial.in_child) {
        stop_trial_survived();
    }
    ck_assert_ptr_nonnull(stop_trial_end(&trial, "", "nothing"));
    trial = stop_trial_begin();
    if (trial.in_child) {
        bug("rows");
    }
    ck_assert_ptr_nonnull(stop_trial_end(&trial, "rows|columns", "bug"));
}
END_TEST

Suite *error_suite(void) {
    Suite *suite = suite_create("error");
    TCase *errors = add_case(suite, "what the world causes");
    tcase_add_test(errors, error_set_formats_the_text_and_returns_false);
    tcase_add_test(errors, error_set_cuts_a_text_that_is_too_long);
    tcase_add_test(errors, error_set_makes_one_line_of_any_text);
    tcase_add_test(errors, allocated_memory_is_zeroed_and_aligned_to_a_cache_line);
    tcase_add_test(errors, no_memory_comes_back_as_an_error_that_names_what_for);
#ifndef WITH_ADDRESS_SANITIZER
    tcase_add_test(errors, memory_that_no_machine_has_comes_back_as_an_error);
#endif
    TCase *bugs = add_case(suite, "a programmer's mistake");
    tcase_add_test(bugs, a_bug_stops_the_program_with_its_message);
    tcase_add_test(bugs,
                   the_stop_helper_fails_when_nothing_stops_or_other_words_are_said);
    return suite;
}
