/* adamw.c: see adamw.h. */
#include "chapters/05_vision_transformer/training/adamw.h"

#include "common/real_math.h"

/* [AIAYN 5.3]   Adam, and with it the decay of [ViT T.3] */
static void update(const AdamWStep *s, double decay, long from, long count) {
    const AdamW *o = s->adamw;
    const double lr = s->lr;
    const long t = s->t;
    const real *restrict g = s->gradients + from;
    real *restrict w = s->weights + from;
    real *restrict m = s->m + from, *restrict v = s->v + from;
    /* exercise 5.6 */
    const real b1 = (real)o->beta1, b2 = (real)o->beta2, eps = (real)o->epsilon;
    /* 1 - b2 in double: in float 1 - 0.999 would be wrong in its fifth digit. */
    const real g1 = (real)(1.0 - o->beta1), g2 = (real)(1.0 - o->beta2);
    const real keep = (real)(1.0 - lr * decay);
    /* mhat / (sqrt(vhat) + eps), with the two corrections taken out of the loop */
    const real step = (real)(lr / (1.0 - pow(o->beta1, (double)t)));
    const real scale = (real)(1.0 / sqrt(1.0 - pow(o->beta2, (double)t)));
#pragma omp simd
    for (long i = 0; i < count; i++) {
        m[i] = b1 * m[i] + g1 * g[i];
        v[i] = b2 * v[i] + g2 * g[i] * g[i];
        w[i] = keep * w[i] - step * m[i] / (real_sqrt(v[i]) * scale + eps);
    }
    /* end of exercise 5.6 */
}

/*
 * Blocks are cut into parts, whose number doesn't depend on the threads': so a sum
 * over them has the same bits whoever adds them up.
 */
enum { PARTS = 64, WORTH_THREADS = 50000 };

static long part_begin(long count, int part) {
    return count * part / PARTS;
}

/* The part of parameter p that is in the block's elements from..to-1. */
static void update_part(const AdamWStep *s, const Parameter *p, long from, long to) {
    const long end = p->offset + tensor_count(p->shape);
    from = from > p->offset ? from : p->offset;
    to = to < end ? to : end;
    if (from < to) {
        update(s, p->decay == DECAY ? s->adamw->weight_decay : 0.0, from, to - from);
    }
}

void adamw_step(const AdamWStep *s, const ParameterList *list) {
#pragma omp parallel for schedule(static) if (list->total > WORTH_THREADS)
    for (int part = 0; part < PARTS; part++) {
        for (int i = 0; i < list->count; i++) {
            update_part(s, &list->items[i], part_begin(list->total, part),
                        part_begin(list->total, part + 1));
        }
    }
}

double gradient_norm(const real *gradients, long count) {
    double sums[PARTS], sum = 0;
#pragma omp parallel for schedule(static) if (count > WORTH_THREADS)
    for (int part = 0; part < PARTS; part++) {
        double squares = 0;
#pragma omp simd reduction(+ : squares)
        for (long i = part_begin(count, part); i < part_begin(count, part + 1); i++) {
            squares += (double)gradients[i] * (double)gradients[i];
        }
        sums[part] = squares;
    }
    for (int part = 0; part < PARTS; part++) {
        sum += sums[part];
    }
    return sqrt(sum);
}

double gradient_clip(real *gradients, long count, double max_norm) {
    /* exercise 5.6 */
    const double norm = gradient_norm(gradients, count);
    if (max_norm > 0 && norm > max_norm) {
        const real scale = (real)(max_norm / norm);
#pragma omp parallel for simd schedule(static) if (count > WORTH_THREADS)
        for (long i = 0; i < count; i++) {
            gradients[i] *= scale;
        }
    }
    return norm;
    /* end of exercise 5.6 */
}
