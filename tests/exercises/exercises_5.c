/* exercises_5.c: the Vision Transformer and its training, graded. See exercise.h. */
#include <math.h>
#include <stddef.h>

#include "common/arena.h"
#include "tests/exercises/exercise.h"
#include "tests/exercises/exercises_5.h"
#include "tests/naive_layers.h"
#include "tests/naive_vit.h"
#include "chapters/05_vision_transformer/model/patch_embedding.h"
#include "chapters/05_vision_transformer/model/vit.h"

const int chapter_number = 5;
const char chapter_title[] = "the Vision Transformer";

#define TOLERANCE 1e-11

/* ---- 5.1 ------------------------------------------------------------------------- */

static void predict(void) {
    const double right = 0.8 + 0.2 / 4, other = 0.2 / 4;
    ask('a',
        "./chapter5 --patch 2 has four times as many patches as --patch 4. How many "
        "times as many elements has one head's A? To 3 digits.",
        197.0 * 197 / (50.0 * 50), 3e-3);
    mistake_number("the factor without the class token: A has N + 1 rows", 16);
    mistake_number("the patches' factor: A has a row and a column for each", 4);
    mistake_number("the tokens' factor: A has a row and a column for each", 3.94);
    ask('b',
        "224 x 224 x 3 pixels, patches of 16 x 16, D = 768: the elements of E, "
        "without its bias.",
        16.0 * 16 * 3 * 768, 1e-9);
    mistake_number("E without the three channels", 16.0 * 16 * 768);
    mistake_number("P C D: a patch has P^2 pixels", 16.0 * 3 * 768);
    ask('c',
        "A head of zeros, 1000 classes, smoothing 0.1: the first loss, to 4 digits.",
        log(1000), 2e-4);
    mistake_number("the logarithm to base 10", 3);
    mistake_number("the first loss of 10 classes", log(10));
    mistake_number("1 - 1/1000", 0.999);
    ask('d', "Smoothing 0.2, 4 classes: the least possible loss, to 3 digits.",
        -right * log(right) - 3 * other * log(other), 3e-3);
    mistake_number("0, which only a target without smoothing allows", 0);
    mistake_number("the share of the right class alone", -right * log(right));
    ask('e',
        "b1 = 0.9, b2 = 0.999, eps = 0, the first step. You forget both corrections "
        "of AdamW. How many times as long is your step? To 3 digits.",
        0.1 / sqrt(0.001), 3e-3);
    mistake_number("a step with its corrections", 1);
    mistake_number("m without its correction, and v with it", 0.1);
    mistake_number("a step divided by v: it is divided by v's root", 100);
    mistake_number("the inverse: v has shrunk more than m", sqrt(0.001) / 0.1);
    ask_which(
        'f',
        "A model without positions sees an image, then the same image with its 49 "
        "patches shuffled. What changes? a: the logits. b: y. c: the order of "
        "rows 1 to 49 of z_4. d: dE, for the same label. e: row 0 of z_4.",
        "c");
    ask_in_words(
        'g', "The head reads row 0 of z_4 and nothing else. In block 4, which tokens' "
             "queries have a gradient, and which tokens' keys and values? In block 3?");
}

/* ---- 5.2 ------------------------------------------------------------------------- */

static void patches_case(int B, int C, int H, int W, int P) {
    const int down = H / P, across = W / P, size = C * P * P;
    Tensor images = normal('I', SHAPE(B, C, H, W));
    const double *x = doubles_of(images);
    const long count = (long)B * down * across * size;
    double *want = doubles(count), *by_columns = doubles(count),
           *channels_last = doubles(count), *transposed = doubles(count),
           *by_height = doubles(count);
    for (int b = 0; b < B; b++) {
        for (int p = 0; p < down * across; p++) {
            for (int c = 0; c < C; c++) {
                for (int i = 0; i < P * P; i++) {
                    const int r = p / across, q = p % across, y = i / P, x_ = i % P;
                    const long plane = (long)(b * C + c) * H * W;
                    const long patch = ((long)b * down * across + p) * size;
                    const double pixel = x[plane + (r * P + y) * W + q * P + x_];
                    want[patch + c * P * P + i] = pixel;
                    channels_last[patch + i * C + c] = pixel;
                    by_height[patch + c * P * P + i] =
                        x[((long)(b * C + c) * H + r * P + y) * H + q * P + x_];
                    transposed[patch + c * P * P + x_ * P + y] = pixel;
                    by_columns[((long)b * down * across + q * down + r) * size +
                               c * P * P + i] = pixel;
                }
            }
        }
    }
    Tensor patches = unset(SHAPE(B, down * across, size));
    case_is("%d image%s of (%d, %d, %d), P = %d", B, B == 1 ? "" : "s", C, H, W, P);
    patches_from_images(images, P, patches);
    expect("patches", patches, want, 0);
    mistake("patches counted down the columns: they go row by row from the top left",
            by_columns);
    mistake("a patch in the order (P, P, C): here it is (C, P, P)", channels_last);
    if (H < W) {
        mistake("rows of pixels that begin H apart: a row of the image has W",
                by_height);
    }
    mistake("each patch transposed: its rows come one after the other", transposed);
    bool by_down =
        B > 1; /* the first image's patches: the last one's leave the memory */
    for (int i = 0; by_down && i < down * across * size; i++) {
        const int p = i / size, c = i % size / (P * P), y = i / P % P;
        const int row = p / down * P + y, column = p % down * P + i % P;
        by_down =
            tensor_row(patches, p)[i % size] == (real)x[(c * H + row) * W + column];
    }
    mistake_if("p / down and p % down: a row of the grid has `across` patches",
               by_down);
}

static void patches(void) {
    patches_case(2, 1, 6, 9, 3);
    patches_case(1, 3, 4, 8, 2);
}

/* ---- 5.3 ------------------------------------------------------------------------- */

enum { B = 2, SIDE = 4, P = 2, N = 4, D = 5, D6 = 6 };

typedef struct {
    PatchEmbedding layer, d;
    PatchEmbeddingActivations a;
    Tensor images;
    int n; /* tokens: N, and the class token */
} Embedding;

static Embedding make_embedding_of(bool class_token, Positions positions) {
    Embedding e = {.n = class_token ? N + 1 : N};
    const PatchEmbeddingConfig config = {.D = positions == POSITIONS_1D ? D : D6,
                                         .channels = 1,
                                         .patch = P,
                                         .down = 2,
                                         .across = 2,
                                         .positions = positions,
                                         .no_class_token = !class_token};
    const int count = (int)patch_embedding_formula(&config);
    Tensor weights = normal('W', SHAPE(count)), gradients = zeros(SHAPE(count));
    tensor_fill(gradients, 1);
    ParameterBlock in = {.data = weights.data}, out = {.data = gradients.data};
    patch_embedding_parameters(&e.layer, &in, &config);
    patch_embedding_parameters(&e.d, &out, &config);
    Arena plan = {.block = NULL};
    /* for a larger batch than the one that comes, as the last of an epoch is */
    patch_embedding_activations(&e.a, &plan, B + 1, &config);
    Arena arena = {.block = unset(SHAPE((int)plan.used)).data, .capacity = plan.used};
    patch_embedding_activations(&e.a, &arena, B + 1, &config);
    e.images = normal('I', SHAPE(B, 1, SIDE, SIDE));
    return e;
}

static Embedding make_embedding(bool class_token) {
    return make_embedding_of(class_token, POSITIONS_1D);
}

/* z_0 (B, n, D), with positions or without. */
static double *naive_z_0(const Embedding *e, bool positions, bool bias) {
    double *z_0 = doubles((long)B * e->n * D);
    const NaiveEmbedding naive = {
        .B = B,
        .C = 1,
        .H = SIDE,
        .W = SIDE,
        .P = P,
        .D = D,
        .cls = e->n > N ? doubles_of(e->layer.cls_token) : NULL,
        .pos = positions ? doubles_of(e->layer.pos_embed) : NULL,
        .E = doubles_of(e->layer.E),
        .b_E = bias ? doubles_of(e->layer.b_E) : doubles(D)};
    naive_embedding(&naive, doubles_of(e->images), z_0);
    return z_0;
}

/* Rows (N + 1) of each image moved: row i comes from row from[i]. */
static double *rows_from(const double *z, const int *from) {
    double *moved = doubles(B * (N + 1) * D);
    for (int i = 0; i < B * (N + 1) * D; i++) {
        const int b = i / ((N + 1) * D), row = i / D % (N + 1);
        moved[i] = z[(b * (N + 1) + from[row]) * D + i % D];
    }
    return moved;
}

static void embedding_forward(Embedding *e) {
    const double *pos = doubles_of(e->layer.pos_embed);
    const double *want = naive_z_0(e, true, true), *bare = naive_z_0(e, false, true);
    case_is("%d images of %d x %d, P = %d, D = %d", B, SIDE, SIDE, P, D);
    Tensor z_0 = unset(SHAPE(B, N + 1, D));
    patch_embedding_forward(&e->layer, e->images, &e->a, z_0);

    static const int last[N + 1] = {1, 2, 3, 4, 0};
    double *class_last = rows_from(bare, last), *early = doubles(B * (N + 1) * D),
           *none = doubles(B * (N + 1) * D);
    for (int i = 0; i < B * (N + 1) * D; i++) {
        const int in = i % ((N + 1) * D);
        class_last[i] += pos[in];
        early[i] = bare[i] + (in >= D ? pos[in - D] : 0);
        none[i] = bare[i] + (in >= D ? pos[in] : 0);
    }
    expect("z_0", z_0, want, TOLERANCE);
    mistake("z_0 without positions", bare);
    mistake("z_0 without the bias b_E", naive_z_0(e, true, false));
    mistake("z_0 with the class token last: it comes first", class_last);
    mistake("positions added before the class token: they are N + 1, added to all",
            early);
    mistake("a class token without its position: it has one, in row 0", none);
    mistake_unwritten();
}

static Tensor patches_of(const Embedding *e) {
    return tensor_first(e->a.patches, B);
}

/* What forward kept is an input of backward. */
static void expect_patches(const Embedding *e, const double *before) {
    expect("a->patches, which is an input,", patches_of(e), before, 0);
    mistake_if("a write over a->patches, which dE needs: a->embedded is free", true);
}

/* dE (D, P P) = ones + sum over images and patches of g x_p^T, where the gradient of
 * patch p is row p + shift of its image. */
static double *gradient_of_E(const Embedding *e, const double *g, int shift) {
    const double *x = doubles_of(patches_of(e));
    double *dE = doubles(D * P * P);
    for (int i = 0; i < D * P * P; i++) {
        const int o = i / (P * P), k = i % (P * P);
        dE[i] = 1;
        for (int t = 0; t < B * N; t++) {
            const int row = t / N * e->n + shift + t % N;
            dE[i] += g[row * D + o] * x[t * P * P + k];
        }
    }
    return dE;
}

/* db_E (D) = ones + sum over images and patches of g */
static double *gradient_of_b(const Embedding *e, const double *g, int shift) {
    double *db = doubles(D);
    for (int o = 0; o < D; o++) {
        db[o] = 1;
        for (int t = 0; t < B * N; t++) {
            db[o] += g[(t / N * e->n + shift + t % N) * D + o];
        }
    }
    return db;
}

/* dE and db_E, which begin as ones; the gradient of patch p is row p + shift. */
static void expect_dense(const Embedding *e, const double *g, int shift) {
    double *all_ones = doubles(D), *cleared = gradient_of_E(e, g, shift);
    double *bias_cleared = gradient_of_b(e, g, shift), *with_class = doubles(D);
    for (int i = 0; i < D * P * P; i++) {
        cleared[i] -= 1;
    }
    for (int o = 0; o < D; o++) {
        bias_cleared[o] -= 1;
        all_ones[o] = with_class[o] = 1;
        for (int t = 0; t < B * e->n; t++) {
            with_class[o] += g[t * D + o];
        }
    }
    expect("dE", e->d.E, gradient_of_E(e, g, shift), TOLERANCE);
    if (shift > 0) {
        mistake("dx from row 0 on: patch p's gradient is row p + 1 of dz_0",
                gradient_of_E(e, g, 0));
    } else {
        mistake_if(
            "patch p's gradient taken from row p + 1, also where there is no class "
            "token",
            !isfinite((double)e->d.E.data[0]));
        double *next = doubles(B * N * D); /* of the last patch its own */
        for (int i = 0; i < B * N * D; i++) {
            const int row = i / D;
            next[i] = g[(row % N < N - 1 ? row + 1 : row) * D + i % D];
        }
        mistake("patch p's gradient taken from row p + 1, also where there is no class "
                "token",
                gradient_of_E(e, next, 0));
    }
    mistake("dE cleared or written over: it is added to (+=)", cleared);
    expect("db_E", e->d.b_E, gradient_of_b(e, g, shift), TOLERANCE);
    mistake("db_E as it was: linear_backward adds to it, from the patches' rows",
            all_ones);
    mistake("db_E cleared or written over: it is added to (+=)", bias_cleared);
    if (shift > 0) {
        mistake("db_E with the class token's row: b_E was added to the patches alone",
                with_class);
    }
}

static void embedding_backward(Embedding *e) {
    enum { COUNT = (N + 1) * D };
    Tensor dz = named("dz_0", normal('d', SHAPE(B, N + 1, D)));
    const double *g = doubles_of(dz);
    double *sum = doubles(COUNT), *one = doubles(COUNT), *added = doubles(COUNT),
           *ones = doubles(COUNT), *first = doubles(COUNT);
    for (int i = 0; i < COUNT; i++) {
        first[i] = 1 + g[i];
        for (int b = 0; b < B; b++) {
            one[i] = g[b * COUNT + i];
            sum[i] += one[i];
        }
        ones[i] = 1;
        added[i] = 1 + sum[i];
    }
    patches_from_images(e->images, P, patches_of(e));
    const double *before = doubles_of(patches_of(e));
    case_is("backward; every gradient begins as ones");
    hint("Which rows of dz_0 did each of the three make, and in how many images?");
    patch_embedding_backward(&e->layer, &e->d, &e->a, dz);
    expect_patches(e, before);
    expect("dE_pos", e->d.pos_embed, added, TOLERANCE);
    mistake("the last image's dE_pos: all images use the same positions", one);
    mistake("the first image's dE_pos: all images use the same positions", first);
    mistake("dE_pos written over: the images' gradients are added to it", sum);
    mistake("dE_pos as it was: add_positions_backward adds to it", ones);
    expect("dx_class", e->d.cls_token, added, TOLERANCE);
    mistake("the last image's dx_class: all images use the same class token", one);
    mistake("the first image's dx_class: all images use the same class token", first);
    mistake("dx_class written over: the images' gradients are added to it", sum);
    mistake("dx_class as it was: row 0 of every image is added to it", ones);
    expect_dense(e, g, 1);
}

/* As for --pool mean: z_0 = x_p E + E_pos, N rows. */
static void embedding_without_class_token(void) {
    Embedding e = make_embedding(false);
    case_is("no class token, as for --pool mean: `first` is 0");
    hint("Draw z_0 without a class token: what moves, forward and backward?");
    Tensor z_0 = unset(SHAPE(B, N, D)), dz = named("dz_0", normal('d', z_0));
    patch_embedding_forward(&e.layer, e.images, &e.a, z_0);
    expect("z_0", z_0, naive_z_0(&e, true, true), TOLERANCE);
    mistake("z_0 without positions: they are added with a class token or without",
            naive_z_0(&e, false, true));
    mistake_unwritten();
    patches_from_images(e.images, P, patches_of(&e));
    patch_embedding_backward(&e.layer, &e.d, &e.a, dz);
    expect_dense(&e, doubles_of(dz), 0);
}

/* E_pos (N + 1, D) of each kind, by its equation. */
static double *table_of(const Embedding *e) {
    double *table = doubles((N + 1) * D6);
    for (int i = 0; i < (N + 1) * D6; i++) {
        const int row = i / D6, j = i % D6, p = row - 1;
        const double angle = row / pow(10000, (double)(j - j % 2) / D6);
        if (e->layer.positions == POSITIONS_SINUSOIDAL) {
            table[i] = j % 2 == 0 ? sin(angle) : cos(angle);
        } else if (e->layer.positions == POSITIONS_2D && row == 0) {
            table[i] = (double)e->layer.pos_embed_cls.data[j];
        } else if (e->layer.positions == POSITIONS_2D) {
            table[i] = j < D6 / 2 ? (double)tensor_row(e->layer.pos_embed_x, p % 2)[j]
                                  : (double)tensor_row(e->layer.pos_embed_y,
                                                       p / 2)[j - D6 / 2];
        }
    }
    return table;
}

/* Positions of another kind than the learned ones of each token. */
static void embedding_with(Positions positions, const char *name) {
    Embedding e = make_embedding_of(true, positions);
    const double *table = table_of(&e), *cls = doubles_of(e.layer.cls_token);
    double *x = doubles(B * N * D6), *want = doubles(B * (N + 1) * D6),
           *bare = doubles(B * (N + 1) * D6);
    case_is("positions of another kind: %s", name);
    hint("Four kinds of positions: which function in this file knows them all?");
    Tensor z_0 = unset(SHAPE(B, N + 1, D6));
    patch_embedding_forward(&e.layer, e.images, &e.a, z_0);
    naive_linear(B * N, P * P, D6, doubles_of(patches_of(&e)), doubles_of(e.layer.E),
                 doubles_of(e.layer.b_E), x);
    for (int i = 0; i < B * (N + 1) * D6; i++) {
        const int b = i / ((N + 1) * D6), row = i / D6 % (N + 1), j = i % D6;
        bare[i] = row == 0 ? cls[j] : x[(b * N + row - 1) * D6 + j];
        want[i] = bare[i] + table[row * D6 + j];
    }
    expect("z_0", z_0, want, TOLERANCE);
    mistake("z_0 without positions of this kind: add_positions knows all four", bare);
    if (positions != POSITIONS_2D) {
        return;
    }
    Tensor dz = named("dz_0", normal('d', z_0));
    const double *g = doubles_of(dz);
    double *dx = doubles(2 * (D6 / 2)), *dy = doubles(2 * (D6 / 2)), *dc = doubles(D6);
    for (int i = 0; i < D6; i++) {
        dx[i] = dy[i] = dc[i] = 1; /* two rows of D / 2, or one of D */
    }
    for (int i = 0; i < B * (N + 1) * D6; i++) {
        const int p = i / D6 % (N + 1) - 1, j = i % D6, half = D6 / 2;
        double *to = p < 0      ? dc + j
                     : j < half ? dx + p % 2 * half + j
                                : dy + p / 2 * half + j - half;
        *to += g[i];
    }
    patch_embedding_backward(&e.layer, &e.d, &e.a, dz);
    expect("dpos_embed_x", e.d.pos_embed_x, dx, TOLERANCE);
    expect("dpos_embed_y", e.d.pos_embed_y, dy, TOLERANCE);
    expect("dpos_embed_cls", e.d.pos_embed_cls, dc, TOLERANCE);
}

static void embedding(void) {
    needs("5.2");
    Embedding e = make_embedding(true);
    embedding_forward(&e);
    embedding_backward(&e);
    embedding_without_class_token();
    embedding_with(POSITIONS_2D, "2d");
    embedding_with(POSITIONS_SINUSOIDAL, "sinusoidal");
    embedding_with(POSITIONS_NONE, "none");
}

const Exercise exercises[] = {
    {"5.1", "Answers: patches, the first loss, the first step", "Predict by hand.",
     "Draw it small: two patches, two classes, one weight.",
     "the lesson, from \"What is a word of an image?\" on", predict},
    {"5.2", "patches_from_images",
     "patch_embedding.c: every pixel of (B, C, H, W) to its place in (B, N, C P P).",
     "Which pixels of an image are neighbours in memory, and which in a patch?",
     "the lesson, \"What is a word of an image?\"; notes/05, 1", patches},
    {"5.3", "patch_embedding, forward and backward",
     "patch_embedding.c: [ViT eq.1], and the gradients of everything in it that is "
     "learned.",
     "Who uses each learned vector, and how does it hear from all of them?",
     "the lesson, \"A token that belongs to no patch\"; notes/05, 2", embedding},
    {"5.4", "the model, there and back",
     "vit.c: vit_forward and vit_backward; the class token's part of pool_forward and "
     "vit_pool_backward; and class_rows, a view of row 0 of every image.",
     "Who reads what you made: the next layer, the backward pass, or both?",
     "the lesson, \"The whole model\"; notes/05, 3", model_grade},
    {"5.5", "cross_entropy",
     "cross_entropy.c: the loss of each image, and its gradient where it is wanted. A "
     "logit may be minus infinity, where the class can't be.",
     "Take logits (900, -900), label 1, eps 0.2 and scale 0.5 by hand: what are q, "
     "log p, the loss, and the gradient?",
     "the lesson, \"How wrong is it?\"; notes/05, 4", loss_grade},
    {"5.6", "a step of the optimiser",
     "adamw.c: update and gradient_clip; schedule.c: cosine.",
     "What must the next step find in m and v? What is the norm of what?",
     "the lesson, from \"A step for each parameter\" on; notes/05, 5 to 8",
     optimiser_grade},
};
const int exercise_count = sizeof exercises / sizeof exercises[0];
