/* test_json.c: texts that are JSON, and that aren't (json.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/check_helpers.h"
#include "common/files/json.h"
#include "tests/scratch.h"
#include "tests/suites.h"

static char text[4096];

static JsonValue *value_of(const char *json) {
    Error error = {""};
    snprintf(text, sizeof text, "%s", json);
    JsonValue *value = json_read(text, strlen(text), &error);
    ck_assert_msg(value != NULL, "%s: %s", json, error.text);
    return value;
}

static void assert_refused(const char *json, size_t bytes, const char *words) {
    Error error = {""};
    memset(text, 0, sizeof text);
    memcpy(text, json, bytes);
    JsonValue *value = json_read(text, bytes, &error);
    ck_assert_msg(value == NULL, "accepted: %s", json);
    assert_error_line(error, words);
}

START_TEST(members_come_in_the_text_s_order) {
    JsonValue *v =
        value_of(" {\"b\" : [1,\t-2, []] ,\n\"a\":{\"b\":\"x\"}, \"\":null}\r");
    ck_assert_int_eq(v->kind, JSON_OBJECT);
    ck_assert_int_eq(v->count, 3);
    ck_assert_str_eq(v->first->key, "b");
    ck_assert_str_eq(v->first->next->key, "a");
    ck_assert_str_eq(v->first->next->next->key, "");
    ck_assert_ptr_null(v->first->next->next->next);
    const JsonValue *b = json_get(v, "b");
    ck_assert_int_eq(b->kind, JSON_ARRAY);
    ck_assert_int_eq(b->count, 3);
    ck_assert_int_eq(b->first->integer, 1);
    ck_assert_int_eq(b->first->next->integer, -2);
    ck_assert_int_eq(b->first->next->next->kind, JSON_ARRAY);
    ck_assert_ptr_null(b->first->next->next->first);
    ck_assert_str_eq(json_text(json_get(json_get(v, "a"), "b")), "x");
    ck_assert_ptr_null(json_get(v, "c"));
    ck_assert_ptr_null(json_get(b, "b"));
    ck_assert_ptr_null(json_get(NULL, "b"));
    ck_assert_ptr_null(json_text(b));
    free(v);
}
END_TEST

static const struct {
    const char *json, *text;
} strings[] = {
    {"\"\"", ""},
    {"\"a b\"", "a b"},
    {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
    {"\"\\u0041\\u001f\\u00e9\\u20AC\"", "A\x1f\xc3\xa9\xe2\x82\xac"},
    {"\"\\ud83d\\uDE00\\uffff\"", "\xf0\x9f\x98\x80\xef\xbf\xbf"},
    {"\"\xc3\xa9 \x7f\"", "\xc3\xa9 \x7f"},
};

START_TEST(strings_are_unescaped) {
    JsonValue *v = value_of(strings[_i].json);
    ck_assert_int_eq(v->kind, JSON_STRING);
    ck_assert_str_eq(v->text, strings[_i].text);
    free(v);
}
END_TEST

START_TEST(whole_numbers_are_integers_others_are_not) {
    const char *integers[] = {"0", "-0", "7", "-9223372036854775808",
                              "9223372036854775807"};
    const int64_t values[] = {0, 0, 7, INT64_MIN, INT64_MAX};
    const char *others[] = {"1.0",   "0.5",  "-1e3",  "1E+2", "2.5e-3",
                            "1e308", "true", "false", "null"};
    for (int i = 0; i < 5; i++) {
        JsonValue *v = value_of(integers[i]);
        ck_assert_int_eq(v->kind, JSON_INTEGER);
        ck_assert(v->integer == values[i]);
        free(v);
    }
    for (int i = 0; i < 9; i++) {
        JsonValue *v = value_of(others[i]);
        ck_assert_int_eq(v->kind, JSON_OTHER);
        free(v);
    }
}
END_TEST

START_TEST(numbers_and_flags_have_their_values) {
    const char *numbers[] = {"7", "-0.5", "1e-12", "0.00392156862745098"};
    const double values[] = {7, -0.5, 1e-12, 0.00392156862745098};
    const char *others[] = {"true", "null", "\"1\"", "[1]"};
    double number = 3;
    for (int i = 0; i < 4; i++) {
        JsonValue *v = value_of(numbers[i]), *other = value_of(others[i]);
        ck_assert(json_number(v, &number));
        ck_assert_double_eq(number, values[i]);
        ck_assert(!json_number(other, &number));
        ck_assert_double_eq(number, values[i]);
        ck_assert(json_flag(v, true) && !json_flag(v, false));
        ck_assert(json_flag(other, i == 0) == (i == 0));
        free(v);
        free(other);
    }
    JsonValue *yes = value_of("true"), *no = value_of("false");
    ck_assert(json_flag(yes, false) && !json_flag(no, true));
    ck_assert(json_flag(NULL, true) && !json_flag(NULL, false));
    ck_assert(!json_number(NULL, &number));
    free(yes);
    free(no);
}
END_TEST

static const struct {
    const char *json, *words;
} bad[] = {
    {"", "a value was expected, at byte 0"},
    {"  ", "a value was expected"},
    {"tru", "a value was expected"},
    {"nul", "a value was expected"},
    {"'a'", "a value was expected"},
    {"NaN", "a value was expected"},
    {"{} {}", "text behind its end, at byte 3"},
    {"1 2", "text behind its end"},
    {"truefalse", "text behind its end"},
    {"[1", "a comma or the bracket"},
    {"[1}", "a comma or the bracket"},
    {"[1 2]", "a comma or the bracket"},
    {"[1,]", "a value was expected"},
    {"[,1]", "a value was expected"},
    {"[1,,2]", "a value was expected"},
    {"{\"a\":1,}", "a string was expected"},
    {"{a:1}", "a string was expected"},
    {"{1:1}", "a string was expected"},
    {"{\"a\"}", "a colon was expected"},
    {"{\"a\" 1}", "a colon was expected"},
    {"{\"a\":}", "a value was expected"},
    {"{\"a\":1", "a comma or the bracket"},
    {"{\"a\":1]", "a comma or the bracket"},
    {"01", "a value was expected"},
    {"-", "a value was expected"},
    {"-01", "a value was expected"},
    {"+1", "a value was expected"},
    {".5", "a value was expected"},
    {"1.", "a value was expected"},
    {"1.e5", "a value was expected"},
    {"1e", "text behind its end"},
    {"1e+", "text behind its end"},
    {"0x10", "text behind its end"},
    {"9223372036854775808", "a number that is too large"},
    {"-9223372036854775809", "a number that is too large"},
    {"1e999", "a number that is too large"},
    {"\"a", "a string without an end"},
    {"\"a\\", "an unknown escape"},
    {"\"a\nb\"", "a string without an end, or a control character"},
    {"\"\\x41\"", "an unknown escape"},
    {"\"\\u12\"", "no four digits"},
    {"\"\\u12g4\"", "no four digits"},
    {"\"\\u-123\"", "no four digits"},
    {"\"\\u0000\"", "an escape that is no character"},
    {"\"\\ud800\"", "an escape that is no character"},
    {"\"\\udc00\"", "an escape that is no character"},
    {"\"\\ud800\\n\"", "an escape that is no character"},
    {"\"\\ud800\\u0041\"", "half a surrogate pair"},
    {"{\"a\":1,\"b\":2,\"a\":3}", "the name \"a\" is there twice"},
    {"{\"a\":1,\"\\u0061\":3}", "the name \"a\" is there twice"},
    {"[{\"b\":{\"a\":[],\"c\":2,\"a\":0}}]", "the name \"a\" is there twice"},
};

START_TEST(what_is_no_json_is_refused) {
    assert_refused(bad[_i].json, strlen(bad[_i].json), bad[_i].words);
}
END_TEST

START_TEST(a_byte_of_0_ends_nothing) {
    assert_refused("{}\0", 3, "text behind its end");
    assert_refused("\0{}", 3, "a value was expected");
    assert_refused("\"a\0b\"", 5, "a control character");
    assert_refused("[1,\0 2]", 7, "a value was expected");
}
END_TEST

START_TEST(names_of_several_objects_may_be_the_same) {
    free(value_of("[{\"a\":{\"a\":1}},{\"a\":2,\"b\":{\"a\":1}}]"));
}
END_TEST

START_TEST(brackets_may_be_64_deep) {
    static char deep[4001];
    for (int depth = 64; depth <= 65; depth++) {
        memset(deep, 0, sizeof deep);
        memset(deep, '[', (size_t)depth);
        memset(deep + depth, ']', (size_t)depth);
        if (depth == 64) {
            free(value_of(deep));
        } else {
            assert_refused(deep, strlen(deep), "too many brackets in brackets");
        }
    }
    memset(deep, '[', sizeof deep - 1);
    assert_refused(deep, sizeof deep - 1, "too many brackets in brackets");
}
END_TEST

Suite *json_suite(void) {
    Suite *suite = suite_create("json");
    TCase *good = add_case(suite, "what is JSON");
    tcase_add_test(good, members_come_in_the_text_s_order);
    tcase_add_loop_test(good, strings_are_unescaped, 0,
                        (int)(sizeof strings / sizeof strings[0]));
    tcase_add_test(good, whole_numbers_are_integers_others_are_not);
    tcase_add_test(good, numbers_and_flags_have_their_values);
    tcase_add_test(good, names_of_several_objects_may_be_the_same);
    TCase *refused = add_case(suite, "what is not");
    tcase_add_loop_test(refused, what_is_no_json_is_refused, 0,
                        (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(refused, a_byte_of_0_ends_nothing);
    tcase_add_test(refused, brackets_may_be_64_deep);
    return suite;
}
