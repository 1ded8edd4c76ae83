/* test_settings.c: settings as text, and their ranges (settings.h). */
#include <string.h>

#include "tests/check_helpers.h"
#include "tests/scratch.h"
#include "chapters/05_vision_transformer/training/settings.h"
#include "tests/suites.h"

static int index_of(const char *name) {
    for (int i = 0; i < settings_count(); i++) {
        if (strcmp(settings_name(i), name) == 0) {
            return i;
        }
    }
    ck_abort_msg("there is no setting %s", name);
    return -1;
}

static const char *text_of(const Settings *settings, const char *name) {
    static char text[SETTINGS_TEXT];
    settings_get(settings, index_of(name), text);
    return text;
}

static bool set(Settings *settings, const char *name, const char *text) {
    return settings_set(settings, index_of(name), text);
}

START_TEST(the_default_settings_are_possible) {
    const Settings s = settings_default();
    Error error = {""};
    ck_assert_msg(settings_check(&s, &error), "%s", error.text);
}
END_TEST

START_TEST(every_name_is_there_once) {
    ck_assert_int_ge(settings_count(), 27);
    for (int i = 0; i < settings_count(); i++) {
        ck_assert_int_eq(index_of(settings_name(i)), i);
    }
}
END_TEST

/* A possible value of each setting that isn't the default. */
static const char *const others[][2] = {
    {"height", "32"},     {"width", "16"},
    {"channels", "3"},    {"patch", "8"},
    {"depth", "7"},       {"dim", "96"},
    {"heads", "6"},       {"mlp", "200"},
    {"norm", "1"},        {"activation", "1"},
    {"positions", "2"},   {"pool", "1"},
    {"classes", "100"},   {"epochs", "3"},
    {"batch", "17"},      {"lr", "0.3"},
    {"schedule", "1"},    {"warmup", "12"},
    {"beta1", "0.8"},     {"beta2", "0.98"},
    {"epsilon", "1e-09"}, {"weight_decay", "0"},
    {"clip", "2.5"},      {"label_smoothing", "0.2"},
    {"dropout", "0.1"},   {"shift", "3"},
    {"flip", "1"},        {"seed", "18446744073709551615"},
    {"threads", "5"},     {"total_steps", "500"},
    {"optimiser", "1"},   {"momentum", "0.5"},
    {"freeze", "2"},      {"layer_norm_eps", "1e-12"},
    {"pixels", "1"},
};

START_TEST(every_setting_can_be_set_and_changes_no_other) {
    ck_assert_int_eq(settings_count(), (int)(sizeof others / sizeof others[0]));
    for (int i = 0; i < settings_count(); i++) {
        const Settings before = settings_default();
        Settings s = before;
        ck_assert_msg(set(&s, others[i][0], others[i][1]), "%s", others[i][0]);
        for (int k = 0; k < settings_count(); k++) {
            char was[SETTINGS_TEXT], is[SETTINGS_TEXT];
            settings_get(&before, k, was);
            settings_get(&s, k, is);
            const bool same = strcmp(was, is) == 0;
            const bool is_the_one = strcmp(settings_name(k), others[i][0]) == 0;
            ck_assert_msg(same != is_the_one, "%s = %s: %s went from %s to %s",
                          others[i][0], others[i][1], settings_name(k), was, is);
        }
    }
}
END_TEST

START_TEST(every_setting_comes_back_from_its_text) {
    Settings s = settings_default(), copy = settings_default();
    for (int i = 0; i < settings_count(); i++) {
        ck_assert(set(&s, others[i][0], others[i][1]));
    }
    s.lr = 0.1 + 0.2; /* needs all 17 digits */
    for (int i = 0; i < settings_count(); i++) {
        char text[SETTINGS_TEXT];
        settings_get(&s, i, text);
        ck_assert_msg(settings_set(&copy, i, text), "%s = %s", settings_name(i), text);
    }
    ck_assert(copy.lr == s.lr);
    ck_assert(copy.adamw.beta2 == s.adamw.beta2);
    ck_assert_uint_eq(copy.seed, UINT64_MAX);
    ck_assert_int_eq((int)copy.model.block.norm, POST_NORM);
    ck_assert_int_eq((int)copy.model.block.activation, ACTIVATION_RELU);
    ck_assert_int_eq((int)copy.schedule, SCHEDULE_NOAM);
    ck_assert_int_eq(copy.model.block.M, 200);
}
END_TEST

START_TEST(what_is_no_number_is_refused_by_every_setting) {
    const char *bad[] = {"",     "abc",   "1x",  "--1", "nan", "inf",
                         "-inf", "1e999", "1,5", "0x",  "1 2", "-1e9",
                         "1e30", "0x1",   " 1",  "1 ",  "1e",  "1e-999"};
    for (int i = 0; i < settings_count(); i++) {
        for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
            Settings s = settings_default();
            ck_assert_msg(!settings_set(&s, i, bad[k]), "%s accepts \"%s\"",
                          settings_name(i), bad[k]);
        }
    }
}
END_TEST

START_TEST(whole_numbers_have_no_fraction) {
    const char *whole[] = {"batch", "depth", "warmup", "seed", "norm", "flip"};
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        Settings s = settings_default();
        ck_assert_msg(!set(&s, whole[i], "0.5"), "%s accepts 0.5", whole[i]);
        ck_assert_msg(set(&s, whole[i], "1"), "%s refuses 1", whole[i]);
    }
}
END_TEST

/* The last possible values, then those just beyond. */
static const struct {
    const char *name, *least, *most, *below, *above;
} ranges[] = {
    {"batch", "1", "1000000", "0", "1000001"},
    {"epochs", "1", "1000000", "0", "1000001"},
    {"depth", "1", "64", "0", "65"},
    {"heads", "1", "65536", "0", "65537"},
    {"patch", "1", "4096", "0", "4097"},
    {"threads", "1", "1024", "0", "1025"},
    {"shift", "0", "4096", "-1", "4097"},
    {"flip", "-1", "1", "-2", "2"},
    {"norm", "0", "1", "-1", "2"},
    {"warmup", "-1", "2000000000", "-2", "2000000001"},
    {"lr", "0", "1000000", "-1e-9", "1000000.1"},
    {"beta1", "0", "0.999999999", "-0.1", "1"},
    {"beta2", "0", "0.999999999", "-0.1", "1"},
    {"dropout", "0", "0.999", "-0.1", "1"},
    {"label_smoothing", "0", "1", "-0.1", "1.01"},
    {"weight_decay", "0", "1000000", "-0.1", "1000001"},
    {"clip", "0", "1e12", "-1", "1.1e12"},
    {"layer_norm_eps", "0", "0.999999", "-1e-9", "1"},
    {"pixels", "0", "1", "-1", "2"},
    {"total_steps", "0", "2000000000", "-1", "2000000001"},
    {"optimiser", "0", "1", "-1", "2"},
    {"momentum", "0", "0.999999999", "-0.1", "1"},
    {"freeze", "0", "64", "-1", "65"},
    {"seed", "0", "18446744073709551615", "-1", "18446744073709551616"},
};

START_TEST(each_range_ends_where_it_says) {
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        Settings s = settings_default();
        const char *name = ranges[i].name;
        ck_assert_msg(set(&s, name, ranges[i].least), "%s %s", name, ranges[i].least);
        ck_assert_msg(set(&s, name, ranges[i].most), "%s %s", name, ranges[i].most);
        ck_assert_msg(!set(&s, name, ranges[i].below), "%s %s", name, ranges[i].below);
        ck_assert_msg(!set(&s, name, ranges[i].above), "%s %s", name, ranges[i].above);
    }
}
END_TEST

START_TEST(a_refused_value_leaves_the_old_one) {
    Settings s = settings_default();
    ck_assert(!set(&s, "batch", "0"));
    ck_assert_int_eq(s.batch, settings_default().batch);
    ck_assert(!set(&s, "dropout", "nan"));
    ck_assert_double_eq(s.dropout, 0);
}
END_TEST

START_TEST(ranges_are_said_in_words) {
    ck_assert_str_eq(settings_range(index_of("batch")),
                     "a whole number from 1 to 1000000");
    const char *range = settings_range(index_of("label_smoothing"));
    ck_assert_str_eq(range, "a number from 0 to 1");
}
END_TEST

START_TEST(a_seed_keeps_all_its_64_bits) {
    Settings s = settings_default();
    ck_assert(set(&s, "seed", "9007199254740993")); /* 2^53 + 1: no double has it */
    ck_assert_uint_eq(s.seed, 9007199254740993u);
    ck_assert_str_eq(text_of(&s, "seed"), "9007199254740993");
}
END_TEST

START_TEST(impossible_settings_give_a_line_that_names_them) {
    Error error = {""};
    Settings s = settings_default();
    s.batch = 0;
    ck_assert(!settings_check(&s, &error));
    assert_error_line(error, "batch|0|1 to 1000000");
    s = settings_default();
    s.dropout = 1.5;
    ck_assert(!settings_check(&s, &error));
    assert_error_line(error, "dropout|1.5");
    s = settings_default();
    s.model.block.D = 64;
    s.model.block.heads = 5;
    ck_assert(!settings_check(&s, &error));
    assert_error_line(error, "5 heads|64");
    s = settings_default();
    s.model.patch = 5;
    ck_assert(!settings_check(&s, &error));
    assert_error_line(error, "patch of 5|28x28");
    s = settings_default();
    s.freeze = s.model.depth;
    ck_assert(settings_check(&s, &error));
    s.freeze++;
    ck_assert(!settings_check(&s, &error));
    assert_error_line(error, "5 blocks can't be frozen|has 4");
}
END_TEST

Suite *settings_suite(void) {
    Suite *suite = suite_create("settings");
    TCase *texts = add_case(suite, "texts");
    tcase_add_test(texts, the_default_settings_are_possible);
    tcase_add_test(texts, every_name_is_there_once);
    tcase_add_test(texts, every_setting_can_be_set_and_changes_no_other);
    tcase_add_test(texts, every_setting_comes_back_from_its_text);
    tcase_add_test(texts, a_seed_keeps_all_its_64_bits);
    TCase *bad = add_case(suite, "bad values");
    tcase_add_test(bad, what_is_no_number_is_refused_by_every_setting);
    tcase_add_test(bad, whole_numbers_have_no_fraction);
    tcase_add_test(bad, each_range_ends_where_it_says);
    tcase_add_test(bad, a_refused_value_leaves_the_old_one);
    tcase_add_test(bad, ranges_are_said_in_words);
    tcase_add_test(bad, impossible_settings_give_a_line_that_names_them);
    return suite;
}
