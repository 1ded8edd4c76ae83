/*
 * grading.h: what the grader's own files share: exercise.c (results), answers.c
 * (questions), progress.c (what a student has done) and grade.c (the program).
 * Exercises know exercise.h only.
 */
#pragma once

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/exercises/exercise.h"

enum { WRONG_STATUS = 1, SECONDS = 5, LINE = 512, EXERCISES_MOST = 12 };

/* Each exercise but of chapter 6 is graded twice in its process, with other numbers
 * in the same memory: what a static variable keeps of the first time is wrong then. */
enum { ROUNDS = 2 };

/* seconds_allowed: of an exercise: SECONDS; more of chapter 8's, whose ranks take turns
 * on cores that may be busy: they wait much longer than they compute. */
int seconds_allowed(void);

/* How many exercises each chapter has; chapters begin at 1. */
extern const int exercises_of[CHAPTERS + 1];

/* What the asking functions do. */
typedef enum { GRADE, TASKS, ANSWERS, MISTAKES } Mode;

/* What an exercise's process tells its parent, in memory that both have: whatever the
 * student's code prints, and with whatever status it ends, it says none of this. */
typedef struct {
    bool passed;       /* graded to the end, and nothing was wrong */
    bool judged;       /* something was wrong, and was said */
    bool late;         /* it was killed, after more than its time */
    int signal_number; /* that met it first; 0: none */
    uintptr_t at;      /* where: the instruction's address; 0: not known */
    bool stack_full;   /* that ended it */
    const char *needs; /* an exercise that was found wrong before, or NULL */
    char in_words[8];  /* the letters of its questions in words, where all is right */
} Told;

/* How an exercise ended; what its process said, from which `text` is shown. */
typedef enum { UNWRITTEN, WAITS, WRONG, PASSED } Verdict;
typedef struct {
    bool graded;
    Verdict verdict;
    int status;         /* waitpid's */
    Told told;          /* by its process */
    char needed[8];     /* the exercise that it waits for */
    const char *line;   /* where a signal met it: FILE:LINE, or NULL */
    char text[1 << 15]; /* of UNWRITTEN only where: FILE:LINE */
} Result;

typedef struct {
    Mode mode;
    Told *told;
    const Exercise *current;        /* the exercise of this process */
    const char *work;               /* the student's folder */
    int round;                      /* see ROUNDS */
    char where[LINE];               /* case_is */
    const char *own_hint;           /* hint */
    const char *form;               /* how an answer is to be written */
    bool wrong_now[EXERCISES_MOST]; /* which ones this grading found wrong */
    bool failed, named;             /* the last result; whether a mistake fits it */
    double got_number, want_number; /* of an expect_number; else want_number is nan */
    const real *got_data;           /* the last expect's result, or NULL */
    Tensor got_tensor;
    const double *got_want;
    double got_tolerance;
    char asked[8];      /* the last ask: "2.1a" */
    bool wrong_answer;  /* is that one wrong? */
    const char *unless; /* what is said of it, unless a mistake fits */
} Grading;
extern Grading now;

/* fork_into_pipe: a child that is stopped after some seconds; what it prints goes into
 * ends. read_and_wait: all of that; of too much, the first half of text and the last;
 * returns waitpid's status. A child that hangs on in spite of all is killed. */
pid_t fork_into_pipe(int ends[2]);
int read_and_wait(pid_t child, const int ends[2], char *text, size_t size);

/* say_pattern: the last expect's result is wrong, and no mistake fits it: what is
 * seen of it, in a line that begins with "Perhaps" (patterns.c).
 * input_like: the name of the input whose elements are x's, or NULL. */
void say_pattern(void);
void say_number_pattern(void);

/* inputs_begin: a round's tensors are made in the memory of the round before, and
 * normal's numbers are others. */
void inputs_begin(int round);
const char *input_like(const double *x, long count, double error);

/* stop_if_failed: if the last result was wrong, all was said about it: ends this
 * process. After an answer it doesn't: the other questions' answers are looked at. */
void stop_if_failed(void);

/* crash_keep: what a signal's handler was told goes to Told. */
void crash_keep(int signal_number, siginfo_t *info, void *context);

/* print_wrapped: `first` and text, in lines of at most 84 columns that all begin with
 * `prefix`. */
void print_wrapped(const char *prefix, const char *first, const char *text);

/* end_questions: what the questions of an exercise come to; ends this process, unless
 * all answers are right (answers.c). */
void end_questions(void);

/* progress_read: what WORK/progress has. progress_add: these results, one for each
 * exercise, are written there, and known. progress_passed: how many of a chapter's
 * exercises passed when they were last graded. progress_has_passed: did this one? */
void progress_read(void);
void progress_add(const Result *results);
int progress_passed(int chapter);
bool progress_has_passed(const char *id);
