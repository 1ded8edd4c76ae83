/* test_dump.c: tensors with their equations in a file (dump.h). */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/check_helpers.h"
#include "common/lesson/chapter.h"
#include "common/lesson/second_program.h"
#include "common/files/dump.h"
#include "common/files/safetensors_file.h"
#include "tests/scratch.h"
#include "tests/suites.h"

/* What `fill` dumps of T, written and opened again. */
static Safetensors written(DumpFill *fill, Tensor T) {
    Safetensors file;
    Error error = {""};
    const char *path = in_scratch("dump.safetensors");
    ck_assert_msg(dump_write(path, fill, &T, &error), "%s", error.text);
    ck_assert_msg(safetensors_open(&file, path, &error), "%s", error.text);
    return file;
}

static void add_and_write_over(Dump *dump, void *context) {
    const Tensor *T = context;
    dump_group(dump, "x.7.");
    dump_input(dump, *T, "y");
    tensor_fill(*T, 0);
}

START_TEST(a_tensor_is_copied_when_it_is_added) {
    Error error = {""};
    Tensor T = random_tensor('a', SHAPE(2, 3)), back = unset_tensor(SHAPE(2, 3));
    Safetensors file = written(add_and_write_over, T);
    ck_assert_msg(safetensors_read(&file, "x.7.y", back, &error), "%s", error.text);
    assert_same_bits(back, random_tensor('a', SHAPE(2, 3)));
    safetensors_close(&file);
}
END_TEST

static void add_view(Dump *dump, void *context) {
    const Tensor *T = context;
    dump_input(dump, *T, "view");
}

START_TEST(a_view_of_some_columns_is_written_without_the_others) {
    Error error = {""};
    Tensor wide = random_tensor('b', SHAPE(3, 6)), back = unset_tensor(SHAPE(3, 2));
    Tensor view = tensor_columns(wide, 2, 2);
    Safetensors file = written(add_view, view);
    ck_assert_msg(safetensors_read(&file, "view", back, &error), "%s", error.text);
    for (int i = 0; i < 3; i++) {
        ck_assert_mem_eq(tensor_row(back, i), tensor_row(view, i), 2 * sizeof(real));
    }
    safetensors_close(&file);
}
END_TEST

static void add_both(Dump *dump, void *context) {
    const Tensor *T = context;
    dump_about(dump, "heads", "2");
    dump_input(dump, *T, "z");
    dump_made(dump, *T, "y", "04", "[ViT eq.4] y = LN(z), \"as it is\"");
}

START_TEST(what_was_computed_has_its_equation_and_an_input_none) {
    Safetensors file = written(add_both, random_tensor('c', SHAPE(4)));
    ck_assert_str_eq(safetensors_metadata(&file, "format"), DUMP_FORMAT);
    ck_assert_str_eq(safetensors_metadata(&file, "heads"), "2");
    ck_assert_str_eq(safetensors_metadata(&file, "y"),
                     "[ViT eq.4] y = LN(z), \"as it is\"; read notes/04");
    ck_assert_ptr_null(safetensors_metadata(&file, "z"));
    safetensors_close(&file);
}
END_TEST

START_TEST(a_file_that_cannot_be_written_is_an_error) {
    Error error = {""};
    Tensor T = random_tensor('d', SHAPE(2));
    ck_assert(!dump_write(in_scratch("no/such/folder"), add_view, &T, &error));
    assert_error_line(error, "no/such/folder");
}
END_TEST

/* ---- the command line of chapters 2 to 4 ------------------------------------- */

static char asked[16]; /* the file */
static bool lesson_given;
static const char *printed;
static bool a_dump(const char *path, Error *error) {
    snprintf(asked, sizeof asked, "%s", path);
    return strcmp(path, "bad") != 0 || error_set(error, "a bad file");
}

static void a_lesson(void) {
    lesson_given = true;
}

static void no_checks(void) {
}

static int own_options(int argc, char **argv) {
    (void)argc;
    return strcmp(argv[1], "--norm") == 0 ? 4 : 2;
}

/* The program in double is a script that says what it is asked for and ends with 3. */
static int asks(int argc, const char *a, const char *b, const char *c) {
    const Chapter chapter = {.name = "chapter2",
                             .lesson = a_lesson,
                             .gradient_checks = no_checks,
                             .dump = a_dump,
                             .options = own_options};
    char program[200], words[3][16];
    const char *given[] = {a, b, c};
    char *argv[] = {program, words[0], words[1], words[2], NULL};
    for (int i = 0; i < 3; i++) {
        snprintf(words[i], sizeof words[i], "%s", given[i]);
    }
    snprintf(program, sizeof program, "%s", in_scratch("chapter2"));
    write_text(program, "");
    write_text(in_scratch("chapter2_double"), "#!/bin/sh\necho \"$*\"\nexit 3\n");
    ck_assert_int_eq(chmod(in_scratch("chapter2_double"), 0700), 0);
    asked[0] = '\0';
    lesson_given = false;
    capture_begin();
    const int status = chapter_main(&chapter, argc, argv);
    printed = capture_end();
    return status;
}

START_TEST(a_dump_is_asked_for_with_a_file_and_in_double_with_a_word_more) {
    ck_assert_int_eq(asks(3, "--dump", "f", ""), 0);
    ck_assert_str_eq(asked, "f");
    const int status = asks(4, "--dump", "f", "--double");
    if (IN_DOUBLE) {
        ck_assert_str_eq(asked, "f");
    } else {
        ck_assert_str_eq(printed, "--dump f\n");
        ck_assert_int_eq(status, 3);
    }
    ck_assert_int_eq(asks(3, "--dump", "bad", ""), 1);
}
END_TEST

START_TEST(other_words_ask_for_no_dump) {
    ck_assert_int_eq(asks(1, "", "", ""), IN_DOUBLE ? 0 : 3);
    ck_assert(lesson_given);
    ck_assert_int_eq(asks(3, "--norm", "post", ""), 4);
    ck_assert(!lesson_given);
    ck_assert_str_eq(asked, "");
}
END_TEST

START_TEST(what_a_lesson_needs_and_does_not_get_ends_the_program) {
    Error error = {""};
    chapter_needs(true, &error);
    error_set(&error, "no memory");
    chapter_needs(false, &error);
    _exit(0); /* not reached: it ended with 1 */
}
END_TEST

START_TEST(a_dump_without_a_file_or_with_other_words_is_wrong_usage) {
    const char *const wrong[][2] = {{"", ""}, {"f", "--single"}, {"", "--double"}};
    const int words[] = {2, 4, 4};
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(asks(words[i], "--dump", wrong[i][0], wrong[i][1]), 2);
        ck_assert_str_eq(asked, "");
    }
}
END_TEST

Suite *dump_suite(void) {
    Suite *s = suite_create("dump");
    TCase *files = add_scratch_case(s, "files");
    tcase_add_test(files, a_tensor_is_copied_when_it_is_added);
    tcase_add_test(files, a_view_of_some_columns_is_written_without_the_others);
    tcase_add_test(files, what_was_computed_has_its_equation_and_an_input_none);
    tcase_add_test(files, a_file_that_cannot_be_written_is_an_error);
    TCase *words = add_scratch_case(s, "the command line");
    tcase_add_test(words,
                   a_dump_is_asked_for_with_a_file_and_in_double_with_a_word_more);
    tcase_add_test(words, other_words_ask_for_no_dump);
    tcase_add_exit_test(words, what_a_lesson_needs_and_does_not_get_ends_the_program,
                        1);
    tcase_add_test(words, a_dump_without_a_file_or_with_other_words_is_wrong_usage);
    return s;
}
