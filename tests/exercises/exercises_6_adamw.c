/* exercises_6_adamw.c: AdamW's kernel, graded (6.6). See exercise.h. */
#include <math.h>

#include "chapters/06_cuda_training/cuda_on_cpu/counts.h"
#include "chapters/06_cuda_training/kernels/gpu_adamw.h"
#include "tests/exercises/exercise.h"
#include "tests/exercises/exercises_6.h"

#define TOLERANCE 1e-5 /* float */

/* What is done wrongly. */
typedef struct {
    bool not_clipped, v_not_clipped, clipped_after, decay_all, no_decay, decay_by_rate;
    bool decay_in_gradient, m_not_corrected, v_not_corrected, epsilon_inside,
        epsilon_in_root;
    bool lr_twice, root_divides;
    bool clip_divided, no_epsilon, decay_of_step, uphill, old_m, v_of_beta1;
} Wrong;

typedef struct {
    AdamW o;
    double lr, clip;
    int count, decayed, t;       /* elements, and how many of them decay; the step */
    const double *w, *g, *m, *v; /* before the step */
} Step;

/* The weights after step t. */
static double *adamw_by(const Step *s, Wrong wrong) {
    const AdamW *o = &s->o;
    const double c1 = 1 - pow(o->beta1, s->t), c2 = 1 - pow(o->beta2, s->t);
    double *w = doubles(s->count);
    for (int i = 0; i < s->count; i++) {
        const double lambda = i < s->decayed || wrong.decay_all ? o->weight_decay : 0;
        const bool whole = wrong.not_clipped || wrong.clipped_after;
        const double clip = wrong.clip_divided ? 1 / s->clip : s->clip;
        const double g = s->g[i] * (whole ? 1 : clip) +
                         (wrong.decay_in_gradient ? lambda * s->w[i] : 0);
        const double g_of_v = wrong.v_not_clipped ? s->g[i] : g;
        const double m = o->beta1 * s->m[i] + (1 - o->beta1) * g,
                     of_v = wrong.v_of_beta1 ? o->beta1 : o->beta2,
                     v = of_v * s->v[i] + (1 - of_v) * g_of_v * g_of_v;
        const double mhat = wrong.old_m             ? s->m[i] / c1
                            : wrong.m_not_corrected ? m
                                                    : m / c1,
                     vhat = wrong.v_not_corrected ? v
                            : wrong.root_divides  ? v * c2
                                                  : v / c2,
                     eps = o->epsilon;
        const double below = wrong.epsilon_inside    ? (sqrt(v) + eps) / sqrt(c2)
                             : wrong.epsilon_in_root ? sqrt(vhat + eps)
                             : wrong.no_epsilon      ? sqrt(vhat)
                                                     : sqrt(vhat) + eps;
        const double decay = wrong.no_decay || wrong.decay_in_gradient ? 0
                             : wrong.decay_by_rate ? s->lr / c1 * lambda
                                                   : s->lr * lambda;
        const double step = s->lr * (wrong.lr_twice ? s->lr : 1) *
                            (wrong.clipped_after ? s->clip : 1) * mhat / below;
        w[i] = (1 - decay) * s->w[i] -
               (wrong.decay_of_step ? 1 - decay : 1) * (wrong.uphill ? -step : step);
    }
    return w;
}

static void adamw_mistakes(const Step *s) {
#define BY(...) adamw_by(s, (Wrong){__VA_ARGS__})
    mistake("a step by the gradient before clipping: g is gradients times clip_scale",
            BY(.not_clipped = true));
    mistake("clipping after the step: m and v are of the clipped gradient",
            BY(.clipped_after = true));
    mistake("v of the gradient before clipping", BY(.v_not_clipped = true));
    mistake("decay for every parameter: kept_share(u, i, s.lr) knows which",
            BY(.decay_all = true));
    mistake("a step without weight decay: weights[i] times kept_share(...)",
            BY(.no_decay = true));
    mistake("decay by s.rate: it is by s.lr, which isn't corrected",
            BY(.decay_by_rate = true));
    mistake("Adam with an L2 penalty: AdamW keeps the decay out of m and v",
            BY(.decay_in_gradient = true));
    mistake("s.lr in place of s.rate, which has m's correction",
            BY(.m_not_corrected = true));
    mistake("sqrt(v) without s.root_of_v, its correction", BY(.v_not_corrected = true));
    mistake("a step without the corrections of m and v, as after many steps: s.rate "
            "has m's, s.root_of_v v's",
            BY(.m_not_corrected = true, .v_not_corrected = true));
    mistake("lr twice: s.rate has it", BY(.lr_twice = true));
    mistake("a root that is divided by s.root_of_v: it is a factor",
            BY(.root_divides = true));
    mistake("epsilon inside the correction: it is added to sqrt(vhat)",
            BY(.epsilon_inside = true));
    mistake("epsilon inside the root: it is added to sqrt(vhat)",
            BY(.epsilon_in_root = true));
    mistake("a gradient divided by clip_scale: it is a factor",
            BY(.clip_divided = true));
    mistake("sqrt(vhat) without epsilon", BY(.no_epsilon = true));
    mistake("decay of the weight after the step: keep is a factor of weights[i] alone",
            BY(.decay_of_step = true));
    mistake("w moved uphill: the step is subtracted", BY(.uphill = true));
    mistake("a step by m as it was: it is by the new one", BY(.old_m = true));
    mistake("beta1 for v, too", BY(.v_of_beta1 = true));
#undef BY
}

/* beta old + (1 - beta) new, the last factor as given. */
static double *mean_of(const Step *s, double beta, double share, const double *old,
                       bool squares) {
    double *mean = doubles(s->count);
    for (int i = 0; i < s->count; i++) {
        const double g = s->g[i] * s->clip;
        mean[i] = beta * old[i] + share * (squares ? g * g : g);
    }
    return mean;
}

static void adamw_means(const Step *s, Tensor m, Tensor v) {
    const double b1 = s->o.beta1, b2 = s->o.beta2;
    const double *m_want = mean_of(s, b1, 1 - b1, s->m, false);
    double *mhat = doubles(s->count);
    for (int i = 0; i < s->count; i++) {
        mhat[i] = m_want[i] / (1 - pow(b1, s->t));
    }
    expect("m", from_device(m), m_want, TOLERANCE);
    mistake("mhat kept in m: the next step goes on with m itself", mhat);
    mistake("1 - beta in float, which keeps few of its digits: s.one_minus_beta1 was "
            "taken in double",
            mean_of(s, b1, (double)(1 - (float)b1), s->m, false));
    expect("v", from_device(v), mean_of(s, b2, 1 - b2, s->v, true), TOLERANCE);
    mistake("1 - beta in float, which keeps few of its digits: s.one_minus_beta2 was "
            "taken in double",
            mean_of(s, b2, (double)(1 - (float)b2), s->v, true));
}

/* first: m and v are 0, as before step 1. means_first: compare these before w. */
static void adamw_case(Step s, bool first, bool means_first) {
    begin_device();
    const DecayRun runs[2] = {{s.decayed, (float)s.o.weight_decay}, {s.count, 0}};
    const GpuStepResult result = {.clip_scale = (float)s.clip};
    Tensor w = writable(normal('w', SHAPE(s.count))), g = normal('g', w);
    Tensor m = writable(normal('m', w)), v = writable(normal('v', w));
    for (int i = 0; i < s.count; i++) {
        m.data[i] *= first ? 0 : 1;
        g.data[i] *= first ? 10 : 1;
        v.data[i] *= first ? 0 : v.data[i];
    }
    input('g', g);
    s.w = doubles_of(w), s.g = doubles_of(g), s.m = doubles_of(m), s.v = doubles_of(v);
    Tensor D[4] = {on_device(w, 0), on_device(g, 0), on_device(m, 0), on_device(v, 0)};
    const void *device_runs = device_bytes(runs, sizeof runs),
               *device_result = device_bytes(&result, sizeof result);
    case_is("%d numbers, step %d, beta2 %g, clip_scale %g; the first %d decay", s.count,
            s.t, s.o.beta2, s.clip, s.decayed);
    cuda_on_cpu_counts_clear();
    const GpuUpdate update = {s.count,   D[0].data,   D[2].data, D[3].data,
                              D[1].data, device_runs, 2};
    gpu_adamw_step(NULL, &s.o, s.lr, s.t, &update, device_result);
    if (means_first) {
        adamw_means(&s, D[2], D[3]);
    }
    expect("w", from_device(D[0]), adamw_by(&s, (Wrong){.no_decay = false}), TOLERANCE);
    adamw_mistakes(&s);
    if (!means_first) {
        adamw_means(&s, D[2], D[3]);
    }
    expect_cost((Cost){.loads = 10.0 * s.count,
                       .stores = 4.0 * s.count,
                       .lanes = s.count < 32 ? 0 : 16});
}

void adamw_grade(void) {
    Step s = {.o = {.beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-3, .weight_decay = 0.3},
              .lr = 0.05,
              .clip = 0.25,
              .count = 300,
              .decayed = 100,
              .t = 3};
    adamw_case(s, false, false);
    s.count = 1000, s.decayed = 513, s.t = 20, s.clip = 1;
    adamw_case(s, false, false);
    s.o.beta1 = 0.9995, s.o.beta2 = 0.9999, s.t = 1; /* 1 - beta has few digits */
    adamw_case(s, true, true);
}
