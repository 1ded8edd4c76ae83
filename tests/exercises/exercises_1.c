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
    hint("a_i = exp(s_i) / sum, the sum being exp(1) + exp(2) + exp(3).");
    ask('a', "softmax of the scores (1, 2, 3): the weight of the 3, to 3 digits.", a_2,
        2e-3);
    mistake_number("3 / (1 + 2 + 3): the weights go by exp(s), not by s", 0.5);
    mistake_number("the weight of the 1", a_0);
    hint("exp(s + c) = exp(c) exp(s): what becomes of exp(c) in the fraction?");
    ask('b', "The same for the scores (101, 102, 103).", a_2, 2e-3);
    mistake_number("103 / (101 + 102 + 103): a number added to all scores changes "
                   "nothing",
                   103.0 / 306);
    hint("da_i/ds_j = a_i ([i = j] - a_j); here i is the 1 and j the 3.");
    ask('c',
        "The derivative of the weight of the 1 in the score of the 3, to 3 digits.",
        -a_0 * a_2, 2e-3);
    mistake_number("the derivative with its sign lost: when a score rises, the other "
                   "weights fall",
                   a_0 * a_2);
    mistake_number("the derivative of a weight in its own score", a_0 * (1 - a_0));
    hint("GELU(x) = x Phi(x), and Phi(-1) = 1 - Phi(1).");
    ask('d', "GELU(-1), to 3 digits. (Phi(1) = 0.8413)", naive_gelu(-1), 3e-3);
    mistake_number("ReLU's result", 0);
    mistake_number("-1 times Phi(1): it is Phi(-1) = 1 - Phi(1)",
                   -(1 + naive_gelu(-1)));
    mistake_number("Phi(-1): GELU multiplies it by x, here by -1", -naive_gelu(-1));
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
        double most = -(double)INFINITY;
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

/* A softmax with one slip in it. */
typedef enum {
    FROM_0,
    OF_ALL,
    MINIMUM,
    SUM_GOES_ON,
    RUNNING_SUM,
    LAST_ALONE,
    READ_AGAIN,
    SLIPS
} Slip;
static const char *const slip_texts[SLIPS] = {
    "softmax with a maximum that begins at 0: where all scores are far below, the sum "
    "is 0; begin with the row's first score",
    "softmax with the maximum of another row or of all: each row has its own",
    "softmax with the minimum subtracted: the largest exponent is then not 0",
    "softmax with a sum that goes on from row to row: it begins at 0 in each",
    "softmax divided by a sum that isn't complete yet: a loop for the sum, then one to "
    "divide",
    "softmax divided by the last exponential: the sum is over all (+=)",
    "softmax in place that reads s[j] again after a[j] was written: then it is the "
    "same "
    "number",
};

static double *softmax_with(Slip slip, int rows, int cols, const double *S) {
    double *A = doubles((long)rows * cols), sum = 0, of_all = S[0];
    for (int i = 0; i < rows * cols; i++) {
        of_all = fmax(of_all, S[i]);
    }
    for (int i = 0; i < rows; i++) {
        const double *s = S + i * cols;
        double *a = A + i * cols, most = slip == FROM_0 ? 0 : s[0], least = s[0];
        for (int j = 0; j < cols; j++) {
            most = fmax(most, s[j]);
            least = fmin(least, s[j]);
        }
        most = slip == OF_ALL ? of_all : slip == MINIMUM ? least : most;
        sum = slip == SUM_GOES_ON ? sum : 0;
        for (int j = 0; j < cols; j++) {
            a[j] = exp(s[j] - most);
            sum = slip == LAST_ALONE   ? a[j]
                  : slip == READ_AGAIN ? sum + exp(a[j] - most)
                                       : sum + a[j];
            a[j] /= slip == RUNNING_SUM ? sum : 1;
        }
        for (int j = 0; j < cols; j++) {
            a[j] /= slip == RUNNING_SUM ? 1 : sum;
        }
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
            if (isnan(a)) {
                return false;
            }
            from_once = fmax(from_once, fabs(a - once[(long)i * cols + j]));
            from_twice = fmax(from_twice, fabs(a - twice[(long)i * cols + j]));
        }
        if (!(from_once < TOLERANCE || from_twice < TOLERANCE)) {
            return false;
        }
    }
    return true;
}

/* The results' memory is nan at first. */
static void mistake_unwritten(Tensor T) {
    bool any = false;
    const double *numbers = doubles_of(T);
    for (long i = 0; i < tensor_count(T); i++) {
        any = any || isnan(numbers[i]);
    }
    mistake_if("nan, which stands wherever nothing was written yet, and stays where "
               "something is added to it (+=); loops go to tensor_rows and tensor_cols",
               any);
}

/* T.data[i * cols + j] in place of tensor_row(T, i)[j], T being wide with nan between
 * its rows: what a loop then makes of them. The first row is right. Of the others some
 * are nan, if a row is one sum, and the last stay as they were. */
static void mistake_by_data(Tensor T, const double *right, const double *before,
                            bool rows_are_sums) {
    const int cols = tensor_cols(T);
    double *rows = doubles(tensor_count(T));
    for (long k = 0; k < tensor_count(T); k++) {
        const bool reached = k / cols * T.ld + k % cols < tensor_count(T);
        rows[k] = !reached                        ? before[k]
                  : rows_are_sums && k / cols > 0 ? (double)NAN
                                                  : right[k];
    }
    if (T.ld > cols) {
        mistake("T.data[i * cols + j]: rows may lie further apart; write "
                "tensor_row(T, i)[j]",
                rows);
    }
}

static void softmax_case(Tensor S, bool in_place) {
    const int rows = tensor_rows(S), cols = tensor_cols(S);
    const double *s = doubles_of(S), *once = softmax(rows, cols, s);
    Tensor A = in_place ? S : unset(S);
    softmax_forward(S, A);
    expect("A", A, once, TOLERANCE);
    for (int slip = 0; slip < SLIPS; slip++) {
        mistake(slip_texts[slip], softmax_with((Slip)slip, rows, cols, s));
    }
    mistake("softmax without the maximum subtracted: exp(1000) is infinite",
            softmax_plain(rows, cols, s));
    mistake("softmax down the columns; each row must sum to 1",
            softmax_of_columns(rows, cols, s));
    mistake("softmax whose sums go down the columns; each row must sum to 1",
            softmax_mixed(rows, cols, s));
    mistake("exp(s), not divided by its sum", exponentials(rows, cols, s));
    mistake_if("a softmax that some rows went through twice",
               some_rows_twice(A, once, softmax(rows, cols, once)));
    mistake_by_data(A, once, s, true);
    if (!in_place) {
        mistake_unwritten(A);
    }
}

static void softmax_grade(void) {
    case_is("(3, 5)");
    softmax_case(normal('S', SHAPE(3, 5)), false);
    case_is("(4, 7), in place, in rows further apart than they are long");
    softmax_case(wide(normal('S', SHAPE(4, 7))), true);
    const double large[4] = {1000, 1001, -1000, 0};
    case_is("scores 1000, 1001, -1000, 0");
    softmax_case(values(SHAPE(1, 4), large), false);
    const double apart[6] = {2000, 2002, 1999, 100, 102, 99};
    case_is("rows 2000, 2002, 1999 and 100, 102, 99");
    softmax_case(values(SHAPE(2, 3), apart), false);
    const double small[3] = {-1000, -1002, -999};
    case_is("scores -1000, -1002, -999");
    softmax_case(values(SHAPE(1, 3), small), false);
    const double masked[3] = {-(double)INFINITY, 2, 1};
    case_is("a score of -infinity");
    softmax_case(values(SHAPE(1, 3), masked), false);
    case_is("(2, 3, 4): 6 rows of 4");
    softmax_case(normal('T', SHAPE(2, 3, 4)), false);
    case_is("(200, 50), in place");
    softmax_case(normal('L', SHAPE(200, 50)), true);
}

/* ---- 1.3 ------------------------------------------------------------------------- */

/* dS by one formula or another, of a row's a, da, sum of da o a and plain sum */
typedef enum {
    RIGHT,
    NO_SUM,
    DIAGONAL,
    PLAIN_SUM,
    NO_A,
    SIGN,
    ONE_TERM,
    ADDED,
    FORMULAS
} Formula;
static const char *const formula_texts[FORMULAS] = {
    [NO_SUM] = "A o dA, without the row sum: the weights hold each other",
    [DIAGONAL] = "the Jacobian's diagonal alone, a (1 - a)",
    [PLAIN_SUM] = "the sum of dA where the sum of dA o A belongs",
    [NO_A] = "dA less the row sum, without the factor A before the bracket",
    [SIGN] = "A o (rowsum - dA): the sign is the other one's",
    [ONE_TERM] = "A o dA - rowsum(dA o A): A multiplies both terms, A o (dA - ...)",
    [ADDED] = "dS added to what stood there: it is written (=)",
};

static double score_gradient(Formula formula, double a, double da, double dot,
                             double sum) {
    switch (formula) {
    case NO_SUM: return a * da;
    case DIAGONAL: return a * (1 - a) * da;
    case PLAIN_SUM: return a * (da - sum);
    case NO_A: return da - dot;
    case SIGN: return a * (dot - da);
    case ONE_TERM: return a * da - dot;
    case ADDED: return da + a * (da - dot);
    default: return a * (da - dot);
    }
}

static double *score_gradients(Formula formula, int rows, int cols, const double *a,
                               const double *da) {
    double *dS = doubles((long)rows * cols);
    for (int i = 0; i < rows * cols; i += cols) {
        double sum = 0;
        for (int j = 0; j < cols; j++) {
            sum += da[i + j];
        }
        for (int j = 0; j < cols; j++) {
            dS[i + j] = score_gradient(formula, a[i + j], da[i + j],
                                       dot(cols, a + i, da + i), sum);
        }
    }
    return dS;
}

/* The sum made anew for each element, of dA as it then stands. */
static double *sum_anew(int rows, int cols, const double *a, const double *da) {
    double *dS = doubles((long)rows * cols);
    for (int k = 0; k < rows * cols; k++) {
        dS[k] = da[k];
    }
    for (int k = 0; k < rows * cols; k++) {
        const int row = k / cols * cols;
        dS[k] = a[k] * (dS[k] - dot(cols, a + row, dS + row));
    }
    return dS;
}

static void softmax_backward_case(Tensor S, Tensor dA) {
    const int rows = tensor_rows(S), cols = tensor_cols(S);
    const double *a = softmax(rows, cols, doubles_of(S)), *da = doubles_of(dA);
    const double *want = score_gradients(RIGHT, rows, cols, a, da);
    Tensor dS = dA; /* in place is allowed */
    softmax_backward(values(S, a), dA, dS);
    expect("dS", dS, want, TOLERANCE);
    for (int formula = RIGHT + 1; formula < FORMULAS; formula++) {
        mistake(formula_texts[formula],
                score_gradients((Formula)formula, rows, cols, a, da));
    }
    mistake("a sum of what is partly dS already: dS may be dA, so the whole sum of a "
            "row comes first",
            sum_anew(rows, cols, a, da));
    mistake_by_data(dS, want, da, true);
    double *some = doubles((long)rows * cols);
    for (int k = 0; k < rows * cols; k++) {
        some[k] = k < S.shape[0] * cols ? want[k] : da[k];
    }
    mistake("a loop over S.shape[0] rows: tensor_rows counts those of all slices",
            some);
}

static void softmax_backward_grade(void) {
    case_is("(3, 5), dS is dA");
    softmax_backward_case(normal('S', SHAPE(3, 5)), normal('D', SHAPE(3, 5)));
    case_is("(2, 9), in rows further apart than they are long, dS is dA");
    softmax_backward_case(normal('S', SHAPE(2, 9)), wide(normal('D', SHAPE(2, 9))));
    case_is("(2, 3, 4): 6 rows of 4, dS is dA");
    softmax_backward_case(normal('T', SHAPE(2, 3, 4)), normal('D', SHAPE(2, 3, 4)));
}

/* ---- 1.4 ------------------------------------------------------------------------- */

static double cubic(double x) {
    return 0.7978845608 * (x + 0.044715 * x * x * x);
}

static double density(double x) {
    return exp(-x * x / 2) / sqrt(2 * M_PI);
}

enum { Y_RIGHT, Y_TANH, Y_SIGMOID, Y_CDF, Y_PDF, Y_RELU, Y_FORMULAS };
static const char *const y_texts[Y_FORMULAS] = {
    [Y_TANH] = "GELU's approximation by tanh; the paper's, and ours, is x Phi(x)",
    [Y_SIGMOID] = "GELU's approximation by a sigmoid; the paper's, and ours, is x "
                  "Phi(x)",
    [Y_CDF] = "Phi(x) without x",
    [Y_PDF] = "x phi(x): gauss(x, &cdf, &pdf) gives Phi first, then its density",
    [Y_RELU] = "ReLU",
};
static double y_by(int formula, double x) {
    switch (formula) {
    case Y_TANH: return 0.5 * x * (1 + tanh(cubic(x)));
    case Y_SIGMOID: return x / (1 + exp(-1.702 * x));
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
        mistake(y_texts[formula], by[formula]);
    }
    mistake_by_data(Y, by[Y_RIGHT], all_nan(count), false);
    mistake_unwritten(Y);
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
    for (int formula = DX_RIGHT + 1; formula < DX_FORMULAS; formula++) {
        mistake(dx_texts[formula], by[formula]);
    }
    mistake_by_data(dX, by[DX_RIGHT], all_nan(count), false);
    mistake_unwritten(dX);
}

static void gelu_grade(void) {
    const double some[8] = {-8, -3, -1, -0.1, 0, 0.5, 2, 9};
    const char first[] = "x = -8, -3, -1, -0.1, 0, 0.5, 2, 9";
    Tensor x = values(SHAPE(2, 4), some), X = wide(normal('X', SHAPE(3, 7)));
    Tensor X3 = normal('X', SHAPE(2, 2, 3));
    hint("y = x Phi(x); with real cdf, pdf; gauss(x, &cdf, &pdf) makes cdf Phi(x).");
    case_is(first);
    gelu_forward_case(x, unset(x));
    case_is("(3, 7), in rows further apart than they are long");
    gelu_forward_case(X, wide(unset(X)));
    case_is("(2, 2, 3): 4 rows of 3");
    gelu_forward_case(X3, unset(X3));
    hint("(x Phi(x))' = Phi(x) + x phi(x); all of it times dY.");
    case_is(first);
    gelu_backward_case(x, normal('D', SHAPE(2, 4)), unset(x));
    case_is("(3, 7), in rows further apart than they are long");
    gelu_backward_case(X, wide(normal('E', SHAPE(3, 7))), wide(unset(X)));
    case_is("(2, 2, 3): 4 rows of 3");
    gelu_backward_case(X3, normal('E', SHAPE(2, 2, 3)), unset(X3));
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
    if (times == 2) {
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
    if (times == 2) {
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
                .dY = wide(normal('Y', y)),
                .dX = wide(unset(x)),
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
    mistake_unwritten(l.dX);

    case_is("X is %s, %d out; dX.data is NULL", shape, out);
    l.dX = (Tensor){.data = NULL};
    const bool stopped = stops(call_backward, &l);
    expect_true(!stopped, "It stops where dX isn't wanted, dX.data being NULL.");
    mistake_if("a product into dX without asking: if (dX.data != NULL)", true);
    if (!stopped) {
        call_backward(&l);
        expect_weights(&l, 2);
    }
}

static void linear_grade(void) {
    linear_case(normal('X', SHAPE(5, 3)), 3);
    linear_case(normal('X', SHAPE(2, 2, 3)), 2);
    linear_case(normal('X', SHAPE(1, 1)), 1);
}

/* ---- 1.6 ------------------------------------------------------------------------- */

static void measure(void) {
    hint("Each of the 128 * 256 numbers of Y is a sum of 64 products: 2 m n k flops.");
    ask('a',
        "X (128, 64), W (256, 64): the flops of Y = X W^T, a multiply-add counting "
        "as two.",
        2.0 * 128 * 64 * 256, 1e-6);
    mistake_number("the number of multiply-adds: each is two flops", 128.0 * 64 * 256);
    mistake_number("the size of Y", 128.0 * 256);
    hint("The last index runs fastest: x[i][j][k] is number (i * 3 + j) * 4 + k.");
    ask('b',
        "x (2, 3, 4) is seen as a matrix: where in memory, in numbers from the "
        "start, is x[1][2][3]?",
        23, 1e-9);
    mistake_number("the place in the last matrix alone: x[1] begins after 12 numbers",
                   11);
    mistake_number("the place counted from 1: the first number is number 0", 24);
    mistake_number("1 + 2 + 3: each index has its stride", 6);
    hint("-u / h^2 + 2 h = 0 gives h^3 = u / 2.");
    ask('c',
        "Central differences with step h err by about u / h + h^2; u = 1e-16 is the "
        "rounding of a double. The h of the least error, to 1 digit. (Set the "
        "derivative to 0; compare with the V-curve of section 1.7.)",
        cbrt(0.5e-16), 0.7);
    mistake_number(
        "sqrt(u): right for a one-sided difference, whose error is u / h + h", 1e-8);
    mistake_number("u itself: rounding is then as large as the result", 1e-16);
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
     "First the sum over the row, of dA times A; then the elements.",
     "the lesson's worked example; notes/01, 4", softmax_backward_grade},
    {"1.4", "gelu_forward and gelu_backward",
     "gelu.c: y = x Phi(x), and its derivative times dY. gauss(x, &cdf, &pdf) gives "
     "Phi "
     "and phi.",
     "(x Phi(x))' = Phi(x) + x phi(x).", "the lesson, \"GELU\"; notes/01, 5",
     gelu_grade},
    {"1.5", "linear_backward",
     "linear.c: dW += dY^T X, db += column sums of dY, dX = dY W (unless dX.data is "
     "NULL), with matmul_tn_add, tensor_sum_rows_add, matmul_nn.",
     "Y_ij = sum_k X_ik W_jk + b_j: take the derivative in each letter.",
     "the lesson, \"The backward pass\"; notes/01, 3", linear_grade},
    {"1.6", "Answers: flops, strides, the best step",
     "Derive; compare with what ./chapter1 measures.",
     "2 m n k flops; the last index runs fastest; the derivative of u / h + h^2.",
     "notes/01, 1 and 7; the lesson, \"Tensors\"; section 1.7 of the program's output",
     measure},
};
const int exercise_count = sizeof exercises / sizeof exercises[0];
