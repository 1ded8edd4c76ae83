/*
 * fuzz_answers.c: the student's answers.txt. Two questions are asked, one for a number
 * and one for letters. What ends the grader's process ends this input only.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

static _Noreturn void end_of_grading(int status);
#define _exit end_of_grading
#include "../exercises/answers.c"
#undef _exit

#include "tests/fuzz/fuzz.h"

Grading now;
static jmp_buf end;
static const char *answers_file;

static _Noreturn void end_of_grading(int status) {
    fuzz_must(status == WRONG || status == NOT_WRITTEN_STATUS,
              "the grader ends with a status that it knows");
    longjmp(end, 1);
}

/* ---- in place of exercise.c ---------------------------------------------------- */

void stop_if_failed(void) {
    if (now.failed) {
        end_of_grading(WRONG);
    }
}

void print_wrapped(const char *prefix, const char *first, const char *words) {
    (void)prefix, (void)first, (void)words;
}

void expect_true(bool ok, const char *format, ...) {
    char line[LINE];
    va_list arguments;
    stop_if_failed();
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    now.failed = !ok;
    stop_if_failed();
}

void mistake_if(const char *words, bool fits) {
    (void)words, (void)fits;
}

/* ---- the target ------------------------------------------------------------------ */

void fuzz_setup(void) {
    static char folder[320];
    answers_file = fuzz_path("answers.txt");
    snprintf(folder, sizeof folder, "%.*s",
             (int)(strrchr(answers_file, '/') - answers_file), answers_file);
    static Told told;
    now = (Grading){.work = folder, .told = &told};
}

void fuzz_input(const unsigned char *bytes, size_t count) {
    static const Exercise exercise = {.id = "2.1", .title = "", .hint = ""};
    fuzz_write(answers_file, bytes, count);
    now.current = &exercise;
    now.failed = false;
    now.got_number = 0.25; /* what stays, where there is no answer */
    if (setjmp(end) == 0) {
        ask('a', "How many?", 0.25, 1e-3);
        mistake_number("twice", 0.5);
        fuzz_must(now.failed || fabs(now.got_number - 0.25) <= 0.25e-3,
                  "an answer that is taken is near");
        ask_which('b', "Which?", "ac");
    }
}

void fuzz_seeds(void) {
    static const char *const seeds[] = {
        "# 2.1\n2.1a = 0.25\n2.1b = ac\n",
        "2.1a = ?\n2.1b = -\n",
        "  2.1a =   2.5e-1 # a comment\r\n2.1b = a, c\r\n",
        "2.1b = AC\n2.1a = nan\n",
        "2.1a=0x1p-2\n2.1aa = 1\n12345678 = 1\n2.1a",
    };
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++) {
        fuzz_seed(seeds[i], strlen(seeds[i]));
    }
}
