/* exercises_7.c: other people's weights, graded; chapter 7's list. See exercise.h. */
#include "tests/exercises/exercises_7.h"

#include <math.h>

#include "chapters/07_pretrained_weights/weights/transform.h"
#include "tests/exercises/exercise.h"

const int chapter_number = 7;
const char chapter_title[] = "the papers' own weights, your own pictures";

#define TOLERANCE 1e-14 /* nothing is computed */

/* ---- 7.1 ------------------------------------------------------------------------- */

static const char *const part_names[] = {"WHOLE", "the queries'", "the keys'",
                                         "the values'"};

/* Where this part of T, of which `rows` are a third, is. */
static void expect_part(Tensor T, Part part, int rows, const char *of) {
    char begins[80], apart[80];
    const int before = (int)part - QUERY;
    const Tensor view = transform_part(T, part);
    snprintf(begins, sizeof begins, "%s part of %s begins at element %s",
             part_names[part], of, "(counted from its first), which");
    snprintf(apart, sizeof apart, "%s part of %s: ld", part_names[part], of);
    char shape[TENSOR_SHAPE_TEXT];
    const bool fits = view.ndim == T.ndim && view.shape[0] == rows &&
                      tensor_cols(view) == tensor_cols(T) / (T.ndim == 1 ? 3 : 1);
    expect_true(fits, "%s part of %s has shape %s", part_names[part], of,
                tensor_shape_text(view, shape));
    mistake_if("all of it: a part is a third", tensor_count(view) == tensor_count(T));
    mistake_if("a third of the columns: a layer's matrix is (out, in), and what the "
               "three layers make is side by side",
               T.ndim == 2 && view.shape[0] == 3 * rows);
    mistake_if("a bias seen as a matrix: b_qkv has one dimension, and so has its part",
               T.ndim == 1 && view.ndim == 2);
    expect_number(begins, (double)(view.data - T.data),
                  T.ndim == 1 ? before * rows : (double)before * rows * T.ld, 0);
    mistake_number("the first element of the first part: each has a place of its own",
                   part == QUERY ? -1 : 0);
    mistake_number("an element's number for a row's: a row is ld elements further",
                   T.ndim == 1 ? -1 : before * rows);
    mistake_number("rows of D elements: W_qkv may be a view, whose rows are ld apart",
                   T.ndim == 1 ? -1 : (double)before * rows * tensor_cols(T));
    const double row = T.ndim == 1 ? rows : (double)rows * T.ld;
    mistake_number("another's part: queries, keys, values is the order [ViT eq.5]",
                   (before + 1) % 3 * row);
    mistake_number("another's part: queries, keys, values is the order [ViT eq.5]",
                   (before + 2) % 3 * row);
    if (T.ndim == 2) {
        expect_number(apart, view.ld, T.ld, 0);
        mistake_number("a view that forgets how far W_qkv's rows are apart",
                       tensor_cols(T));
    }
}

static void parts_case(int h, int d_h, int D, int gap) {
    const int rows = h * d_h;
    Tensor W_qkv = wide_by(normal('W', SHAPE(3 * rows, D)), gap);
    Tensor b_qkv = normal('b', SHAPE(3 * rows));
    case_is("W_qkv %dx%d, rows %d elements apart", 3 * rows, D, W_qkv.ld);
    for (int part = QUERY; part <= VALUE; part++) {
        expect_part(W_qkv, (Part)part, rows, "W_qkv");
        expect_part(b_qkv, (Part)part, rows, "b_qkv");
    }
}

/* The shape of ours that their array becomes. */
static void joined_shape_case(bool in, int n0, int n1, int n2) {
    const Array array = {.name = "kernel",
                         .ndim = 3,
                         .shape = {n0, n1, n2},
                         .count = (long)n0 * n1 * n2};
    const int heads = in ? n1 * n2 : n0 * n1, D = in ? n0 : n2; /* h D_h, and D */
    const int out_dim = in ? heads : D, in_dim = in ? D : heads;
    Tensor T;
    char shape[TENSOR_SHAPE_TEXT];
    case_is("%s: their array is %dx%dx%d", in ? "HEADS_IN" : "HEADS_OUT", n0, n1, n2);
    transform_shape(in ? HEADS_IN : HEADS_OUT, &array, &T);
    const bool matrix = T.ndim == 2;
    const int rows = matrix ? T.shape[0] : 0, columns = matrix ? T.shape[1] : 0;
    expect_true(rows == out_dim && columns == in_dim, "transform_shape says %s",
                tensor_shape_text(T, shape));
    mistake_if("a tensor of three dimensions: ours is a matrix", T.ndim == 3);
    mistake_if("(in, out), as theirs: a dense layer of ours is (out, in)",
               rows == in_dim && columns == out_dim);
    mistake_if("the wrong two of three dimensions as one: heads and their elements "
               "become one, D stays",
               matrix && rows != D && columns != D && rows * columns == n0 * n1 * n2);
}

/* An element of theirs that is taken, and where it is put. in: of (D, h, D_h). */
typedef enum { RIGHT, COPIED, INTERLEAVED, APART, LAST_FIRST, FIRST_HEAD, WAYS } Way;
static const char *const way_texts[WAYS] = {
    [COPIED] =
        "their elements in their order: a dense layer of theirs is (in, out), of "
        "ours (out, in)",
    [INTERLEAVED] = "heads that take turns: head g's elements are side by side, "
                    "g D_h + j",
    [APART] =
        "an array read as if its first two indices were exchanged: the last index "
        "is the fastest, then the one before it",
    [LAST_FIRST] = "an array read as if its last two indices were exchanged: the last "
                   "index is the fastest",
    [FIRST_HEAD] = "the first head's elements for every head",
};

/* a's element [i][g][j], HEADS_IN, or [g][j][i], HEADS_OUT, by such a way. */
static long their_place(Way way, bool in, const int n[3], int i, int g, int j) {
    const int h = in ? n[1] : n[0], d_h = in ? n[2] : n[1], D = in ? n[0] : n[2];
    g = way == FIRST_HEAD ? 0 : g;
    if (in) {
        return way == APART        ? ((long)g * D + i) * d_h + j
               : way == LAST_FIRST ? ((long)i * d_h + j) * h + g
                                   : ((long)i * h + g) * d_h + j;
    }
    return way == APART        ? ((long)j * h + g) * D + i
           : way == LAST_FIRST ? ((long)g * D + i) * d_h + j
                               : ((long)g * d_h + j) * D + i;
}

/* T (h D_h, D) or (D, h D_h), row by row */
static double *joined(Way way, bool in, const int n[3], const double *a) {
    const int h = in ? n[1] : n[0], d_h = in ? n[2] : n[1], D = in ? n[0] : n[2];
    double *T = doubles((long)h * d_h * D);
    for (int i = 0; i < D; i++) {
        for (int k = 0; k < h * d_h; k++) {
            const int at = way == INTERLEAVED ? k % d_h * h + k / d_h : k;
            const double element = a[their_place(way, in, n, i, k / d_h, k % d_h)];
            T[in ? (long)at * D + i : (long)i * h * d_h + at] = element;
        }
    }
    for (long k = 0; way == COPIED && k < (long)h * d_h * D; k++) {
        T[k] = a[k];
    }
    return T;
}

/* What is in T's rows if T.data[o * columns + i] was written. */
static double *by_data(Tensor T, const double *want) {
    const int columns = tensor_cols(T);
    double *rows = doubles(tensor_count(T));
    for (long k = 0; k < tensor_count(T); k++) {
        const long at = k / columns * T.ld + k % columns;
        rows[k] = at < tensor_count(T) ? want[at] : (double)NAN;
    }
    return rows;
}

static void joined_case(bool in, int n0, int n1, int n2, int gap) {
    const int n[3] = {n0, n1, n2};
    const Array array = {.name = "kernel",
                         .ndim = 3,
                         .shape = {n0, n1, n2},
                         .count = (long)n0 * n1 * n2};
    Tensor kernel = named("their array", normal('k', SHAPE(n0 * n1 * n2)));
    Tensor T = unset(in ? SHAPE(n1 * n2, n0) : SHAPE(n2, n0 * n1));
    T = gap > 0 ? wide_by(T, gap) : T;
    const double *a = doubles_of(kernel);
    case_is("%s: their array is %dx%dx%d", in ? "HEADS_IN" : "HEADS_OUT", n0, n1, n2);
    transform(in ? HEADS_IN : HEADS_OUT, &array, kernel.data, T);
    expect("ours", T, joined(RIGHT, in, n, a), TOLERANCE);
    for (int way = RIGHT + 1; way < WAYS; way++) {
        mistake(way_texts[way], joined((Way)way, in, n, a));
    }
    mistake("T.data[o * columns + i]: T may be a view, whose rows are ld apart",
            by_data(T, joined(RIGHT, in, n, a)));
    mistake_unwritten();
}

/* One layer's three arrays, into one matrix. */
static void layer_case(int h, int d_h) {
    const int D = h * d_h, n[3] = {D, h, d_h};
    const Array array = {
        .name = "kernel", .ndim = 3, .shape = {D, h, d_h}, .count = (long)D * D};
    Tensor W_qkv = wide_by(unset(SHAPE(3 * D, D)), 5);
    double *want = doubles(3L * D * D);
    case_is("query, key and value of %d heads of %d, into W_qkv", h, d_h);
    for (int part = QUERY; part <= VALUE; part++) {
        Tensor kernel = normal("qkv"[part - QUERY], SHAPE(D * D));
        const double *third = joined(RIGHT, true, n, doubles_of(kernel));
        for (long k = 0; k < (long)D * D; k++) {
            want[(long)(part - QUERY) * D * D + k] = third[k];
        }
        transform(HEADS_IN, &array, kernel.data, transform_part(W_qkv, (Part)part));
    }
    expect("W_qkv", W_qkv, want, TOLERANCE);
    mistake_unwritten();
}

static void weights_grade(void) {
    hint("Which rows of W_qkv does a token meet to become a query, and how far apart "
         "are "
         "they in memory?");
    parts_case(2, 3, 6, 5);
    parts_case(3, 2, 5, 2);
    parts_case(1, 1, 1, 3);
    hint("How many elements go into their layer, and how many come out of it? Which of "
         "the two are rows of ours?");
    joined_shape_case(true, 5, 3, 2);
    joined_shape_case(true, 7, 1, 3);
    joined_shape_case(false, 3, 2, 5);
    joined_shape_case(false, 4, 2, 3);
    hint("Write down the sum that their layer computes for one element of the result, "
         "and below it the sum that yours computes: which element meets which?");
    joined_case(true, 6, 2, 3, 0);
    joined_case(true, 5, 3, 2, 4);
    joined_case(true, 4, 1, 7, 2);
    joined_case(true, 1, 3, 4, 3);
    joined_case(true, 9, 5, 1, 2);
    hint("What goes into the output projection, and in which order is it there?");
    joined_case(false, 2, 3, 6, 0);
    joined_case(false, 3, 2, 5, 4);
    joined_case(false, 1, 7, 4, 2);
    joined_case(false, 3, 4, 1, 3);
    joined_case(false, 5, 1, 9, 2);
    layer_case(3, 4);
}

/* ---- 7.5 ------------------------------------------------------------------------- */

static void predict(void) {
    hint("Write xhat once with each epsilon, and divide.");
    ask('a',
        "A token's variance is 4e-6, and the model was trained with epsilon 1e-6. By "
        "which factor is xhat multiplied if it is read with PyTorch's default, 1e-5? "
        "(To "
        "3 digits.)",
        sqrt(5.0 / 14), 3e-3);
    mistake_number("the variances' ratio: xhat is divided by a root", 5.0 / 14);
    mistake_number("the other way round: a larger epsilon makes xhat smaller",
                   sqrt(14.0 / 5));
    mistake_number("the epsilons' ratio: the variance is in both sums", sqrt(0.1));
    mistake_number("1e-5 compared with no epsilon", sqrt(4.0 / 14));
    hint("Two straight lines of the grey level cross once.");
    ask('b',
        "A model wants mean 0.5, deviation 0.5, and gets ImageNet's red: mean 0.485, "
        "deviation 0.229. At which grey level from 0 to 255 does it notice nothing? "
        "(To "
        "3 digits.)",
        255 * (0.485 * 0.5 - 0.5 * 0.229) / (0.5 - 0.229), 3e-3);
    mistake_number("where the wrong recipe gives 0: the right one doesn't there",
                   255 * 0.485);
    mistake_number("where the right recipe gives 0: the wrong one doesn't there",
                   127.5);
    mistake_number("the share of white, from 0 to 1", (0.2425 - 0.1145) / 0.271);
    hint("How many rows and how many columns does an output pixel look at? Do two "
         "output pixels share one?");
    ask('c',
        "A photo of 640x640 becomes 224x224, bilinear, without antialiasing. Which "
        "share "
        "of its pixels could be changed without anybody noticing? (From 0 to 1, to 2 "
        "digits.)",
        1 - 0.7 * 0.7, 1e-2);
    mistake_number("the share that is looked at", 0.49);
    mistake_number("one axis: a pixel must be on a column and on a row that is used",
                   0.3);
    mistake_number("one pixel for each: bilinear looks at two columns and two rows",
                   1 - 0.35 * 0.35);
    mistake_number("both of its axes left out: one is enough", 0.09);
    hint("Which tensors have the number of heads in their shape?");
    ask_which(
        'd',
        "A file of ViT-B, 12 heads, is read with --heads 6. Which are as they were? "
        "a: the number of parameters. b: q, k and v of every token, in block 1. c: "
        "the shape of A. d: that rows of A sum to 1. e: the scores' variance, if "
        "q's and k's elements are independent, with mean 0 and variance 1.",
        "abde");
    ask_in_words(
        'e', "With a wrong number of heads no shape is wrong, and every check passes. "
             "What is computed now that never was in training, and why can no check "
             "of shapes find it?");
}

const Exercise exercises[] = {
    {"7.1", "transform_part; transform_shape and transform, of heads",
     "transform.c: the attention weights of the authors' .npz become W_qkv and W_O.",
     "Which sum does their layer compute, and which one yours?",
     "the lesson, \"Three matrices are one\"; transform.h", weights_grade},
    {"7.2", "positions_interpolate, corners_weights",
     "interpolate.c: position embeddings for images of another size [ViT 3.2].",
     "Which old patches, and which rows of `from`, are near the first wrong element's "
     "patch?",
     "the lesson, \"More patches than positions\"; interpolate.h", interpolate_grade},
    {"7.3", "weights_antialiased, and room for them",
     "resize.c: how much each input pixel weighs in one output pixel.",
     "Draw the input pixels of the first wrong output pixel, and the filter over them.",
     "the lesson, \"A resize that skips no pixel\"; resize.h", axis_grade},
    {"7.4", "rollout, rollout_rows, rollout_of_patches",
     "rollout.c: of attention weights, how much of each input token is in the last "
     "layer's tokens; and which patches the head's result comes from.",
     "Which tokens are rows and which are columns, in each factor of the product?",
     "the lesson, \"Where did it look?\" [ViT fig.6]", rollout_grade},
    {"7.5", "Answers: what a wrong number costs", "Predict before you measure.",
     "Write the right formula and the wrong one below each other.",
     "the lesson, \"The same answer, only worse\"", predict},
};
const int exercise_count = sizeof exercises / sizeof exercises[0];
