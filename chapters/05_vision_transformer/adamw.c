/* adamw.c: see adamw.h. */
#include "adamw.h"

#include "real_math.h"

static void update(const AdamW *o, double lr, long t, double decay, long count,
                   real *restrict w, const real *restrict g, real *restrict m,
                   real *restrict v) {
    const real b1 = (real)o->beta1, b2 = (real)o->beta2, eps = (real)o->epsilon;
    /* 1 - b2 in double: in float 1 - 0.999 would be wrong in its fifth digit. */
    const real g1 = (real)(1.0 - o->beta1), g2 = (real)(1.0 - o->beta2);
    const real keep = (real)(1.0 - lr * decay);
    /* mhat / (sqrt(vhat) + eps), with the two corrections taken out of the loop */
    const real step = (real)(lr / (1.0 - pow(o->beta1, (double)t)));
    const real scale = (real)(1.0 / sqrt(1.0 - pow(o->beta2, (double)t)));
#pragma omp parallel for simd schedule(static) if (count > 100000)
    for (long i = 0; i < count; i++) {
        m[i] = b1 * m[i] + g1 * g[i];
        v[i] = b2 * v[i] + g2 * g[i] * g[i];
#ifdef REAL_IS_DOUBLE
        real root = sqrt(v[i]);
#else
        real root = sqrtf(v[i]);
#endif
        w[i] = keep * w[i] - step * m[i] / (root * scale + eps);
    }
}

void adamw_step(const AdamW *adamw, const ParameterList *list, double lr, long t,
                real *weights, const real *gradients, real *m, real *v) {
    for (int i = 0; i < list->count; i++) {
        const Parameter *p = &list->list[i];
        const long at = p->offset;
        update(adamw, lr, t, p->decay == DECAY ? adamw->weight_decay : 0.0,
               tensor_count(p->at), weights + at, gradients + at, m + at, v + at);
    }
}

double gradient_norm(const real *gradients, long count) {
    double sum = 0;
    for (long i = 0; i < count; i++) {
        sum += (double)gradients[i] * (double)gradients[i];
    }
    return sqrt(sum);
}

double gradient_clip(real *gradients, long count, double most) {
    const double norm = gradient_norm(gradients, count);
    if (most > 0 && norm > most) {
        const real scale = (real)(most / norm);
        for (long i = 0; i < count; i++) {
            gradients[i] *= scale;
        }
    }
    return norm;
}
