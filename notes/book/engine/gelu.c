/*
 * gelu.c: GELU and ReLU (chapter 1) and their slopes: at the points of a curve, and at
 * one point, which the page moves. Each slope is what backward makes of dY = 1.
 */
#include "notes/book/engine/engine.h"

#include "common/gelu.h"

/* The curve: x from -3 to 3 in steps of 0.05; then the point. */
enum { CURVE = 121, POINTS = CURVE + 1 };

static double point = 1;
static real x[POINTS], ones[POINTS], gelu[POINTS], gelu_slope[POINTS], relu[POINTS],
    relu_slope[POINTS];
static Tensor X = {x, 1, {POINTS}, POINTS};
static Tensor dY = {ones, 1, {POINTS}, POINTS};
static Tensor GELU = {gelu, 1, {POINTS}, POINTS};
static Tensor dGELU = {gelu_slope, 1, {POINTS}, POINTS};
static Tensor ReLU = {relu, 1, {POINTS}, POINTS};
static Tensor dReLU = {relu_slope, 1, {POINTS}, POINTS};

static bool forward(Error *error) {
    (void)error;
    for (int i = 0; i < CURVE; i++) {
        x[i] = (real)((i - CURVE / 2) * 0.05);
    }
    x[CURVE] = (real)point;
    tensor_fill(dY, 1);
    gelu_forward(X, GELU);
    gelu_backward(X, dY, dGELU);
    relu_forward(X, ReLU);
    relu_backward(X, dY, dReLU);
    return true;
}

static const EngineFunction functions[] = {{"forward", forward}, {NULL, NULL}};
static const EngineNumber numbers[] = {{"point", &point, -3, 3, false}, {.name = NULL}};
static const EngineTensor tensors[] = {{"X", &X},         {"GELU", &GELU},
                                       {"dGELU", &dGELU}, {"ReLU", &ReLU},
                                       {"dReLU", &dReLU}, {NULL, NULL}};

const EngineSubject gelu_subject = {"gelu", functions, numbers, tensors, NULL};
