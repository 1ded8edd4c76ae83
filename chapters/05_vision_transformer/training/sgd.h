/*
 * sgd.h: gradient descent with momentum (Polyak, 1964), with which the paper fine-tunes
 * [ViT T.4]. Training from scratch, chapter 5's subject, doesn't use it. m begins as 0.
 *
 *     m = mu m + g
 *     w = w - lr m
 *
 * With a constant gradient g, m grows to g / (1 - mu): at mu = 0.9 a step is ten times
 * lr g. This is torch.optim.SGD's form, and that of the authors' program; others have
 * (1 - mu) g in the first line, and their lr is as many times larger.
 */
#pragma once

#include "common/parameters.h"

/* One step. There is no weight decay: the paper fine-tunes without. */
typedef struct {
    double momentum, lr; /* mu, lr */
    real *weights;
    const real *gradients;
    real *m;
} SgdStep;

/* sgd_step: of the list's parameters; the rest of the blocks is left alone. */
void sgd_step(const SgdStep *step, const ParameterList *list);
