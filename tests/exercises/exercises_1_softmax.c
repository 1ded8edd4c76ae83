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
    OF_MEAN,
    MINIMUM,
    SUM_GOES_ON,
    RUNNING_SUM,
    LAST_ALONE,
    READ_AGAIN,
    BY_COUNT,
    BASE_2,
    NOT_THE_LAST,
    NOT_THE_FIRST,
    ABSOLUTE,
    READ_LATE,
    SLIPS
} Slip;
static const char *const slip_texts[SLIPS] = {
    "softmax with a maximum that begins at 0, or at another number: where all scores "
    "are "
    "far below it, the sum is 0; which number is a score of this row for sure?",
    "softmax with the maximum of another row or of all: each row has its own",
    "softmax with the row's mean subtracted: exp of what is far above it is infinite; "
    "which number leaves nothing above it?",
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
    "softmax with the maximum of all scores but the last: any of them may be the "
    "largest",
    "softmax with the maximum of all scores but the first: any of them may be the "
    "largest",
    "softmax with the largest absolute value subtracted: it is the largest score, sign "
    "and all",
    "softmax in place whose last loop reads s[j] again: a[j] was written over it",
};

/* What is subtracted from a row's scores. */
static double shift_by(Slip slip, const double *s, int cols, double of_all) {
    const int from = slip == NOT_THE_FIRST, to = slip == NOT_THE_LAST ? cols - 1 : cols;
    double max = from < to ? s[from] : s[0], min = s[0], mean = 0;
    max = slip == FROM_0 ? 0 : slip == ABSOLUTE ? fabs(s[0]) : max;
    for (int j = from; j < to; j++) {
        max = fmax(max, slip == ABSOLUTE ? fabs(s[j]) : s[j]);
        min = fmin(min, s[j]);
        mean += s[j] / cols;
    }
    return slip == OF_ALL    ? of_all
           : slip == MINIMUM ? min
           : slip == OF_MEAN ? mean
                             : max;
}

static double *softmax_with(Slip slip, int rows, int cols, const double *S) {
    double *A = doubles((long)rows * cols), sum = 0, of_all = S[0];
    for (int i = 0; i < rows * cols; i++) {
        of_all = fmax(of_all, S[i]);
    }
    for (int i = 0; i < rows; i++) {
        const double *s = S + i * cols;
        double *a = A + i * cols;
        const double max = shift_by(slip, s, cols, of_all);
        sum = slip == SUM_GOES_ON ? sum : 0;
        for (int j = 0; j < cols; j++) {
            a[j] = slip == BASE_2 ? exp2(s[j] - max) : exp(s[j] - max);
            sum = slip == LAST_ALONE   ? a[j]
                  : slip == READ_AGAIN ? sum + exp(a[j] - max)
                                       : sum + a[j];
            a[j] /= slip == RUNNING_SUM ? sum : 1;
        }
        for (int j = 0; j < cols; j++) {
            a[j] = slip == READ_LATE ? exp(a[j] - max) : a[j];
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
        static const char text[] = "T.data[i * cols + j]: rows may lie further apart; "
                                   "write tensor_row(T, i)[j]";
        mistake(text, rows);
        mistake(text, written_with_ld(T, cols, right, before));
    }
}

double *written_with_ld(Tensor T, int ld, const double *right, const double *before) {
    const int cols = tensor_cols(T);
    double *rows = doubles(tensor_count(T));
    for (long k = 0; k < tensor_count(T); k++) {
        rows[k] = before[k];
        const long at = k / cols * T.ld + k % cols; /* its place in memory */
        for (int i = 0; i < tensor_rows(T); i++) {
            const long j = at - (long)i * ld; /* the last row that was written there */
            rows[k] = j >= 0 && j < cols ? right[(long)i * cols + j] : rows[k];
        }
    }
    return rows;
}

static double *all_nan(long count) {
    double *all = doubles(count);
    for (long k = 0; k < count; k++) {
        all[k] = (double)NAN;
    }
    return all;
}

static const char with_other_ld[] =
    "a loop that takes one tensor's rows to be as far apart as another's: each has its "
    "own ld; write tensor_row(T, i)[j]";

/* Only S.shape[0] rows were made, or these and only S.shape[1] columns of them. */
static void mistake_of_shape(Tensor S, Tensor A, const double *once) {
    const int cols = tensor_cols(S), counts[2] = {cols, S.shape[1]};
    const char text[] =
        "a loop over S.shape[0] rows, or S.shape[1] columns: tensor_rows "
        "and tensor_cols count those of any shape";
    double *some = all_nan(tensor_count(S)), *s = doubles_of(S);
    for (int k = 0; k < S.shape[0] * cols; k++) {
        some[k] = once[k];
    }
    mistake(text, some);
    double *part = all_nan(tensor_count(S));
    for (int i = 0; i < S.shape[0]; i++) {
        double *row = softmax(1, counts[1], s + (long)i * cols);
        for (int j = 0; j < counts[1] && j < cols; j++) {
            part[i * cols + j] = row[j];
        }
    }
    mistake(text, part);
    (void)A;
}

static void softmax_case(Tensor S, bool in_place) {
    const int rows = tensor_rows(S), cols = tensor_cols(S);
    const double *s = doubles_of(S), *once = softmax(rows, cols, s);
    Tensor A = in_place ? writable(S) : unset(S);
    if (!in_place && S.ld > cols) {
        A = wide_by(A, 5);
    }
    softmax_forward(S, A);
    expect("A", A, once, TOLERANCE);
    for (int slip = 0; slip < SLIPS; slip++) {
        mistake(slip_texts[slip], softmax_with((Slip)slip, rows, cols, s));
    }
    mistake("exp of the scores as they are: exp(1000) is infinite; what may be taken "
            "from all scores of a row without changing its weights?",
            softmax_plain(rows, cols, s));
    mistake("softmax down the columns; each row must sum to 1",
            softmax_of_columns(rows, cols, s));
    mistake("softmax whose sums go down the columns; each row must sum to 1",
            softmax_mixed(rows, cols, s));
    mistake("exp(s), not divided by its sum", exponentials(rows, cols, s));
    mistake_if("a softmax that some rows went through twice",
               some_rows_twice(A, once, softmax(rows, cols, once)));
    mistake_by_data(A, once, s, true);
    if (S.ndim == 3) {
        mistake_of_shape(S, A, once);
    }
    if (!in_place && A.ld > cols) {
        mistake(with_other_ld, written_with_ld(A, S.ld, once, all_nan(rows * cols)));
    }
    if (!in_place) {
        mistake_unwritten();
    }
}

void softmax_grade(void) {
    case_is("(3, 5)");
    softmax_case(normal('S', SHAPE(3, 5)), false);
    case_is("(4, 7), in place");
    softmax_case(normal('S', SHAPE(4, 7)), true);
    case_is("(3, 6), S and A in rows of different distances");
    softmax_case(wide(normal('S', SHAPE(3, 6))), false);
    case_is("(4, 7), in place, in rows further apart than they are long");
    softmax_case(wide(normal('S', SHAPE(4, 7))), true);
    case_is("(2, 300)");
    softmax_case(normal('S', SHAPE(2, 300)), false);
    case_is("scores 1000, 1001");
    softmax_case(values(SHAPE(1, 2), (double[]){1000, 1001}), false);
    mistake(
        "scores that are cut off at a limit: 1000 and 1001 then weigh the same; take "
        "the row's maximum out",
        (double[]){0.5, 0.5});
    case_is("scores -800, 3, 2");
    softmax_case(values(SHAPE(1, 3), (double[]){-800, 3, 2}), false);
    const double small[3] = {-1000, -1002, -999};
    case_is("scores -1000, -1002, -999");
    softmax_case(values(SHAPE(1, 3), small), false);
    double one_large[16] = {0};
    for (int i = 0; i < 4; i++) {
        one_large[i * 4 + i] = 1500;
    }
    case_is("4 rows of scores 0 and one of 1500, at each place in turn");
    softmax_case(values(SHAPE(4, 4), one_large), false);
    const double large[4] = {1000, 1001, -1000, 0};
    case_is("scores 1000, 1001, -1000, 0");
    softmax_case(values(SHAPE(1, 4), large), false);
    const double apart[6] = {2000, 2002, 1999, 100, 102, 99};
    case_is("rows 2000, 2002, 1999 and 100, 102, 99");
    softmax_case(values(SHAPE(2, 3), apart), false);
    case_is("scores -1e300, -1e300, -2e300");
    softmax_case(values(SHAPE(1, 3), (double[]){-1e300, -1e300, -2e300}), false);
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
    PLAIN_MEAN,
    FORMULAS
} Formula;
static const char *const formula_texts[FORMULAS] = {
    [NO_SUM] =
        "A o dA, without the row sum (is it an int?): the weights hold each other",
    [DIAGONAL] = "the Jacobian's diagonal alone, a (1 - a)",
    [PLAIN_SUM] = "the sum of dA where the sum of dA o A belongs",
    [NO_A] = "dA less the row sum, without the factor A before the bracket",
    [SIGN] = "A o (rowsum - dA): the sign is the other one's",
    [ONE_TERM] = "A o dA - rowsum(dA o A): does A multiply one of the terms, or both?",
    [PLUS] = "A o (dA + rowsum(dA o A)): the row sum is subtracted",
    [MEAN] = "A o (dA - mean) with the row's mean of dA o A: its sum is wanted",
    [OF_A] = "A o (A - ...): dA is wanted in the bracket",
    [PLAIN_MEAN] = "the plain mean of dA where the sum of dA o A belongs",
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
    case PLAIN_MEAN: return a * (da - sum / cols);
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

/* The sum of all rows for each, or of all rows so far. */
static double *sum_of_rows(int rows, int cols, const double *a, const double *da,
                           bool so_far) {
    double *dS = doubles((long)rows * cols);
    for (int k = 0; k < rows * cols; k++) {
        const int to = so_far ? k / cols + 1 : rows;
        dS[k] = a[k] * (da[k] - dot((long)to * cols, a, da));
    }
    return dS;
}

/* The sums of the columns in place of the rows'. */
static double *sum_of_columns(int rows, int cols, const double *a, const double *da) {
    double *dS = doubles((long)rows * cols);
    for (int k = 0; k < rows * cols; k++) {
        double sum = 0;
        for (int i = 0; i < rows; i++) {
            sum += a[i * cols + k % cols] * da[i * cols + k % cols];
        }
        dS[k] = a[k] * (da[k] - sum);
    }
    return dS;
}

/* What a loop makes that leaves its products in dS, which is dA, and reads dA then. */
static double *products_left(int rows, int cols, const double *a, const double *da) {
    double *left = doubles((long)rows * cols);
    for (int k = 0; k < rows * cols; k++) {
        left[k] = a[k] * da[k];
    }
    double *dS = doubles((long)rows * cols);
    for (int k = 0; k < rows * cols; k++) {
        const int row = k / cols * cols;
        double sum = 0;
        for (int j = row; j < row + cols; j++) {
            sum += left[j];
        }
        dS[k] = a[k] * (left[k] - sum);
    }
    return dS;
}

/* Where dS is: beside dA, in it, or beside it, all rows at distances of their own. */
typedef enum { APART, IN_PLACE, IN_WIDE_ROWS } Where;

/* a: A, or NULL: the softmax of normal numbers. */
static void softmax_backward_case(Tensor S, const double *given, Tensor dA,
                                  Where where) {
    const bool in_place = where == IN_PLACE;
    const int rows = tensor_rows(S), cols = tensor_cols(S);
    const double *a = given ? given : softmax(rows, cols, doubles_of(S));
    const double *da = doubles_of(dA);
    const double *want = score_gradients(RIGHT, rows, cols, a, da);
    Tensor dS = in_place ? writable(dA) : unset(dA), A = values(S, a);
    dS = where == IN_WIDE_ROWS ? wide_by(dS, 5) : dS;
    A = where == IN_WIDE_ROWS || dA.ld > cols ? wide_by(A, 4) : A;
    softmax_backward(named("A", A), dA, dS);
    expect("dS", dS, want, TOLERANCE);
    double *left = all_nan((long)rows * cols);
    for (int k = 0; k < rows * cols; k++) {
        left[k] = a[k] != 0 ? want[k] : in_place ? da[k] : left[k];
    }
    mistake("dS left as it was where the weight is 0: it is 0 there", left);
    if (given && cols == 2) {
        mistake("a row left out because its sum is 0: dS is A o dA then",
                all_nan(rows * cols));
    }
    mistake("a row sum that goes on from row to row: it begins at 0 in each",
            sum_of_rows(rows, cols, a, da, true));
    mistake("sums down the columns: which weights share one softmax?",
            sum_of_columns(rows, cols, a, da));
    if (in_place) {
        mistake("products that were left in dS, where dA is read again: dS may be dA",
                products_left(rows, cols, a, da));
    }
    mistake("one sum for all rows: each row has its own",
            sum_of_rows(rows, cols, a, da, false));
    if (!in_place && dA.ld > cols) {
        mistake(with_other_ld, written_with_ld(dS, dA.ld, want, all_nan(rows * cols)));
        mistake(with_other_ld,
                written_with_ld(dS, cols + 8, want, all_nan(rows * cols)));
    }
    for (int formula = RIGHT + 1; formula < FORMULAS; formula++) {
        mistake(formula_texts[formula],
                score_gradients((Formula)formula, rows, cols, a, da));
    }
    mistake(
        "a sum of what is partly dS already: dS may be dA; which elements of dA does "
        "the sum still need?",
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

/* A row so long that only work that grows like its length ends in time, and that no
 * Jacobian of it fits anywhere. */
static void long_row(void) {
    enum { LONG = 200000 };
    double *a = doubles(LONG), *da = doubles(LONG), *want = doubles(LONG), sum = 0;
    for (int j = 0; j < LONG; j++) {
        a[j] = 1.0 / LONG;
        da[j] = sin(j);
        sum += a[j] * da[j];
    }
    for (int j = 0; j < LONG; j++) {
        want[j] = a[j] * (da[j] - sum);
    }
    case_is("a row of %d: work and memory may grow like its length, not its square",
            LONG);
    Tensor A = values(SHAPE(1, LONG), a), dA = values(SHAPE(1, LONG), da);
    Tensor dS = unset(dA);
    softmax_backward(A, dA, dS);
    expect("dS", dS, want, TOLERANCE);
}

void softmax_backward_grade(void) {
    case_is("(3, 5)");
    softmax_backward_case(normal('S', SHAPE(3, 5)), NULL,
                          named("dA", normal('D', SHAPE(3, 5))), APART);
    case_is("(3, 5), dS is dA");
    softmax_backward_case(normal('S', SHAPE(3, 5)), NULL,
                          named("dA", normal('D', SHAPE(3, 5))), IN_PLACE);
    case_is("(2, 9), in rows further apart than they are long, dS is dA");
    softmax_backward_case(normal('S', SHAPE(2, 9)), NULL,
                          wide(named("dA", normal('D', SHAPE(2, 9)))), IN_PLACE);
    case_is("(2, 3, 4): 6 rows of 4, dS is dA");
    softmax_backward_case(normal('T', SHAPE(2, 3, 4)), NULL,
                          named("dA", normal('D', SHAPE(2, 3, 4))), IN_PLACE);
    case_is("(2, 300), dS is dA");
    softmax_backward_case(normal('S', SHAPE(2, 300)), NULL,
                          named("dA", normal('D', SHAPE(2, 300))), IN_PLACE);
    case_is("(3, 5), all in rows of different distances");
    softmax_backward_case(normal('S', SHAPE(3, 5)), NULL,
                          wide(named("dA", normal('D', SHAPE(3, 5)))), IN_WIDE_ROWS);
    const double zeros_too[6] = {0, 0.25, 0.75, 0.5, 0, 0.5};
    for (int in_place = 0; in_place < 2; in_place++) {
        case_is("weights 0, 1/4, 3/4 and 1/2, 0, 1/2, dS is %sdA",
                in_place ? "" : "not ");
        softmax_backward_case(shape_of(2, (int[]){2, 3}), zeros_too,
                              named("dA", normal('D', SHAPE(2, 3))),
                              in_place ? IN_PLACE : APART);
    }
    const double half[2] = {0.5, 0.5}, opposite[2] = {1, -1};
    case_is("weights 1/2, 1/2, dA = (1, -1)");
    softmax_backward_case(shape_of(2, (int[]){1, 2}), half,
                          named("dA", values(SHAPE(1, 2), opposite)), APART);
    long_row();
}
