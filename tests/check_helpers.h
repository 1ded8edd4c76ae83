/*
 * check_helpers.h: what every suite needs besides Check itself.
 *
 *   tensors      made with one line, filled the same way on every machine, freed
 *                by the test case's teardown
 *   comparisons  that fail on NaN, and say where, got, wanted, relative error and
 *                the equation
 *   stops        "this call must stop with a message that says ..."
 *   capture      what a function prints
 *
 * The error of an element is |got - want| / max(|want|, rms(want)): relative to
 * the element, or to the tensor's usual size where the element happens to be small.
 */
#pragma once

#include <check.h>
#include <stdbool.h>
#include <sys/types.h>

#include "common/arena.h"
#include "common/gradcheck.h"
#include "common/parameters.h"
#include "common/random.h"
#include "common/tensor.h"

#ifdef REAL_IS_DOUBLE
#define TOLERANCE 1e-9          /* a few thousand roundings of 1e-16 */
#define GRADIENT_TOLERANCE 1e-6 /* against differences of a naive double formula */
#else
#define TOLERANCE 1e-5 /* a hundred roundings of 6e-8 */
#define GRADIENT_TOLERANCE 2e-5
#endif

/* Built with AddressSanitizer? gcc says so in one way, clang in another. */
#if defined(__SANITIZE_ADDRESS__)
#define WITH_ADDRESS_SANITIZER
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ADDRESS_SANITIZER
#endif
#endif

/* add_case: a test case of this suite, with a timeout that sanitizers can keep,
 * whose tests may use every function below. */
TCase *add_case(Suite *suite, const char *name);

/* ---- memory and tensors: freed when the test ends ------------------------ */

real *test_reals(long count);     /* zeros */
double *test_doubles(long count); /* zeros */

/* A Tensor without data: SHAPE(2, 3). Each tensor has a block of its own of
 * exactly that size, so that AddressSanitizer sees the first element beyond it. */
#define SHAPE(...)                                                                     \
    test_shape((int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)),                      \
               (const int[]){__VA_ARGS__})
Tensor test_shape(int ndim, const int *shape);

Tensor unset_tensor(Tensor shape); /* NaN everywhere: what isn't written shows */
Tensor zero_tensor(Tensor shape);
Tensor copy_of(Tensor T); /* contiguous, whatever T is */

/* random_tensor('Q', SHAPE(3, 2)): from N(0, 1); the letter picks the sequence. */
Tensor random_tensor(int letter, Tensor shape);

/* tensor_of(SHAPE(2, 2), 1, 2, 3, 4): these numbers. */
#define tensor_of(shape, ...)                                                          \
    tensor_of_values((shape), (int)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)), \
                     (const double[]){__VA_ARGS__})
Tensor tensor_of_values(Tensor shape, int count, const double *values);

/* wide_view: (rows, cols) columns in the middle of a wider tensor, whose other
 * columns hold CANARY; canaries_live: and still do. */
#define CANARY 12345
Tensor wide_view(Tensor shape);
bool canaries_live(Tensor view);

/* doubles_of: T's elements, row by row, for the naive formulas. */
double *doubles_of(Tensor T);

/* test_block: memory for the parameters that a first walk has counted. */
ParameterBlock test_block(const ParameterBlock *counted);

/* test_arena: memory for the activations that a first walk has counted. */
Arena test_arena(const Arena *plan);

/* weighted_sum: sum of C o Y: the tests' loss, whose gradient dL/dY is C. */
double weighted_sum(Tensor C, Tensor Y);

/* ---- comparisons --------------------------------------------------------- */

/* Each of these returns NULL, or a message (in a buffer that the next overwrites). */
const char *tensor_difference(Tensor got, Tensor want, double tolerance,
                              const char *name, const char *tag);
const char *doubles_difference(Tensor got, const double *want, double tolerance,
                               const char *name, const char *tag);
const char *number_difference(double got, double want, double tolerance,
                              const char *name, const char *tag);
const char *bits_difference(Tensor got, Tensor want, const char *name);
const char *gradcheck_difference(double (*loss)(void *), void *context, Tensor x,
                                 Tensor dx, const char *name, const char *tag);
const char *naive_gradient_difference(double (*loss)(void *), void *context, double *x,
                                      Tensor dx, const char *name, const char *tag);

#define assert_no_message(expression)                                                  \
    do {                                                                               \
        mark_point();                                                                  \
        const char *failure_message = (expression);                                    \
        if (failure_message) {                                                         \
            ck_abort_msg("%s", failure_message);                                       \
        }                                                                              \
    } while (0)

/* got and want have the same shape, and every element is close. */
#define assert_tensor_close(got, want, tolerance, tag)                                 \
    assert_no_message(tensor_difference((got), (want), (tolerance), #got, (tag)))

/* The same, wanted being doubles in the same order. */
#define assert_close_to_naive(got, want, tolerance, tag)                               \
    assert_no_message(doubles_difference((got), (want), (tolerance), #got, (tag)))

/* assert_values(got, tolerance, tag, 1, 2, 3): the same, wanted being listed. */
#define assert_values(got, tolerance, tag, ...)                                        \
    assert_tensor_close((got), tensor_of((got), __VA_ARGS__), (tolerance), (tag))

/* One number; its error is relative to |want|, or absolute below 1. */
#define assert_number_close(got, want, tolerance, tag)                                 \
    assert_no_message(number_difference((got), (want), (tolerance), #got, (tag)))

/* Not one bit differs. */
#define assert_same_bits(got, want)                                                    \
    assert_no_message(bits_difference((got), (want), #got))

/* dx is the gradient of loss(context) in x, by gradcheck() of common/ (double). */
#define assert_gradcheck(loss, context, x, dx, tag)                                    \
    assert_no_message(gradcheck_difference((loss), (context), (x), (dx), #dx, (tag)))

/*
 * dx is the gradient of a naive loss, written in double, in the doubles x: central
 * differences again, but of an independent formula. So this holds backward against
 * the paper and not only against our forward, and it works in float too.
 */
#define assert_gradient_of_naive(loss, context, x, dx, tag)                            \
    assert_no_message(                                                                 \
        naive_gradient_difference((loss), (context), (x), (dx), #dx, (tag)))

/* ---- temporary files; what comes through a pipe ---------------------------- */

/* $TMPDIR where it can be used, else /tmp. */
const char *temporary_folder(void);

/* Everything up to the end of the file or pipe, however many reads that takes, into
 * text (cut if longer, and read on: the writer isn't stopped); the file is closed. */
void read_to_end(int file, char *text, size_t capacity);

/* ---- calls that must stop the program ------------------------------------ */

typedef struct {
    pid_t child;
    bool in_child;
    int messages; /* the file its stderr goes to */
} StopTrial;

StopTrial stop_trial_begin(void);
_Noreturn void stop_trial_survived(void);
const char *stop_trial_end(const StopTrial *trial, const char *words, const char *call);

/*
 * assert_stops("matmul_nn|(3,4)", matmul_nn(A, B, C)): in a child process, the call
 * must abort(), and each of the words (separated by |) must be in its message.
 */
#define assert_stops(words, ...)                                                       \
    do {                                                                               \
        StopTrial stop_trial = stop_trial_begin();                                     \
        if (stop_trial.in_child) {                                                     \
            __VA_ARGS__;                                                               \
            stop_trial_survived();                                                     \
        }                                                                              \
        assert_no_message(stop_trial_end(&stop_trial, (words), #__VA_ARGS__));         \
    } while (0)

/* ---- what is printed ----------------------------------------------------- */

/* From capture_begin on, stdout goes to a file; capture_end brings it back and
 * returns what was printed (a buffer that the next capture overwrites). */
void capture_begin(void);
const char *capture_end(void);
