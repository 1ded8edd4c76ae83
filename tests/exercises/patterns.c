/* patterns.c: a wrong result that no mistake's name fits: what is seen of it, said
 * in a line that begins with "Perhaps". It is a guess: the numbers fit it, the code may
 * not. */
#include <math.h>
#include <stdio.h>

#include "tests/exercises/exercise.h"
#include "tests/exercises/grading.h"

/* The result that is wrong, seen as rows x cols; images: 1, or its first dimension. */
typedef struct {
    const double *got, *want;
    int rows, cols, images;
    long count;
    double error; /* two elements that differ by less are equal */
} Wrong;

static bool equal(const Wrong *w, double a, double b) {
    return fabs(a - b) <= w->error;
}

/* Is got = begin + factor (want - begin), with the factor that fits best? */
static bool times(const Wrong *w, double begin, double *factor) {
    double above = 0, below = 0;
    for (long i = 0; i < w->count; i++) {
        above += (w->got[i] - begin) * (w->want[i] - begin);
        below += (w->want[i] - begin) * (w->want[i] - begin);
    }
    *factor = above / below;
    for (long i = 0; i < w->count; i++) {
        if (!equal(w, w->got[i], begin + *factor * (w->want[i] - begin))) {
            return false;
        }
    }
    return w->count > 1;
}

static bool say_factor(const Wrong *w) {
    double factor;
    for (int begin = 0; begin < 2; begin++) { /* weights' gradients begin as ones */
        if (!times(w, begin, &factor)) {
            continue;
        }
        const char *what = begin ? "what was added to the ones" : "every element";
        if (fabs(factor) < 1e-9) {
            printf("Perhaps %s.\n",
                   begin ? "nothing is added: the ones are as they were"
                         : "a factor that is 0 (between integers 1 / 2 is 0), or a "
                           "tensor_fill, or a clearing too early: all are 0");
        } else if (fabs(factor + 1) < 1e-9) {
            printf("Perhaps a sign: %s is minus what it should be.\n", what);
        } else {
            printf("Perhaps a factor: %s is %.6g times what it should be.\n", what,
                   factor);
        }
        return true;
    }
    return false;
}

/* By how much the worst element is wrong, and the largest that it should be. */
static bool say_digits(double worst, double most) {
    if (worst <= 1e-13 * most) {
        printf("Perhaps the order in which something is added up, or where it is "
               "rounded: it is right to %d digits.\n",
               (int)-log10(worst / most));
    } else if (worst <= 3e-6 * most) {
        printf("Perhaps something is computed in float: an f at a number (0.5f) or a "
               "function (expf), a (float); or a constant has too few digits, or an "
               "epsilon is where none belongs. It is right to %d digits.\n",
               (int)-log10(worst / most));
    } else if (worst <= 2e-3 * most) {
        printf("Perhaps a constant, or an epsilon: it is right to %d digits.\n",
               (int)-log10(worst / most));
    } else {
        return false;
    }
    return true;
}

static bool say_float(const Wrong *w) {
    if (sizeof(real) == sizeof(float)) {
        return false; /* chapter 6: all is */
    }
    double worst = 0, most = 0;
    for (long i = 0; i < w->count; i++) {
        worst = fmax(worst, fabs(w->got[i] - w->want[i]));
        most = fmax(most, fabs(w->want[i]));
    }
    return say_digits(worst, most);
}

void say_number_pattern(void) {
    const double got = now.got_number, want = now.want_number;
    if (now.got_tolerance == 0 && fabs(got - want) == 1) {
        printf("Perhaps a count, or where it begins or ends: it is 1 %s.\n",
               got > want ? "too large" : "too small");
    } else if (isfinite(got) && isfinite(want) && want != 0 &&
               sizeof(real) != sizeof(float)) {
        (void)say_digits(fabs(got - want), fabs(want));
    }
}

static bool say_nan(const Wrong *w) {
    long nans = 0, first = -1;
    for (long i = 0; i < w->count; i++) {
        nans += isnan(w->got[i]);
        first = first < 0 && isnan(w->got[i]) ? i : first;
    }
    if (nans == 0) {
        return false;
    }
    char index[TENSOR_SHAPE_TEXT];
    printf("Perhaps it was never written, or is made of what never was, or is 0/0 or "
           "infinity less infinity: %ld of %ld elements are nan, the first at %s.\n",
           nans, w->count, tensor_index_text(now.got_tensor, first, index));
    return true;
}

/* got, or what it is too much, is an input. */
static bool say_input(const Wrong *w) {
    double *more = doubles(w->count), *less = doubles(w->count);
    for (long i = 0; i < w->count; i++) {
        more[i] = w->got[i] - w->want[i];
        less[i] = -more[i];
    }
    const char *name = input_like(w->got, w->count, w->error);
    if (name) {
        printf("Perhaps it is %s, unchanged.\n", name);
    } else if ((name = input_like(more, w->count, w->error))) {
        printf("Perhaps %s is added once too often: it is too large by just that.\n",
               name);
    } else if ((name = input_like(less, w->count, w->error))) {
        printf("Perhaps %s isn't added: just that is missing.\n", name);
    }
    return name != NULL;
}

static bool say_transposed(const Wrong *w) {
    for (int i = 0; i < w->rows; i++) {
        for (int j = 0; j < w->cols; j++) {
            if (w->rows != w->cols ||
                !equal(w, w->got[i * w->cols + j], w->want[j * w->cols + i])) {
                return false;
            }
        }
    }
    printf("Perhaps rows and columns are exchanged: it is the transpose.\n");
    return true;
}

/* Each row of got is a row of want, but not its own; the same of columns. */
static bool say_moved(const Wrong *w, bool columns) {
    const int lines = columns ? w->cols : w->rows, across = columns ? w->rows : w->cols;
    const int step = columns ? 1 : w->cols, along = columns ? w->cols : 1;
    int line = -1, from = -1;
    for (int a = 0; a < lines; a++) {
        int source = -1;
        for (int b = 0; b < lines && source < 0; b++) {
            bool same = true;
            for (int k = 0; k < across && same; k++) {
                same = equal(w, w->got[a * step + k * along],
                             w->want[b * step + k * along]);
            }
            source = same && (b == a || across > 1) ? b : -1;
        }
        if (source < 0) {
            return false;
        }
        if (source != a && line < 0) {
            line = a;
            from = source;
        }
    }
    if (line >= 0) {
        printf("Perhaps an index: %s %d has what belongs to %s %d.\n",
               columns ? "column" : "row", line, columns ? "column" : "row", from);
    }
    return line >= 0;
}

/* The only lines that are wrong: some, from the first or to the last. */
static bool say_some(const Wrong *w, const char *what, int lines, int size, int step,
                     int along) {
    int wrong = 0, first = -1, last = -1;
    for (int a = 0; a < lines; a++) {
        bool same = true;
        for (int k = 0; k < size && same; k++) {
            const long at = (long)a * step + (long)k * along;
            same = equal(w, w->got[at], w->want[at]);
        }
        wrong += !same;
        first = first < 0 && !same ? a : first;
        last = same ? last : a;
    }
    if (wrong == lines || lines < 2) {
        return false;
    }
    if (wrong == lines - 1 && first == 1 && lines > 2) {
        printf("Perhaps the first is taken for all, or a step is wrong: %s 0 is right, "
               "the others aren't. (Or does a loop go past the end of one %s?)\n",
               what, what);
    } else if (wrong == 1) {
        printf("Perhaps a loop %s: only %s %d of %d is wrong. (Or is an index, or a "
               "step?)\n",
               last == lines - 1 ? "ends too early"
               : first == 0      ? "begins too late"
                                 : "leaves one out",
               what, first, lines);
    } else if (last == lines - 1 && wrong == lines - first) {
        printf("Perhaps an index or a loop: it is right up to %s %d, wrong from %s %d "
               "on.\n",
               what, first - 1, what, first);
    } else if (10 * wrong > 9 * lines) {
        return false; /* of 300, one that is right is so by chance */
    } else {
        printf("Perhaps a condition, or an index: %d of %d are wrong, the first is %s "
               "%d.\n",
               wrong, lines, what, first);
    }
    return true;
}

/* Is the quotient, or the difference, the same along each row, or down each column? */
static bool steady(const Wrong *w, bool quotient, bool down) {
    const int lines = down ? w->cols : w->rows, size = down ? w->rows : w->cols;
    const int step = down ? 1 : w->cols, along = down ? w->cols : 1;
    for (int a = 0; a < lines; a++) {
        double by = 0, most = 0;
        for (int k = 0; k < size; k++) { /* by the largest of the line */
            const long at = (long)a * step + (long)k * along;
            if (fabs(w->want[at]) >= most) {
                most = fabs(w->want[at]);
                by = quotient ? w->got[at] / w->want[at] : w->got[at] - w->want[at];
            }
        }
        for (int k = 0; k < size; k++) {
            const long at = (long)a * step + (long)k * along;
            if (!equal(w, w->got[at], quotient ? w->want[at] * by : w->want[at] + by)) {
                return false;
            }
        }
    }
    return size > 1 && w->rows > 1;
}

static bool say_steady(const Wrong *w) {
    if (steady(w, true, false)) {
        printf("Perhaps a sum or a divisor of the row: each row is wrong by one factor "
               "of its own.\n");
    } else if (steady(w, false, true)) {
        printf("Perhaps a bias, once too often, left out, or another's: every row is "
               "wrong by the same.\n");
    } else if (steady(w, false, false)) {
        printf(
            "Perhaps a sum or a mean of the row: each row is too large, or too small, "
            "by one number of its own.\n");
    } else if (steady(w, true, true)) {
        printf("Perhaps a factor of the column, such as gamma: each column is wrong by "
               "one of its own.\n");
    } else {
        return false;
    }
    return true;
}

void say_pattern(void) {
    const Tensor T = now.got_tensor;
    Wrong w = {.got = doubles_of(T),
               .want = now.got_want,
               .rows = tensor_rows(T),
               .cols = tensor_cols(T),
               .images = T.ndim > 2 ? T.shape[0] : 1,
               .count = tensor_count(T)};
    double most = 1e-2;
    for (long i = 0; i < w.count; i++) {
        most = isfinite(w.want[i]) ? fmax(most, fabs(w.want[i])) : most;
    }
    w.error = fmax(now.got_tolerance, 1e-12) * most;
    const int per_image = w.rows / w.images;
    if (say_nan(&w) || say_float(&w) || say_factor(&w) || say_input(&w) ||
        say_transposed(&w) || say_moved(&w, false) || say_moved(&w, true) ||
        (w.images > 1 &&
         say_some(&w, "image", w.images, per_image * w.cols, per_image * w.cols, 1)) ||
        say_some(&w, "row", w.rows, w.cols, w.cols, 1) ||
        say_some(&w, "column", w.cols, w.rows, 1, w.cols)) {
        return;
    }
    (void)say_steady(&w);
}
