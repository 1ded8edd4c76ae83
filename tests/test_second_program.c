/* test_second_program.c: the second program is found and run, and its end passed on
 * (second_program.h). It is a shell script here. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/check_helpers.h"
#include "common/lesson/second_program.h"
#include "tests/scratch.h"
#include "tests/suites.h"

static void script(const char *path, const char *commands) {
    char text[300];
    snprintf(text, sizeof text, "#!/bin/sh\n%s\n", commands);
    write_text(path, text);
    ck_assert_int_eq(chmod(path, 0700), 0);
}

/* What run() printed, on stdout and on stderr. */
static const char *printed;
static Bytes said;

/* second_program of the program "x", started as `self`, with one word. */
static int run(const char *self, const char *word) {
    const char *const words[] = {"first", word, NULL};
    const char *file = in_scratch("stderr");
    const int before = dup(STDERR_FILENO);
    ck_assert_ptr_nonnull(freopen(file, "w", stderr));
    capture_begin();
    printf("printed before\n");
    const int status = second_program(self, "x_double", words);
    printed = capture_end();
    fflush(stderr);
    dup2(before, STDERR_FILENO);
    close(before);
    said = read_bytes_of(file);
    return status;
}

static void assert_said(const char *words) {
    char text[600];
    snprintf(text, sizeof text, "%.*s", (int)said.count, (const char *)said.bytes);
    if (said.count > 0) {
        text[strcspn(text, "\n")] = '\0';
    }
    assert_no_message(line_difference(text, words));
}

/* x and x_double in `folder` of the scratch directory; the path of x. */
static const char *programs_in(const char *folder, const char *commands) {
    ck_assert_int_eq(mkdir(in_scratch("%s", folder), 0700), 0);
    script(in_scratch("%s/x", folder), "exit 9");
    script(in_scratch("%s/x_double", folder), commands);
    return in_scratch("%s/x", folder);
}

START_TEST(it_gets_the_words_and_its_status_comes_back) {
    const char *self = programs_in("a folder's \"$name\"", "echo \"$# $2\"; exit 7");
    ck_assert_int_eq(run(self, "two words"), 7);
    ck_assert_str_eq(printed, "printed before\n2 two words\n");
    ck_assert_uint_eq(said.count, 0);
}
END_TEST

START_TEST(it_is_looked_for_where_a_symbolic_link_leads) {
    const char *self = programs_in("real", "echo here");
    ck_assert_int_eq(mkdir(in_scratch("links"), 0700), 0);
    ck_assert_int_eq(symlink(self, in_scratch("links/absolute")), 0);
    ck_assert_int_eq(symlink("absolute", in_scratch("links/other")), 0);
    ck_assert_int_eq(symlink("links", in_scratch("folder")), 0);
    ck_assert_int_eq(run(in_scratch("folder/other"), "w"), 0);
    ck_assert_str_eq(printed, "printed before\nhere\n");
}
END_TEST

START_TEST(a_command_without_a_slash_is_found_in_PATH) {
    char path[600];
    programs_in("second", "echo second");
    programs_in("third", "echo third");
    ck_assert_int_eq(mkdir(in_scratch("first"), 0700), 0);
    write_text(in_scratch("first/x"), "no program: it may not be run");
    ck_assert_int_eq(mkdir(in_scratch("x"), 0700), 0); /* nor is a folder */
    snprintf(path, sizeof path, "%s:%s:%s:%s", in_scratch("first"), in_scratch("."),
             in_scratch("second"), in_scratch("third"));
    setenv("PATH", path, 1);
    ck_assert_int_eq(run("x", "w"), 0);
    ck_assert_str_eq(printed, "printed before\nsecond\n");
}
END_TEST

START_TEST(an_empty_folder_in_PATH_is_the_current_one) {
    programs_in("here", "echo here");
    ck_assert_int_eq(chdir(in_scratch("here")), 0);
    setenv("PATH", "/nowhere::/usr/bin", 1);
    ck_assert_int_eq(run("x", "w"), 0);
    ck_assert_str_eq(printed, "printed before\nhere\n");
}
END_TEST

START_TEST(one_that_is_missing_is_named_in_a_line) {
    const char *self = programs_in("folder", "exit 0");
    ck_assert_int_eq(remove(in_scratch("folder/x_double")), 0);
    ck_assert_int_eq(run(self, "w"), -1);
    assert_said("x: |/folder/x_double is missing: make x");
    setenv("PATH", "/nowhere", 1);
    ck_assert_int_eq(run("not-in-PATH", "w"), -1);
    assert_said("x: ./x_double is missing: make x");
    unsetenv("PATH");
    ck_assert_int_eq(run("x", "w"), -1);
    assert_said("x: ./x_double is missing: make x");
}
END_TEST

START_TEST(one_that_may_not_be_run_is_named_in_a_line) {
    const char *self = programs_in("folder", "exit 0");
    ck_assert_int_eq(chmod(in_scratch("folder/x_double"), 0600), 0);
    ck_assert_int_eq(run(self, "w"), -1);
    assert_said("x: |/folder/x_double can't be run: Permission denied: make x");
}
END_TEST

START_TEST(it_runs_where_nothing_can_be_printed) {
    const char *const words[] = {NULL};
    const char *self = programs_in("folder", "echo words || exit 8; exit 5");
    if (access("/dev/full", W_OK) == 0) {
        ck_assert_ptr_nonnull(freopen("/dev/full", "w", stdout));
        printf("lost");
        ck_assert_int_eq(second_program(self, "x_double", words), 5);
        ck_assert(ferror(stdout));
    }
}
END_TEST

START_TEST(one_that_crashes_is_named_with_its_signal) {
    ck_assert_int_eq(run(programs_in("folder", "kill -SEGV $$"), "w"), -1);
    assert_said("x: |/folder/x_double was ended by signal 11");
}
END_TEST

/* Ctrl-C, or kill: a process of its own runs a script that asks its parent to end. The
 * signal has to come back to the script, and then to end the parent as well. */
START_TEST(a_signal_ends_both) {
    const char *self = programs_in("folder", "trap 'echo got it >done; exit 0' TERM\n"
                                             "kill -TERM $PPID\n"
                                             "while :; do sleep 0.01; done");
    ck_assert_int_eq(chdir(in_scratch("folder")), 0);
    const pid_t parent = fork();
    if (parent == 0) {
        signal(SIGTERM, SIG_DFL); /* not Check's */
        const char *const words[] = {NULL};
        second_program(self, "x_double", words);
        _exit(0); /* it survived */
    }
    int status = 0;
    ck_assert_int_eq(waitpid(parent, &status, 0), parent);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    ck_assert(file_exists(in_scratch("folder/done")));
}
END_TEST

START_TEST(a_signal_that_was_ignored_stays_ignored) {
    signal(SIGHUP, SIG_IGN);
    ck_assert_int_eq(run(programs_in("folder", "kill -HUP $PPID $$; exit 4"), "w"), 4);
    ck_assert_ptr_eq(signal(SIGHUP, SIG_DFL), SIG_IGN);
}
END_TEST

static int ended;
static void note(int signal_number) {
    ended = signal_number;
}

START_TEST(afterwards_signals_do_what_they_did_before) {
    signal(SIGINT, note);
    ck_assert_int_eq(run(programs_in("folder", "exit 0"), "w"), 0);
    raise(SIGINT);
    ck_assert_int_eq(ended, SIGINT);
    ended = 0;
    signal(SIGINT, note); /* again: this kind of handler is for one signal */
    script(in_scratch("folder/x_double"), "kill -INT $PPID; exec sleep 100");
    ck_assert_int_eq(run(in_scratch("folder/x"), "w"), -1);
    ck_assert_int_eq(ended, SIGINT); /* passed on, and then this program's own */
    ck_assert_uint_eq(said.count, 0);
}
END_TEST

Suite *second_program_suite(void) {
    Suite *s = suite_create("second_program");
    TCase *found = add_scratch_case(s, "found");
    tcase_add_test(found, it_gets_the_words_and_its_status_comes_back);
    tcase_add_test(found, it_runs_where_nothing_can_be_printed);
    tcase_add_test(found, it_is_looked_for_where_a_symbolic_link_leads);
    tcase_add_test(found, a_command_without_a_slash_is_found_in_PATH);
    tcase_add_test(found, an_empty_folder_in_PATH_is_the_current_one);
    tcase_add_test(found, one_that_is_missing_is_named_in_a_line);
    tcase_add_test(found, one_that_may_not_be_run_is_named_in_a_line);
    TCase *signals = add_scratch_case(s, "signals");
    tcase_add_test(signals, one_that_crashes_is_named_with_its_signal);
    tcase_add_test(signals, a_signal_ends_both);
    tcase_add_test(signals, a_signal_that_was_ignored_stays_ignored);
    tcase_add_test(signals, afterwards_signals_do_what_they_did_before);
    return s;
}
