/* exercises_1_softmax.c: chapter 1's exercises 1.2 and 1.3. See exercise.h. */
#include "tests/exercises/exercises_1.h"

#include <math.h>
#include <stddef.h>

#include "tests/exercises/exercise.h"
#include "tests/naive_layers.h"
#include "common/softmax.h"

#define TOLERANCE 1e-12

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
        double max = -(double)INFINITY;
        for (int j = 0; j < cols; j++) {
            max = fmax(max, S[i * cols + j]);
        }
        for (int j = 0; j < cols; j++) {
            shifted[i * cols + j] = S[i * cols + j] - max;
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
    BY_COUNT,
    BASE_2,
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
    "exp(s - max) divided by the number of columns: by the row's sum it is",
    "a softmax with powers of 2: exp is of base e",
};

static double *softmax_with(Slip slip, int rows, int cols, const double *S) {
    double *A = doubles((long)rows * cols), sum = 0, of_all = S[0];
    for (int i = 0; i < rows * cols; i++) {
        of_all = fmax(of_all, S[i]);
    }
    for (int i = 0; i < rows; i++) {
        const double *s = S + i * cols;
        double *a = A + i * cols, max = slip == FROM_0 ? 0 : s[0], min = s[0];
        for (int j = 0; j < cols; j++) {
            max = fmax(max, s[j]);
            min = fmin(min, s[j]);
        }
        max = slip == OF_ALL ? of_all : slip == MINIMUM ? min : max;
        sum = slip == SUM_GOES_ON ? sum : 0;
        for (int j = 0; j < cols; j++) {
            a[j] = slip == BASE_2 ? exp2(s[j] - max) : exp(s[j] - max);
            sum = slip == LAST_ALONE   ? a[j]
                  : slip == READ_AGAIN ? sum + exp(a[j] - max)
                                       : sum + a[j];
            a[j] /= slip == RUNNING_SUM ? sum : 1;
        }
        for (int j = 0; j < cols; j++) {
            a[j] /= slip == RUNNING_SUM ? 1 : slip == BY_COUNT ? cols : sum;
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

void mistake_by_data(Tensor T, const double *right, const double *before,
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
    Tensor A = in_place ? writable(S) : unset(S);
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
        mistake_unwritten();
    }
}

void softmax_grade(void) {
    case_is("(3, 5)");
    softmax_case(normal('S', SHAPE(3, 5)), false);
    case_is("(4, 7), in place, in rows further apart than they are long");
    softmax_case(wide(normal('S', SHAPE(4, 7))), true);
    case_is("(2, 300)");
    softmax_case(normal('S', SHAPE(2, 300)), false);
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
    PLUS,
    MEAN,
    OF_A,
    FORMULAS
} Formula;
static const char *const formula_texts[FORMULAS] = {
    [NO_SUM] =
        "A o dA, without the row sum (is it an int?): the weights hold each other",
    [DIAGONAL] = "the Jacobian's diagonal alone, a (1 - a)",
    [PLAIN_SUM] = "the sum of dA where the sum of dA o A belongs",
    [NO_A] = "dA less the row sum, without the factor A before the bracket",
    [SIGN] = "A o (rowsum - dA): the sign is the other one's",
    [ONE_TERM] = "A o dA - rowsum(dA o A): A multiplies both terms, A o (dA - ...)",
    [PLUS] = "A o (dA + rowsum(dA o A)): the row sum is subtracted",
    [MEAN] = "A o (dA - mean) with the row's mean of dA o A: its sum is wanted",
    [OF_A] = "A o (A - ...): dA is wanted in the bracket",
    [ADDED] = "dS added to what stood there: it is written (=)",
};

static double score_gradient(Formula formula, double a, double da, double dot,
                             double sum, int cols) {
    switch (formula) {
    case NO_SUM: return a * da;
    case DIAGONAL: return a * (1 - a) * da;
    case PLAIN_SUM: return a * (da - sum);
    case NO_A: return da - dot;
    case SIGN: return a * (dot - da);
    case ONE_TERM: return a * da - dot;
    case PLUS: return a * (da + dot);
    case MEAN: return a * (da - dot / cols);
    case OF_A: return a * (a - dot);
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
                                       dot(cols, a + i, da + i), sum, cols);
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

static void softmax_backward_case(Tensor S, Tensor dA, bool in_place) {
    const int rows = tensor_rows(S), cols = tensor_cols(S);
    const double *a = softmax(rows, cols, doubles_of(S)), *da = doubles_of(dA);
    const double *want = score_gradients(RIGHT, rows, cols, a, da);
    Tensor dS = in_place ? writable(dA) : unset(dA);
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
    if (!in_place) {
        mistake_unwritten();
    }
}

void softmax_backward_grade(void) {
    case_is("(3, 5), dS is dA");
    softmax_backward_case(normal('S', SHAPE(3, 5)),
                          named("dA", normal('D', SHAPE(3, 5))), true);
    case_is("(2, 9), in rows further apart than they are long, dS is dA");
    softmax_backward_case(normal('S', SHAPE(2, 9)),
                          wide(named("dA", normal('D', SHAPE(2, 9)))), true);
    case_is("(2, 3, 4): 6 rows of 4, dS is dA");
    softmax_backward_case(normal('T', SHAPE(2, 3, 4)),
                          named("dA", normal('D', SHAPE(2, 3, 4))), true);
    case_is("(2, 300), dS is dA");
    softmax_backward_case(normal('S', SHAPE(2, 300)),
                          named("dA", normal('D', SHAPE(2, 300))), true);
    case_is("(3, 5), dS is not dA");
    softmax_backward_case(normal('S', SHAPE(3, 5)),
                          wide(named("dA", normal('D', SHAPE(3, 5)))), false);
}
