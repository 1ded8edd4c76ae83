/*
 * grade.c: the program that grades one chapter:
 *
 *   grade WORK              every exercise; WORK holds the student's answers.txt
 *   grade WORK 3.2          this one
 *   grade WORK --watch [E]  every exercise: the first to be done, or E, in full,
 *                           then the others in a line each
 *   grade --tasks           answers.txt as a student finds it
 *   grade --answers         the same with its answers
 *   grade --mistakes        each mistake that has a name: "2.1a = 0.24 | name" of an
 *                           answer, "2.2 | name" of code; linked with the solutions
 *
 * Exit status: 0 when every exercise that was asked for passed, 1 when not, 2 for wrong
 * usage.
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

const int exercises_of[CHAPTERS + 1] = {0, 6, 6, 6, 6, 6, 12, 5, 6};

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

/* ---- an exercise's process ------------------------------------------------------- */

enum { SIGNALS = 6 };
static const int ends_by[SIGNALS] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM};

/* A message of bug(), a crash, or too much time: in which case, and where? What lists
 * the frames may itself crash, call abort() or never end, where memory was destroyed:
 * no signal comes here twice, and a second is all that it gets. */
static void say_where(int signal_number, siginfo_t *info, void *context) {
    char line[LINE + 32];
    for (int i = 0; i < SIGNALS; i++) {
        (void)signal(ends_by[i], SIG_DFL);
    }
    alarm(1);
    crash_keep(signal_number, info, context);
    if (now.where[0]) {
        const int length =
            snprintf(line, sizeof line, "It stopped in: %s\n", now.where);
        (void)!write(STDOUT_FILENO, line, (size_t)length);
    }
    sigset_t these;
    sigemptyset(&these);
    sigaddset(&these, SIGALRM);
    sigprocmask(SIG_UNBLOCK, &these, NULL);
    crash_print_frames();
    (void)raise(signal_number);
}

/* In the exercise's process. What is used before it was set isn't 0: tensors are NaN,
 * malloc's memory is of bytes 0xfe here, local variables too (MINE_FLAGS). */
static void prepare_child(void) {
    struct sigaction action = {.sa_sigaction = say_where,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigfillset(&action.sa_mask);
    crash_prepare();
    for (int i = 0; i < SIGNALS; i++) {
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
        const bool asks = strncmp(e->title, "Answers", 7) == 0;
        const int rounds = chapter_number != 6 && !asks ? ROUNDS : 1;
        for (int round = 0; round < rounds; round++) {
            inputs_begin(round);
            e->grade();
            stop_if_failed();
            now.own_hint = NULL;
            now.where[0] = '\0';
        }
        end_questions();
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
static bool find_not_written(const Exercise *e, Result *r) {
    char *from = strstr(r->text, "exercise "),
         *at = strstr(r->text, " is not written yet: ");
    if (!from || !at || sscanf(from, "exercise %7s", r->needed) != 1) {
        return false;
    }
    at = strchr(at, ':') + 2;
    at[strcspn(at, "\n")] = '\0';
    memmove(r->text, at, strlen(at) + 1);
    r->verdict = strncmp(r->needed, e->id, strlen(e->id)) == 0 ? UNWRITTEN : WAITS;
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

static const char *why_crashed(int number) {
    switch (number) {
    case SIGSEGV:
    case SIGBUS: return "An index out of range, or a NULL pointer?";
    case SIGFPE: return "A division of integers by zero?";
    case SIGILL:
        return "Does a function end without its return, or an index go too far?";
    case SIGKILL:
        return "The system ended it: did it ask for more memory than there is?";
    default: return "";
    }
}

/* What may have been done by a program that a signal ended; the first signal counts. */
static void print_signal(const Result *r) {
    const int number =
        r->told.signal_number ? r->told.signal_number : WTERMSIG(r->status);
    const char *text = r->text;
    char line[LINE];
    if (number == SIGALRM || (r->told.late && !r->told.signal_number)) {
        printf(EIGHT "It ran for %d seconds and was stopped: an endless loop?\n",
               seconds_allowed());
    } else if (number == SIGABRT) {
        const char *why = why_aborted(text);
        if (why) {
            print_wrapped(EIGHT, "", why);
        }
    } else {
        snprintf(line, sizeof line, "It crashed: %s. %s", strsignal(number),
                 r->told.stack_full ? "The stack is full: does a function call itself "
                                      "without end, or is an array too large?"
                                    : why_crashed(number));
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

/* How exercise e's line begins: its verdict, and its title. */
static void print_line(const Exercise *e, const Result *r) {
    static const char *const says[] = {"not written yet", "waits for", "wrong",
                                       "passed"};
    char words[24];
    snprintf(words, sizeof words, "%s%s%s", says[r->verdict],
             r->verdict == WAITS ? " " : "", r->verdict == WAITS ? r->needed : "");
    const bool colour = r->verdict == PASSED || r->verdict == WRONG;
    printf("  %-4s  %s%s%s%*s  %s", e->id,
           colour ? output_colour(r->verdict == PASSED) : "", words,
           colour ? output_plain() : "", 15 - (int)strlen(words), "", e->title);
}

/* The first wrong number and its mistake, if that has a name; then where to think. */
static void print_wrong(const Exercise *e, const Result *r) {
    print_lines(r->text);
    if (r->line) {
        printf(EIGHT "It was at %s\n", r->line);
    }
    print_kernel_stopped(r->text);
    if (WIFSIGNALED(r->status)) {
        print_signal(r);
    }
    if (WIFEXITED(r->status) && !r->told.judged) {
        printf(EIGHT "It ended the program (exit), where it was to return.\n");
    }
    if (!strstr(r->text, "\nThink: ") && !strstr(r->text, "\nWrite: ")) {
        print_wrapped(EIGHT, "Think:", e->hint);
    }
    print_wrapped(EIGHT, "Read:", e->read);
    printf(EIGHT "Stuck? make hint N=%s\n", e->id);
}

/* Nobody graded its answers in words: where is one to compare them with? */
static void print_models(const Exercise *e, const Result *r) {
    if (r->verdict == PASSED && r->told.in_words[0]) {
        printf(EIGHT "Compare your sentence with the model answer:");
        for (const char *letter = r->told.in_words; *letter; letter++) {
            printf("%s make hint N=%s%c", letter > r->told.in_words ? "," : "", e->id,
                   *letter);
        }
        printf("\n");
    }
}

static void print_result(const Exercise *e, const Result *r) {
    print_line(e, r);
    if (r->verdict == UNWRITTEN) {
        printf(": %s", r->text);
    }
    printf("\n");
    print_models(e, r);
    if (r->verdict == WRONG) {
        print_wrong(e, r);
    } else if (r->verdict == WAITS && !r->text[0]) {
        printf(EIGHT "%s is wrong: begin there.\n", r->needed);
    }
}

/* ---- grading --------------------------------------------------------------------- */

static Result results[EXERCISES_MOST];

static bool wrong(int i) {
    const Exercise *e = &exercises[i];
    Result *r = &results[i];
    *r = (Result){.graded = true, .verdict = WRONG};
    r->status = run_child(e, r->text, sizeof r->text);
    r->told = *now.told;
    if (r->told.passed) {
        r->verdict = PASSED;
    } else if (WIFEXITED(r->status) && WEXITSTATUS(r->status) == NOT_WRITTEN_STATUS &&
               find_not_written(e, r)) {
        return false;
    } else if (r->told.needs) { /* what else it says is that one's fault */
        r->verdict = WAITS;
        snprintf(r->needed, sizeof r->needed, "%s", r->told.needs);
        r->text[0] = '\0';
        now.wrong_now[i] = true;
    } else {
        const char *line = crash_line(r->text, now.work);
        r->line = line ? strdup(line) : NULL;
        now.wrong_now[i] = true;
    }
    return now.wrong_now[i];
}

/* Where one alone is graded and is wrong, is it one before it that it needs? */
static void grade_one(int i) {
    bool any = false;
    if (wrong(i)) {
        for (int before = 0; before < i; before++) {
            any = wrong(before) || any;
        }
    }
    if (any) {
        (void)wrong(i);
    }
}

static void print_bar(const char *name, int done, int all) {
    enum { WIDTH = 36 };
    printf("  %-10s [", name);
    for (int i = 0; i < WIDTH; i++) {
        putchar(i < done * WIDTH / all ? '#' : '.');
    }
    printf("]  %d of %d\n", done, all);
}

static int passed_now(void) {
    int passed = 0;
    for (int i = 0; i < exercise_count; i++) {
        passed += results[i].verdict == PASSED && results[i].graded;
    }
    return passed;
}

static void print_bars(void) {
    int course = 0, of = 0;
    char name[16];
    for (int chapter = 1; chapter <= CHAPTERS; chapter++) {
        course += progress_passed(chapter);
        of += exercises_of[chapter];
    }
    snprintf(name, sizeof name, "chapter %d", chapter_number);
    printf("\n");
    print_bar(name, passed_now(), exercise_count);
    print_bar("the course", course, of);
    if (passed_now() == exercise_count) {
        printf("\n  All passed. `make mine N=%d` builds ./%s/my_chapter%d of what you "
               "wrote.\n",
               chapter_number, now.work, chapter_number);
    }
}

/* The one that is shown in full: what was wrong first, else what is to be written. */
static int next_one(void) {
    for (int verdict = WRONG; verdict >= UNWRITTEN; verdict--) {
        for (int i = 0; i < exercise_count; i++) {
            if ((int)results[i].verdict == verdict) {
                return i;
            }
        }
    }
    return -1;
}

static int grade(bool watch, int only) {
    printf("\nChapter %d: %s (%s)\n\n", chapter_number, chapter_title, now.work);
    progress_read();
    if (only >= 0 && !watch) {
        grade_one(only);
        print_result(&exercises[only], &results[only]);
        progress_add(results);
        return results[only].verdict == PASSED ? 0 : 1;
    }
    for (int i = 0; i < exercise_count; i++) {
        (void)wrong(i);
        if (!watch) {
            print_result(&exercises[i], &results[i]);
        }
    }
    if (watch) {
        const int first = only >= 0 ? only : next_one();
        if (first >= 0) {
            print_result(&exercises[first], &results[first]);
            printf("\n");
        }
        for (int i = 0; i < exercise_count; i++) {
            if (i != first) {
                print_line(&exercises[i], &results[i]);
                printf("\n");
                if (!progress_has_passed(exercises[i].id)) { /* once is enough */
                    print_models(&exercises[i], &results[i]);
                }
            }
        }
    }
    progress_add(results);
    print_bars();
    return passed_now() == exercise_count ? 0 : 1;
}

/* ---- answers.txt ----------------------------------------------------------------- */

/* answers.txt has all tasks, as comments, and a line for each answer. */
static void print_tasks(void) {
    if (now.mode != MISTAKES) {
        printf("# Chapter %d: %s\n#\n"
               "# Put a number, letters or a sentence in place of each \"?\". `make "
               "grade N=%d` "
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

/* The exercise of that name; -1: there is none. */
static int index_of(const char *id) {
    for (int i = 0; i < exercise_count; i++) {
        if (strcmp(exercises[i].id, id) == 0) {
            return i;
        }
    }
    return -1;
}

int main(int argc, char **argv) {
    if (exercise_count != exercises_of[chapter_number]) {
        bug("chapter %d has %d exercises; exercises_of says %d", chapter_number,
            exercise_count, exercises_of[chapter_number]);
    }
    if (!output_begin("grade")) {
        return 3;
    }
    const bool watch = argc > 2 && strcmp(argv[2], "--watch") == 0;
    const char *asked = argc > 2 + watch ? argv[2 + watch] : NULL;
    if (argc < 2 || argc > 3 + watch) {
        fprintf(stderr,
                "usage: grade WORK [--watch] [EXERCISE] | --tasks | --answers | "
                "--mistakes\n");
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
    if (asked && index_of(asked) < 0) {
        fprintf(stderr, "grade: there is no exercise %.40s: make grade E=%s ... E=%s\n",
                asked, exercises[0].id, exercises[exercise_count - 1].id);
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
        status = grade(watch, asked ? index_of(asked) : -1);
    } else {
        print_tasks();
    }
    /* 1 is "not all pass": where that could not be printed, 3. */
    return output_end("grade", 0) == 0 ? status : 3;
}
