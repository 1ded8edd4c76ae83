/*
 * sinusoids.c: the position encoding of [AIAYN 3.5] (chapter 3), and how like one
 * position is to each other: PE(p) . PE(q).
 */
#include "notes/book/engine/engine.h"

#include "chapters/03_multi_head_attention/positions.h"

enum { MOST = 128 };

static double n = 100, D = 128, position = 10;
static real encodings[MOST * MOST], products[MOST];
static Tensor PE, dots;

static bool forward(Error *error) {
    const int rows = (int)n, columns = (int)D, p = (int)position;
    if (columns % 2 != 0) {
        error_set(error, "D must be even: each wave has a sine and a cosine");
        return false;
    }
    if (p >= rows) {
        error_set(error, "there is no position %d: they are 0 to %d", p, rows - 1);
        return false;
    }
    PE = tensor2(encodings, rows, columns);
    dots = tensor1(products, rows);
    sinusoid_positions(PE);
    for (int q = 0; q < rows; q++) {
        products[q] = (real)tensor_dot(tensor_slice(PE, p), tensor_slice(PE, q));
    }
    return true;
}

static const EngineFunction functions[] = {{"forward", forward}, {NULL, NULL}};
static const EngineNumber numbers[] = {
    {"n", &n, 2, MOST, true},
    {"D", &D, 2, MOST, true},
    {"position", &position, 0, MOST - 1, true},
    {NULL, NULL, 0, 0, false},
};
static const EngineTensor tensors[] = {
    {"PE", &PE},     /* (n, D) */
    {"dots", &dots}, /* (n): PE(position) . PE(q) */
    {NULL, NULL},
};

const EngineSubject sinusoids_subject = {"sinusoids", functions, numbers, tensors,
                                         NULL};
