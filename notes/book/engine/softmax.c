/*
 * softmax.c: a row of scores and its softmax (chapter 1), with the row's maximum taken
 * out first, as the course does it, and without, as the formula is written.
 */
#include "notes/book/engine/engine.h"

#include "common/real_math.h"
#include "common/softmax.h"

enum { SCORES = 3 };

static real scores[SCORES] = {1, 2, 3}, weights[SCORES];
static Tensor S = {scores, 1, {SCORES}, SCORES};
static Tensor A = {weights, 1, {SCORES}, SCORES};

/* What the exercise asks not to do: exp(s_j) / sum_k exp(s_k), term by term. */
static real exps[SCORES + 1], naive[SCORES];
static Tensor exp_S = {exps, 1, {SCORES + 1}, SCORES + 1}; /* the last is the sum */
static Tensor without_max = {naive, 1, {SCORES}, SCORES};

/* The same terms with the maximum taken out: what softmax_forward divides. */
static real differences[SCORES], small[SCORES + 1];
static Tensor less_max = {differences, 1, {SCORES}, SCORES};
static Tensor exp_less_max = {small, 1, {SCORES + 1}, SCORES + 1};

/* terms (SCORES + 1): exp of each score, then their sum. */
static void exps_and_sum(const real *s, real *terms) {
    real sum = 0;
    for (int j = 0; j < SCORES; j++) {
        terms[j] = real_exp(s[j]);
        sum += terms[j];
    }
    terms[SCORES] = sum;
}

/* The largest difference of the two; NaN where one is. */
static double off;

static bool forward(Error *error) {
    (void)error;
    real max = scores[0];
    for (int j = 1; j < SCORES; j++) {
        max = scores[j] > max ? scores[j] : max;
    }
    for (int j = 0; j < SCORES; j++) {
        differences[j] = scores[j] - max;
    }
    exps_and_sum(scores, exps);
    exps_and_sum(differences, small);
    for (int j = 0; j < SCORES; j++) {
        naive[j] = exps[j] / exps[SCORES];
    }
    softmax_forward(S, A);
    off = tensor_max_abs_difference(A, without_max);
    return true;
}

static const EngineFunction functions[] = {{"forward", forward}, {NULL, NULL}};
static const EngineNumber numbers[] = {{"off", &off, 0, 1, false}, {.name = NULL}};
static const EngineTensor tensors[] = {{"S", &S},
                                       {"A", &A},
                                       {"exp_S", &exp_S},
                                       {"without_max", &without_max},
                                       {"less_max", &less_max},
                                       {"exp_less_max", &exp_less_max},
                                       {NULL, NULL}};

const EngineSubject softmax_subject = {"softmax", functions, numbers, tensors, NULL};
