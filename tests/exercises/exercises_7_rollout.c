/* exercises_7_rollout.c: chapter 7's exercise 7.4. See exercise.h. */
#include <math.h>
#include <stdio.h>

#include "chapters/07_pretrained_weights/model/rollout.h"
#include "tests/exercises/exercise.h"
#include "tests/exercises/exercises_7.h"

#define TOLERANCE 1e-11

enum { MOST_LAYERS = 5 };

typedef struct {
    int layers, h, n;
    const double *A[MOST_LAYERS];    /* (h, n, n) */
    const double *flat[MOST_LAYERS]; /* its memory, gaps too */
} Attention;

typedef enum {
    RIGHT,
    REVERSED,
    NO_RESIDUAL,
    NOT_DIVIDED,
    SUM_OF_HEADS,
    FIRST_HEAD,
    TRANSPOSED,
    LAST_ONLY,
    FIRST_ONLY,
    FIRST_TWICE,
    WITHOUT_FIRST,
    ONES_ADDED,
    BY_COLUMNS,
    FLAT,
    WAYS
} Way;
static const char *const way_texts[WAYS] = {
    [REVERSED] =
        "the layers in the other order: a row of the last layer's A^ says what "
        "it takes of the tokens before it, so the last layer comes first",
    [NO_RESIDUAL] = "attention alone: the residual connection, I, is missing",
    [NOT_DIVIDED] = "rows that aren't divided by their sum: it doubles at each layer",
    [SUM_OF_HEADS] = "the sum over heads, to which one I is added: it is their mean",
    [FIRST_HEAD] = "the first head alone: it is the mean of all",
    [TRANSPOSED] = "columns taken for rows: A's row i is what token i looks at",
    [LAST_ONLY] = "the last layer alone",
    [FIRST_ONLY] = "the first layer alone",
    [FIRST_TWICE] = "the first layer twice",
    [WITHOUT_FIRST] = "all layers but the first, which is A[0]",
    [ONES_ADDED] = "1 added to every element: I has it on the diagonal only",
    [BY_COLUMNS] = "columns that are divided by their sum: rows are",
    [FLAT] = "A[l].data[(g * n + i) * n + j]: A may be a view, whose rows are ld apart",
};

/* A^ of layer l, by such a way. */
static double *hat(Way way, const Attention *a, int l) {
    const int n = a->n, heads = way == FIRST_HEAD ? 1 : a->h;
    double *A = doubles((long)n * n);
    const double *of = way == FLAT ? a->flat[l] : a->A[l];
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            const long at = way == TRANSPOSED ? (long)j * n + i : (long)i * n + j;
            for (int g = 0; g < heads; g++) {
                A[i * n + j] +=
                    of[(long)g * n * n + at] / (way == SUM_OF_HEADS ? 1 : heads);
            }
            A[i * n + j] += way == ONES_ADDED              ? 1
                            : i == j && way != NO_RESIDUAL ? 1
                                                           : 0;
        }
    }
    for (int i = 0; i < n && way != NOT_DIVIDED; i++) {
        double sum = 0;
        for (int j = 0; j < n; j++) {
            sum += way == BY_COLUMNS ? A[j * n + i] : A[i * n + j];
        }
        for (int j = 0; j < n; j++) {
            A[way == BY_COLUMNS ? j * n + i : i * n + j] /= sum;
        }
    }
    return A;
}

/* The product of such matrices. */
static double *rolled(Way way, const Attention *a) {
    const int n = a->n, last = a->layers - 1;
    double *R = doubles((long)n * n);
    for (int i = 0; i < n; i++) {
        R[i * n + i] = 1;
    }
    for (int step = way == FIRST_TWICE ? -1 : 0; step <= last; step++) {
        const int l = way == REVERSED ? last - step : step < 0 ? 0 : step;
        if ((way == LAST_ONLY && l < last) || (way == FIRST_ONLY && l > 0) ||
            (way == WITHOUT_FIRST && l == 0)) {
            continue;
        }
        const double *A = hat(way, a, l);
        double *product = doubles((long)n * n);
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                for (int k = 0; k < n; k++) {
                    product[i * n + j] += A[i * n + k] * R[k * n + j];
                }
            }
        }
        R = product;
    }
    return R;
}

/* A layer's weights: rows that sum to 1, each head's its own. */
static Tensor attention(int l, int h, int n) {
    static char names[MOST_LAYERS][8];
    double *A = doubles((long)h * n * n);
    const double *x = doubles_of(normal('A' + l, SHAPE(h, n, n)));
    for (int row = 0; row < h * n; row++) {
        double sum = 0;
        for (int j = 0; j < n; j++) {
            A[row * n + j] = exp(x[row * n + j]);
            sum += A[row * n + j];
        }
        for (int j = 0; j < n; j++) {
            A[row * n + j] /= sum;
        }
    }
    snprintf(names[l], sizeof names[l], "A[%d]", l);
    return named(names[l], values(SHAPE(h, n, n), A));
}

static void rollout_case(int layers, int h, int n, bool in_wide) {
    Tensor A[MOST_LAYERS];
    Attention a = {.layers = layers, .h = h, .n = n};
    Rollout r = {unset(SHAPE(n, n)), {unset(SHAPE(n, n)), unset(SHAPE(n, n))}};
    for (int l = 0; l < layers; l++) {
        A[l] = attention(l, h, n);
        A[l] = in_wide ? wide(A[l]) : A[l];
        a.A[l] = doubles_of(A[l]);
        double *flat = doubles((long)h * n * n);
        for (long k = 0; k < (long)h * n * n; k++) {
            flat[k] = (double)A[l].data[k];
        }
        a.flat[l] = flat;
    }
    if (in_wide) {
        r = (Rollout){wide_by(r.R, 3), {wide_by(r.room[0], 5), wide(r.room[1])}};
    }
    case_is("%d layer%s, %d head%s, %d token%s", layers, layers > 1 ? "s" : "", h,
            h > 1 ? "s" : "", n, n > 1 ? "s" : "");
    rollout(A, layers, &r);
    expect("R", r.R, rolled(RIGHT, &a), TOLERANCE);
    for (int way = RIGHT + 1; way < WAYS && n <= 5; way++) {
        mistake(way_texts[way], rolled((Way)way, &a));
    }
    mistake_unwritten();
}

/* ---- what the head reads -------------------------------------------------------- */

typedef enum {
    MEAN,
    OF_COLUMNS,
    SUMMED,
    ONE_ROW,
    ALL_ROWS,
    LAST_ROWS,
    BY_DATA,
    READINGS
} Reading;
static const char *const reading_texts[READINGS] = {
    [OF_COLUMNS] = "columns: row i is what token i is made of, and the head reads "
                   "tokens",
    [SUMMED] = "a sum: of two tokens or more it is the mean",
    [ONE_ROW] = "the first row alone: the head may read two tokens, or all patches",
    [ALL_ROWS] =
        "the mean of all rows: where tokens are in front, the head reads these",
    [LAST_ROWS] = "the last rows: the tokens that the head reads come first",
    [BY_DATA] = "A.data[i * n + j]: A may be a view, whose rows are ld apart",
};

static double *read_by(Reading by, int n, int tokens, const double *A) {
    const bool all = tokens == 0 || by == ALL_ROWS;
    const int count = by == ONE_ROW ? 1 : all ? n : tokens;
    const int first = by == LAST_ROWS && !all ? n - tokens : 0;
    double *row = doubles(n);
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < n; j++) {
            row[j] += by == OF_COLUMNS ? A[j * n + first + i] : A[(first + i) * n + j];
        }
    }
    for (int j = 0; j < n && by != SUMMED; j++) {
        row[j] /= count;
    }
    return row;
}

static void rows_case(int n, int tokens, bool in_wide) {
    Tensor A = attention(0, 1, n);
    A = named("A", values(SHAPE(n, n), doubles_of(A)));
    A = in_wide ? wide(A) : A;
    const double *rows = doubles_of(A);
    double *flat = doubles((long)n * n);
    for (long k = 0; k < (long)n * n; k++) {
        flat[k] = (double)A.data[k];
    }
    Tensor row = unset(SHAPE(n));
    case_is("rollout_rows, %d token%s in front, of %d", tokens, tokens == 1 ? "" : "s",
            n);
    rollout_rows(A, tokens, row.data);
    expect("row", row, read_by(MEAN, n, tokens, rows), TOLERANCE);
    for (int by = MEAN + 1; by < READINGS; by++) {
        mistake(reading_texts[by],
                read_by((Reading)by, n, tokens, by == BY_DATA ? flat : rows));
    }
    mistake_unwritten();
}

typedef enum {
    BRIGHTEST,
    SKIPS_ONE,
    FROM_THE_FIRST,
    OF_ALL,
    BY_SUM,
    UNSCALED,
    SHARES
} Share;
static const char *const share_texts[SHARES] = {
    [SKIPS_ONE] =
        "all behind the first token: two may be in front, or none. The patches "
        "come last",
    [FROM_THE_FIRST] = "the first N elements: the patches come last",
    [OF_ALL] = "patches over the row's largest element: that may be the class token's; "
               "the brightest patch is 1",
    [BY_SUM] = "patches over their sum: the brightest is 1",
    [UNSCALED] = "the patches as they are: the brightest is 1",
};

static double *share_by(Share by, const double *row, int n, int N) {
    const int first = by == SKIPS_ONE ? 1 : by == FROM_THE_FIRST ? 0 : n - N;
    double *weights = doubles(N), max = 0, sum = 0;
    for (int j = by == OF_ALL ? 0 : first; j < (by == OF_ALL ? n : first + N); j++) {
        const double x = j < n ? row[j] : (double)NAN;
        max = fmax(max, x);
        sum += x;
    }
    for (int p = 0; p < N; p++) {
        const double x = first + p < n ? row[first + p] : (double)NAN;
        const double over = by == BY_SUM ? sum : by == UNSCALED ? 1 : max;
        weights[p] = over > 0 ? x / over : 0;
    }
    return weights;
}

static void patches_case(int n, int N, const double *given) {
    Tensor row = named("row", values(SHAPE(n), given));
    Tensor weights = unset(SHAPE(N));
    case_is("rollout_of_patches, %d of %d tokens", N, n);
    rollout_of_patches(row.data, n, weights);
    expect("weights", weights, share_by(BRIGHTEST, given, n, N), TOLERANCE);
    for (int by = BRIGHTEST + 1; by < SHARES; by++) {
        mistake(share_texts[by], share_by((Share)by, given, n, N));
    }
    bool none = true;
    for (int p = 0; p < N; p++) {
        none = none && given[n - N + p] == 0;
    }
    mistake_if("0 divided by 0: where no patch is looked at, all are 0",
               none && isnan((double)weights.data[0]));
    mistake_unwritten();
}

void rollout_grade(void) {
    hint("With two layers: which tokens does the second layer look at, and which did "
         "the "
         "first one look at for these?");
    rollout_case(3, 3, 4, false);
    rollout_case(2, 2, 5, true);
    hint("What is R when there is one layer?");
    rollout_case(1, 2, 3, false);
    rollout_case(5, 1, 2, true);
    rollout_case(4, 2, 1, false);
    hint("As many tokens as B/16 has, and more heads: is something as large as an "
         "example?");
    rollout_case(2, 12, 197, false);
    hint("Which tokens does the head read? Are they rows or columns of R?");
    rows_case(5, 1, false);
    rows_case(5, 2, true);
    rows_case(4, 0, true);
    hint("Which elements of the row are patches, with one, two or no tokens in front?");
    patches_case(5, 4, (const double[]){0.5, 0.125, 0.25, 0.0625, 0.03125});
    patches_case(5, 3, (const double[]){0.25, 0.375, 0.125, 0.1875, 0.0625});
    patches_case(3, 3, (const double[]){0.25, 0.625, 0.125});
    patches_case(3, 2, (const double[]){1, 0, 0});
}
