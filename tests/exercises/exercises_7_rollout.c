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
    Rollout r = {unset(SHAPE(n, n)), unset(SHAPE(n, n)), unset(SHAPE(n, n))};
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
        r = (Rollout){wide_by(r.R, 3), wide_by(r.A_hat, 5), wide(r.product)};
    }
    case_is("%d layer%s, %d head%s, %d token%s", layers, layers > 1 ? "s" : "", h,
            h > 1 ? "s" : "", n, n > 1 ? "s" : "");
    rollout(A, layers, &r);
    expect("R", r.R, rolled(RIGHT, &a), TOLERANCE);
    for (int way = RIGHT + 1; way < WAYS; way++) {
        mistake(way_texts[way], rolled((Way)way, &a));
    }
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
}
