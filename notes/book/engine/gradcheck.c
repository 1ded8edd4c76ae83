/*
 * gradcheck.c: how exact is a central difference, for a function of the reader's choice
 * and a step h? As chapter 1's program asks it of GELU:
 *
 *     (L(x + h) - L(x - h)) / (2 h)  compared with backward's dL/dx,   L = sum of C o Y
 *
 * over 200 rows of random numbers: rms(difference - gradient) / rms(gradient).
 *
 * This file is in both modules: in one it computes in float, in the other in double, as
 * ./chapter1 and ./chapter1_double do.
 */
#include "notes/book/engine/engine.h"

#include <math.h>

#include "common/gelu.h"
#include "common/linear.h"
#include "common/random.h"
#include "common/softmax.h"

enum { ROWS = 200, COLS = 4, OUT = 3 };
enum { GELU, RELU, SOFTMAX, LINEAR, SQUARES, FUNCTIONS };

/* What the page chooses. */
static double function = GELU, h = 1e-2, mistake;
/* What it is told: the error; of one element x, L(x + h), L(x - h), both slopes. */
static double error_rms, at, above, below, difference, gradient;

/* Inputs, output and gradients of all rows; a Row is a view of one. */
static real x[ROWS * COLS], c[ROWS * COLS], y[COLS], dx[COLS], w[OUT * COLS], b[OUT];

typedef struct {
    Tensor X, Y, C, dX, W, b;
} Row;

static int inputs(void) {
    return function == GELU || function == RELU ? 1 : COLS;
}

static int outputs(void) {
    return function == LINEAR ? OUT : inputs();
}

/* X is uniform between -2 and 2: with one column, the numbers of chapter 1's program.
 * C is random where dX would else be 0 (softmax) or the same in all rows (linear). */
static void draw(void) {
    Tensor C = tensor2(c, ROWS, outputs());
    random_fill_uniform((Random){1, RANDOM_DEMO, 3}, tensor2(x, ROWS, inputs()), 2);
    random_fill_normal((Random){1, RANDOM_DEMO, 31}, tensor2(w, OUT, COLS), 1);
    random_fill_normal((Random){1, RANDOM_DEMO, 32}, tensor1(b, OUT), 1);
    tensor_fill(C, 1);
    if (function == SOFTMAX || function == LINEAR) {
        random_fill_normal((Random){1, RANDOM_DEMO, 33}, C, 1);
    }
}

static Row row_of(int r) {
    const int in = inputs(), out = outputs();
    return (Row){.X = tensor2(x + r * in, 1, in),
                 .Y = tensor2(y, 1, out),
                 .C = tensor2(c + r * out, 1, out),
                 .dX = tensor2(dx, 1, in),
                 .W = tensor2(w, OUT, COLS),
                 .b = tensor1(b, OUT)};
}

static double loss(Row row) {
    switch ((int)function) {
    case GELU: gelu_forward(row.X, row.Y); break;
    case RELU: relu_forward(row.X, row.Y); break;
    case SOFTMAX: softmax_forward(row.X, row.Y); break;
    case LINEAR: linear_forward(row.X, row.W, row.b, row.Y); break;
    case SQUARES:
        for (int j = 0; j < COLS; j++) {
            row.Y.data[j] = row.X.data[j] * row.X.data[j];
        }
        break;
    }
    return tensor_dot(row.C, row.Y);
}

/* dX; with the reader's mistake, a factor 1 + mistake. */
static void backward(Row row) {
    static real dw[OUT * COLS], db[OUT]; /* not asked for here */
    loss(row);
    switch ((int)function) {
    case GELU: gelu_backward(row.X, row.C, row.dX); break;
    case RELU: relu_backward(row.X, row.C, row.dX); break;
    case SOFTMAX: softmax_backward(row.Y, row.C, row.dX); break;
    case LINEAR:
        linear_backward(row.X, row.W, row.C, row.dX, tensor2(dw, OUT, COLS),
                        tensor1(db, OUT));
        break;
    case SQUARES:
        tensor_copy(row.dX, row.X);
        tensor_scale(row.dX, 2);
        break;
    }
    tensor_scale(row.dX, (real)(1 + mistake));
}

/* The central difference in element j, divided by the step that was taken after x + h
 * was rounded: 0 / 0 where h is so small that x + h is x. */
static double central_difference(Row row, int j) {
    real *element = &row.X.data[j];
    const real kept = *element;
    *element = kept + (real)h;
    const double x_above = (double)*element;
    above = loss(row);
    *element = kept - (real)h;
    const double x_below = (double)*element;
    below = loss(row);
    *element = kept;
    return (above - below) / (x_above - x_below);
}

static bool measure(Error *error) {
    (void)error;
    double errors = 0, gradients = 0;
    draw();
    for (int r = 0; r < ROWS; r++) {
        Row row = row_of(r);
        backward(row);
        for (int j = 0; j < tensor_cols(row.X); j++) {
            const double analytic = (double)dx[j];
            const double off = central_difference(row, j) - analytic;
            errors += off * off;
            gradients += analytic * analytic;
        }
    }
    error_rms = sqrt(errors / gradients);
    return true;
}

static bool element(Error *error) {
    (void)error;
    draw();
    Row row = row_of(0);
    backward(row);
    at = (double)row.X.data[0];
    gradient = (double)dx[0];
    difference = central_difference(row, 0);
    return true;
}

static const EngineFunction functions[] = {
    {"measure", measure}, {"element", element}, {NULL, NULL}};
static const EngineNumber numbers[] = {
    {"function", &function, 0, FUNCTIONS - 1, true},
    {"h", &h, 1e-13, 1, false},
    {"mistake", &mistake, 0, 1, false},
    {"error", &error_rms, 0, HUGE_VAL, false},
    {"at", &at, -2, 2, false},
    {"above", &above, -HUGE_VAL, HUGE_VAL, false},
    {"below", &below, -HUGE_VAL, HUGE_VAL, false},
    {"difference", &difference, -HUGE_VAL, HUGE_VAL, false},
    {"gradient", &gradient, -HUGE_VAL, HUGE_VAL, false},
    {.name = NULL}};

const EngineSubject gradcheck_subject = {"gradcheck", functions, numbers, NULL, NULL};
