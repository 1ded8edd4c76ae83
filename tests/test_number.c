/* test_number.c: numbers are read whole, or not at all (common/files/number.h). */
#include <limits.h>
#include <stdio.h>

#include "tests/check_helpers.h"
#include "common/files/number.h"
#include "tests/suites.h"

START_TEST(a_number_is_read) {
    const struct {
        const char *text;
        double value;
    } good[] = {{"0", 0},         {"12", 12},        {"-0.5", -0.5}, {"1.5e3", 1500},
                {".25", 0.25},    {"1e-3", 0.001},   {"+7", 7},      {"007", 7},
                {"5.", 5},        {"-0", 0},         {"1E2", 100},   {"0.1", 0.1},
                {"1e308", 1e308}, {"1e-310", 1e-310}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        double value = 99;
        ck_assert_msg(number_read(good[i].text, &value), "%s", good[i].text);
        ck_assert_msg(value == good[i].value, "%s is %g", good[i].text, value);
    }
}
END_TEST

START_TEST(what_is_no_number_or_more_than_one_is_refused) {
    const char *bad[] = {
        "",       " ",      " 12",   "12 ",   "\t1",      "1,5", "1e",     "1e+",
        "0x10",   "0x",     "inf",   "-inf",  "nan",      "INF", "nan(1)", "1e400",
        "-1e400", "1e-400", "12abc", "1.2.3", "--1",      "+-1", "e5",     ".",
        "-",      "1 2",    "1_000", "1'000", "\xd9\xa3", "1f",  "1L"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        double value = 99;
        ck_assert_msg(!number_read(bad[i], &value), "\"%s\" is read as %g", bad[i],
                      value);
        ck_assert_msg(value == 99, "\"%s\" has changed the value", bad[i]);
    }
}
END_TEST

START_TEST(a_whole_number_is_digits_within_its_range) {
    long value = 99;
    char long_max[32];
    snprintf(long_max, sizeof long_max, "%ld", LONG_MAX);
    ck_assert(number_read_whole("12", 1, 20, &value) && value == 12);
    ck_assert(number_read_whole("-3", -5, 20, &value) && value == -3);
    ck_assert(number_read_whole(long_max, 0, LONG_MAX, &value) && value == LONG_MAX);
    value = 99;
    const char *bad[] = {"",
                         "0",
                         "21",
                         "1e1",
                         "1.0",
                         " 2",
                         "2 ",
                         "+2",
                         "0x2",
                         "two",
                         "-",
                         "99999999999999999999",
                         "-99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(!number_read_whole(bad[i], 1, 20, &value), "\"%s\"", bad[i]);
    }
    ck_assert_int_eq(value, 99);
}
END_TEST

Suite *number_suite(void) {
    Suite *suite = suite_create("number");
    TCase *reading = add_case(suite, "reading");
    tcase_add_test(reading, a_number_is_read);
    tcase_add_test(reading, what_is_no_number_or_more_than_one_is_refused);
    tcase_add_test(reading, a_whole_number_is_digits_within_its_range);
    return suite;
}
