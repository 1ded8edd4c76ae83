/*
 * grade.c: the program that grades one chapter:
 *
 *   grade WORK              every exercise; WORK holds the student's answers.txt
 *   grade --tasks           answers.txt as a student finds it
 *   grade --answers         the same with its answers
 *   grade --mistakes        each mistake that has a name: "2.1a = 0.24 | name" of an
 *                           answer, "2.2 | name" of code; linked with the solutions
 *
 * Exit status: 0 when every exercise passed, 1 when not, 2 for wrong usage.
 */
#define _DEFAULT_SOURCE 1 /* MAP_ANONYMOUS, which POSIX will have */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "common/error.h"
#include "tests/exercises/exercise.h"
#include "tests/exercises/grading.h"
#include "common/files/regular_file.h"
#include "common/lesson/output.h"

/* ---- printing -------------------------------------------------------------------- */

void print_wrapped(const char *prefix, const char *first, const char *text) {
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

/* ---- grading --------------------------------------------------------------------- */
/* A message of bug(), a crash, or too much time: in which case, and where? */
static void say_where(int signal_number, siginfo_t *info, void *context) {
    char line[LINE + 32];
    (void)context;
    if (now.where[0]) {
        const int length =
            snprintf(line, sizeof line, "It stopped in: %s\n", now.where);
        (void)!write(STDOUT_FILENO, line, (size_t)length);
    }
    now.told->stack_full = signal_number == SIGSEGV && crash_is_of_stack(info->si_addr);
    crash_print_frames();
    (void)signal(signal_number, SIG_DFL);
    (void)raise(signal_number);
}

/* In the exercise's process. What is used before it was set isn't 0: tensors are NaN,
 * malloc's memory is of bytes 0xfe here, local variables too (MINE_FLAGS). */
static void prepare_child(void) {
    const int ends_by[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM};
    struct sigaction action = {.sa_sigaction = say_where,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    crash_prepare();
    for (int i = 0; i < 6; i++) {
        sigaction(ends_by[i], &action, NULL);
    }
#ifdef M_PERTURB
    mallopt(M_PERTURB, 0x01);
    for (size_t bytes = 16; bytes <= 1040; bytes += 16) {
        for (int i = 0; i < 8; i++) { /* glibc keeps 7 small blocks as they were */
            void *volatile kept = malloc(bytes); /* volatile: else it is left out */
            (void)kept;
        }
    }
#endif
}

/* Runs exercise e in a child; its output into text; returns waitpid's status. */
static int run_child(const Exercise *e, char *text, size_t size) {
    int ends[2];
    *now.told = (Told){.passed = false};
    const pid_t child = fork_into_pipe(ends);
    if (child == 0) {
        prepare_child();
        now.current = e;
        e->grade();
        stop_if_failed();
        fflush(stdout);
        now.told->passed = true;
        _exit(0);
    }
    return read_and_wait(child, ends, text, size);
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
 * e needs. False: it says something else, the student's code ended with that status. */
static bool print_not_written(const Exercise *e, char *text) {
    char *from = strstr(text, "exercise "), *at = strstr(text, " is not written yet: ");
    char needed[8] = "";
    if (!from || !at || sscanf(from, "exercise %7s", needed) != 1) {
        return false;
    }
    at = strchr(at, ':') + 2;
    at[strcspn(at, "\n")] = '\0';
    if (strncmp(needed, e->id, strlen(e->id)) == 0) {
        printf("  %-4s  not written yet  %s: %s\n", e->id, e->title, at);
    } else {
        printf("  %-4s  waits for %-5s  %s\n", e->id, needed, e->title);
    }
    return true;
}

/* The C library, or the student's code, called abort(). */
static const char *why_aborted(const char *text) {
    static const struct {
        const char *says, *means;
    } reasons[] = {
        {"bug: ", NULL},
        {"cuda_on_cpu: ", NULL},
        {"ssertion", "An assert() that is yours doesn't hold."},
        {"invalid next size", "It wrote beyond memory of malloc()."},
        {"corrupted", "It wrote beyond memory of malloc()."},
        {"malloc(): ", "It wrote beyond memory of malloc()."},
        {"invalid pointer", "It gave free() or realloc() memory that isn't malloc's: "
                            "a tensor's memory is not yours to give back."},
        {"double free", "It gave the same memory to free() twice."},
        {"stack smashing", "It wrote beyond a local array."},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (strstr(text, reasons[i].says)) {
            return reasons[i].means;
        }
    }
    return "It called abort().";
}

/* What may have been done by a program that a signal ended. */
static void print_signal(int number, const char *text) {
    char line[LINE];
    if (number == SIGALRM) {
        printf(EIGHT "It ran for %d seconds and was stopped: an endless loop?\n",
               SECONDS);
    } else if (number == SIGABRT) {
        const char *why = why_aborted(text);
        if (why) {
            print_wrapped(EIGHT, "", why);
        }
    } else {
        const bool address = number == SIGSEGV || number == SIGBUS;
        snprintf(line, sizeof line, "It crashed: %s. %s", strsignal(number),
                 now.told->stack_full ? "The stack is full: does a function call "
                                        "itself without end, or is an array too large?"
                 : address            ? "An index out of range, or a NULL pointer?"
                                      : "A division by zero, a shift too wide (1 << "
                                        "32), an index out of range?");
        print_wrapped(EIGHT, "", line);
    }
}

/* cuda_on_cpu stopped a kernel, and said where; what it means. */
static void print_kernel_stopped(const char *text) {
    if (strstr(text, "blocks can't wait")) {
        print_wrapped(EIGHT, "",
                      "This is a race of two blocks: no barrier helps. Does a thread "
                      "write an element that isn't its own?");
    } else if (strstr(text, ": a race")) {
        print_wrapped(EIGHT, "",
                      "This is a race: is a barrier (__syncthreads) missing, or does a "
                      "thread read or write another's element?");
    } else if (strstr(text, "is not reached by all threads")) {
        print_wrapped(EIGHT, "",
                      "This is a barrier or a shuffle that some threads never reach: "
                      "none may return, or go round it, before.");
    }
}

static void print_wrong(const Exercise *e, int status, char *text) {
    const char *line = crash_line(text, now.work);
    printf("  %-4s  %swrong%s            %s\n", e->id, output_colour(false),
           output_plain(), e->title);
    print_lines(text);
    if (line) {
        printf(EIGHT "It was at %s\n", line);
    }
    print_kernel_stopped(text);
    if (WIFSIGNALED(status)) {
        print_signal(WTERMSIG(status), text);
    }
    if (WIFEXITED(status) && !now.told->judged) {
        printf(EIGHT "It ended the program (exit), where it was to return.\n");
    }
    if (!strstr(text, "\nHint: ")) {
        print_wrapped(EIGHT, "Hint:", e->hint);
    }
    print_wrapped(EIGHT, "Read:", e->read);
}

static bool grade_one(const Exercise *e) {
    static char text[1 << 16];
    const int status = run_child(e, text, sizeof text);
    if (now.told->passed) {
        printf("  %-4s  %spassed%s           %s\n", e->id, output_colour(true),
               output_plain(), e->title);
        return true;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_WRITTEN_STATUS &&
        print_not_written(e, text)) {
        return false;
    }
    now.wrong_now[e - exercises] = true;
    if (now.told->needs) { /* what else it says is that one's fault */
        printf("  %-4s  waits for %-5s  %s\n" EIGHT "%s is wrong: begin there.\n",
               e->id, now.told->needs, e->title, now.told->needs);
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
    snprintf(path, sizeof path, "%s/../chapter%d/passed", now.work, chapter);
    FILE *file = fopen(path, "r");
    if (file) {
        if (fscanf(file, "%d", &passed) != 1 || passed < 0 ||
            passed > EXERCISES_OF(chapter)) {
            passed = 0;
        }
        (void)fclose(file);
    }
    return passed;
}

static void remember(int passed) {
    char path[LINE];
    NewFile file;
    Error error;
    snprintf(path, sizeof path, "%s/passed", now.work);
    if (new_file_begin(&file, path, &error)) {
        fprintf(file.file, "%d\n", passed);
        if (new_file_end(&file, &error)) {
            return;
        }
    }
    printf("\n  The course's bar won't know of these: %s\n", error.text);
}

static int grade(void) {
    int passed = 0, course = 0;
    printf("\nChapter %d: %s (%s)\n\n", chapter_number, chapter_title, now.work);
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
    print_bar("the course", course, ALL_EXERCISES);
    if (passed == exercise_count) {
        printf("\n  All passed. `make mine N=%d` builds ./%s/chapter%d of what you "
               "wrote.\n",
               chapter_number, now.work, chapter_number);
    }
    return passed == exercise_count ? 0 : 1;
}

/* ---- answers.txt ----------------------------------------------------------------- */

/* answers.txt has all tasks, as comments, and a line for each answer. */
static void print_tasks(void) {
    if (now.mode != MISTAKES) {
        printf("# Chapter %d: %s\n#\n"
               "# Put a number (or letters) in place of each \"?\". `make grade N=%d` "
               "reads them.\n",
               chapter_number, chapter_title, chapter_number);
    }
    for (int i = 0; i < exercise_count; i++) {
        const Exercise *e = &exercises[i];
        now.current = e;
        if (now.mode != MISTAKES) {
            printf("\n# %s  %s\n", e->id, e->title);
            print_wrapped("#   ", "", e->task);
        }
        now.asked[0] = '\0';
        if (now.mode == MISTAKES || strncmp(e->title, "Answers", 7) == 0) {
            e->grade();
        }
    }
}

int main(int argc, char **argv) {
    if (exercise_count != EXERCISES_OF(chapter_number)) {
        bug("chapter %d has %d exercises; EXERCISES_OF says %d", chapter_number,
            exercise_count, EXERCISES_OF(chapter_number));
    }
    if (!output_begin("grade")) {
        return 3;
    }
    if (argc != 2) {
        fprintf(stderr, "usage: grade WORK | --tasks | --answers | --mistakes\n");
        return 2;
    }
    now.mode = strcmp(argv[1], "--tasks") == 0      ? TASKS
               : strcmp(argv[1], "--answers") == 0  ? ANSWERS
               : strcmp(argv[1], "--mistakes") == 0 ? MISTAKES
                                                    : GRADE;
    if (strlen(argv[1]) > LINE / 2) {
        fprintf(stderr, "grade: the folder's name is too long: %.40s...\n", argv[1]);
        return 2;
    }
    if (now.mode == GRADE && argv[1][0] == '-') {
        fprintf(stderr, "grade: there is no %s\n", argv[1]);
        return 2;
    }
    now.work = argv[1];
    now.told = mmap(NULL, sizeof *now.told, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (now.told == MAP_FAILED) {
        bug("grade: no memory");
    }
    int status = 0;
    if (now.mode == GRADE) {
        status = grade();
    } else {
        print_tasks();
    }
    /* 1 is "not all pass": where that could not be printed, 3. */
    return output_end("grade", 0) == 0 ? status : 3;
}
