/*
 * exercise.c: see exercise.h. A program that grades one chapter:
 *
 *   grade WORK              every exercise; WORK holds the student's answers.txt
 *   grade --tasks           answers.txt as a student finds it
 *   grade --answers         the same with its answers
 *   grade --mistakes        each mistake that has a name: "2.1a = 0.24 | name" of an
 *                           answer, "2.2 | name" of code; linked with the solutions
 *
 * Exit status: 0 when every exercise passed, 1 when not, 2 for wrong usage.
 */
#include "exercise.h"

#include <ctype.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"

enum { PASSED = 0, WRONG = 1, SECONDS = 5, LINE = 512 };

/* What the asking functions do. */
typedef enum { GRADE, TASKS, ANSWERS, MISTAKES } Mode;
static Mode mode;

static const Exercise *current;             /* the exercise of this process */
static const char *work;                    /* the student's folder */
static char where[LINE];                    /* case_is */
static const char *own_hint;                /* hint */
static bool wrong_now[EXERCISES_A_CHAPTER]; /* which ones this grading found wrong */
static bool failed, named; /* the last result; whether a mistake fits it */
static double got_number;
static const real *got_data; /* the last expect's result */
static Tensor got_tensor;
static double got_tolerance;
static char asked[8]; /* the last ask: "2.1a" */

/* ---- processes ------------------------------------------------------------------- */

/* A child that is stopped after some seconds; what it prints goes into ends. */
static pid_t fork_into_pipe(int ends[2]) {
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
        alarm(SECONDS);
    }
    return child;
}

/* All that the child prints; of too much, the first half of text and the last. */
static void read_all(const int ends[2], char *text, size_t size) {
    const size_t half = size / 2, quarter = size / 4;
    size_t used = 0;
    ssize_t count;
    close(ends[1]);
    while ((count = read(ends[0], text + used, size - 1 - used)) > 0) {
        used += (size_t)count;
        if (used == size - 1) {
            memmove(text + half, text + half + quarter, used - half - quarter);
            used -= quarter;
        }
    }
    text[used] = '\0';
    close(ends[0]);
}

/* ---- results --------------------------------------------------------------------- */

/* The last result was wrong, and everything was said about it. */
static void stop_if_failed(void) {
    if (failed) {
        if (own_hint) {
            printf("Hint: %s\n", own_hint);
        }
        fflush(stdout);
        _exit(WRONG);
    }
}

void hint(const char *text) {
    stop_if_failed();
    own_hint = text;
}

static const char begin_there[] = " is wrong: begin there.\n";

void needs(const char *id) {
    static bool said;
    for (int i = 0; i < exercise_count; i++) {
        if (!said && wrong_now[i] && strcmp(exercises[i].id, id) == 0) {
            printf("%s%s", id, begin_there);
            fflush(stdout);
            said = true;
        }
    }
}

/* A message of bug(), a crash, or too much time: in which case, and where? */
static void say_where(int signal_number) {
    char line[LINE + 32];
    if (where[0]) {
        const int length = snprintf(line, sizeof line, "It stopped in: %s\n", where);
        (void)!write(STDOUT_FILENO, line, (size_t)length);
    }
    crash_print_frames();
    (void)signal(signal_number, SIG_DFL);
    (void)raise(signal_number);
}

void case_is(const char *format, ...) {
    stop_if_failed();
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(where, sizeof where, format, arguments);
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
    const double error = tolerance * fmax(largest(want, tensor_count(T)), 1e-30);
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
    printf(" is %s, should be %s%s%s%s\n", g, w, where[0] ? " (" : "", where,
           where[0] ? ")" : "");
}

void expect(const char *name, Tensor got, const double *want, double tolerance) {
    stop_if_failed();
    got_data = got.data;
    got_tensor = got;
    got_tolerance = tolerance;
    for (long k = 0; k < tensor_count(got); k++) {
        if (isnan(want[k])) {
            bug("grade: what %s should be is not a number", name);
        }
    }
    const long i = first_difference(got, want, tolerance);
    if (wrote_outside()) {
        failed = named = true;
        printf("This is a write outside a tensor's memory: does a loop go too far?\n");
    } else if (i >= 0) {
        failed = true;
        const int cols = tensor_cols(got);
        char index[TENSOR_SHAPE_TEXT];
        printf("%s%s", name, tensor_index_text(got, i, index));
        print_numbers((double)tensor_row(got, (int)(i / cols))[i % cols], want[i]);
    }
}

void expect_number(const char *name, double got, double want, double tolerance) {
    stop_if_failed();
    got_data = NULL;
    got_number = got;
    got_tolerance = tolerance;
    failed = !close_to(got, want, tolerance * fmax(fabs(want), 1e-30));
    if (failed) {
        printf("%s", name);
        print_numbers(got, want);
    }
}

void expect_true(bool ok, const char *format, ...) {
    stop_if_failed();
    failed = !ok;
    got_data = NULL;
    got_number = (double)NAN;
    if (failed) {
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
    read_all(ends, last_words, sizeof last_words);
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_WRITTEN_STATUS) {
        call(context); /* says so */
    }
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

void mistake_if(const char *text, bool fits) {
    if (mode == MISTAKES && !asked[0]) {
        printf("%s | %s\n", current->id, text);
    }
    if (failed && fits && !named) {
        printf("This is %s.\n", text);
        named = true;
    }
}

void mistake(const char *text, const double *wrong) {
    mistake_if(text, failed && got_data &&
                         first_difference(got_tensor, wrong, got_tolerance) < 0);
}

/* ---- printing -------------------------------------------------------------------- */

/* `first` and text, in lines of at most 84 columns that all begin with `prefix`. */
static void print_wrapped(const char *prefix, const char *first, const char *text) {
    int column = printf("%s%s", prefix, first);
    const int start = (int)strlen(prefix);
    while (*text) {
        const int word = (int)strcspn(text, " ");
        if (column > start && column + 1 + word > 84) {
            column = printf("\n%s", prefix) - 1;
        }
        column += printf("%s%.*s", column > start ? " " : "", word, text);
        text += word + (text[word] != '\0');
    }
    printf("\n");
}

/* ---- answers --------------------------------------------------------------------- */

/* The line "2.1a = ..." of answers.txt: its text after '=', and which line it is. */
static bool find_answer(char text[LINE], int *line) {
    char path[LINE], all[LINE];
    snprintf(path, sizeof path, "%s/answers.txt", work);
    FILE *file = fopen(path, "r");
    bool found = false;
    *line = 0;
    while (file && !found && fgets(all, sizeof all, file)) {
        ++*line;
        char id[8] = "";
        int at = 0;
        found = sscanf(all, " %7[0-9.a-z] = %n", id, &at) == 1 && at > 0 &&
                strcmp(id, asked) == 0;
        if (found) {
            snprintf(text, LINE, "%s", all + at);
            text[strcspn(text, "\r\n#")] = '\0';
        }
    }
    if (file) {
        (void)fclose(file);
    }
    return found;
}

static void begin_question(char letter, const char *question) {
    stop_if_failed();
    snprintf(asked, sizeof asked, "%s%c", current->id, letter);
    if (mode == TASKS || mode == ANSWERS) {
        printf("#\n");
        print_wrapped("#  ", (char[]){'(', letter, ')', '\0'}, question);
    }
}

/* The student's answer; false: there is nothing to compare in this mode. */
static bool answer(char text[LINE]) {
    int line = 0;
    if (mode != GRADE) {
        return false;
    }
    if (!find_answer(text, &line)) {
        printf("%s/answers.txt has no line \"%s = ...\"\n"
               "Hint: write that line again, with your answer.\n",
               work, asked);
        fflush(stdout);
        _exit(WRONG);
    }
    if (strchr(text, '?') || text[strspn(text, " \t")] == '\0') {
        printf("exercise %s is not written yet: %s/answers.txt:%d\n", asked, work,
               line);
        fflush(stdout);
        _exit(NOT_WRITTEN_STATUS);
    }
    return true;
}

void ask(char letter, const char *question, double want, double tolerance) {
    char text[LINE] = "", *end = text;
    begin_question(letter, question);
    if (mode == TASKS) {
        printf("%s = ?\n", asked);
    } else if (mode == ANSWERS) {
        printf("%s = %.10g\n", asked, want);
    }
    if (answer(text)) {
        const double given = strtod(text, &end);
        end += strspn(end, " \t");
        const bool number = end != text && *end == '\0';
        own_hint = number ? own_hint : "write 0.25 or 1.5e3, nothing else.";
        expect_true(number, "%s: \"%s\" is not a number", asked, text);
        expect_true(isfinite(given) &&
                        fabs(given - want) <= tolerance * fmax(fabs(want), 1e-30),
                    "%s: %.6g is not it", asked, given);
        got_number = given;
        got_tolerance = tolerance;
    }
}

void mistake_number(const char *text, double wrong) {
    if (mode == MISTAKES && asked[0]) {
        printf("%s = %.10g | %s\n", asked, wrong, text);
    }
    mistake_if(text, failed && fabs(got_number - wrong) <=
                                   got_tolerance * fmax(fabs(wrong), 1e-30));
}

void ask_which(char letter, const char *question, const char *want) {
    char text[LINE] = "";
    bool given[26] = {false}, wanted[26] = {false};
    begin_question(letter, question);
    if (mode == TASKS) {
        printf("%s = ?\n", asked);
    } else if (mode == ANSWERS) {
        printf("%s = %s\n", asked, want);
    }
    if (answer(text)) {
        for (const char *c = text; *c; c++) {
            const int l = tolower((unsigned char)*c);
            if (l >= 'a' && l <= 'z') {
                given[l - 'a'] = true;
            }
        }
        for (const char *c = want; *c; c++) {
            if (*c >= 'a' && *c <= 'z') {
                wanted[*c - 'a'] = true;
            }
        }
        int extra = 0, missing = 0;
        for (int i = 0; i < 26; i++) {
            extra += given[i] && !wanted[i];
            missing += wanted[i] && !given[i];
        }
        expect_true(extra + missing == 0,
                    "%s: letters that don't belong: %d; letters that are missing: %d",
                    asked, extra, missing);
        got_number = (double)NAN;
    }
}

/* ---- grading --------------------------------------------------------------------- */

/* Runs exercise e in a child; its output into text; returns waitpid's status. */
static int run_child(const Exercise *e, char *text, size_t size) {
    int ends[2];
    const pid_t child = fork_into_pipe(ends);
    if (child == 0) {
        const int ends_by[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM};
        crash_prepare();
        for (int i = 0; i < 6; i++) {
            (void)signal(ends_by[i], say_where);
        }
        current = e;
        e->grade();
        stop_if_failed();
        fflush(stdout);
        _exit(PASSED);
    }
    read_all(ends, text, size);
    int status = 0;
    waitpid(child, &status, 0);
    return status;
}

#define EIGHT "        "

/* Of more than 20 lines, such as a loop's printf makes, the first and last 10. */
static void print_lines(const char *text) {
    enum { MOST = 20 };
    int lines = 0;
    for (const char *c = text; *c; c++) {
        lines += *c == '\n';
    }
    for (int number = 0; *text; number++) {
        const int length = (int)strcspn(text, "\n");
        char line[2 * LINE];
        snprintf(line, sizeof line, "%.*s", length, text);
        if (lines > MOST && number == MOST / 2) {
            printf(EIGHT "(more lines, not shown: what you print stands here too)\n");
        }
        if (lines <= MOST || number < MOST / 2 || number >= lines - MOST / 2) {
            print_wrapped(EIGHT, "", line);
        }
        text += length + (text[length] != '\0');
    }
}

/* text: "exercise 2.2 is not written yet: FILE:LINE". It may be another than e, which
 * e needs. */
static void print_not_written(const Exercise *e, char *text) {
    char *from = strstr(text, "exercise "), *at = strstr(text, "yet: ");
    char needed[8] = "";
    if (!from || !at || sscanf(from, "exercise %7s", needed) != 1) {
        bug("grade: \"%s\" names no exercise", text);
    }
    at += strlen("yet: ");
    at[strcspn(at, "\n")] = '\0';
    if (strncmp(needed, e->id, strlen(e->id)) == 0) {
        printf("  %-4s  not written yet  %s: %s\n", e->id, e->title, at);
    } else {
        printf("  %-4s  waits for %-5s  %s\n", e->id, needed, e->title);
    }
}

/* What may have been done by a program that a signal ended. */
static void print_signal(int number, const char *text) {
    char line[LINE];
    if (number == SIGALRM) {
        printf(EIGHT "It ran for %d seconds and was stopped: an endless loop?\n",
               SECONDS);
    } else if (number != SIGABRT) {
        const bool address = number == SIGSEGV || number == SIGBUS;
        snprintf(line, sizeof line, "It crashed: %s. %s", strsignal(number),
                 address ? "An index out of range, or a NULL pointer?"
                         : "A division by zero, a shift too wide (1 << 32), an index "
                           "out of range?");
        print_wrapped(EIGHT, "", line);
    } else if (!strstr(text, "bug: ") && !strstr(text, "cuda_on_cpu: ")) {
        /* the C library stopped it */
        printf(EIGHT "It wrote outside a tensor's memory. Does a loop go too far?\n");
    }
}

/* cuda_on_cpu stopped a kernel, and said where; what it means. */
static void print_kernel_stopped(const char *text) {
    if (strstr(text, "blocks can't wait")) {
        print_wrapped(EIGHT, "",
                      "This is a race of two blocks: no barrier helps. Does a thread "
                      "write an element that isn't its own?");
    } else if (strstr(text, ": a race")) {
        printf(EIGHT "This is a race: a barrier (__syncthreads) is missing.\n");
    } else if (strstr(text, "is not reached by all threads")) {
        print_wrapped(EIGHT, "",
                      "This is a barrier or a shuffle that some threads never reach: "
                      "none may return, or go round it, before.");
    }
}

static void print_wrong(const Exercise *e, int status, char *text) {
    const char *line = crash_line(text, work);
    printf("  %-4s  wrong            %s\n", e->id, e->title);
    print_lines(text);
    if (line) {
        printf(EIGHT "It was at %s\n", line);
    }
    print_kernel_stopped(text);
    if (WIFSIGNALED(status)) {
        print_signal(WTERMSIG(status), text);
    }
    if (!strstr(text, "\nHint: ")) {
        print_wrapped(EIGHT, "Hint:", e->hint);
    }
    print_wrapped(EIGHT, "Read:", e->read);
}

static bool grade_one(const Exercise *e) {
    static char text[1 << 16];
    const int status = run_child(e, text, sizeof text);
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (code == PASSED) {
        printf("  %-4s  passed           %s\n", e->id, e->title);
        return true;
    }
    if (code == NOT_WRITTEN_STATUS) {
        print_not_written(e, text);
        return false;
    }
    wrong_now[e - exercises] = true;
    const char *another = strstr(text, begin_there);
    if (another) { /* what else it says is that one's fault */
        printf("  %-4s  waits for %.3s    %s\n", e->id, another - 3, e->title);
        printf(EIGHT "%.3s%s", another - 3, begin_there);
        return false;
    }
    print_wrong(e, status, text);
    return false;
}

static void print_bar(const char *name, int done, int all) {
    enum { WIDTH = 36 };
    printf("  %-10s [", name);
    for (int i = 0; i < WIDTH; i++) {
        putchar(i < done * WIDTH / all ? '#' : '.');
    }
    printf("]  %d of %d\n", done, all);
}

/* How many of a chapter's exercises passed when it was last graded. */
static int passed_before(int chapter) {
    char path[LINE];
    int passed = 0;
    snprintf(path, sizeof path, "%s/../chapter%d/passed", work, chapter);
    FILE *file = fopen(path, "r");
    if (file) {
        if (fscanf(file, "%d", &passed) != 1 || passed < 0 ||
            passed > EXERCISES_A_CHAPTER) {
            passed = 0;
        }
        (void)fclose(file);
    }
    return passed;
}

static void remember(int passed) {
    char path[LINE];
    snprintf(path, sizeof path, "%s/passed", work);
    FILE *file = fopen(path, "w");
    if (file) {
        fprintf(file, "%d\n", passed);
        (void)fclose(file);
    }
}

static int grade(void) {
    int passed = 0, course = 0;
    printf("\nChapter %d: %s (%s)\n\n", chapter_number, chapter_title, work);
    for (int i = 0; i < exercise_count; i++) {
        passed += grade_one(&exercises[i]);
    }
    remember(passed);
    for (int chapter = 1; chapter <= CHAPTERS; chapter++) {
        course += passed_before(chapter);
    }
    printf("\n");
    char name[16];
    snprintf(name, sizeof name, "chapter %d", chapter_number);
    print_bar(name, passed, exercise_count);
    print_bar("the course", course, CHAPTERS * EXERCISES_A_CHAPTER);
    if (passed == exercise_count) {
        printf("\n  All passed. `make mine N=%d` builds ./%s/chapter%d of what you "
               "wrote.\n",
               chapter_number, work, chapter_number);
    }
    return passed == exercise_count ? 0 : 1;
}

/* ---- answers.txt ----------------------------------------------------------------- */

/* answers.txt has all tasks, as comments, and a line for each answer. */
static void print_tasks(void) {
    if (mode != MISTAKES) {
        printf("# Chapter %d: %s\n#\n"
               "# Put a number (or letters) in place of each \"?\". `make grade N=%d` "
               "reads them.\n",
               chapter_number, chapter_title, chapter_number);
    }
    for (int i = 0; i < exercise_count; i++) {
        const Exercise *e = &exercises[i];
        current = e;
        if (mode != MISTAKES) {
            printf("\n# %s  %s\n", e->id, e->title);
            print_wrapped("#   ", "", e->task);
        }
        asked[0] = '\0';
        if (mode == MISTAKES || strncmp(e->title, "Answers", 7) == 0) {
            e->grade();
        }
    }
}

int main(int argc, char **argv) {
    if (exercise_count != EXERCISES_A_CHAPTER) {
        bug("chapter %d has %d exercises; EXERCISES_A_CHAPTER says %d", chapter_number,
            exercise_count, EXERCISES_A_CHAPTER);
    }
    if (argc != 2) {
        fprintf(stderr, "usage: grade WORK | --tasks | --answers | --mistakes\n");
        return 2;
    }
    mode = strcmp(argv[1], "--tasks") == 0      ? TASKS
           : strcmp(argv[1], "--answers") == 0  ? ANSWERS
           : strcmp(argv[1], "--mistakes") == 0 ? MISTAKES
                                                : GRADE;
    if (mode != GRADE) {
        print_tasks();
        return 0;
    }
    work = argv[1];
    return grade();
}
