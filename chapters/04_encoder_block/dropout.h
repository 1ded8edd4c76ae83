/*
 * dropout.h: while training, each element is set to 0 with probability `rate`, and
 * those that stay are divided by 1 - rate, so that the mean doesn't change
 * (Srivastava et al., 2014; the rescaling is called inverted dropout).
 *
 * The mask is not kept: it is a function of the seed, the step, the site in the
 * model and the element (random.h), so backward makes it again. An element is
 * counted from the first image of the whole batch; so the mask is the same
 * however the batch is cut into slices.
 *
 * Where it is used [AIAYN 5.4] [ViT T.3]: after every dense layer but the qkv
 * projection, and after the positions are added.
 */
#pragma once

#include <stdint.h>

#include "common/tensor.h"

typedef struct {
    double rate;   /* 0: none (evaluation) */
    uint64_t seed; /* the run's */
    uint32_t step; /* the training step: a new mask each time */
    int image;     /* which image of the batch is the first of this slice */
} Dropout;

/*
 * dropout_apply: X o mask / (1 - rate), in place. Forward applies it to the
 * activations, backward, with the same arguments, to their gradients:
 *     y = m x / (1 - rate)   =>   dx = m dy / (1 - rate).
 *   X (B, n, D)   in and out
 *   site          which dropout of the model this is
 */
void dropout_apply(const Dropout *dropout, int site, Tensor X);
