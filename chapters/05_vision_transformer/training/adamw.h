/*
 * adamw.h: Adam with decoupled weight decay (Kingma and Ba, 2015; Loshchilov and
 * Hutter, 2019), and clipping by the global norm [ViT T.3]. With lambda = 0 it is the
 * Adam of [AIAYN 5.3]. m and v begin as 0. Derivations: notes/05, 5 to 7.
 */
#pragma once

#include "common/parameters.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    double beta1, beta2, epsilon;
    double weight_decay; /* lambda, of parameters that are DECAY */
} AdamW;

/* One step, t >= 1. */
typedef struct {
    const AdamW *adamw;
    double lr;
    long t;
    real *weights;
    const real *gradients;
    real *m, *v;
} AdamWStep;

/* adamw_step: over blocks of list->total elements each. */
void adamw_step(const AdamWStep *step, const ParameterList *list);

/*
 * gradient_norm: the square root of the sum of squares of `count` elements; summed
 * in double, in a fixed order, whatever the number of threads.
 */
double gradient_norm(const real *gradients, long count);

/*
 * gradient_clip: when the global norm exceeds `max_norm`, scale all gradients so that
 * the two are equal. Returns the norm before. max_norm = 0: never clip.
 */
double gradient_clip(real *gradients, long count, double max_norm);

#ifdef __cplusplus
}
#endif
