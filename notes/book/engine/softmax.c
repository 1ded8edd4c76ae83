/*
 * softmax.c: a row of scores and its softmax (chapter 1), with the row's maximum taken
 * out first, as the course does it, and without, as the formula is written.
 */
#include "notes/book/engine/engine.h"

#include "common/real_math.h"
#include "common/softmax.h"

enum { SCORES = 5 };

static real scores[SCORES] = {1, 2, 3, 0, -1}, safe[SCORES], plain[SCORES];
static Tensor S = {scores, 1, {SCORES}, SCORES};
static Tensor A = {safe, 1, {SCORES}, SCORES};
static Tensor without_max = {plain, 1, {SCORES}, SCORES};

static bool forward(Error *error) {
    (void)error;
    softmax_forward(S, A);
    real sum = 0;
    for (int j = 0; j < SCORES; j++) { /* exp(s_j) / sum exp(s): what overflows */
        plain[j] = real_exp(scores[j]);
        sum += plain[j];
    }
    for (int j = 0; j < SCORES; j++) {
        plain[j] /= sum;
    }
    return true;
}

static const EngineFunction functions[] = {{"forward", forward}, {NULL, NULL}};
static const EngineTensor tensors[] = {
    {"S", &S}, {"A", &A}, {"without_max", &without_max}, {NULL, NULL}};

const EngineSubject softmax_subject = {"softmax", functions, NULL, tensors, NULL};
