/* exercises_5.c: the Vision Transformer and its training, graded. See exercise.h. */
#include <math.h>
#include <stddef.h>

#include "adamw.h"
#include "arena.h"
#include "cross_entropy.h"
#include "error.h"
#include "exercise.h"
#include "naive_layers.h"
#include "naive_vit.h"
#include "patch_embedding.h"
#include "schedule.h"
#include "vit.h"

const int chapter_number = 5;
const char chapter_title[] = "the Vision Transformer";

#define TOLERANCE 1e-11

/* ---- 5.1 ------------------------------------------------------------------------- */

static void predict(void) {
    const double eps = 0.1, right = 1 - eps + eps / 10, other = eps / 10;
    ask('a', "28 x 28 pixels, patches of 4 x 4: the number of tokens, N + 1.", 50,
        1e-9);
    mistake_number("the number of patches: the class token is one more", 49);
    mistake_number("the number of patches of a row", 7);
    ask('b',
        "224 x 224 x 3 pixels, patches of 16 x 16, D = 768: the numbers in E, "
        "without its bias.",
        16.0 * 16 * 3 * 768, 1e-9);
    mistake_number("E without the three channels", 16.0 * 16 * 768);
    mistake_number("P C D: a patch has P^2 pixels", 16.0 * 3 * 768);
    ask('c', "The head begins as zeros, 10 classes: the first loss, to 4 digits.",
        log(10), 1e-4);
    mistake_number("the logarithm to base 10", 1);
    mistake_number("1 - 1/10", 0.9);
    ask('d', "Label smoothing 0.1, 10 classes: the least possible loss, to 3 digits.",
        -right * log(right) - 9 * other * log(other), 3e-3);
    mistake_number("0, which only a target without smoothing allows", 0);
    mistake_number("the share of the right class alone", -right * log(right));
}

/* ---- 5.2 ------------------------------------------------------------------------- */

static void patches_case(int B, int C, int H, int W, int P) {
    const int down = H / P, across = W / P, size = C * P * P;
    Tensor images = normal('I', SHAPE(B, C, H, W));
    const double *x = doubles_of(images);
    const long count = (long)B * down * across * size;
    double *want = doubles(count), *by_columns = doubles(count),
           *channels_last = doubles(count), *transposed = doubles(count);
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
                    transposed[patch + c * P * P + x_ * P + y] = pixel;
                    by_columns[((long)b * down * across + q * down + r) * size +
                               c * P * P + i] = pixel;
                }
            }
        }
    }
    Tensor patches = unset(SHAPE(B, down * across, size));
    case_is("%d images of %d x %d x %d, P = %d", B, H, W, C, P);
    patches_from_images(images, P, patches);
    expect("patches", patches, want, 0);
    mistake("patches counted down the columns: they go row by row from the top left",
            by_columns);
    mistake("a patch in the order (P, P, C): here it is (C, P, P)", channels_last);
    mistake("each patch transposed: its rows come one after the other", transposed);
}

static void patches(void) {
    patches_case(2, 1, 6, 9, 3);
    patches_case(1, 3, 4, 8, 2);
}

/* ---- 5.3 ------------------------------------------------------------------------- */

enum { B = 2, SIDE = 4, P = 2, N = 4, D = 5 };

typedef struct {
    PatchEmbedding layer, d;
    PatchEmbeddingActivations a;
    Tensor images;
} Embedding;

static Embedding make_embedding(void) {
    Embedding e;
    const PatchEmbeddingConfig config = {
        .D = D, .channels = 1, .patch = P, .down = 2, .across = 2};
    const int count = D + (N + 1) * D + D * P * P + D;
    Tensor weights = normal('W', SHAPE(count)), gradients = zeros(SHAPE(count));
    tensor_fill(gradients, 1);
    ParameterBlock in = {.data = weights.data}, out = {.data = gradients.data};
    patch_embedding_parameters(&e.layer, &in, &config);
    patch_embedding_parameters(&e.d, &out, &config);
    Arena plan = {.block = NULL};
    patch_embedding_activations(&e.a, &plan, B, &config);
    Arena arena = {.block = zeros(SHAPE((int)plan.used)).data, .capacity = plan.used};
    patch_embedding_activations(&e.a, &arena, B, &config);
    e.images = normal('I', SHAPE(B, 1, SIDE, SIDE));
    case_is("%d images of %d x %d, P = %d, D = %d", B, SIDE, SIDE, P, D);
    return e;
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
    const double *pos = doubles_of(e->layer.pos_embed),
                 *cls = doubles_of(e->layer.cls_token);
    NaiveEmbedding naive = {.B = B,
                            .C = 1,
                            .H = SIDE,
                            .W = SIDE,
                            .P = P,
                            .D = D,
                            .cls = cls,
                            .pos = pos,
                            .E = doubles_of(e->layer.E),
                            .b_E = doubles_of(e->layer.b_E)};
    const double *images = doubles_of(e->images);
    double *want = doubles(B * (N + 1) * D), *bare = doubles(B * (N + 1) * D);
    naive_embedding(&naive, images, want);
    naive.pos = doubles((N + 1) * D);
    naive_embedding(&naive, images, bare);
    Tensor z_0 = unset(SHAPE(B, N + 1, D));
    patch_embedding_forward(&e->layer, e->images, &e->a, z_0);

    static const int last[N + 1] = {1, 2, 3, 4, 0};
    double *class_last = rows_from(bare, last), *early = doubles(B * (N + 1) * D);
    for (int i = 0; i < B * (N + 1) * D; i++) {
        const int in = i % ((N + 1) * D);
        class_last[i] += pos[in];
        early[i] = bare[i] + (in >= D ? pos[in - D] : 0);
    }
    expect("z_0", z_0, want, TOLERANCE);
    mistake("z_0 without positions", bare);
    mistake("z_0 with the class token last: it comes first", class_last);
    mistake("positions added before the class token: they are N + 1, added to all",
            early);
}

static void embedding(void) {
    Embedding e = make_embedding();
    embedding_forward(&e);
    Tensor dz = normal('d', SHAPE(B, N + 1, D));
    const double *g = doubles_of(dz);
    double *pos = doubles((N + 1) * D), *one = doubles((N + 1) * D), *cls = doubles(D),
           *dE = doubles(D * P * P);
    patches_from_images(e.images, P, e.a.patches);
    const double *x = doubles_of(e.a.patches);
    for (int i = 0; i < (N + 1) * D; i++) {
        pos[i] = 1;
        for (int b = 0; b < B; b++) {
            pos[i] += g[b * (N + 1) * D + i];
            one[i] = g[b * (N + 1) * D + i];
        }
        if (i < D) {
            cls[i] = pos[i];
        }
    }
    for (int o = 0; o < D; o++) {
        for (int k = 0; k < P * P; k++) {
            dE[o * P * P + k] = 1;
            for (int t = 0; t < B * N; t++) {
                dE[o * P * P + k] +=
                    g[(t / N * (N + 1) + 1 + t % N) * D + o] * x[t * P * P + k];
            }
        }
    }
    case_is("backward; every gradient begins as ones");
    patch_embedding_backward(&e.layer, &e.d, &e.a, dz);
    expect("dE_pos", e.d.pos_embed, pos, TOLERANCE);
    mistake("the last image's dE_pos: all images use the same positions", one);
    expect("dx_class", e.d.cls_token, cls, TOLERANCE);
    expect("dE", e.d.E, dE, TOLERANCE);
}

/* ---- 5.4 ------------------------------------------------------------------------- */

/* Images, a model with its weights in two forms, and each layer's z. */
typedef struct {
    VitConfig config;
    Vit vit;
    ParameterList list;
    VitActivations a;
    Tensor images;
    double *weights;
    Tensor z[4]; /* z_0 .. z_L, each (B, n, D) */
} Model;

enum { L = 3, K = 3 /* classes */ };

/* The layers one by one, all tokens of each: by the course's own chapters 4 and 5. */
static void layer_by_layer(Model *m, const Dropout *none) {
    VitActivations a;
    Error error;
    if (!vit_activations_make(&a, &m->config, B, &error)) {
        bug("%s", error.text);
    }
    m->z[0] = unset(SHAPE(B, N + 1, m->config.block.D));
    patch_embedding_forward(&m->vit.embedding, m->images, &a.embedding, m->z[0]);
    for (int l = 0; l < L; l++) {
        m->z[l + 1] =
            encoder_block_forward(&m->vit.blocks[l], m->z[l], &a.blocks[l], none);
    }
}

static void make_model(Model *m) {
    Error error;
    m->config = (VitConfig){.height = SIDE,
                            .width = SIDE,
                            .channels = 1,
                            .patch = P,
                            .depth = L,
                            .block = {.D = 6,
                                      .heads = 2,
                                      .M = 10,
                                      .norm = PRE_NORM,
                                      .activation = ACTIVATION_GELU},
                            .classes = K};
    m->vit.config = m->config;
    if (!parameters_list(&m->list, vit_parameters, &m->vit, &error) ||
        !vit_activations_make(&m->a, &m->config, B, &error)) {
        bug("%s", error.text);
    }
    Tensor weights = normal('W', SHAPE((int)m->list.total));
    tensor_scale(weights, (real)0.5);
    parameters_view(&m->list, vit_parameters, &m->vit, weights.data);
    m->weights = doubles_of(weights);
    m->images = normal('I', SHAPE(B, 1, SIDE, SIDE));
    case_is("%d images of %d x %d, P = %d, depth %d", B, SIDE, SIDE, P, L);
}

/* logits (B, K) from token `row` of layer l; normed: through the last layer norm. */
static double *logits_from(const Model *m, int l, int row, bool normed) {
    const int width = m->config.block.D;
    const NaiveLayerNorm norm = {width, doubles_of(m->vit.norm.gamma),
                                 doubles_of(m->vit.norm.beta)};
    double *logits = doubles(B * K), *y = doubles(width);
    for (int b = 0; b < B; b++) {
        const double *z = doubles_of(tensor_slice(m->z[l], b)) + (long)row * width;
        naive_layer_norm(&norm, 1, z, y);
        naive_linear(1, width, K, normed ? y : z, doubles_of(m->vit.W_head),
                     doubles_of(m->vit.b_head), logits + b * K);
    }
    return logits;
}

static void model(void) {
    static Model m;
    const Dropout none = {.rate = 0};
    make_model(&m);
    double *want = doubles(B * K);
    naive_vit(&m.config, &m.list, m.weights, B, doubles_of(m.images), want);
    Tensor logits = vit_forward(&m.vit, m.images, &m.a, &none);
    layer_by_layer(&m, &none);
    expect("logits", logits, want, TOLERANCE);
    mistake("the head reading z_L^0 itself: [ViT eq.4] normalises it first",
            logits_from(&m, L, 0, false));
    mistake("the last token's result: the class token is row 0",
            logits_from(&m, L, N, true));
    mistake("a model with one block too few", logits_from(&m, L - 1, 0, true));
}

/* ---- 5.5 ------------------------------------------------------------------------- */

static double log_sum_exp(const double *z, int count) {
    double most = z[0], sum = 1;
    for (int k = 1; k < count; k++) {
        most = fmax(most, z[k]);
    }
    sum = exp(z[0] - most);
    for (int k = 1; k < count; k++) {
        sum += exp(z[k] - most);
    }
    return most + log(sum);
}

static void loss_case(Tensor logits, const unsigned char *labels, double eps) {
    const int rows = tensor_rows(logits), classes = tensor_cols(logits);
    const double *z = doubles_of(logits), scale = 0.25;
    double *p = doubles((long)rows * classes), *want = doubles((long)rows * classes),
           *minus = doubles((long)rows * classes),
           *unscaled = doubles((long)rows * classes),
           *hard = doubles((long)rows * classes);
    double total = 0, others = 0, no_smoothing = 0;
    naive_softmax(rows, classes, z, p);
    for (int i = 0; i < rows * classes; i++) {
        const int row = i / classes;
        const double log_p = z[i] - log_sum_exp(z + (long)row * classes, classes);
        const bool is = i % classes == labels[row];
        const double q = (is ? 1 - eps : 0) + eps / classes;
        total -= q * log_p;
        others -= ((is ? 1 - eps : 0) + eps / (classes - 1)) * log_p;
        no_smoothing -= is ? log_p : 0;
        want[i] = scale * (p[i] - q);
        minus[i] = -want[i];
        unscaled[i] = p[i] - q;
        hard[i] = scale * (p[i] - is);
    }
    case_is("%d images, %d classes, smoothing %.1f", rows, classes, eps);
    Tensor d = unset(logits), none = {.data = NULL};
    expect_number("the loss", cross_entropy(logits, labels, eps, scale, d), total,
                  TOLERANCE);
    mistake_number("the loss without label smoothing", no_smoothing);
    mistake_number("eps / (K - 1) for each class: [AIAYN 5.4] gives eps / K to all K",
                   others);
    mistake_number("the mean over images: the sum is returned", total / rows);
    mistake_number("the loss with its sign lost", -total);
    expect("dlogits", d, want, TOLERANCE);
    mistake("q - p: the gradient is p - q", minus);
    mistake("p - q without `scale`", unscaled);
    mistake("p minus the label, without smoothing", hard);
    expect_number("the loss, dlogits not wanted,",
                  cross_entropy(logits, labels, eps, scale, none), total, TOLERANCE);
}

static void loss(void) {
    const unsigned char labels[3] = {2, 0, 3};
    loss_case(normal('L', SHAPE(3, 4)), labels, 0.1);
    loss_case(normal('L', SHAPE(3, 4)), labels, 0);
    const double large[4] = {900, -900, 0, 899};
    loss_case(values(SHAPE(1, 4), large), labels + 2, 0.1);
}

/* ---- 5.6 ------------------------------------------------------------------------- */

/* What is left out of AdamW, or done wrongly. */
typedef struct {
    int t_offset;
    bool no_v_correction, epsilon_inside, decay_whole, decay_in_gradient;
} Wrong;

static double *adamw(const AdamW *o, double lr, long t, int count, const double *w0,
                     const double *g0, const double *m0, const double *v0,
                     Wrong wrong) {
    double *w = doubles(count);
    for (int i = 0; i < count; i++) {
        const double g =
            g0[i] + (wrong.decay_in_gradient ? o->weight_decay * w0[i] : 0);
        const double m = o->beta1 * m0[i] + (1 - o->beta1) * g,
                     v = o->beta2 * v0[i] + (1 - o->beta2) * g * g;
        const double mhat = m / (1 - pow(o->beta1, (double)(t + wrong.t_offset)));
        const double root =
            wrong.no_v_correction ? 1 : 1 / sqrt(1 - pow(o->beta2, (double)t));
        const double below = wrong.epsilon_inside ? (sqrt(v) + o->epsilon) * root
                                                  : sqrt(v) * root + o->epsilon;
        const double decay = wrong.decay_in_gradient ? 0
                             : wrong.decay_whole     ? o->weight_decay
                                                     : lr * o->weight_decay;
        w[i] = w0[i] - decay * w0[i] - lr * mhat / below;
    }
    return w;
}

static void adamw_case(long t) {
    enum { COUNT = 9 };
    const AdamW o = {.beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-2, .weight_decay = 0.3};
    const double lr = 0.05;
    Tensor w = normal('w', SHAPE(COUNT)), g = normal('g', w), m = normal('m', w),
           v = normal('v', w);
    for (int i = 0; i < COUNT; i++) {
        v.data[i] = v.data[i] * v.data[i];
    }
    if (t == 1) {
        tensor_fill(m, 0);
        tensor_fill(v, 0);
    }
    const double *w0 = doubles_of(w), *g0 = doubles_of(g), *m0 = doubles_of(m),
                 *v0 = doubles_of(v);
    ParameterList list = {
        .list = (Parameter[1]){{.decay = DECAY, .at = w}}, .count = 1, .total = COUNT};
    case_is("AdamW, step %ld, lr %.2f, lambda %.1f", t, lr, o.weight_decay);
    adamw_step(&o, &list, lr, t, w.data, g.data, m.data, v.data);
#define BY(...) adamw(&o, lr, t, COUNT, w0, g0, m0, v0, (Wrong){__VA_ARGS__})
    expect("w", w, BY(.t_offset = 0), TOLERANCE);
    mistake("a bias correction with t + 1: the first step has t = 1",
            BY(.t_offset = 1));
    mistake("AdamW without the correction of v", BY(.no_v_correction = true));
    mistake("epsilon inside the correction: it is added to sqrt(vhat)",
            BY(.epsilon_inside = true));
    mistake("decay without the learning rate: w shrinks by lr lambda",
            BY(.decay_whole = true));
    mistake("Adam with an L2 penalty: AdamW keeps the decay out of m and v",
            BY(.decay_in_gradient = true));
#undef BY
}

static void clip_case(double most) {
    enum { COUNT = 7 };
    Tensor g = normal('g', SHAPE(COUNT));
    const double *g0 = doubles_of(g);
    double norm = 0, *want = doubles(COUNT), *each = doubles(COUNT);
    norm = sqrt(dot(COUNT, g0, g0));
    for (int i = 0; i < COUNT; i++) {
        want[i] = most > 0 && norm > most ? g0[i] * most / norm : g0[i];
        each[i] = most > 0 ? fmax(-most, fmin(most, g0[i])) : g0[i];
    }
    case_is("clipping at %.1f, the norm is %.3f", most, norm);
    expect_number("the norm before", gradient_clip(g.data, COUNT, most), norm, 1e-12);
    expect("g", g, want, TOLERANCE);
    mistake("each number clipped by itself: one factor for all keeps the direction",
            each);
    mistake("a gradient that was not clipped", g0);
}

static void rate_case(long t) {
    const Schedule s = {SCHEDULE_COSINE, .peak = 0.3, .warmup = 10, .total_steps = 110};
    const double pi = 3.14159265358979323846;
    const double done = (double)(t - 10) / 100, flat = 0.15 * (1 + cos(pi * done));
    const double want = t < 10 ? 0.03 * (double)t : t >= 110 ? 0 : flat;
    case_is("peak 0.3, warm-up 10, 110 steps in all: step %ld", t);
    expect_number("the rate", schedule_rate(&s, t), want, 1e-12);
    mistake_number("the cosine without warm-up", flat);
    mistake_number("1 + cos, not halved: it begins at twice the peak", 2 * flat);
    mistake_number("a cosine that counts from step 0: it begins after the warm-up",
                   0.15 * (1 + cos(pi * (double)t / 110)));
}

static void optimiser(void) {
    adamw_case(1);
    adamw_case(2);
    adamw_case(50);
    clip_case(0.5);
    clip_case(100);
    clip_case(0);
    const long steps[] = {1, 5, 10, 11, 60, 109, 110};
    for (int i = 0; i < 7; i++) {
        rate_case(steps[i]);
    }
}

const Exercise exercises[] = {
    {"5.1", "Answers: tokens, parameters, the first loss", "Predict by hand.",
     "N = H W / P^2; log K when all classes are equally likely.",
     "the lesson's worked example; notes/05", predict},
    {"5.2", "patches_from_images",
     "patch_embedding.c: cut (B, C, H, W) into (B, N, C P P), patches row by row from "
     "the top left.",
     "Patch p begins at row p / across * P, column p % across * P.",
     "notes/05 [ViT 3.1]", patches},
    {"5.3", "patch_embedding, forward and backward",
     "patch_embedding.c: z_0 = [x_class; x_p E] + E_pos, from `embedded`; backward: "
     "dE_pos, "
     "dx_class, and dx for linear_backward.",
     "Row 0 is the class token, then N patches, then E_pos added to all N + 1.",
     "notes/05 [ViT eq.1]", embedding},
    {"5.4", "vit_forward",
     "vit.c: [ViT eq.1] to [ViT eq.4], one call a line; and y = LN(z_L^0) in "
     "pool_forward. The last block may compute the class token alone (only_first).",
     "Embedding, L blocks, the class token's row, its norm, the head.",
     "the lesson, \"The forward pass\"; notes/05", model},
    {"5.5", "cross_entropy",
     "cross_entropy.c: the body of the loop over images: add - sum_k q_k log p_k to "
     "total, write scale (p - q).",
     "log p_k = logit_k - log_sum_exp; q_k = (1 - eps) [k = label] + eps / K.",
     "notes/05 [AIAYN 5.4]", loss},
    {"5.6", "a step of the optimiser",
     "adamw.c: update and gradient_clip; schedule.c: cosine, [ViT T.3].",
     "m, v, their corrections by 1 - b^t, w; one factor for all gradients; a line up, "
     "half a cosine down.",
     "notes/05, 5 to 8", optimiser},
};
const int exercise_count = sizeof exercises / sizeof exercises[0];
