/* exercises_7_grids.c: chapter 7's exercises 7.2, a grid of positions, and 7.3, one
 * axis of a resize. See exercise.h. */
#include <math.h>

#include "chapters/07_pretrained_weights/fine_tuning/interpolate.h"
#include "common/images/resize.h"
#include "tests/exercises/exercise.h"
#include "tests/exercises/exercises_7.h"

#define TOLERANCE 1e-11

/* ---- 7.2 ------------------------------------------------------------------------- */

/* Where a new row is on the old axis. */
typedef enum {
    BORDERS_MEET,
    CORNERS_MEET,
    EDGES_OF_PIXELS,
    NEVER_THE_LAST,
    WHOLE_STEPS
} Place;

static double place_of(Place place, int in, int out, int i) {
    switch (place) {
    case CORNERS_MEET: return out > 1 ? i * (in - 1.0) / (out - 1) : 0;
    case EDGES_OF_PIXELS: return (double)i * in / out;
    case WHOLE_STEPS: return out > 1 ? i * (in - 1) / (out - 1) : 0;
    case NEVER_THE_LAST: return i * (in - 1.0) / out;
    default: return (i + 0.5) * in / out - 0.5;
    }
}

/* W (out, in): how much old row j is in new row i: a hat, 1 - distance, around a place
 * of the old axis. */
static double *hats(int in, int out, Place place) {
    double *W = doubles((long)out * in);
    for (int i = 0; i < out; i++) {
        const double at = fmin(fmax(place_of(place, in, out, i), 0), in - 1);
        for (int j = 0; j < in; j++) {
            W[i * in + j] = fmax(0, 1 - fabs(at - j));
        }
    }
    return W;
}

/* The first old row that has a weight: where the two neighbours begin, which both are
 * within the grid (but `beyond`). */
static int first_of(const double *W, int in, bool beyond) {
    int j = 0;
    while (j < in - 1 && W[j] == 0) {
        j++;
    }
    return j < in - 1 || in == 1 || beyond ? j : in - 2;
}

/* What may be wrong. */
typedef enum {
    RIGHT,
    FROM_ROW_0,
    TO_ROW_0,
    NEW_WIDTH,
    BY_DOWN,
    EXCHANGED,
    WITHOUT_FIRST,
    ADDED,
    ROWS_ONLY,
    ONE_TOKEN,
    READ_FLAT,
    ROWS_AS_COLUMNS,
    COLUMNS_AS_ROWS,
    BEYOND_THE_LAST,
    BY_BORDERS,
    BY_EDGES,
    BY_TOO_SMALL_STEPS,
    BY_WHOLE_STEPS,
    FARTHER_IS_MORE,
    SLIPS
} Slip;
static const char *const slip_texts[SLIPS] = {
    [FROM_ROW_0] =
        "patches read from row 0 on: tokens without a place come before them",
    [TO_ROW_0] =
        "patches written from row 0 on: tokens without a place come before them",
    [NEW_WIDTH] =
        "old patches counted in rows of another length: a row of the old grid has "
        "as many as the old grid is across",
    [BY_DOWN] =
        "a patch divided by the number of rows: a row ends after `across` patches",
    [EXCHANGED] = "rows and columns exchanged: patches are in reading order, so a "
                  "patch's row is counted in whole rows before it",
    [WITHOUT_FIRST] =
        "weights that are counted from the old grid's first row or column: "
        "they begin at `first`",
    [ADDED] = "weights of rows and columns added: a patch's share is their product",
    [ROWS_ONLY] =
        "one axis alone: each new patch has neighbours in rows and in columns (or is a "
        "step 0, because a division of whole numbers was rounded down?)",
    [ONE_TOKEN] = "one token before the patches: there may be none, or two",
    [READ_FLAT] = "from.data[row * D + d]: from may be a view, whose rows are ld apart",
    [ROWS_AS_COLUMNS] = "weights of rows that are made for columns: `down` old rows "
                        "become `down` new ones",
    [COLUMNS_AS_ROWS] = "weights of columns that are made for rows: `across` old "
                        "columns become `across` new ones",
    [BEYOND_THE_LAST] = "a neighbour behind the last row: the last new row is the last "
                        "old one, whose neighbour is the one before it",
    [BY_BORDERS] = "corners as bilinear has them, where the borders meet: here the "
                   "first new centre is on the first old one, the last on the last",
    [BY_EDGES] =
        "steps of in / out: the first and the last new centre are on old ones, "
        "so from the first to the last there is one step less than points",
    [BY_TOO_SMALL_STEPS] = "steps of (in - 1) / out: of `out` points there are out - 1 "
                           "steps from the first to the last",
    [BY_WHOLE_STEPS] = "a division of whole numbers, which is rounded down: a new "
                       "centre is between two old ones",
    [FARTHER_IS_MORE] = "the two weights exchanged: the nearer neighbour weighs more",
};

typedef struct {
    int t, D;
    PatchGrid old, new;
    bool corners;
    int n_v, n_h;              /* old.down and old.across */
    const double *v, *h;       /* (new.down, n_v), (new.across, n_h) */
    const double *from, *flat; /* flat: from's memory, gaps too */
} Grids;

/* W (out, in), but each of the two neighbours has the other's weight. */
static const double *exchanged(int in, int out, const double *W) {
    double *other = doubles((long)out * in);
    for (int i = 0; i < out; i++) {
        const int j = first_of(W + (long)i * in, in, false), k = in > 1 ? j + 1 : j;
        other[i * in + j] = in > 1 ? W[i * in + k] : 0;
        other[i * in + k] = W[i * in + j];
    }
    return other;
}

/* The weights of both axes with such a slip; false: there is none here. */
static bool other_weights(Slip slip, Grids *g) {
    const PatchGrid old = g->old, new = g->new;
    if (slip == FARTHER_IS_MORE) {
        g->v = exchanged(old.down, new.down, g->v);
        g->h = exchanged(old.across, new.across, g->h);
        return g->corners;
    }
    if (slip >= BY_BORDERS) {
        static const Place places[] = {BORDERS_MEET, EDGES_OF_PIXELS, NEVER_THE_LAST,
                                       WHOLE_STEPS};
        g->v = hats(old.down, new.down, places[slip - BY_BORDERS]);
        g->h = hats(old.across, new.across, places[slip - BY_BORDERS]);
        return g->corners;
    }
    const Place place = g->corners ? CORNERS_MEET : BORDERS_MEET;
    if (slip == ROWS_AS_COLUMNS) {
        g->n_v = old.across;
        g->v = hats(old.across, new.across, place);
        return new.across >= new.down;
    }
    g->n_h = old.down;
    g->h = hats(old.down, new.down, place);
    return new.down >= new.across;
}

/* T's memory as it would be if its rows had no gaps. */
static double *flat_of(Tensor T) {
    double *flat = doubles(tensor_count(T));
    for (long k = 0; k < tensor_count(T); k++) {
        flat[k] = (double)T.data[k];
    }
    return flat;
}

/* What is in T's rows if T.data[row * D + d] was written. */
static double *by_data(Tensor T, const double *want) {
    const int D = tensor_cols(T);
    double *rows = doubles(tensor_count(T));
    for (long k = 0; k < tensor_count(T); k++) {
        const long at = k / D * T.ld + k % D;
        rows[k] = at < tensor_count(T) ? want[at] : (double)NAN;
    }
    return rows;
}

/* Element d of the new patch (y, x), with such a slip; NaN: it would be read from
 * outside. */
static double patch_by(Slip slip, const Grids *g, int y, int x, int d) {
    const int t = slip == FROM_ROW_0 ? 0 : slip == ONE_TOKEN ? 1 : g->t;
    const int width = slip == NEW_WIDTH ? g->new.across : g->old.across;
    const double *v = g->v + (long)y * g->n_v, *h = g->h + (long)x * g->n_h;
    const bool beyond = slip == BEYOND_THE_LAST && g->corners;
    const int first_v = first_of(v, g->n_v, beyond && g->n_v > 1);
    const int first_h = first_of(h, g->n_h, beyond && g->n_h > 1);
    double sum = 0;
    for (int j = 0; j < g->n_v + beyond; j++) {
        for (int i = 0; i < g->n_h + beyond; i++) {
            const bool near =
                (unsigned)(j - first_v) < 2 && (unsigned)(i - first_h) < 2;
            const bool inside = j < g->n_v && i < g->n_h;
            const double w = slip == ADDED       ? near * (v[j] + h[i])
                             : slip == ROWS_ONLY ? v[j] * (i == first_h)
                             : inside            ? v[j] * h[i]
                                                 : 0;
            const int row = slip == WITHOUT_FIRST ? j - first_v : j;
            const int column = slip == WITHOUT_FIRST ? i - first_h : i;
            const int at = t + row * width + column;
            if (w != 0 || near) { /* what is outside is NaN, also times 0 */
                sum += at < g->t + g->old.down * g->old.across
                           ? w * (slip == READ_FLAT ? g->flat
                                                    : g->from)[(long)at * g->D + d]
                           : (double)NAN;
            }
        }
    }
    return sum;
}

static double *grid_by(Slip slip, const Grids *g) {
    const int N = g->new.down * g->new.across, D = g->D;
    double *to = doubles((long)(g->t + N) * D);
    for (long k = 0; k < (long)(g->t + N) * D; k++) {
        to[k] = k < (long)g->t * D ? g->from[k] : (double)NAN;
    }
    for (int p = 0; p < N; p++) {
        int y = p / g->new.across, x = p % g->new.across;
        if (slip == BY_DOWN) {
            y = p / g->new.down;
        } else if (slip == EXCHANGED) {
            y = p % g->new.across, x = p / g->new.across;
        }
        const bool inside = y < g->new.down &&x < g->new.across;
        const int row = slip == TO_ROW_0 ? p : slip == ONE_TOKEN ? p + 1 : p + g->t;
        for (int d = 0; row < g->t + N && d < D; d++) {
            to[(long)row * D + d] = inside ? patch_by(slip, g, y, x, d) : (double)NAN;
        }
    }
    return to;
}

static bool all_nan(Tensor to, int from_row) {
    for (int row = from_row; row < tensor_rows(to); row++) {
        if (!isnan((double)tensor_row(to, row)[0])) {
            return false;
        }
    }
    return true;
}

static void grids_of(int D, int t, PatchGrid old, PatchGrid new, Interpolation kind) {
    static const char *const kinds[] = {"bicubic", "bilinear", "corners"};
    Error error;
    Tensor from = normal('f', SHAPE(1, t + old.down * old.across, D));
    from = wide_by(named("from", from), 5);
    Tensor to = wide(unset(SHAPE(1, t + new.down *new.across, D)));
    const Place place = kind == INTERPOLATE_CORNERS ? CORNERS_MEET : BORDERS_MEET;
    const Grids g = {.t = t,
                     .D = D,
                     .old = old,
                     .new = new,
                     .corners = kind == INTERPOLATE_CORNERS,
                     .n_v = old.down,
                     .n_h = old.across,
                     .v = hats(old.down, new.down, place),
                     .h = hats(old.across, new.across, place),
                     .from = doubles_of(from),
                     .flat = flat_of(from)};
    case_is("%dx%d patches to %dx%d, %s, %d token%s before them", old.down, old.across,
            new.down, new.across, kinds[kind], t, t == 1 ? "" : "s");
    if (!positions_interpolate(from, old, to, new, kind, &error)) {
        expect_true(false, "no memory: %s", error.text);
    }
    expect("to", to, grid_by(RIGHT, &g), TOLERANCE);
    mistake_if(
        "nan in every patch: one old row has no neighbour, and from one new row "
        "there is no step to the next (0 / 0 is nan)",
        g.corners && no_name_yet() && all_nan(to, t) &&
            (old.down == 1 || old.across == 1 || new.down == 1 || new.across == 1));
    for (int slip = RIGHT + 1; slip < SLIPS; slip++) {
        Grids other = g;
        if (slip < ROWS_AS_COLUMNS || slip == BEYOND_THE_LAST ||
            other_weights((Slip)slip, &other)) {
            mistake(slip_texts[slip], grid_by((Slip)slip, &other));
        }
    }
    mistake("to.data[row * D + d]: `to` may be a view, whose rows are ld apart",
            by_data(to, grid_by(RIGHT, &g)));
    mistake_unwritten();
}

static void grids_case(int t, PatchGrid old, PatchGrid new, Interpolation kind) {
    grids_of(3, t, old, new, kind);
}

void interpolate_grade(void) {
    const PatchGrid one = {1, 1}, row = {1, 4}, longer = {1, 7}, column = {3, 1},
                    small = {3, 3}, flat = {2, 3}, wider = {3, 5}, tall = {5, 2},
                    narrow = {3, 2}, two_rows = {2, 6}, as_many = {3, 4};
    hint("Draw both grids, the corners' centres on each other, and number their "
         "patches. "
         "Between which old ones is the first wrong element's patch?");
    grids_case(1, narrow, small, INTERPOLATE_CORNERS);
    hint("How many patches has a row of each grid? Which of the two counts here?");
    grids_case(1, wider, small, INTERPOLATE_CORNERS);
    grids_case(1, flat, tall, INTERPOLATE_BILINEAR);
    grids_case(1, flat, wider, INTERPOLATE_CORNERS);
    hint("How many tokens come before the patches? Who tells you?");
    grids_case(2, flat, tall, INTERPOLATE_BILINEAR);
    grids_case(0, tall, wider, INTERPOLATE_CORNERS);
    hint(
        "How many old rows can a new one have neighbours in, where there is only one?");
    grids_case(1, row, longer, INTERPOLATE_CORNERS);
    grids_case(1, one, wider, INTERPOLATE_CORNERS);
    grids_case(2, column, flat, INTERPOLATE_BILINEAR);
    grids_case(1, small, small, INTERPOLATE_BILINEAR);
    hint("With one new row there is no step from the first to the last: see "
         "interpolate.h.");
    grids_case(1, wider, row, INTERPOLATE_CORNERS);
    grids_case(0, small, one, INTERPOLATE_CORNERS);
    hint("As many patches as before, but in other rows: each has new neighbours.");
    grids_of(40, 1, two_rows, as_many, INTERPOLATE_CORNERS);
}

/* ---- 7.3 ------------------------------------------------------------------------- */

typedef enum {
    FILTERED,
    NARROW,
    SHARPENED,
    NEAR_ONLY,
    NO_HALF,
    NO_HALVES,
    LEFT_EDGE,
    NO_CROP,
    UNSCALED,
    BY_STRETCH,
    BORDER_AGAIN,
    KEPT_ONLY,
    NO_NEGATIVE,
    FILTERINGS
} Filtering;
static const char *const filtering_texts[FILTERINGS] = {
    [NARROW] = "a filter that keeps its width when the picture shrinks: pixels between "
               "two centres are skipped",
    [SHARPENED] = "a filter that becomes narrower when the picture grows: it never is "
                  "narrower than its own width",
    [NEAR_ONLY] = "a wide filter of which only the middle is used: it reaches further, "
                  "too",
    [NO_HALF] =
        "a centre at from + i s, where output pixel i begins: its middle is half "
        "a pixel further",
    [NO_HALVES] =
        "pixels seen as points at their left edges: all of them, old and new, "
        "have their middle half a pixel further",
    [LEFT_EDGE] = "a distance to the left edge of an input pixel: its middle counts",
    [NO_CROP] =
        "output pixels counted from the picture's beginning: they begin at `from`",
    [UNSCALED] = "weights that don't sum to 1",
    [BY_STRETCH] =
        "weights over the stretch: at the border, where some are cut off, they "
        "don't sum to 1",
    [BORDER_AGAIN] = "the border's pixel counted for those beyond it: there is nothing",
    [KEPT_ONLY] = "only the pixels in [from, to): the filter may reach others of the "
                  "picture",
    [NO_NEGATIVE] = "a filter without what is below 0: bicubic has it",
};

typedef struct {
    int in, out;
    double from, to;
    ResizeFilter filter;
} AxisCase;

/* The filters, as pieces. */
static double filter_of(ResizeFilter filter, double t) {
    t = fabs(t);
    if (filter == RESIZE_BILINEAR) {
        return fmax(0, 1 - t);
    }
    return t < 1   ? 1 - 2.5 * t * t + 1.5 * t * t * t
           : t < 2 ? 2 - 4 * t + 2.5 * t * t - 0.5 * t * t * t
                   : 0;
}

/* W (out, in) by such a filter. */
static double *filtered(Filtering by, const AxisCase *c) {
    const double s = (c->to - c->from) / c->out;
    const double z = by == NARROW ? 1 : by == SHARPENED ? s : fmax(s, 1);
    const double half_in = by == LEFT_EDGE || by == NO_HALVES ? 0 : 0.5;
    const double half_out = by == NO_HALF || by == NO_HALVES ? 0 : 0.5;
    const double radius = c->filter == RESIZE_BICUBIC ? 2 : 1;
    double *W = doubles((long)c->out * c->in);
    for (int i = 0; i < c->out; i++) {
        const double centre = (by == NO_CROP ? 0 : c->from) + (i + half_out) * s;
        double *row = W + (long)i * c->in, sum = 0;
        for (int j = -4 * c->in; j < 5 * c->in; j++) {
            const double t = j + half_in - centre;
            double w = filter_of(c->filter, t / z);
            w = by == NEAR_ONLY && fabs(t) >= radius ? 0 : w;
            w = by == KEPT_ONLY && (j < floor(c->from) || j >= ceil(c->to)) ? 0 : w;
            w = by == NO_NEGATIVE ? fmax(0, w) : w;
            if (by == BORDER_AGAIN) {
                row[j < 0 ? 0 : j >= c->in ? c->in - 1 : j] += w;
                sum += w;
            } else if (j >= 0 && j < c->in) {
                row[j] = w;
                sum += w;
            }
        }
        for (int j = 0; j < c->in && by != UNSCALED; j++) {
            row[j] /= by == BY_STRETCH ? z : sum;
        }
    }
    return W;
}

/* One output pixel's weights, into its row. */
static void expect_window(const AxisCase *c, int i, const ResizeWeights *w, real *row) {
    const double s = (c->to - c->from) / c->out;
    expect_true(w->count >= 1, "output pixel %d is made of %d input pixels", i,
                w->count);
    mistake_if(filtering_texts[SHARPENED], s < 1);
    expect_true(w->first >= 0 && w->count <= c->in && w->first <= c->in - w->count,
                "output pixel %d is made of %d input pixels from %d on, of %d", i,
                w->count, w->first, c->in);
    mistake_if("pixels beyond the border: there are none; first and count end there",
               true);
    for (int k = 0; k < w->count; k++) {
        row[w->first + k] = (real)w->weight[k];
    }
}

static void axis_case(const AxisCase *c) {
    case_is("%d pixels, of which [%g, %g) become %d, %s", c->in, c->from, c->to, c->out,
            c->filter == RESIZE_BICUBIC ? "bicubic" : "bilinear");
    const ResizeWeights *w =
        resize_axis(c->in, c->from, c->to, c->out, c->filter, true);
    Tensor W = zeros(SHAPE(c->out, c->in));
    for (int i = 0; i < c->out; i++) {
        expect_window(c, i, &w[i], tensor_row(W, i));
    }
    expect("W (output pixel, input pixel)", W, filtered(FILTERED, c), TOLERANCE);
    for (int by = FILTERED + 1; by < FILTERINGS; by++) {
        mistake(filtering_texts[by], filtered((Filtering)by, c));
    }
}

void axis_grade(void) {
    static const AxisCase cases[] = {
        {24, 5, 0, 24, RESIZE_BILINEAR},    {4, 2, 0, 4, RESIZE_BILINEAR},
        {31, 9, 0, 31, RESIZE_BICUBIC},     {3, 8, 0, 3, RESIZE_BILINEAR},
        {5, 12, 0, 5, RESIZE_BICUBIC},      {5, 5, 0, 5, RESIZE_BICUBIC},
        {9, 1, 0, 9, RESIZE_BILINEAR},      {1, 3, 0, 1, RESIZE_BICUBIC},
        {2, 1, 0, 2, RESIZE_BICUBIC},       {12, 4, 1.5, 9.25, RESIZE_BILINEAR},
        {12, 9, 2.25, 6.5, RESIZE_BICUBIC}, {200, 3, 0, 200, RESIZE_BICUBIC},
    };
    hint(
        "Where is the middle of output pixel 0, measured in input pixels? How far from "
        "there do input pixels still count?");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (i == 3) {
            hint("Here the picture grows: an output pixel covers less than one input "
                 "pixel.");
        } else if (i == 6) {
            hint("What is left of the filter where the picture ends?");
        } else if (i == 9) {
            hint("Only [from, to) is kept; but a pixel outside of it can be near.");
        } else if (i == 11) {
            hint("Here an output pixel is made of more than a hundred.");
        }
        axis_case(&cases[i]);
    }
}
