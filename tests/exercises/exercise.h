/*
 * exercise.h: how an exercise is graded.
 *
 * A chapter's exercises are a list (exercises_1.c to exercises_8.c). Each has a
 * function that calls what the student wrote, or reads what the student answered, and
 * compares it with formulas written independently (naive_layers.h, in double). Where a
 * result is wrong, it is compared with what the classic mistakes would give; one that
 * fits is named.
 *
 * Each exercise is graded in a process of its own, which ends with the first result
 * that is wrong. So a crash, an endless loop or a message of bug() ends one exercise
 * only, and memory is never given back.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "common/tensor.h"

typedef struct {
    const char *id;    /* "2.3" */
    const char *title; /* "attention_backward" */
    const char *task;  /* what to do, in a sentence or two */
    const char *hint;  /* where to think; printed when the result is wrong */
    const char *read;  /* where it is explained */
    void (*grade)(void);
} Exercise;

/* The chapter that this program is linked with. */
extern const int chapter_number;
extern const char chapter_title[];
extern const Exercise exercises[];
extern const int exercise_count;

enum { CHAPTERS = 8 };

/* ---- inputs ---------------------------------------------------------------------- */

double *doubles(long count); /* zeros */

/* The shape (2, 3), without data: like SHAPE of the tests. */
#define SHAPE(...)                                                                     \
    shape_of((int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)),                        \
             (const int[]){__VA_ARGS__})
Tensor shape_of(int ndim, const int *shape);

Tensor unset(Tensor shape);                       /* NaN everywhere */
Tensor zeros(Tensor shape);                       /* 0 everywhere */
Tensor normal(int letter, Tensor shape);          /* from N(0, 1); the letter: which */
Tensor values(Tensor shape, const double *given); /* these numbers, row by row */
/* T's elements in rows further apart than they are long, by 6 or by 2 gap elements;
 * what is between them is nan. */
Tensor wide(Tensor T);
Tensor wide_by(Tensor T, int gap);
double *doubles_of(Tensor T); /* T's elements, row by row */

/* Tensors of normal and values are inputs: what changes one is wrong.
 *   input       T is one as it is now; its letter, or 0
 *   named       the same, with a name of its own: "dO"
 *   writable    T isn't one: the contract lets it be written
 *   input_name  its letter, "one of the inputs", or NULL */
Tensor input(char letter, Tensor T);
Tensor named(const char *name, Tensor T);
Tensor writable(Tensor T);
const char *input_name(Tensor T);

/* wrote_outside: did anything write just before or behind one of these tensors?
 * changed_input: the name of an input that was written; NULL: all are as they were. */
bool wrote_outside(void);
const char *changed_input(void);

/* in_float: the program of that name beside the grader, made of the student's code in
 * float; what it prints is to be read. NULL: it can't be found. */
FILE *in_float(const char *name);

/* gradient: dL/dx by central differences, twice (Richardson): errors near 1e-10. */
double *gradient(double (*loss)(void *context), void *context, double *x, long count);

/* A sum of products: the losses whose gradient is C. */
double dot(long count, const double *C, const double *Y);

/* ---- results --------------------------------------------------------------------- */

/* needs: this exercise runs the code of another, "4.2". If that was found wrong just
 * now and this one is wrong too, only "4.2 is wrong: begin there." is said. */
void needs(const char *id);

/* hint: printed in place of the exercise's own, where one of the following is wrong. */
void hint(const char *text);

/* case_is: what the following results belong to: "2 queries, 3 keys" (printf). */
void case_is(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* expect: got, which the student's code made, should be want (row by row), within
 * `tolerance` relative to its largest number. */
void expect(const char *name, Tensor got, const double *want, double tolerance);

/* expect_number: the same for one number; expect_true: anything else, with the line
 * that says what is wrong. */
void expect_number(const char *name, double got, double want, double tolerance);
void expect_true(bool ok, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* stops: does call(context) end the program by bug()? Asked in a process of its own.
 * stopped_with: what the last one that was asked said, in a line. */
bool stops(void (*call)(void *context), void *context);
const char *stopped_with(void);

/* mistake: what the last expect's result would be by a classic mistake; it completes
 * the sentence "This is ...". mistake_if: the same, the fit being told. */
void mistake(const char *text, const double *wrong);
void mistake_number(const char *text, double wrong);
void mistake_if(const char *text, bool fits);

/* no_name_yet: the last result is wrong, and nothing names its mistake: is it worth
 * making what a mistake would give? */
bool no_name_yet(void);

/* first_elements: the first `count` elements of the vector T. */
Tensor first_elements(Tensor T, int count);

/* mistake_unwritten: the last expect's result holds nan, as all memory at first. */
void mistake_unwritten(void);

/* ---- where a signal met the student's code --------------------------------------- */

/* crash_prepare: before; crash_print_frames: in a signal's handler, after all else that
 * is printed; crash_keep (grading.h), before all else. crash_line: cuts off what that
 * printed, and finds the innermost line of a file in `folder`,
 * "work/chapter2/attention.c:47", or NULL. */
void crash_prepare(void);
void crash_print_frames(void);
const char *crash_line(char *text, const char *folder);

/* ---- answers: numbers that the student finds by hand or by measuring ------------- */

/* ask: question `letter` of this exercise; its answer stands in answers.txt. A mistake
 * follows by mistake_number. */
void ask(char letter, const char *question, double want, double tolerance);

/* ask_which: the answer is a set of letters, such as "ac"; "-": none of them. The
 * question says what they are, "a: the logits. b: y." or "a is nn, b is nt"; an option
 * of one word may be answered by its word. */
void ask_which(char letter, const char *question, const char *want);

/* ask_in_words: the answer is a sentence, which nobody grades: it is wanted before the
 * model answer in hints_N.txt is shown. ask_in_words_with: it must have a word that
 * begins as one of these, "backward|both|paper". */
void ask_in_words(char letter, const char *question);
void ask_in_words_with(char letter, const char *question, const char *keys);
