/* exercises_6_adamw.c: AdamW's kernel, graded (6.6). See exercise.h. */
#include <math.h>

#include "chapters/06_cuda_training/cuda_on_cpu/counts.h"
#include "chapters/06_cuda_training/kernels/gpu_adamw.h"
#include "tests/exercises/exercise.h"
#include "tests/exercises/exercises_6.h"

#define TOLERANCE 1e-5 /* float */

enum { COUNT = 300, DECAYED = 100 };

/* What is done wrongly. */
typedef struct {
    bool not_clipped, v_not_clipped, clipped_after, decay_all, no_decay, decay_by_rate;
    bool decay_in_gradient, m_not_corrected, v_not_corrected, epsilon_inside,
        epsilon_in_root;
} Wrong;

typedef struct {
    AdamW o;
    double lr, clip;
    const double *w, *g, *m, *v; /* before the step */
} Step;

/* The weights after step 3. */
static double *adamw_by(const Step *s, Wrong wrong) {
    const AdamW *o = &s->o;
    const double c1 = 1 - pow(o->beta1, 3), c2 = 1 - pow(o->beta2, 3);
    double *w = doubles(COUNT);
    for (int i = 0; i < COUNT; i++) {
        const double lambda = i < DECAYED || wrong.decay_all ? o->weight_decay : 0;
        const bool whole = wrong.not_clipped || wrong.clipped_after;
        const double g = s->g[i] * (whole ? 1 : s->clip) +
                         (wrong.decay_in_gradient ? lambda * s->w[i] : 0);
        const double g_of_v = wrong.v_not_clipped ? s->g[i] : g;
        const double m = o->beta1 * s->m[i] + (1 - o->beta1) * g,
                     v = o->beta2 * s->v[i] + (1 - o->beta2) * g_of_v * g_of_v;
        const double mhat = wrong.m_not_corrected ? m : m / c1,
                     vhat = wrong.v_not_corrected ? v : v / c2, eps = o->epsilon;
        const double below = wrong.epsilon_inside    ? (sqrt(v) + eps) / sqrt(c2)
                             : wrong.epsilon_in_root ? sqrt(vhat + eps)
                                                     : sqrt(vhat) + eps;
        const double decay = wrong.no_decay || wrong.decay_in_gradient ? 0
                             : wrong.decay_by_rate ? s->lr / c1 * lambda
                                                   : s->lr * lambda;
        w[i] = (1 - decay) * s->w[i] -
               s->lr * (wrong.clipped_after ? s->clip : 1) * mhat / below;
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
    mistake("epsilon inside the correction: it is added to sqrt(vhat)",
            BY(.epsilon_inside = true));
    mistake("epsilon inside the root: it is added to sqrt(vhat)",
            BY(.epsilon_in_root = true));
#undef BY
}

void adamw_grade(void) {
    begin_device();
    Step s = {.o = {.beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-3, .weight_decay = 0.3},
              .lr = 0.05,
              .clip = 0.25};
    const DecayRun runs[2] = {{DECAYED, 0.3f}, {COUNT, 0}};
    const GpuStepResult result = {.clip_scale = (float)s.clip};
    Tensor w = writable(normal('w', SHAPE(COUNT))), g = normal('g', w);
    Tensor m = writable(normal('m', w)), v = writable(normal('v', w));
    double *m_want = doubles(COUNT), *v_want = doubles(COUNT), *mhat = doubles(COUNT);
    for (int i = 0; i < COUNT; i++) {
        v.data[i] *= v.data[i];
    }
    s.w = doubles_of(w), s.g = doubles_of(g), s.m = doubles_of(m), s.v = doubles_of(v);
    for (int i = 0; i < COUNT; i++) {
        const double G = s.g[i] * s.clip;
        m_want[i] = s.o.beta1 * s.m[i] + (1 - s.o.beta1) * G;
        v_want[i] = s.o.beta2 * s.v[i] + (1 - s.o.beta2) * G * G;
        mhat[i] = m_want[i] / (1 - pow(s.o.beta1, 3));
    }
    Tensor D[4] = {on_device(w, 0), on_device(g, 0), on_device(m, 0), on_device(v, 0)};
    const void *device_runs = device_bytes(runs, sizeof runs),
               *device_result = device_bytes(&result, sizeof result);
    case_is("%d numbers, step 3, clip_scale %.2f; the first %d decay", COUNT, s.clip,
            DECAYED);
    cuda_on_cpu_counts_clear();
    const GpuUpdate update = {COUNT,     D[0].data,   D[2].data, D[3].data,
                              D[1].data, device_runs, 2};
    gpu_adamw_step(NULL, &s.o, s.lr, 3, &update, device_result);
    expect("w", from_device(D[0]), adamw_by(&s, (Wrong){.no_decay = false}), TOLERANCE);
    adamw_mistakes(&s);
    expect("m", from_device(D[2]), m_want, TOLERANCE);
    mistake("mhat kept in m: the next step goes on with m itself", mhat);
    expect("v", from_device(D[3]), v_want, TOLERANCE);
}
