/* exercises_1.c: tensor operations, graded. See exercise.h. */
#include <math.h>
#include <stddef.h>

#include "exercise.h"
#include "gelu.h"
#include "linear.h"
#include "naive_layers.h"
#include "softmax.h"

const int chapter_number = 1;
const char chapter_title[] = "tensor operations";

#define TOLERANCE 1e-12

/* ---- 1.1 ------------------------------------------------------------------------- */

static void predict(void) {
    const double sum = exp(1) + exp(2) + exp(3), a_0 = exp(1) / sum, a_2 = exp(3) / sum;
    ask('a', "softmax of the scores (1, 2, 3): the weight of the 3, to 3 digits.", a_2,
        2e-3);
    mistake_number("3 / (1 + 2 + 3): the weights go by exp(s), not by s", 0.5);
    mistake_number("the weight of the 1", a_0);
    ask('b', "The same for the scores (101, 102, 103).", a_2, 2e-3);
    mistake_number("103 / (101 + 102 + 103): a number added to all scores changes "
                   "nothing",
                   103.0 / 306);
    ask('c',
        "The derivative of the weight of the 1 in the score of the 3, to 3 digits.",
        -a_0 * a_2, 2e-3);
    mistake_number("the derivative with its sign lost: when a score rises, the other "
                   "weights fall",
                   a_0 * a_2);
    mistake_number("the derivative of a weight in its own score", a_0 * (1 - a_0));
    ask('d', "GELU(-1), to 3 digits. (Phi(1) = 0.8413)", naive_gelu(-1), 2e-3);
    mistake_number("ReLU's result", 0);
    mistake_number("-1 times Phi(1): it is Phi(-1) = 1 - Phi(1)",
                   -(1 + naive_gelu(-1)));
}

/* ---- 1.2 ------------------------------------------------------------------------- */

static double *softmax(int rows, int cols, const double *S) {
    double *A = doubles((long)rows * cols);
    naive_softmax(rows, cols, S, A);
    return A;
}

/* exp(s) / sum, without the maximum taken out: overflows above 709. */
static double *softmax_plain(int rows, int cols, const double *S) {
    double *A = doubles((long)rows * cols);
    for (int i = 0; i < rows; i++) {
        double sum = 0;
        for (int j = 0; j < cols; j++) {
            sum += A[i * cols + j] = exp(S[i * cols + j]);
        }
        for (int j = 0; j < cols; j++) {
            A[i * cols + j] /= sum;
        }
    }
    return A;
}

static double *softmax_of_columns(int rows, int cols, const double *S) {
    double *A = doubles((long)rows * cols);
    for (int j = 0; j < cols; j++) {
        double sum = 0;
        for (int i = 0; i < rows; i++) {
            sum += A[i * cols + j] = exp(S[i * cols + j]);
        }
        for (int i = 0; i < rows; i++) {
            A[i * cols + j] /= sum;
        }
    }
    return A;
}

/* Row by row the maximum is taken out, but sums go over columns. */
static double *softmax_mixed(int rows, int cols, const double *S) {
    double *shifted = doubles((long)rows * cols);
    for (int i = 0; i < rows; i++) {
        double most = -INFINITY;
        for (int j = 0; j < cols; j++) {
            most = fmax(most, S[i * cols + j]);
        }
        for (int j = 0; j < cols; j++) {
            shifted[i * cols + j] = S[i * cols + j] - most;
        }
    }
    return softmax_of_columns(rows, cols, shifted);
}

static double *exponentials(int rows, int cols, const double *S) {
    double *A = doubles((long)rows * cols);
    for (int i = 0; i < rows * cols; i++) {
        A[i] = exp(S[i]);
    }
    return A;
}

/* Is every row softmax(s), or softmax(softmax(s))? */
static bool some_rows_twice(Tensor A, const double *once, const double *twice) {
    const int cols = tensor_cols(A);
    for (int i = 0; i < tensor_rows(A); i++) {
        double from_once = 0, from_twice = 0;
        for (int j = 0; j < cols; j++) {
            const double a = (double)tensor_row(A, i)[j];
            from_once = fmax(from_once, fabs(a - once[(long)i * cols + j]));
            from_twice = fmax(from_twice, fabs(a - twice[(long)i * cols + j]));
        }
        if (!(from_once < TOLERANCE || from_twice < TOLERANCE)) {
            return false;
        }
    }
    return true;
}

static void softmax_case(Tensor S, bool in_place) {
    const int rows = tensor_rows(S), cols = tensor_cols(S);
    const double *s = doubles_of(S), *once = softmax(rows, cols, s);
    Tensor A = in_place ? S : unset(S);
    softmax_forward(S, A);
    expect("A", A, once, TOLERANCE);
    mistake("softmax without the maximum subtracted: exp(1000) is infinite",
            softmax_plain(rows, cols, s));
    mistake("softmax down the columns; each row must sum to 1",
            softmax_of_columns(rows, cols, s));
    mistake("softmax whose sums go down the columns; each row must sum to 1",
            softmax_mixed(rows, cols, s));
    mistake("exp(s), not divided by its sum", exponentials(rows, cols, s));
    mistake_if("a softmax that some rows went through twice",
               some_rows_twice(A, once, softmax(rows, cols, once)));
}

static void softmax_grade(void) {
    case_is("(3, 5)");
    softmax_case(normal('S', SHAPE(3, 5)), false);
    case_is("(4, 7), in place, in rows further apart than they are long");
    softmax_case(wide(normal('S', SHAPE(4, 7))), true);
    const double large[4] = {1000, 1001, -1000, 0};
    case_is("scores 1000, 1001, -1000, 0");
    softmax_case(values(SHAPE(1, 4), large), false);
    const double masked[3] = {-INFINITY, 2, 1};
    case_is("a score of -infinity");
    softmax_case(values(SHAPE(1, 3), masked), false);
    case_is("(200, 50), in place");
    softmax_case(normal('L', SHAPE(200, 50)), true);
}

/* ---- 1.3 ------------------------------------------------------------------------- */

static void softmax_backward_case(Tensor S, Tensor dA) {
    const int rows = tensor_rows(S), cols = tensor_cols(S);
    const long count = (long)rows * cols;
    const double *a = softmax(rows, cols, doubles_of(S)), *da = doubles_of(dA);
    double *want = doubles(count), *no_sum = doubles(count), *diagonal = doubles(count),
           *plain_sum = doubles(count);
    for (int i = 0; i < rows; i++) {
        double dot = 0, sum = 0;
        for (int j = 0; j < cols; j++) {
            dot += a[i * cols + j] * da[i * cols + j];
            sum += da[i * cols + j];
        }
        for (int j = 0; j < cols; j++) {
            const int at = i * cols + j;
            want[at] = a[at] * (da[at] - dot);
            no_sum[at] = a[at] * da[at];
            diagonal[at] = a[at] * (1 - a[at]) * da[at];
            plain_sum[at] = a[at] * (da[at] - sum);
        }
    }
    Tensor dS = dA; /* in place is allowed */
    softmax_backward(values(SHAPE(rows, cols), a), dA, dS);
    expect("dS", dS, want, TOLERANCE);
    mistake("A o dA, without the row sum: the weights hold each other", no_sum);
    mistake("the Jacobian's diagonal alone, a (1 - a)", diagonal);
    mistake("the sum of dA where the sum of dA o A belongs", plain_sum);
}

static void softmax_backward_grade(void) {
    case_is("(3, 5)");
    softmax_backward_case(normal('S', SHAPE(3, 5)), normal('D', SHAPE(3, 5)));
    case_is("(2, 9), in rows further apart than they are long");
    softmax_backward_case(normal('S', SHAPE(2, 9)), wide(normal('D', SHAPE(2, 9))));
}

/* ---- 1.4 ------------------------------------------------------------------------- */

static double cubic(double x) {
    return 0.7978845608 * (x + 0.044715 * x * x * x);
}

static void gelu_case(Tensor X, Tensor dY) {
    const long count = tensor_count(X);
    const double *x = doubles_of(X), *dy = doubles_of(dY);
    double *y = doubles(count), *tanh_y = doubles(count), *cdf = doubles(count),
           *relu = doubles(count);
    double *dx = doubles(count), *no_pdf = doubles(count), *no_x = doubles(count),
           *no_dy = doubles(count);
    for (long i = 0; i < count; i++) {
        const double pdf = exp(-x[i] * x[i] / 2) / sqrt(2 * M_PI);
        cdf[i] = naive_normal_cdf(x[i]);
        y[i] = x[i] * cdf[i];
        tanh_y[i] = 0.5 * x[i] * (1 + tanh(cubic(x[i])));
        relu[i] = fmax(0, x[i]);
        dx[i] = dy[i] * (cdf[i] + x[i] * pdf);
        no_pdf[i] = dy[i] * cdf[i];
        no_x[i] = dy[i] * (cdf[i] + pdf);
        no_dy[i] = cdf[i] + x[i] * pdf;
    }
    Tensor Y = unset(X), dX = unset(X);
    gelu_forward(X, Y);
    expect("Y", Y, y, TOLERANCE);
    mistake("GELU's approximation by tanh; the paper's, and ours, is x Phi(x)", tanh_y);
    mistake("Phi(x) without x", cdf);
    mistake("ReLU", relu);
    gelu_backward(X, dY, dX);
    expect("dX", dX, dx, TOLERANCE);
    mistake("dY Phi(x): the product rule has a second term, x phi(x)", no_pdf);
    mistake("dY (Phi(x) + phi(x)): the density lost its factor x", no_x);
    mistake("GELU's derivative, without dY: the chain rule multiplies", no_dy);
}

static void gelu_grade(void) {
    const double x[8] = {-8, -3, -1, -0.1, 0, 0.5, 2, 9};
    case_is("x = -8, -3, -1, -0.1, 0, 0.5, 2, 9");
    gelu_case(values(SHAPE(2, 4), x), normal('D', SHAPE(2, 4)));
    case_is("(3, 7)");
    gelu_case(wide(normal('X', SHAPE(3, 7))), wide(normal('E', SHAPE(3, 7))));
}

/* ---- 1.5 ------------------------------------------------------------------------- */

static void linear_case(int rows, int in, int out) {
    case_is("%d rows, %d in, %d out; dW and db begin as ones", rows, in, out);
    Tensor X = wide(normal('X', SHAPE(rows, in))), W = normal('W', SHAPE(out, in)),
           dY = wide(normal('Y', SHAPE(rows, out)));
    const double *x = doubles_of(X), *w = doubles_of(W), *dy = doubles_of(dY);
    double *dw = doubles((long)out * in), *db = doubles(out),
           *dx = doubles((long)rows * in);
    double *fresh_w = doubles((long)out * in), *fresh_b = doubles(out),
           *last_b = doubles(out), *swapped = doubles((long)rows * in);
    for (int i = 0; i < rows; i++) {
        for (int o = 0; o < out; o++) {
            fresh_b[o] += dy[i * out + o];
            last_b[o] = 1 + dy[i * out + o];
            for (int e = 0; e < in; e++) {
                fresh_w[o * in + e] += dy[i * out + o] * x[i * in + e];
                dx[i * in + e] += dy[i * out + o] * w[o * in + e];
                swapped[i * in + e] += in == out ? dy[i * out + o] * w[e * in + o] : 0;
            }
        }
    }
    for (int i = 0; i < out * in; i++) {
        dw[i] = 1 + fresh_w[i];
    }
    for (int o = 0; o < out; o++) {
        db[o] = 1 + fresh_b[o];
    }
    Tensor dX = wide(unset(SHAPE(rows, in))), dW = zeros(W), dB = zeros(SHAPE(out));
    tensor_fill(dW, 1);
    tensor_fill(dB, 1);
    linear_backward(X, W, dY, dX, dW, dB);
    expect("dW", dW, dw, TOLERANCE);
    mistake("dW written over: weights are shared, so their gradient is added (+=)",
            fresh_w);
    expect("db", dB, db, TOLERANCE);
    mistake("db written over: it is added (+=)", fresh_b);
    mistake("the last row's share of db: it is the sum over all rows", last_b);
    expect("dX", dX, dx, TOLERANCE);
    mistake("dY W^T: W is (out, in), so dX is dY W", swapped);
    const Tensor none = {.data = NULL};
    linear_backward(X, W, dY, none, dW, dB); /* dX not wanted: must not be written */
}

static void linear_grade(void) {
    linear_case(5, 3, 3);
    linear_case(4, 3, 2);
    linear_case(1, 1, 1);
}

/* ---- 1.6 ------------------------------------------------------------------------- */

static void measure(void) {
    ask('a',
        "X (128, 64), W (256, 64): the flops of Y = X W^T, a multiply-add counting "
        "as two.",
        2.0 * 128 * 64 * 256, 1e-6);
    mistake_number("the number of multiply-adds: each is two flops", 128.0 * 64 * 256);
    mistake_number("the size of Y", 128.0 * 256);
    ask('b',
        "x (2, 3, 4) is seen as a matrix: where in memory, in numbers from the "
        "start, is x[1][2][3]?",
        23, 1e-9);
    mistake_number("the place in the last matrix alone: x[1] begins after 12 numbers",
                   11);
    mistake_number("1 + 2 + 3: each index has its stride", 6);
    ask('c',
        "Central differences with step h err by about eps / h + h^2, eps = 1e-16: "
        "the h of the least error. (Set the derivative to 0; compare with the "
        "V-curve of section 1.7.)",
        cbrt(0.5e-16), 0.7);
    mistake_number(
        "sqrt(eps): right for a one-sided difference, whose error is eps / h "
        "+ h",
        1e-8);
    mistake_number("eps itself: rounding is then as large as the result", 1e-16);
}

const Exercise exercises[] = {
    {"1.1", "Answers: softmax and GELU by hand",
     "Predict, with pencil and a calculator; then compare with ./chapter1.",
     "a_i = exp(s_i) / sum; da_i/ds_j = a_i ([i = j] - a_j).",
     "the lesson's worked example; notes/01, 4 and 5", predict},
    {"1.2", "softmax_forward",
     "softmax.c: each row of A becomes the softmax of S's row. A may be S; rows lie "
     "`ld` apart (tensor_row). Three loops over a row are enough; real_exp is exp.",
     "Take the row's maximum out before exp; sum; divide.",
     "the lesson, \"The forward pass\"; notes/01, 4", softmax_grade},
    {"1.3", "softmax_backward",
     "softmax.c: dS = A o (dA - rowsum(dA o A)); dS may be dA.",
     "First the sum over the row, of dA times A; then the elements.", "notes/01, 4",
     softmax_backward_grade},
    {"1.4", "gelu_forward and gelu_backward",
     "gelu.c: y = x Phi(x), and its derivative times dY. gauss(x, &cdf, &pdf) gives "
     "Phi "
     "and phi.",
     "(x Phi(x))' = Phi(x) + x phi(x).", "notes/01, 5", gelu_grade},
    {"1.5", "linear_backward",
     "linear.c: dW += dY^T X, db += column sums of dY, dX = dY W (unless dX.data is "
     "NULL), with matmul_tn_add, tensor_sum_rows_add, matmul_nn.",
     "Y_ij = sum_k X_ik W_jk + b_j: take the derivative in each letter.", "notes/01, 1",
     linear_grade},
    {"1.6", "Answers: flops, strides, the best step",
     "Derive; compare with what ./chapter1 measures.",
     "2 m n k flops; the last index runs fastest; the derivative of eps/h + h^2.",
     "notes/01, 1 and 2; section 1.7", measure},
};
const int exercise_count = sizeof exercises / sizeof exercises[0];
