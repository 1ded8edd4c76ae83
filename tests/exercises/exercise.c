/* exercise.c: see exercise.h: results, and the mistakes that they may come from. */
#include "tests/exercises/exercise.h"

#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/error.h"
#include "tests/exercises/grading.h"
#include "common/lesson/stopwatch.h"

Grading now;

/* ---- processes ------------------------------------------------------------------- */

int seconds_allowed(void) {
    return chapter_number == 8 ? 4 * SECONDS : SECONDS;
}

pid_t fork_into_pipe(int ends[2]) {
    fflush(stdout);
    if (pipe(ends) != 0) {
        bug("grade: no pipe");
    }
    const pid_t child = fork();
    if (child < 0) {
        bug("grade: no process");
    }
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        alarm((unsigned)seconds_allowed());
    }
    return child;
}

/* Is there something to read, or the end, before this time? */
static bool readable_before(int fd, double deadline_ms) {
    const double left_ms = deadline_ms - stopwatch_ms();
    struct pollfd one = {.fd = fd, .events = POLLIN};
    return left_ms > 0 && poll(&one, 1, (int)left_ms + 1) > 0;
}

int read_and_wait(pid_t child, const int ends[2], char *text, size_t size) {
    const size_t half = size / 2, quarter = size / 4;
    const double deadline_ms = stopwatch_ms() + 1e3 * (seconds_allowed() + 2);
    size_t used = 0;
    ssize_t count;
    close(ends[1]);
    while (readable_before(ends[0], deadline_ms) &&
           (count = read(ends[0], text + used, size - 1 - used)) > 0) {
        used += (size_t)count;
        if (used == size - 1) {
            memmove(text + half, text + half + quarter, used - half - quarter);
            used -= quarter;
        }
    }
    text[used] = '\0';
    close(ends[0]);
    if (stopwatch_ms() >= deadline_ms) {
        kill(child, SIGKILL); /* stopped, or it has left a process that goes on */
        now.told->late = true;
    }
    int status = 0;
    waitpid(child, &status, 0);
    return status;
}

/* ---- results --------------------------------------------------------------------- */

/* Was an input written? Said where the result is right, or wrong without a name. */
static void look_at_inputs(void) {
    const char *changed = changed_input();
    if (changed && !now.named) {
        now.failed = now.named = true;
        printf("This is a change of %s, which is an input: it must stay as it was.\n",
               changed);
    }
}

static void say_unless_named(const char *what) {
    if (now.unless) {
        printf("%s\n", what);
        now.unless = NULL;
    }
}

static void end_if_failed(void) {
    if (now.failed) {
        look_at_inputs();
        say_unless_named(now.unless);
        if (!now.named && now.round > 0) {
            printf("Perhaps something is kept from an earlier call (a static variable, "
                   "or memory): the same was right with other numbers.\n");
        } else if (!now.named && now.got_data && now.got_want) {
            say_pattern();
        } else if (!now.named && !now.got_data) {
            say_number_pattern();
        }
        if (now.form) {
            printf("Write: %s\n", now.form);
        } else if (now.own_hint) {
            printf("Think: %s\n", now.own_hint);
        }
        fflush(stdout);
        now.told->judged = true;
        if (!now.asked[0]) {
            _exit(WRONG_STATUS);
        }
        now.wrong_answer = true;
        now.failed = now.named = false;
        now.form = NULL;
    }
}

void stop_if_failed(void) {
    look_at_inputs();
    end_if_failed();
}

void hint(const char *text) {
    stop_if_failed();
    now.own_hint = text;
}

void needs(const char *id) {
    for (int i = 0; i < exercise_count; i++) {
        if (!now.told->needs && now.wrong_now[i] && strcmp(exercises[i].id, id) == 0) {
            now.told->needs = exercises[i].id;
        }
    }
}

void case_is(const char *format, ...) {
    stop_if_failed();
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(now.where, sizeof now.where, format, arguments);
    va_end(arguments);
}

static double largest(const double *a, long count) {
    double most = 0;
    for (long i = 0; i < count; i++) {
        most = isfinite(a[i]) ? fmax(most, fabs(a[i])) : most;
    }
    return most;
}

/* Equal, both infinite in the same way, or both not a number. */
static bool close_to(double got, double want, double error) {
    return got == want || (isnan(got) && isnan(want)) || fabs(got - want) <= error;
}

/* The first element of T that isn't want's; -1: none. */
static long first_difference(Tensor T, const double *want, double tolerance) {
    const int cols = tensor_cols(T);
    /* What should be 0 may be a sum that is 0 but for rounding: inputs are near 1. */
    const double error = tolerance * fmax(largest(want, tensor_count(T)), 1e-2);
    for (long i = 0; i < tensor_count(T); i++) {
        if (!close_to((double)tensor_row(T, (int)(i / cols))[i % cols], want[i],
                      error)) {
            return i;
        }
    }
    return -1;
}

/* 7 digits, or as many as tell the two apart. */
static void print_numbers(double got, double want) {
    char g[32], w[32];
    int digits = 7;
    do {
        snprintf(g, sizeof g, "%.*g", digits,
                 isnan(got) ? fabs(got) : got); /* no -nan */
        snprintf(w, sizeof w, "%.*g", digits, want);
    } while (strcmp(g, w) == 0 && ++digits <= 17);
    printf(" is %s, should be %s%s%s%s\n", g, w, now.where[0] ? " (" : "", now.where,
           now.where[0] ? ")" : "");
}

void expect(const char *name, Tensor got, const double *want, double tolerance) {
    end_if_failed();
    now.got_data = got.data;
    now.got_tensor = got;
    now.got_want = want;
    now.got_tolerance = tolerance;
    for (long k = 0; k < tensor_count(got); k++) {
        if (isnan(want[k])) {
            bug("grade: what %s should be is not a number", name);
        }
    }
    const long i = first_difference(got, want, tolerance);
    if (wrote_outside()) {
        now.failed = now.named = true;
        printf("This is a write outside a tensor's memory: does a loop go too far?\n");
    } else if (i >= 0) {
        now.failed = true;
        const int cols = tensor_cols(got);
        char index[TENSOR_SHAPE_TEXT];
        printf("%s%s", name, tensor_index_text(got, i, index));
        print_numbers((double)tensor_row(got, (int)(i / cols))[i % cols], want[i]);
    } else {
        look_at_inputs();
    }
}

void expect_number(const char *name, double got, double want, double tolerance) {
    end_if_failed();
    now.got_data = NULL;
    now.got_number = got;
    now.want_number = want;
    now.got_tolerance = tolerance;
    now.failed = !close_to(got, want, tolerance * fmax(fabs(want), 1e-30));
    if (now.failed) {
        printf("%s", name);
        print_numbers(got, want);
    } else {
        look_at_inputs();
    }
}

void expect_true(bool ok, const char *format, ...) {
    end_if_failed();
    now.failed = !ok;
    now.got_data = NULL;
    now.got_number = now.want_number = (double)NAN;
    if (now.failed) {
        va_list arguments;
        va_start(arguments, format);
        vprintf(format, arguments);
        va_end(arguments);
        printf("\n");
    }
}

static char last_words[4 * LINE];

const char *stopped_with(void) {
    char *from = strstr(last_words, "bug: ");
    from = from ? from + strlen("bug: ") : last_words;
    from[strcspn(from, "\n")] = '\0';
    return from;
}

bool stops(void (*call)(void *context), void *context) {
    int ends[2];
    const pid_t child = fork_into_pipe(ends);
    if (child == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        call(context);
        _exit(0);
    }
    const int status = read_and_wait(child, ends, last_words, sizeof last_words);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_WRITTEN_STATUS) {
        call(context); /* says so */
    }
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

void mistake_if(const char *text, bool fits) {
    if (now.mode == MISTAKES && !now.asked[0]) {
        printf("%s | %s\n", now.current->id, text);
    }
    if (now.failed && fits && !now.named && now.round == 0) {
        say_unless_named("not it");
        const bool asks = text[strlen(text) - 1] == '?';
        printf("This is %s%s\n", text, asks ? "" : ".");
        now.named = true;
    }
}

void mistake(const char *text, const double *wrong) {
    mistake_if(text,
               now.failed && now.got_data &&
                   first_difference(now.got_tensor, wrong, now.got_tolerance) < 0);
}

bool no_name_yet(void) {
    return now.mode == MISTAKES || (now.failed && !now.named && now.round == 0);
}

void mistake_unwritten(void) {
    bool any = false; /* is the first number that is wrong, which is shown, nan? */
    if (now.failed && now.got_data) {
        const long i =
            first_difference(now.got_tensor, now.got_want, now.got_tolerance);
        any = i >= 0 && isnan(doubles_of(now.got_tensor)[i]);
    }
    mistake_if("nan, which stands wherever nothing was written yet, and stays where "
               "something is added to it (+=, matmul_.._add); loops go to tensor_rows "
               "and tensor_cols",
               any);
}
