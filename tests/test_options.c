/* test_options.c: the command line (options.h). */
#include <stdio.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "tests/check_helpers.h"
#include "chapters/05_vision_transformer/program/options.h"
#include "tests/scratch.h"
#include "tests/suites.h"

/* options_parse of "chapter5" and these words, separated by blanks. The options point
 * into `line`, which the next call overwrites. */
static bool parse(Options *options, const char *words, Error *error) {
    static char line[512];
    char *argv[40] = {"chapter5"};
    int argc = 1;
    snprintf(line, sizeof line, "%s", words);
    for (char *word = strtok(line, " "); word; word = strtok(NULL, " ")) {
        argv[argc++] = strcmp(word, "''") == 0 ? "" : word;
    }
    return options_parse(options, argc, argv, error);
}

static Options parsed(const char *words) {
    Options options;
    Error error = {""};
    ck_assert_msg(parse(&options, words, &error), "%s: %s", words, error.text);
    return options;
}

static const char *refusal(const char *words) {
    static Error error;
    Options options;
    error.text[0] = '\0';
    ck_assert_msg(!parse(&options, words, &error), "\"%s\" is accepted", words);
    return error.text;
}

#define assert_refused(words, line)                                                    \
    assert_no_message(line_difference(refusal(words), (line)))

#ifdef _OPENMP
START_TEST(of_very_many_cores_as_many_are_used_as_threads_may_be) {
    const int asked[] = {1, 3, 1024, 1025, 100000}, want[] = {1, 3, 1024, 1024, 1024};
    for (int i = 0; i < 5; i++) {
        omp_set_num_threads(asked[i]); /* as OMP_NUM_THREADS does */
        const Options o = parsed("");
        ck_assert_int_eq(o.settings.threads, want[i]);
    }
}
END_TEST
#endif

/* ---- what is understood -------------------------------------------------- */

START_TEST(no_options_mean_the_default_run) {
    const Options o = parsed("");
    const Settings standard = settings_default();
    for (int i = 0; i < settings_count(); i++) {
        char is[SETTINGS_TEXT], want[SETTINGS_TEXT];
        settings_get(&o.settings, i, is);
        settings_get(&standard, i, want);
        if (strcmp(settings_name(i), "threads") != 0) {
            ck_assert_str_eq(is, want);
        }
    }
    for (size_t i = 0; i < sizeof o.given; i++) {
        ck_assert(!o.given[i]);
    }
    ck_assert_int_ge(o.settings.threads, 1);
    ck_assert_str_eq(o.save, "chapter5.safetensors");
    ck_assert_str_eq(o.log, "chapter5.csv");
    ck_assert(!o.data && !o.resume && !o.eval && !o.describe && !o.look && !o.image);
    ck_assert(o.width == 0 && o.height == 0 && o.split == 0 && o.memory_mb == 0);
    ck_assert(!o.gradcheck && !o.help);
    ck_assert_int_eq(o.max_steps, -1);
}
END_TEST

/* Each option that is a setting, with a value that is not the default. */
static const struct {
    const char *option, *value, *setting, *text;
} setting_options[] = {
    {"--epochs", "3", "epochs", "3"},
    {"--batch", "17", "batch", "17"},
    {"--lr", "0.25", "lr", "0.25"},
    {"--seed", "12345678901234567890", "seed", "12345678901234567890"},
    {"--threads", "7", "threads", "7"},
    {"--dim", "128", "dim", "128"},
    {"--depth", "5", "depth", "5"},
    {"--heads", "8", "heads", "8"},
    {"--mlp", "33", "mlp", "33"},
    {"--patch", "7", "patch", "7"},
    {"--norm", "post", "norm", "1"},
    {"--norm", "pre", "norm", "0"},
    {"--activation", "relu", "activation", "1"},
    {"--activation", "gelu", "activation", "0"},
    {"--positions", "1d", "positions", "0"},
    {"--positions", "none", "positions", "1"},
    {"--positions", "2d", "positions", "2"},
    {"--positions", "sinusoidal", "positions", "3"},
    {"--pool", "mean", "pool", "1"},
    {"--pool", "class", "pool", "0"},
    {"--schedule", "noam", "schedule", "1"},
    {"--schedule", "cosine", "schedule", "0"},
    {"--warmup", "40", "warmup", "40"},
    {"--weight-decay", "0.5", "weight_decay", "0.5"},
    {"--beta2", "0.5", "beta2", "0.5"},
    {"--optimiser", "sgd", "optimiser", "1"},
    {"--optimiser", "adamw", "optimiser", "0"},
    {"--momentum", "0.5", "momentum", "0.5"},
    {"--freeze", "2", "freeze", "2"},
    {"--clip", "0", "clip", "0"},
    {"--smoothing", "0.25", "label_smoothing", "0.25"},
    {"--dropout", "0.125", "dropout", "0.125"},
    {"--shift", "0", "shift", "0"},
    {"--flip", "yes", "flip", "1"},
    {"--flip", "no", "flip", "0"},
};

enum { SETTING_OPTIONS = sizeof setting_options / sizeof setting_options[0] };

START_TEST(an_option_sets_its_setting_and_says_that_it_was_given) {
    char words[128];
    snprintf(words, sizeof words, "%s %s", setting_options[_i].option,
             setting_options[_i].value);
    const Options o = parsed(words);
    int found = 0;
    for (int i = 0; i < settings_count(); i++) {
        char is[SETTINGS_TEXT];
        settings_get(&o.settings, i, is);
        if (strcmp(settings_name(i), setting_options[_i].setting) == 0) {
            ck_assert_str_eq(is, setting_options[_i].text);
            found++;
        }
    }
    ck_assert_int_eq(found, 1);
    for (int i = 0; i < SETTING_OPTIONS; i++) {
        const char *option = setting_options[i].option;
        ck_assert_msg(options_given(&o, option) ==
                          (strcmp(option, setting_options[_i].option) == 0),
                      "%s: is %s given?", words, option);
    }
}
END_TEST

START_TEST(paths_and_flags_are_taken) {
    Options o = parsed("--data d --save s --log l --resume r --steps 12");
    ck_assert_str_eq(o.data, "d");
    ck_assert_str_eq(o.save, "s");
    ck_assert_str_eq(o.log, "l");
    ck_assert_str_eq(o.resume, "r");
    ck_assert_int_eq(o.max_steps, 12);
    o = parsed("--eval e");
    ck_assert_str_eq(o.eval, "e");
    o = parsed("--look e");
    ck_assert_str_eq(o.look, "e");
    ck_assert_str_eq(o.eval, "e");
    o = parsed("--image i");
    ck_assert_str_eq(o.image, "i");
    ck_assert_str_eq(o.save, "chapter5.safetensors"); /* whose model looks at it */
    o = parsed("--eval e --image i");
    ck_assert(strcmp(o.image, "i") == 0 && strcmp(o.eval, "e") == 0);
    o = parsed("--describe B/16");
    ck_assert_str_eq(o.describe, "B/16");
    ck_assert(parsed("--gradcheck").gradcheck);
    ck_assert(!parsed("--gradcheck").brief);
    ck_assert(parsed("--gradcheck --brief").brief);
    assert_refused("--brief", "--brief is for --gradcheck");
    ck_assert(parsed("--help").help);
    ck_assert(parsed("-h").help);
}
END_TEST

START_TEST(the_size_of_images_is_a_side_or_width_and_height) {
    Options o = parsed("--size 224");
    ck_assert(o.width == 224 && o.height == 224);
    o = parsed("--size 320x240");
    ck_assert(o.width == 320 && o.height == 240);
    o = parsed("--size 1x4096 --split 0.25 --memory 512.5");
    ck_assert(o.width == 1 && o.height == 4096);
    ck_assert(o.split == 0.25 && o.memory_mb == 512.5);
    static const char *const bad[] = {"0",
                                      "x",
                                      "224x",
                                      "x224",
                                      "4097",
                                      "-3",
                                      "2x-3",
                                      "2x3x4",
                                      "2 x 3",
                                      "1.5x2",
                                      "0x7",
                                      "big",
                                      "123456789012345x2"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char words[64];
        snprintf(words, sizeof words, "--size %s", bad[i]);
        assert_refused(words, i == 8 ? "unknown option" : "--size|320x240");
    }
    assert_refused("--split 0", "--split|share");
    assert_refused("--split 1", "--split|share");
    assert_refused("--split nan", "--split");
    assert_refused("--memory 0", "--memory|megabytes");
    assert_refused("--memory inf", "--memory");
}
END_TEST

START_TEST(many_options_work_together_and_the_last_wins) {
    const Options o = parsed("--dim 96 --heads 6 --batch 8 --lr 1e-3 --batch 16");
    ck_assert_int_eq(o.settings.model.block.D, 96);
    ck_assert_int_eq(o.settings.model.block.heads, 6);
    ck_assert_int_eq(o.settings.batch, 16);
    ck_assert_double_eq(o.settings.lr, 1e-3);
}
END_TEST

START_TEST(a_resumed_run_is_saved_where_it_was) {
    ck_assert_str_eq(parsed("--resume old.safetensors").save, "old.safetensors");
    ck_assert_str_eq(parsed("--resume old --save new").save, "new");
}
END_TEST

START_TEST(double_is_for_a_dump) {
    ck_assert(parsed("--dump file --double").in_double);
    ck_assert(parsed("--double --dump file").in_double);
    ck_assert(!parsed("--dump file").in_double);
    assert_refused("--double", "--double is for --dump");
}
END_TEST

START_TEST(help_names_every_option) {
    capture_begin();
    options_help("chapter5");
    const char *text = capture_end();
    const char *others[] = {"--data", "--save",  "--resume",   "--eval",
                            "--log",  "--steps", "--describe", "--gradcheck",
                            "--help", "--look",  "--dump",     "--double",
                            "--size", "--split", "--memory",   "--image"};
    for (int i = 0; i < SETTING_OPTIONS; i++) {
        ck_assert_msg(strstr(text, setting_options[i].option) != NULL, "no %s",
                      setting_options[i].option);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        ck_assert_msg(strstr(text, others[i]) != NULL, "no %s", others[i]);
    }
}
END_TEST

/* ---- what is refused ----------------------------------------------------- */

START_TEST(an_unknown_option_is_named) {
    assert_refused("--bacth 3", "unknown option|--bacth|--help");
    assert_refused("file.png", "unknown option|file.png");
    assert_refused("-v", "unknown option|-v");
    assert_refused("--batch=3", "unknown option|--batch=3");
    assert_refused("--epochs 1 --what", "--what");
    assert_refused("''", "unknown option");
}
END_TEST

START_TEST(an_option_without_its_value_is_named) {
    const char *others[] = {"--data",     "--save",   "--resume", "--eval", "--log",
                            "--describe", "--steps",  "--look",   "--dump", "--size",
                            "--split",    "--memory", "--image"};
    for (int i = 0; i < SETTING_OPTIONS; i++) {
        assert_refused(setting_options[i].option, setting_options[i].option);
        assert_refused(setting_options[i].option, "needs a value");
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_refused(others[i], others[i]);
        assert_refused(others[i], "needs a value");
    }
    assert_refused("--data ''", "--data needs a value");
    assert_refused("--save ''", "--save needs a value");
}
END_TEST

START_TEST(a_value_that_is_no_possible_number_is_named) {
    const char *bad[] = {"abc", "nan", "1e999", "-7", "inf",
                         "3x",  "''",  "1,5",   "1e", "0x10"};
    for (int i = 0; i < SETTING_OPTIONS; i++) {
        for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
            char words[128];
            snprintf(words, sizeof words, "%s %s", setting_options[i].option, bad[k]);
            assert_refused(words, setting_options[i].option);
        }
    }
}
END_TEST

START_TEST(a_value_out_of_range_is_refused_with_the_range) {
    assert_refused("--batch 0", "--batch|\"0\"|1 to 1000000");
    assert_refused("--depth 65", "--depth|1 to 64");
    assert_refused("--dropout 1", "--dropout|0 to 0.999");
    assert_refused("--smoothing 1.5", "--smoothing|0 to 1");
    assert_refused("--beta2 1", "--beta2");
    assert_refused("--heads 0", "--heads");
    assert_refused("--epochs 2.5", "--epochs|whole number");
    assert_refused("--lr 0", "--lr|0");
    assert_refused("--threads 0", "--threads");
}
END_TEST

START_TEST(a_word_that_is_none_of_two_is_refused_with_both) {
    assert_refused("--norm middle", "--norm|pre|post|middle");
    assert_refused("--activation tanh", "--activation|gelu|relu|tanh");
    assert_refused("--schedule step", "--schedule|cosine|noam");
    assert_refused("--flip maybe", "--flip|no|yes");
    assert_refused("--norm 1", "--norm");
    assert_refused("--positions 3d", "--positions|1d, none, 2d or sinusoidal|3d");
    assert_refused("--pool class,mean", "--pool|class or mean|class,mean");
    assert_refused("--flip -1", "--flip");
}
END_TEST

START_TEST(steps_are_whole_and_at_least_one) {
    assert_refused("--steps 0", "--steps|1 or more");
    assert_refused("--steps -3", "--steps");
    assert_refused("--steps 1e3", "--steps");
    assert_refused("--steps many", "--steps|many");
    assert_refused("--steps 2.5", "--steps");
}
END_TEST

START_TEST(heads_that_do_not_divide_the_width_are_refused) {
    assert_refused("--dim 64 --heads 5", "5 heads|64|--heads|--dim");
    assert_refused("--heads 4 --dim 30", "4 heads|30");
    assert_refused("--heads 65", "65 heads");
    ck_assert_int_eq(parsed("--heads 5 --dim 65").settings.model.block.heads, 5);
}
END_TEST

START_TEST(testing_and_resuming_exclude_each_other) {
    assert_refused("--eval a --resume b", "--eval|--resume");
}
END_TEST

START_TEST(two_tasks_at_once_are_refused) {
    const char *tasks[] = {"--resume a",      "--eval a",    "--look a", "--dump a",
                           "--describe this", "--gradcheck", "--image a"};
    enum { TASKS = sizeof tasks / sizeof tasks[0] };
    for (int i = 0; i < TASKS * TASKS; i++) {
        char words[64];
        const int eval_and_image = 1 * TASKS + TASKS - 1;
        const int image_and_eval = (TASKS - 1) * TASKS + 1;
        if (i / TASKS != i % TASKS && i != eval_and_image && i != image_and_eval) {
            snprintf(words, sizeof words, "%s %s", tasks[i / TASKS], tasks[i % TASKS]);
            assert_refused(words, "one or the other");
        }
    }
}
END_TEST

START_TEST(an_option_that_would_be_ignored_is_refused) {
    const char *trains[] = {"--epochs 2",  "--lr 1",        "--seed 2", "--warmup 2",
                            "--dropout 0", "--smoothing 0", "--save x", "--log x",
                            "--steps 2",   "--shift 1",     "--clip 0"};
    for (size_t i = 0; i < sizeof trains / sizeof trains[0]; i++) {
        char words[64];
        snprintf(words, sizeof words, "--eval a %s", trains[i]);
        assert_refused(words, "--eval has no use for|leave it out");
        snprintf(words, sizeof words, "--describe this %s", trains[i]);
        assert_refused(words, "--describe this has no use for");
        snprintf(words, sizeof words, "--dump a %s", trains[i]);
        assert_refused(words, "--dump has no use for");
        snprintf(words, sizeof words, "--resume a %s", trains[i]);
        parsed(words);
    }
    parsed("--eval a --data d --threads 2 --batch 8 --dim 96");
    parsed("--look a --data d --threads 2 --patch 2");
    parsed("--eval a --data d --size 32 --split 0.1 --memory 9");
    assert_refused("--image a --data d", "--image has no use for --data");
    assert_refused("--eval a --image b --batch 3", "--image has no use for --batch");
    parsed("--describe this --dim 32 --heads 4 --pool mean");
    parsed("--gradcheck --positions none --pool mean");
    parsed("--help --eval a --resume b"); /* it only helps */
    assert_refused("--describe B/16 --depth 2", "--depth");
    assert_refused("--gradcheck --norm post", "--gradcheck has no use for --norm");
    assert_refused("--look a --data d --save x", "--look has no use for --save");
}
END_TEST

START_TEST(an_option_given_twice_is_remembered) {
    ck_assert_ptr_null(parsed("--seed 1 --lr 2 --save a --log b --steps 3").twice);
    ck_assert_str_eq(parsed("--seed 1 --lr 2 --seed 3").twice, "--seed");
    ck_assert_str_eq(parsed("--save a --save b").twice, "--save");
    ck_assert_str_eq(parsed("--steps 1 --steps 2").twice, "--steps");
    ck_assert_uint_eq(parsed("--seed 1 --lr 2 --seed 3").settings.seed, 3);
}
END_TEST

/* An option of the other optimiser; whichever the settings have, of whatever origin. */
START_TEST(an_option_of_the_other_optimiser_is_refused) {
    const char *of_adamw[] = {"--weight-decay 0", "--beta2 0.5"};
    Settings s = settings_default();
    Options o = parsed("--momentum 0.5");
    Error error = {""};
    ck_assert(!options_fit_optimiser(&o, &s, &error));
    assert_error_line(error, "--optimiser adamw has no use for --momentum");
    for (int i = 0; i < 2; i++) {
        o = parsed(of_adamw[i]);
        s.optimiser = OPTIMISER_ADAMW;
        ck_assert(options_fit_optimiser(&o, &s, &error));
        s.optimiser = OPTIMISER_SGD;
        ck_assert(!options_fit_optimiser(&o, &s, &error));
        assert_error_line(error, "--optimiser sgd has no use for");
    }
    o = parsed("--momentum 0.5 --lr 1 --clip 0");
    ck_assert(options_fit_optimiser(&o, &s, &error));
}
END_TEST

START_TEST(all_labels_smoothed_away_are_refused) {
    assert_refused("--smoothing 1", "--smoothing can't be 1");
    assert_refused("--smoothing 1.0", "--smoothing can't be 1");
    ck_assert_double_eq(parsed("--smoothing 0.999").settings.label_smoothing, 0.999);
}
END_TEST

START_TEST(a_program_of_any_name_names_its_files) {
    char name[400], *argv[] = {name, NULL};
    Options o;
    Error error = {""};
    memset(name, 'n', sizeof name);
    name[250] = '\0';
    ck_assert(options_parse(&o, 1, argv, &error));
    ck_assert_uint_eq(strlen(o.program), 250);
    ck_assert_uint_eq(strlen(o.save), 250 + strlen(".safetensors"));
    memcpy(name + 250, "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn", 54);
    ck_assert(!options_parse(&o, 1, argv, &error));
    assert_error_line(error, "name is too long");
}
END_TEST

/* ---- going on from a checkpoint ------------------------------------------ */

static Settings saved_settings(void) {
    Settings s = settings_default();
    s.model.block = (BlockConfig){.D = 96, .heads = 6, .M = 100};
    s.model.depth = 4;
    s.model.patch = 4;
    s.batch = 17;
    s.seed = 99;
    s.threads = 3;
    return s;
}

START_TEST(a_run_that_goes_on_has_the_checkpoints_settings) {
    const Settings saved = saved_settings();
    const Options o = parsed("--resume x");
    Settings merged;
    Error error = {""};
    ck_assert(options_merge(&o, &saved, &merged, &error));
    for (int i = 0; i < settings_count(); i++) {
        char is[SETTINGS_TEXT], want[SETTINGS_TEXT];
        settings_get(&merged, i, is);
        settings_get(&saved, i, want);
        ck_assert_msg(strcmp(is, want) == 0, "%s is %s, not %s", settings_name(i), is,
                      want);
    }
}
END_TEST

START_TEST(epochs_that_are_said_anew_replace_a_number_of_steps) {
    Settings saved = saved_settings(), merged;
    saved.total_steps = 70;
    Error error = {""};
    Options o = parsed("--resume x --lr 0.5");
    ck_assert(options_merge(&o, &saved, &merged, &error));
    ck_assert_int_eq(merged.total_steps, 70);
    o = parsed("--resume x --epochs 3");
    ck_assert(options_merge(&o, &saved, &merged, &error));
    ck_assert_int_eq(merged.total_steps, 0);
}
END_TEST

START_TEST(what_the_command_line_says_anew_is_taken) {
    const Settings saved = saved_settings();
    const Options o = parsed("--resume x --epochs 20 --lr 0.5 --threads 1 --batch 64");
    Settings merged;
    Error error = {""};
    ck_assert(options_merge(&o, &saved, &merged, &error));
    ck_assert_int_eq(merged.epochs, 20);
    ck_assert_double_eq(merged.lr, 0.5);
    ck_assert_int_eq(merged.threads, 1);
    ck_assert_int_eq(merged.batch, 64); /* the default, but given */
    ck_assert_uint_eq(merged.seed, 99);
    ck_assert_int_eq(merged.model.block.D, 96);
}
END_TEST

START_TEST(another_model_is_refused_and_the_same_is_not) {
    const Settings saved = saved_settings();
    const char *others[][2] = {
        {"--dim 128", "dim is 96, not 128"},
        {"--depth 5", "depth is 4, not 5"},
        {"--heads 4", "heads is 6, not 4"},
        {"--mlp 128", "mlp is 100, not 128"},
        {"--patch 7", "patch is 4, not 7"},
        {"--norm post", "norm is pre, not post"},
        {"--positions 2d", "positions is 1d, not 2d"},
        {"--pool mean", "pool is class, not mean"},
        {"--activation relu", "activation is gelu, not relu"},
    };
    Settings merged;
    Error error = {""};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        char words[64];
        snprintf(words, sizeof words, "--resume x %s", others[i][0]);
        const Options o = parsed(words);
        ck_assert_msg(!options_merge(&o, &saved, &merged, &error), "%s", words);
        assert_error_line(error, "another shape");
        assert_error_line(error, others[i][1]);
    }
    const Options same = parsed("--resume x --dim 96 --heads 6 --norm pre");
    ck_assert(options_merge(&same, &saved, &merged, &error));
}
END_TEST

Suite *options_suite(void) {
    Suite *suite = suite_create("options");
    TCase *good = add_case(suite, "understood");
    tcase_add_test(good, no_options_mean_the_default_run);
#ifdef _OPENMP
    tcase_add_test(good, of_very_many_cores_as_many_are_used_as_threads_may_be);
#endif
    tcase_add_loop_test(good, an_option_sets_its_setting_and_says_that_it_was_given, 0,
                        SETTING_OPTIONS);
    tcase_add_test(good, paths_and_flags_are_taken);
    tcase_add_test(good, the_size_of_images_is_a_side_or_width_and_height);
    tcase_add_test(good, many_options_work_together_and_the_last_wins);
    tcase_add_test(good, a_resumed_run_is_saved_where_it_was);
    tcase_add_test(good, double_is_for_a_dump);
    tcase_add_test(good, help_names_every_option);
    TCase *bad = add_case(suite, "refused");
    tcase_add_test(bad, an_unknown_option_is_named);
    tcase_add_test(bad, an_option_without_its_value_is_named);
    tcase_add_test(bad, a_value_that_is_no_possible_number_is_named);
    tcase_add_test(bad, a_value_out_of_range_is_refused_with_the_range);
    tcase_add_test(bad, a_word_that_is_none_of_two_is_refused_with_both);
    tcase_add_test(bad, steps_are_whole_and_at_least_one);
    tcase_add_test(bad, heads_that_do_not_divide_the_width_are_refused);
    tcase_add_test(bad, testing_and_resuming_exclude_each_other);
    tcase_add_test(bad, two_tasks_at_once_are_refused);
    tcase_add_test(bad, an_option_that_would_be_ignored_is_refused);
    tcase_add_test(bad, an_option_of_the_other_optimiser_is_refused);
    tcase_add_test(bad, all_labels_smoothed_away_are_refused);
    tcase_add_test(good, an_option_given_twice_is_remembered);
    tcase_add_test(good, a_program_of_any_name_names_its_files);
    TCase *merging = add_case(suite, "going on");
    tcase_add_test(merging, a_run_that_goes_on_has_the_checkpoints_settings);
    tcase_add_test(merging, what_the_command_line_says_anew_is_taken);
    tcase_add_test(merging, epochs_that_are_said_anew_replace_a_number_of_steps);
    tcase_add_test(merging, another_model_is_refused_and_the_same_is_not);
    return suite;
}
