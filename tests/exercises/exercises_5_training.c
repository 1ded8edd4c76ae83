/* exercises_5_training.c: chapter 5's exercises 5.5 and 5.6. See exercise.h. */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "chapters/05_vision_transformer/training/adamw.h"
#include "chapters/05_vision_transformer/model/cross_entropy.h"
#include "common/error.h"
#include "tests/exercises/exercise.h"
#include "tests/exercises/exercises_5.h"
#include "tests/naive_layers.h"
#include "chapters/05_vision_transformer/training/schedule.h"

#define TOLERANCE 1e-11

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

/* The sum of -sum_k q_k log p_k, with q_label and the others' q_k as told. */
static double loss_with(Tensor logits, const int *labels, double label, double other) {
    const int classes = tensor_cols(logits);
    const double *z = doubles_of(logits);
    double total = 0;
    for (int i = 0; i < tensor_count(logits); i++) {
        const int row = i / classes;
        const double q = i % classes == labels[row] ? label : other;
        total -=
            q == 0 ? 0 : q * (z[i] - log_sum_exp(z + (long)row * classes, classes));
    }
    return total;
}

/* scale (p - q), with q_label and the others' q_k as told. */
static double *dlogits_with(Tensor logits, const int *labels, double scale,
                            double label, double other) {
    const int rows = tensor_rows(logits), classes = tensor_cols(logits);
    double *d = doubles((long)rows * classes);
    naive_softmax(rows, classes, doubles_of(logits), d);
    for (int i = 0; i < rows * classes; i++) {
        d[i] = scale * (d[i] - (i % classes == labels[i / classes] ? label : other));
    }
    return d;
}

static const int *same_labels(const int *labels) {
    static int same[8];
    for (int i = 0; i < 8; i++) {
        same[i] = labels[0];
    }
    return same;
}

static double last_loss(Tensor logits, const int *labels, double label, double other) {
    const int last = tensor_rows(logits) - 1;
    Tensor row = values(SHAPE(1, tensor_cols(logits)),
                        doubles_of(logits) + (long)last * tensor_cols(logits));
    return loss_with(row, labels + last, label, other);
}

static double *of_nan(long count) {
    double *all = doubles(count);
    for (long i = 0; i < count; i++) {
        all[i] = (double)NAN;
    }
    return all;
}

/* What rows hold that were written `cols` apart. */
static double *written_by_data(Tensor T, const double *want) {
    const int cols = tensor_cols(T);
    double *rows = of_nan(tensor_count(T));
    for (long k = 0; k < tensor_count(T); k++) {
        const long at = k / cols * T.ld + k % cols;
        rows[k] = at < tensor_count(T) ? want[at] : rows[k];
    }
    return rows;
}

/* by_infinite: what it means here that the loss isn't finite. */
static void loss_case(Tensor logits, const int *labels, double eps,
                      const char *by_infinite) {
    const int rows = tensor_rows(logits), classes = tensor_cols(logits);
    const double scale = 0.25, share = eps / classes, right = 1 - eps + share;
    const double total = loss_with(logits, labels, right, share);
    const double *want = dlogits_with(logits, labels, scale, right, share);
    case_is("%d images, %d classes, smoothing %.1f", rows, classes, eps);
    Tensor d = wide_by(unset(logits), 5), none = {.data = NULL}, both = unset(logits);
    const double got = cross_entropy(logits, labels, eps, scale, d);
    expect_number("the loss", got, total, TOLERANCE);
    mistake_number("the last image's loss: the sum over all images is returned",
                   last_loss(logits, labels, right, share));
    mistake_number("the loss with image 0's label for all: image i's is labels[i]",
                   loss_with(logits, same_labels(labels), right, share));
    mistake_number("the loss without the other classes' share: q is eps / K there",
                   loss_with(logits, labels, right, 0));
    mistake_number("the loss with eps / 10: the classes are tensor_cols(logits)",
                   loss_with(logits, labels, 1 - eps + eps / 10, eps / 10));
    mistake_number("the loss without label smoothing", loss_with(logits, labels, 1, 0));
    mistake_number("eps / (K - 1) for the other classes: [AIAYN 5.4] gives eps / K to "
                   "all K",
                   loss_with(logits, labels, 1 - eps, eps / (classes - 1)));
    mistake_number(
        "eps / (K - 1) for each class: [AIAYN 5.4] gives eps / K to all K",
        loss_with(logits, labels, 1 - eps + eps / (classes - 1), eps / (classes - 1)));
    mistake_number("q = 1 - eps for the label: it has its share eps / K as well",
                   loss_with(logits, labels, 1 - eps, share));
    mistake_number("the loss in bits, by log2: it is the natural logarithm",
                   total / log(2));
    mistake_number("q that sums to 1 + eps: the label's share is 1 - eps + eps / K",
                   loss_with(logits, labels, 1 + share, share));
    mistake_number("the mean over images: the sum is returned", total / rows);
    mistake_number("`scale` in the loss: only dlogits has it", total * scale);
    mistake_number("the loss with its sign lost", -total);
    mistake_if(by_infinite, !isfinite(got));
    expect("dlogits", d, want, TOLERANCE);
    mistake("dlogits.data[i * K + k]: rows may lie further apart; write "
            "tensor_row(dlogits, i)[k]",
            written_by_data(d, want));
    mistake("q - p: the gradient is p - q",
            dlogits_with(logits, labels, -scale, right, share));
    mistake("p - q without `scale`", dlogits_with(logits, labels, 1, right, share));
    mistake("p alone: the gradient is p - q",
            dlogits_with(logits, labels, scale, 0, 0));
    mistake("p minus the label, without smoothing",
            dlogits_with(logits, labels, scale, 1, 0));
    mistake_unwritten();
    case_is("%d images, %d classes, smoothing %.1f; data of dlogits NULL", rows,
            classes, eps);
    expect_number("the loss", cross_entropy(logits, labels, eps, scale, none), total,
                  TOLERANCE);
    case_is("%d images, %d classes, smoothing %.1f; dlogits is logits", rows, classes,
            eps);
    tensor_copy(both, logits);
    const double in_place = cross_entropy(both, labels, eps, scale, both);
    expect_number("the loss", in_place, total, TOLERANCE);
    mistake_if("a logit read after dlogits was written over it", true);
    expect("dlogits", both, want, TOLERANCE);
    mistake_if("a logit read after dlogits was written over it", true);
}

void loss_grade(void) {
    const int labels[3] = {2, 0, 3};
    static const char log_of_0[] =
        "the logarithm of a p that is 0: log p_k = logit_k - log_sum_exp";
    static const char overflow[] =
        "exp without the largest logit taken out first: exp(900) is infinite";
    loss_case(normal('L', SHAPE(3, 4)), labels, 0.1, log_of_0);
    loss_case(wide(normal('L', SHAPE(3, 4))), labels, 0, log_of_0);
    loss_case(normal('L', SHAPE(3, 300)), labels, 0.1, log_of_0);
    const double high[4] = {900, 899, 898, 899};
    loss_case(values(SHAPE(1, 4), high), labels + 2, 0.1, overflow);
    const double low[4] = {-900, -901, -902, -899};
    loss_case(
        values(SHAPE(1, 4), low), labels + 2, 0.1,
        "a largest logit that is sought from 0 on, or from another number: all may "
        "be lower; begin with the row's first");
    double one_high[9] = {0};
    for (int i = 0; i < 3; i++) {
        one_high[i * 3 + i] = 1500;
    }
    loss_case(
        values(SHAPE(3, 3), one_high), (const int[]){0, 1, 2}, 0,
        "a largest logit that isn't sought among all: it may be the first, the last "
        "or one between");
    const double large[4] = {900, -900, 0, 899};
    loss_case(values(SHAPE(1, 4), large), labels + 2, 0.1, log_of_0);
    const double none[3] = {1, -(double)INFINITY, 2};
    loss_case(values(SHAPE(1, 3), none), (const int[]){2}, 0,
              "0 times infinity: where q is 0 a class adds nothing, whatever its p");
}

/* ---- 5.6 ------------------------------------------------------------------------- */

/* What is left out of AdamW, or done wrongly. */
typedef struct {
    int m_offset, v_offset; /* t + this in the correction of m, of v */
    bool no_m_correction, no_v_correction, epsilon_inside, epsilon_in_root;
    bool uphill, no_root, root_first, no_mean, decay_grows, epsilon_8;
    bool before_moments;
    bool decay_whole, decay_after, no_decay, decay_all;
} Wrong;

/* Of a step: two parameters, of which the second is NO_DECAY. */
enum { COUNT = 9, DECAYED = 6 };

typedef struct {
    AdamW o;
    double lr;
    long t;
    const double *w, *g, *m, *v; /* before the step */
} Step;

static double corrected(const Step *s, double x, double beta, int offset, bool not ) {
    return not ? x : x / (1 - pow(beta, (double)(s->t + offset)));
}

static double *adamw(const Step *s, Wrong wrong) {
    const AdamW *o = &s->o;
    double *w = doubles(COUNT);
    for (int i = 0; i < COUNT; i++) {
        const double lambda = i < DECAYED || wrong.decay_all ? o->weight_decay : 0;
        const double g = s->g[i];
        double m = o->beta1 * s->m[i] + (1 - o->beta1) * g,
               v = o->beta2 * s->v[i] + (1 - o->beta2) * g * g;
        m = wrong.before_moments ? s->m[i] : m;
        v = wrong.before_moments ? s->v[i] : v;
        const double mhat =
            corrected(s, m, o->beta1, wrong.m_offset, wrong.no_m_correction);
        const double vhat =
            corrected(s, v, o->beta2, wrong.v_offset, wrong.no_v_correction);
        const double below =
            wrong.epsilon_inside
                ? sqrt(vhat) +
                      sqrt(corrected(s, o->epsilon * o->epsilon, o->beta2, 0, false))
            : wrong.epsilon_in_root ? sqrt(vhat + o->epsilon)
            : wrong.no_root         ? vhat + o->epsilon
            : wrong.root_first ? corrected(s, sqrt(v), o->beta2, 0, false) + o->epsilon
            : wrong.epsilon_8  ? sqrt(vhat) + 1e-8
                               : sqrt(vhat) + o->epsilon;
        const double decay = wrong.no_decay      ? 0
                             : wrong.decay_whole ? lambda
                             : wrong.decay_grows ? -s->lr * lambda
                                                 : s->lr * lambda;
        const double up = wrong.no_mean ? corrected(s, g, o->beta1, 0, false) : mhat;
        const double step = (wrong.uphill ? -s->lr : s->lr) * up / below;
        w[i] = wrong.decay_after ? (1 - decay) * (s->w[i] - step)
                                 : (1 - decay) * s->w[i] - step;
    }
    return w;
}

static void adamw_mistakes(const Step *s) {
#define BY(...) adamw(s, (Wrong){__VA_ARGS__})
    mistake("a bias correction with t + 1: the first step has t = 1",
            BY(.m_offset = 1));
    mistake("both bias corrections with t + 1: the first step has t = 1",
            BY(.m_offset = 1, .v_offset = 1));
    const int first = (int)(1 - s->t); /* as in the first step */
    mistake(
        "bias corrections that are the same in every step: b^t is b to the power of t",
        BY(.m_offset = first, .v_offset = first));
    mistake("a step with m and v as they were before: first both, then w",
            BY(.before_moments = true));
    mistake("w moved uphill: the step is subtracted", BY(.uphill = true));
    mistake("mhat / vhat: vhat's root is wanted", BY(.no_root = true));
    mistake("v's root divided by 1 - b2^t: vhat is v by that, and then comes the root",
            BY(.root_first = true));
    mistake("g in place of mhat", BY(.no_mean = true));
    mistake("decay with the other sign: w shrinks", BY(.decay_grows = true));
    mistake("epsilon 1e-8: it is AdamW's own, adamw->epsilon", BY(.epsilon_8 = true));
    mistake("AdamW without the correction of m", BY(.no_m_correction = true));
    mistake("AdamW without the correction of v", BY(.no_v_correction = true));
    mistake("AdamW without its bias corrections",
            BY(.no_m_correction = true, .no_v_correction = true));
    mistake("epsilon inside the correction: it is added to sqrt(vhat)",
            BY(.epsilon_inside = true));
    mistake("epsilon inside the root: it is added to sqrt(vhat)",
            BY(.epsilon_in_root = true));
    mistake("decay without the learning rate: w shrinks by lr lambda",
            BY(.decay_whole = true));
    mistake("a step without weight decay", BY(.no_decay = true));
    mistake("decay of the weight after the step: it is of the weight before",
            BY(.decay_after = true));
    mistake("decay of a NO_DECAY parameter: `decay` is 0 for those",
            BY(.decay_all = true));
#undef BY
}

/* by old + of x, where x is g, or g with an L2 penalty, to the power of 1 or 2 */
static double *average(const Step *s, const double *old, double by, double of,
                       int power, bool penalty) {
    double *mean = doubles(COUNT);
    for (int i = 0; i < COUNT; i++) {
        const double lambda = penalty && i < DECAYED ? s->o.weight_decay : 0;
        mean[i] = by * old[i] + of * pow(s->g[i] + lambda * s->w[i], power);
    }
    return mean;
}

/* What the next step finds; looked at before w, which is made of both. */
static void expect_moments(const Step *s, Tensor m, Tensor v) {
    static const char penalty[] =
        "Adam with an L2 penalty: AdamW keeps the decay out of m and v";
    static const char all_of_g[] = "m with all of g: an average without 1 - b1, or "
                                   "mhat that is kept; which m does "
                                   "the next step go on with?";
    static const char all_of_square[] =
        "v with all of g^2: an average without 1 - b2, or vhat that is kept; which v "
        "does the next step go on with?";
    const double b1 = s->o.beta1, b2 = s->o.beta2, t = (double)s->t;
    const double c1 = 1 - pow(b1, t), c2 = 1 - pow(b2, t);
    expect("m", m, average(s, s->m, b1, 1 - b1, 1, false), TOLERANCE);
    mistake(penalty, average(s, s->m, b1, 1 - b1, 1, true));
    mistake(all_of_g, average(s, s->m, b1 / c1, (1 - b1) / c1, 1, false));
    mistake(all_of_g, average(s, s->m, b1, 1, 1, false));
    mistake("m with b1 and 1 - b1 exchanged: b1 is what stays",
            average(s, s->m, 1 - b1, b1, 1, false));
    expect("v", v, average(s, s->v, b2, 1 - b2, 2, false), TOLERANCE);
    mistake("v averaged with beta1: v has beta2",
            average(s, s->v, b1, 1 - b1, 2, false));
    mistake("beta2 = 0.999, whatever AdamW's own is: it is adamw->beta2",
            average(s, s->v, 0.999, 1 - 0.999, 2, false));
    mistake("v of g itself: it is the average of g^2",
            average(s, s->v, b2, 1 - b2, 1, false));
    mistake(all_of_square, average(s, s->v, b2, 1, 2, false));
    mistake(all_of_square, average(s, s->v, b2 / c2, (1 - b2) / c2, 2, false));
    mistake(penalty, average(s, s->v, b2, 1 - b2, 2, true));
}

static void adamw_case(long t) {
    Step s = {.o = {.beta1 = 0.9, .beta2 = 0.98, .epsilon = 1e-2, .weight_decay = 0.3},
              .lr = 0.05,
              .t = t};
    Tensor w = writable(normal('w', SHAPE(COUNT))), g = writable(normal('g', w));
    g.data[2] = g.data[7] = 0; /* m goes on there, and decay too */
    named("the gradients", g);
    Tensor m = writable(normal('m', w)), v = writable(normal('v', w));
    for (int i = 0; i < COUNT; i++) {
        v.data[i] = v.data[i] * v.data[i];
    }
    if (t == 1) {
        tensor_fill(m, 0);
        tensor_fill(v, 0);
    }
    s.w = doubles_of(w), s.g = doubles_of(g), s.m = doubles_of(m), s.v = doubles_of(v);
    const ParameterList list = {
        .items =
            (Parameter[2]){
                {.decay = DECAY, .shape = shape_of(1, (int[]){DECAYED})},
                {.shape = shape_of(1, (int[]){COUNT - DECAYED}), .offset = DECAYED}},
        .count = 2,
        .total = COUNT};
    case_is("AdamW, step %ld, lr %.2f, lambda %.1f, or 0 from w[%d] on", t, s.lr,
            s.o.weight_decay, DECAYED);
    hint("Take w = 1, m = v = 0, g = 2 by hand: which of m, v and w is wrong first?");
    adamw_step(&(AdamWStep){&s.o, s.lr, t, w.data, g.data, m.data, v.data}, &list);
    expect_moments(&s, m, v);
    expect("w", w, adamw(&s, (Wrong){.m_offset = 0}), TOLERANCE);
    double *left = adamw(&s, (Wrong){.m_offset = 0});
    left[2] = s.w[2], left[7] = s.w[7];
    mistake(
        "weights left as they are where the gradient is 0: m goes on there, and decay "
        "too",
        left);
    adamw_mistakes(&s);
    bool infinite = false;
    for (int i = 0; i < COUNT; i++) {
        infinite = infinite || !isfinite((double)w.data[i]);
    }
    mistake_if("a bias correction with t - 1: at t = 1 that is 1 - b^0 = 0", infinite);
}

/* 1 - beta2 and 1 - beta2^t are wanted with double's digits, in float too. */
static void float_case(void) {
    static const double g[4] = {1, -2, 0.5, 0.25};
    static const char too_early[] =
        "1 - beta2, or 1 - beta2^t, computed in float, where it is wrong in its fifth "
        "digit: compute it in double, then convert";
    FILE *program = in_float("adamw_in_float");
    case_is("AdamW in float, step 1, beta2 0.999");
    for (int i = 0; program && i < 4; i++) {
        double v = 0, w = 0, sign = g[i] < 0 ? -1 : 1;
        if (fscanf(program, "%lf %lf", &v, &w) != 2) {
            expect_true(false, "adamw_step ended, in float, without a result.");
        }
        expect_number("v", v, 0.001 * g[i] * g[i], 5e-6);
        mistake_if(too_early, true);
        expect_number("w", w, -0.01 * sign, 5e-6);
        mistake_if(too_early, true);
    }
    if (program) {
        (void)pclose(program);
    }
}

static void clip_case(double most) {
    enum { NUMBERS = 7 };
    Tensor g = writable(normal('g', SHAPE(NUMBERS)));
    const double *g0 = doubles_of(g), norm = sqrt(dot(NUMBERS, g0, g0));
    const double factor = most > 0 && norm > most ? most / norm : 1;
    double *want = doubles(NUMBERS), *each = doubles(NUMBERS),
           *always = doubles(NUMBERS);
    for (int i = 0; i < NUMBERS; i++) {
        want[i] = factor * g0[i];
        each[i] = most > 0 ? fmax(-most, fmin(most, g0[i])) : g0[i];
        always[i] = g0[i] * most / norm;
    }
    case_is("clipping at %.1f, the norm is %.3f", most, norm);
    hint("Which vector has this norm, and what may clipping change of it?");
    expect_number("the norm before", gradient_clip(g.data, NUMBERS, most), norm, 1e-12);
    mistake_number("the square of the norm: its root is wanted", norm * norm);
    mistake_number("the norm after clipping: the one before is returned",
                   factor * norm);
    expect("g", g, want, TOLERANCE);
    mistake("each number clipped by itself: one factor for all keeps the direction",
            each);
    mistake("a gradient that was not clipped", g0);
    mistake(most > 0
                ? "a small gradient made longer: clipping is for a norm above max_norm"
                : "clipping at 0: max_norm = 0 means never",
            always);
}

static void rate_case(long warmup, long t) {
    const Schedule s = {SCHEDULE_COSINE, .peak = 0.3, .warmup = warmup,
                        .total_steps = 110};
    const double pi = 3.14159265358979323846;
    const double done = (double)(t - warmup) / (double)(110 - warmup),
                 flat = 0.15 * (1 + cos(pi * done));
    const double want = t < warmup ? 0.3 * (double)t / (double)warmup
                        : t >= 110 ? 0
                                   : flat;
    case_is("peak 0.3, warm-up %ld, 110 steps in all: step %ld", warmup, t);
    hint("Which lines of the rule hold for this t, and which of them comes first?");
    const double got = schedule_rate(&s, t);
    expect_number("the rate", got, want, 1e-12);
    mistake_if("0 in a warm-up that is longer than the run: which line of the rule "
               "holds first?",
               t >= 110 && t < warmup && got == 0);
    mistake_number("the cosine without warm-up", flat);
    mistake_number("1 + cos, not halved: it begins at twice the peak", 2 * flat);
    mistake_number("a cosine that counts from step 0: it begins after the warm-up",
                   0.15 * (1 + cos(pi * (double)t / 110)));
    mistake_if("a quotient of two integers, 0 all through the warm-up: convert t, or "
               "the warm-up, first",
               t > 1 && t < warmup && got == 0);
    mistake_if("a warm-up a step ahead: step t has peak t / warmup",
               t < warmup &&
                   fabs(got - 0.3 * (double)(t + 1) / (double)warmup) < 1e-12);
    mistake_if(
        "a warm-up that includes step `warmup`: from total_steps on the rate is 0",
        t >= 110 && t == warmup && fabs(got - 0.3) < 1e-12);
    mistake_number("a whole turn of the cosine, which goes up again: half a turn is pi",
                   0.15 * (1 + cos(2 * pi * done)));
    mistake_number("a cosine over total_steps: what is left after the warm-up is "
                   "total_steps - warmup",
                   0.15 * (1 + cos(pi * (double)(t - warmup) / 110)));
    mistake_number("a cosine without pi: half a turn is pi", 0.15 * (1 + cos(done)));
    mistake_number("a straight line down: it is half a cosine", 0.3 * (1 - done));
    mistake_number("a quarter of a cosine: peak (1 + cos(pi u)) / 2",
                   0.3 * cos(pi * done / 2));
    mistake_number("a cosine that doesn't end at 0", 0.03 + 0.9 * flat);
    mistake_number(
        "a cosine that is a step ahead",
        0.15 * (1 + cos(pi * (double)(t + 1 - warmup) / (double)(110 - warmup))));
    mistake_if("0: perhaps between two integers, where 1 / 2 is 0",
               t >= warmup && t < 109 && got == 0);
    mistake_if("a warm-up that begins at 0: the first step is t = 1",
               t < warmup &&
                   fabs(got - 0.3 * (double)(t - 1) / (double)warmup) < 1e-12);
    mistake_if("a quotient of two integers: u is 0 up to the last step",
               t > warmup && got == 0.3);
    mistake_if("0/0: where the warm-up takes the whole run, its last step has rate 0",
               isnan(got));
}

void optimiser_grade(void) {
    adamw_case(1);
    adamw_case(2);
    adamw_case(3);
    adamw_case(50);
    adamw_case(1001);
    float_case();
    clip_case(0.5);
    clip_case(100);
    clip_case(0);
    const long steps[] = {5, 1, 10, 13, 60, 109, 110};
    for (int i = 0; i < 7; i++) {
        rate_case(10, steps[i]);
    }
    rate_case(110, 55);
    rate_case(110, 110);
    rate_case(150, 110);
}
