/* exercises_1.c: tensor operations, graded. See exercise.h. */
#include <math.h>
#include <stddef.h>

#include "tests/exercises/exercise.h"
#include "tests/exercises/exercises_1.h"
#include "common/gelu.h"
#include "common/linear.h"
#include "tests/naive_layers.h"

const int chapter_number = 1;
const char chapter_title[] = "tensor operations";

#define TOLERANCE 1e-12

/* ---- 1.1 ------------------------------------------------------------------------- */

static void predict(void) {
    const double sum = exp(2) + exp(4) + exp(6), small = exp(1) + exp(2) + exp(3);
    hint("In common/matmul_plain.c, which index does l stand in, the row or the "
         "column?");
    ask_which('a',
              "The plain loops of the three layouts, l being innermost: a is nn, b is "
              "nt, c is tn. Which of them read a matrix down a column?",
              "ac");
    hint("exp(2 s) is exp(s) squared. Is a square taken out of a fraction?");
    ask('b',
        "softmax(1, 2, 3) gives the 3 a weight of 0.665. All scores are doubled: what "
        "is the weight of the 6, to 3 digits?",
        exp(6) / sum, 2e-3);
    mistake_number("the weight in (1, 2, 3): adding to all scores changes nothing, "
                   "multiplying them does",
                   exp(3) / small);
    mistake_number("twice the weight in (1, 2, 3): weights sum to 1",
                   2 * exp(3) / small);
    mistake_number("6 / (2 + 4 + 6): the weights go by exp(s), not by s", 0.5);
    mistake_number("the weight of the 4", exp(4) / sum);
    hint("What is the quotient of the two weights, and what is it in terms of scores?");
    ask('c',
        "Two scores. How much larger must one be to get 99% of the weight, to 4 "
        "digits?",
        log(99), 5e-4);
    mistake_number("the quotient of the weights: exp of the difference is that", 99);
    mistake_number("log(100): the weights' quotient is 0.99 / 0.01", log(100));
}

/* ---- 1.4 ------------------------------------------------------------------------- */

static double cubic(double x) {
    return 0.79788456080286536 * (x + 0.044715 * x * x * x);
}

static double density(double x) {
    return exp(-x * x / 2) / sqrt(2 * M_PI);
}

enum { Y_RIGHT, Y_TANH, Y_SIGMOID, Y_SILU, Y_ERF, Y_CDF, Y_PDF, Y_RELU, Y_FORMULAS };
static const char *const y_texts[Y_FORMULAS] = {
    [Y_TANH] = "GELU's approximation by tanh; the paper's, and ours, is x Phi(x)",
    [Y_SIGMOID] = "GELU's approximation by a sigmoid; the paper's, and ours, is x "
                  "Phi(x)",
    [Y_SILU] = "x times the sigmoid, SiLU: GELU is x Phi(x)",
    [Y_ERF] = "erf(x) in place of erf(x / sqrt(2))",
    [Y_CDF] = "Phi(x) without x",
    [Y_PDF] = "x phi(x): gauss(x, &cdf, &pdf) gives Phi first, then its density",
    [Y_RELU] = "ReLU",
};
static double y_by(int formula, double x) {
    switch (formula) {
    case Y_TANH: return 0.5 * x * (1 + tanh(cubic(x)));
    case Y_SIGMOID: return x / (1 + exp(-1.702 * x));
    case Y_SILU: return x / (1 + exp(-x));
    case Y_ERF: return 0.5 * x * (1 + erf(x));
    case Y_CDF: return naive_normal_cdf(x);
    case Y_PDF: return x * density(x);
    case Y_RELU: return fmax(0, x);
    default: return x * naive_normal_cdf(x);
    }
}

enum {
    DX_RIGHT,
    DX_NO_PDF,
    DX_NO_X,
    DX_NO_DY,
    DX_NO_BRACKET,
    DX_NO_CDF,
    DX_SIGN,
    DX_EXCHANGED,
    DX_OF_DY,
    DX_AT_Y,
    DX_SQUARED,
    DX_RELU,
    DX_TANH,
    DX_NO_ROOT,
    DX_NO_HALF,
    DX_FORMULAS
};
static const char *const dx_texts[DX_FORMULAS] = {
    [DX_NO_PDF] = "dY Phi(x): the product rule has a second term, x phi(x)",
    [DX_NO_X] = "dY (Phi(x) + phi(x)): the density lost its factor x",
    [DX_NO_DY] = "GELU's derivative, without dY: the chain rule multiplies",
    [DX_NO_BRACKET] = "dY Phi(x) + x phi(x): dY multiplies both terms, dY (...)",
    [DX_NO_CDF] = "dY x phi(x): the product rule has a first term, Phi(x)",
    [DX_SIGN] = "dY (Phi(x) - x phi(x)): the sign is plus",
    [DX_EXCHANGED] = "dY (phi(x) + x Phi(x)): gauss(x, &cdf, &pdf) gives Phi first",
    [DX_SQUARED] =
        "the derivative squared: dX may be dY, so that dY is read before dX is "
        "written",
    [DX_RELU] = "ReLU's derivative",
    [DX_TANH] = "the derivative of GELU's approximation by tanh",
    [DX_NO_ROOT] = "a density without 1 / sqrt(2 pi)",
    [DX_NO_HALF] = "a density with exp(-x^2): it is exp(-x^2 / 2)",
    [DX_AT_Y] = "GELU's derivative at y: it is taken at X, forward's input",
    [DX_OF_DY] = "GELU's derivative at dY: it is taken at X, forward's input",
};
static double dx_by(int formula, double x, double dy) {
    const double cdf = naive_normal_cdf(x), pdf = density(x);
    switch (formula) {
    case DX_NO_PDF: return dy * cdf;
    case DX_NO_X: return dy * (cdf + pdf);
    case DX_NO_DY: return cdf + x * pdf;
    case DX_NO_BRACKET: return dy * cdf + x * pdf;
    case DX_NO_CDF: return dy * x * pdf;
    case DX_SIGN: return dy * (cdf - x * pdf);
    case DX_EXCHANGED: return dy * (pdf + x * cdf);
    case DX_SQUARED: return (cdf + x * pdf) * (cdf + x * pdf);
    case DX_RELU: return x > 0 ? dy : 0;
    case DX_TANH: {
        const double t = tanh(cubic(x));
        const double slope = 0.79788456080286536 * (1 + 3 * 0.044715 * x * x);
        return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * slope);
    }
    case DX_NO_ROOT: return dy * (cdf + x * exp(-x * x / 2));
    case DX_NO_HALF: return dy * (cdf + x * exp(-x * x) / sqrt(2 * M_PI));
    case DX_AT_Y: {
        const double y = x * cdf;
        return dy * (naive_normal_cdf(y) + y * density(y));
    }
    case DX_OF_DY: return dy * (naive_normal_cdf(dy) + x * density(dy));
    default: return dy * (cdf + x * pdf);
    }
}

static double *all_nan(long count) {
    double *all = doubles(count);
    for (long i = 0; i < count; i++) {
        all[i] = (double)NAN;
    }
    return all;
}

static void gelu_forward_case(Tensor X, Tensor Y) {
    const long count = tensor_count(X);
    const double *x = doubles_of(X);
    double *by[Y_FORMULAS];
    for (int formula = 0; formula < Y_FORMULAS; formula++) {
        by[formula] = doubles(count);
        for (long i = 0; i < count; i++) {
            by[formula][i] = y_by(formula, x[i]);
        }
    }
    gelu_forward(X, Y);
    expect("Y", Y, by[Y_RIGHT], TOLERANCE);
    for (int formula = Y_RIGHT + 1; formula < Y_FORMULAS; formula++) {
        if (formula == Y_RELU && x[0] < -3 && x[count - 1] < -3) {
            mistake("0 in the tail: GELU is small there, and not 0", by[formula]);
        }
        mistake(y_texts[formula], by[formula]);
    }
    mistake_by_data(Y, by[Y_RIGHT], all_nan(count), false);
    mistake_unwritten();
}

static void gelu_backward_case(Tensor X, Tensor dY, Tensor dX) {
    const long count = tensor_count(X);
    const double *x = doubles_of(X), *dy = doubles_of(dY);
    double *by[DX_FORMULAS];
    for (int formula = 0; formula < DX_FORMULAS; formula++) {
        by[formula] = doubles(count);
        for (long i = 0; i < count; i++) {
            by[formula][i] = dx_by(formula, x[i], dy[i]);
        }
    }
    gelu_backward(X, dY, dX);
    expect("dX", dX, by[DX_RIGHT], TOLERANCE);
    mistake_if("0 everywhere: dX may be dY, which was cleared before it was read",
               dX.data == dY.data && tensor_dot(dX, dX) == 0);
    for (int formula = DX_RIGHT + 1; formula < DX_FORMULAS; formula++) {
        mistake(dx_texts[formula], by[formula]);
    }
    mistake_by_data(dX, by[DX_RIGHT], all_nan(count), false);
    mistake_unwritten();
}

/* What is not a number stays so: else nobody sees where it came from. */
static void gelu_of_nan(void) {
    Tensor X = values(SHAPE(1, 2), (double[]){(double)NAN, 1}), Y = zeros(X);
    Tensor dY = values(X, (double[]){1, 1}), dX = zeros(X);
    case_is("x is not a number");
    gelu_forward(X, Y);
    expect_true(isnan((double)Y.data[0]), "Y[0][0] is %g, should be nan, as x is",
                (double)Y.data[0]);
    gelu_backward(X, dY, dX);
    expect_true(isnan((double)dX.data[0]), "dX[0][0] is %g, should be nan, as x is",
                (double)dX.data[0]);
}

/* ReLU, right or not: of x, or of x and dy. */
enum { R_RIGHT, R_OTHER_SIDE, R_ABS, R_ALL, R_SLOPE, R_BY_DY, RELU_FORMULAS };
static const char *const relu_texts[RELU_FORMULAS] = {
    [R_OTHER_SIDE] = "what is below 0: ReLU lets pass what is above",
    [R_ABS] = "|x|: what is below 0 becomes 0",
    [R_ALL] = "dY everywhere: below 0, and at 0, the slope is 0",
    [R_SLOPE] = "ReLU's slope, without dY: the chain rule multiplies",
    [R_BY_DY] = "max(0, dY): whether dY passes depends on x",
};
static double relu_by(int formula, double x, double dy, bool backward) {
    switch (formula) {
    case R_OTHER_SIDE: return x < 0 ? (backward ? dy : x) : 0;
    case R_ABS: return backward ? (x < 0 ? -dy : dy) : fabs(x);
    case R_ALL: return dy;
    case R_SLOPE: return x > 0 ? 1 : 0;
    case R_BY_DY: return fmax(0, dy);
    default: return x > 0 ? (backward ? dy : x) : 0;
    }
}

/* dY NULL: forward, into T; otherwise backward. */
static void relu_case(Tensor X, const Tensor *dY, Tensor T) {
    const long count = tensor_count(X);
    const double *x = doubles_of(X), *dy = dY ? doubles_of(*dY) : x;
    double *by[RELU_FORMULAS];
    for (int formula = 0; formula < RELU_FORMULAS; formula++) {
        by[formula] = doubles(count);
        for (long i = 0; i < count; i++) {
            by[formula][i] = relu_by(formula, x[i], dy[i], dY != NULL);
        }
    }
    if (dY) {
        relu_backward(X, *dY, T);
    } else {
        relu_forward(X, T);
    }
    expect(dY ? "dX" : "Y", T, by[R_RIGHT], TOLERANCE);
    for (int formula = R_RIGHT + 1; formula < (dY ? RELU_FORMULAS : R_ALL); formula++) {
        mistake(relu_texts[formula], by[formula]);
    }
    mistake_by_data(T, by[R_RIGHT], all_nan(count), false);
    mistake_unwritten();
}

static void relu_grade(void) {
    Tensor x = values(SHAPE(2, 4), (double[]){-8, -3, -1, -0.1, 0, 0.5, 2, 9});
    Tensor X = wide(normal('X', SHAPE(3, 7))), dX = unset(X);
    Tensor dx = named("dY", normal('D', x)), dY = wide(named("dY", normal('E', X)));
    hint("Which elements pass, and on what does that depend on the way back?");
    case_is("ReLU of x = -8, -3, -1, -0.1, 0, 0.5, 2, 9");
    relu_case(x, NULL, unset(x));
    relu_case(x, &dx, unset(x));
    case_is("ReLU of (3, 7), in rows of different distances");
    relu_case(X, NULL, wide_by(unset(X), 5));
    relu_case(X, &dY, wide_by(dX, 5));
    case_is("ReLU of (3, 7), in place");
    Tensor both = writable(wide(normal('B', X)));
    relu_case(both, NULL, both);
    both = writable(wide(normal('B', X)));
    relu_case(X, &both, both);
    hint("What is nan < 0, and what is nan > 0? Which branch does a nan take?");
    case_is("x is not a number");
    Tensor n = values(SHAPE(1, 2), (double[]){(double)NAN, 1}), y = zeros(n);
    relu_forward(n, y);
    expect_true(isnan((double)y.data[0]),
                "relu_forward: Y[0][0] is %g, should be nan, "
                "as x is",
                (double)y.data[0]);
    relu_backward(n, values(n, (double[]){1, 1}), y);
    expect_true(isnan((double)y.data[0]),
                "relu_backward: dX[0][0] is %g, should be "
                "nan, as x is",
                (double)y.data[0]);
}

static void gelu_grade(void) {
    const double some[8] = {-8, -3, -1, -0.1, 0, 0.5, 2, 9};
    const char first[] = "x = -8, -3, -1, -0.1, 0, 0.5, 2, 9";
    Tensor x = values(SHAPE(2, 4), some), X = wide(normal('X', SHAPE(3, 7)));
    Tensor X3 = normal('X', SHAPE(2, 2, 3));
    Tensor tail = values(SHAPE(1, 3), (double[]){-3.5, -4.5, -5});
    hint("What does gauss(x, &cdf, &pdf) leave in cdf, and what is multiplied by it?");
    case_is(first);
    gelu_forward_case(x, unset(x));
    case_is("(3, 7), in rows further apart than they are long");
    gelu_forward_case(X, wide(unset(X)));
    case_is("(3, 7), X and Y in rows of different distances");
    gelu_forward_case(X, wide_by(unset(X), 5));
    case_is("(2, 2, 3): 4 rows of 3");
    gelu_forward_case(X3, unset(X3));
    case_is("x = -3.5, -4.5, -5: the tail");
    gelu_forward_case(tail, unset(tail));
    case_is("(3, 7), Y is X");
    Tensor both = writable(wide(normal('B', SHAPE(3, 7))));
    gelu_forward_case(both, both);
    hint("x stands twice in x Phi(x): what becomes of each, and where does dY go?");
    case_is(first);
    gelu_backward_case(x, named("dY", normal('D', SHAPE(2, 4))), unset(x));
    case_is("(3, 7), in rows further apart than they are long");
    gelu_backward_case(X, wide(named("dY", normal('E', SHAPE(3, 7)))), wide(unset(X)));
    case_is("(2, 2, 3): 4 rows of 3");
    gelu_backward_case(X3, named("dY", normal('E', SHAPE(2, 2, 3))), unset(X3));
    case_is("x = -3.5, -4.5, -5: the tail");
    gelu_backward_case(tail, named("dY", normal('E', SHAPE(1, 3))), unset(tail));
    case_is("(3, 7), dX is dY");
    both = writable(wide(normal('B', SHAPE(3, 7))));
    gelu_backward_case(X, both, both);
    case_is("(3, 7), all in rows of different distances");
    gelu_backward_case(X, wide_by(named("dY", normal('E', SHAPE(3, 7))), 4),
                       wide_by(unset(X), 5));
    hint("Where does a nan go that is compared with something?");
    gelu_of_nan();
    relu_grade();
}

/* ---- 1.5 ------------------------------------------------------------------------- */

/* begin + the sum over rows of A's column i times B's column j: (m, n) */
static double *sum_of_products(double begin, int rows, int m, int n, const double *A,
                               const double *B) {
    double *C = doubles((long)m * n);
    for (int k = 0; k < m * n; k++) {
        C[k] = begin;
        for (int r = 0; r < rows; r++) {
            C[k] += A[r * m + k / n] * B[r * n + k % n];
        }
    }
    return C;
}

static double *all_of(double value, long count) {
    double *all = doubles(count);
    for (long i = 0; i < count; i++) {
        all[i] = value;
    }
    return all;
}

typedef struct {
    Tensor X, W, dY, dX, dW, dB;
    const double *x, *w, *dy; /* what X, W and dY hold at first */
} Linear;

static void call_backward(void *linear) {
    Linear *l = linear;
    linear_backward(l->X, l->W, l->dY, l->dX, l->dW, l->dB);
}

static const char nothing_added[] = "ones, as it stood there: nothing was added to it";
static const char waits_for_dx[] =
    "a gradient that waits for dX: dW and db are added even where dX isn't wanted";

/* What the weights got; dW and db are `times` times added to ones. */
static void expect_weights(const Linear *l, int times) {
    const int rows = tensor_rows(l->X), in = tensor_cols(l->X),
              out = tensor_cols(l->dY);
    const double *x = l->x, *dy = l->dy;
    double *dw = sum_of_products(0, rows, out, in, dy, x);
    const double *one = all_of(1, rows);
    double *db = sum_of_products(0, rows, 1, out, one, dy), *last = doubles(out);
    double *want_w = doubles((long)out * in), *want_b = doubles(out);
    for (int k = 0; k < out * in; k++) {
        want_w[k] = 1 + times * dw[k];
    }
    for (int o = 0; o < out; o++) {
        want_b[o] = 1 + times * db[o];
        last[o] = 1 + dy[(rows - 1) * out + o];
    }
    expect("dW", l->dW, want_w, TOLERANCE);
    mistake("dW written over: weights are shared, so their gradient is added (+=)", dw);
    mistake(nothing_added, all_of(1, (long)out * in));
    if (times > 1) {
        mistake(waits_for_dx, sum_of_products(1, rows, out, in, dy, x));
    }
    if (in == out) {
        mistake("X^T dY: W is (out, in), so dW is dY^T X",
                sum_of_products(1, rows, in, out, x, dy));
    }
    expect("db", l->dB, want_b, TOLERANCE);
    mistake("db written over: it is added (+=)", db);
    mistake("the last row's share of db: it is the sum over all rows", last);
    mistake(nothing_added, all_of(1, out));
    if (l->X.ndim > 2 && times == 1) {
        mistake(
            "the sum of the first dY.shape[0] rows: tensor_rows counts those of any "
            "shape",
            sum_of_products(1, l->X.shape[0], 1, out, one, dy));
    }
    mistake("db without the last row: it is the sum over all rows",
            sum_of_products(1, rows - 1, 1, out, one, dy));
    if (times > 1) {
        mistake(waits_for_dx, sum_of_products(1, rows, 1, out, one, dy));
    }
    if (in == out) {
        mistake("the sum of X's rows: b was added to Y, so it is dY's",
                sum_of_products(1, rows, 1, in, one, x));
    }
}

static void linear_case(Tensor x, int out) {
    const int rows = tensor_rows(x), in = tensor_cols(x);
    Tensor y = x;
    y.shape[y.ndim - 1] = y.ld = out;
    Linear l = {.X = wide(x),
                .W = normal('W', SHAPE(out, in)),
                .dY = wide_by(named("dY", normal('Y', y)), 4),
                .dX = wide_by(unset(x), 5),
                .dW = zeros(SHAPE(out, in)),
                .dB = zeros(SHAPE(out))};
    char shape[TENSOR_SHAPE_TEXT];
    case_is("X is %s, %d out; dW and db begin as ones", tensor_shape_text(x, shape),
            out);
    tensor_fill(l.dW, 1);
    tensor_fill(l.dB, 1);
    l.x = doubles_of(l.X);
    l.w = doubles_of(l.W);
    l.dy = doubles_of(l.dY);
    double *dx = doubles((long)rows * in), *turned = doubles((long)rows * in);
    for (int k = 0; k < rows * in; k++) {
        for (int o = 0; o < out; o++) {
            dx[k] += l.dy[k / in * out + o] * l.w[o * in + k % in];
            turned[k] += in == out ? l.dy[k / in * out + o] * l.w[k % in * in + o] : 0;
        }
    }
    call_backward(&l);
    expect_weights(&l, 1);
    expect("dX", l.dX, dx, TOLERANCE);
    mistake("dY W^T: W is (out, in), so dX is dY W", turned);
    mistake_unwritten();

    for (int shaped = 0; shaped < 2; shaped++) {
        case_is("X is %s, %d out; dX.data is NULL%s", shape, out,
                shaped ? ", though dX has a shape" : "");
        l.dX.data = NULL;
        l.dX = shaped ? l.dX : (Tensor){.data = NULL};
        const bool stopped = stops(call_backward, &l);
        expect_true(!stopped, "It stops where dX isn't wanted, dX.data being NULL.");
        mistake_if("a product into dX without asking: if (dX.data != NULL)", true);
        if (!stopped) {
            call_backward(&l);
            expect_weights(&l, 2 + shaped);
        }
        l.dX = wide_by(unset(x), 5);
    }
}

static void linear_grade(void) {
    linear_case(normal('X', SHAPE(5, 3)), 3);
    linear_case(normal('X', SHAPE(2, 2, 3)), 2);
    linear_case(normal('X', SHAPE(1, 1)), 1);
}

/* ---- 1.6 ------------------------------------------------------------------------- */

static void derive(void) {
    const double u = 1e-16, z = 1 + exp(-10) + exp(-20), a = 1 / z;
    const double b = exp(3) / (exp(1) + exp(2) + exp(3));
    hint("Draw the 24 elements in a row, and mark the first column of the view in it.");
    ask('a',
        "T is (2, 3, 4), its elements one after the other. V is tensor_columns(T, 1, "
        "2). How many elements behind T's first is tensor_row(V, 4)[1]?",
        18, 1e-9);
    mistake_number("the place in a copy of the view: its rows are still 4 apart", 9);
    mistake_number("the place from the view's beginning: that is not T's", 17);
    mistake_number("the place in rows that are 2 apart: a view has T's ld", 10);
    hint("How many products does backward do for one of forward's, and how large?");
    ask('b',
        "X (128, 64), W (256, 64): the flops of the products in forward and backward "
        "of the dense layer together.",
        6.0 * 128 * 64 * 256, 1e-6);
    mistake_number("forward alone", 2.0 * 128 * 64 * 256);
    mistake_number("backward alone, or backward as cheap as forward: it has two "
                   "products, for dW and for dX",
                   4.0 * 128 * 64 * 256);
    mistake_number("the number of multiply-adds: each is two flops",
                   3.0 * 128 * 64 * 256);
    hint("The weight of the 30 is nearly 1: what is 1 less it?");
    ask('c',
        "The softmax of (1, 2, 3): the third weight's derivative in its own score is "
        "0.2227. What is it for (10, 20, 30), to 3 digits?",
        a * (1 - a), 2e-3);
    mistake_number("the derivative for (1, 2, 3): it depends on the weights",
                   b * (1 - b));
    mistake_number("the weight itself", a);
    mistake_number("ten times the derivative for (1, 2, 3)", 10 * b * (1 - b));
    hint("Where is the derivative of this error with respect to h zero?");
    ask('d',
        "gradcheck cancels the h^2, and errs by about u / h + h^4; u = 1e-16 is the "
        "rounding of a double. The h of the least error, to 1 digit. (Compare with "
        "GRADCHECK_STEP.)",
        pow(u / 4, 0.2), 0.3);
    mistake_number("the best step where the h^2 is still there: u / h + h^2",
                   cbrt(u / 2));
    mistake_number("sqrt(u): right for a one-sided difference, u / h + h", 1e-8);
    ask_in_words('e', "A gradient check passes. What do you know of forward, and what "
                      "not? Invent a bug that it can't see.");
}

const Exercise exercises[] = {
    {"1.1", "Answers: loops, and how a softmax reacts",
     "Guess first; then calculate, with pencil and a calculator.",
     "What does the question change, and what does that change in the formula?",
     "the lesson, from \"One product\" to \"exp(1000)\"", predict},
    {"1.2", "softmax_forward",
     "softmax.c: each row of A becomes the softmax of S's row, whatever finite scores "
     "it has. A may be S; either may be a view.",
     "Which number may you add to a row's scores, and what does each loop overwrite?",
     "the lesson, \"exp(1000)\"; notes/01, 4", softmax_grade},
    {"1.3", "softmax_backward",
     "softmax.c: dS, written (=), from A and dA; dS may be dA. The Jacobian is never "
     "built: the work per row grows like its length.",
     "Which part of the sum over i is the same for all j of a row?",
     "the lesson, \"Sending the blame back\"; notes/01, 4", softmax_backward_grade},
    {"1.4", "gelu_forward, gelu_backward, relu_backward",
     "gelu.c: Y from X, and dX from X and dY. What is nan stays nan.",
     "In x Phi(x), x is there twice: what is the derivative of a product, and where is "
     "it taken?",
     "the lesson, \"A bend without a corner\"; notes/01, 5", gelu_grade},
    {"1.5", "linear_backward",
     "linear.c: add to dW and db, write dX, unless dX.data is NULL. The products of "
     "common/matmul.h do the work.",
     "Write one element as a sum: over which index, and which layout sums over it?",
     "the lesson, \"Everybody's weights\"; notes/01, 1 to 3", linear_grade},
    {"1.6", "Answers: a view, flops, saturation, the best step",
     "Derive; compare with what ./chapter1 prints.",
     "Draw it, or write the formula down, before you calculate.",
     "notes/01, 1, 4 and 7; the lesson, \"How do you know?\"", derive},
};
const int exercise_count = sizeof exercises / sizeof exercises[0];
