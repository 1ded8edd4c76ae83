/* sgd.c: see sgd.h. */
#include "chapters/05_vision_transformer/training/sgd.h"

enum { WORTH_THREADS = 50000 };

/* [ViT T.4]   SGD with momentum */
static void update(const SgdStep *s, long from, long count) {
    const real mu = (real)s->momentum, lr = (real)s->lr;
    const real *restrict g = s->gradients + from;
    real *restrict w = s->weights + from, *restrict m = s->m + from;
#pragma omp parallel for simd schedule(static) if (count > WORTH_THREADS)
    for (long i = 0; i < count; i++) {
        m[i] = mu * m[i] + g[i];
        w[i] = w[i] - lr * m[i];
    }
}

void sgd_step(const SgdStep *s, const ParameterList *list) {
    for (int i = 0; i < list->count; i++) {
        update(s, list->items[i].offset, tensor_count(list->items[i].shape));
    }
}
