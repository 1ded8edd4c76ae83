/*
 * dropout.h: while training, each element is set to 0 with probability `rate`, and
 * those that stay are divided by 1 - rate, so that the mean doesn't change
 * (Srivastava et al., 2014; the rescaling is called inverted dropout).
 *
 * The mask is not kept: it is a function of the seed, the step, the site in the
 * model and the element (random.h), so backward makes it again. Element e, counted
 * from the first image of the whole batch, not of a slice, stays where its 32 bits
 * times 2^-32 are at least `rate`: word e mod 4 of random_bits4's block e / 4.
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
 * dropout_apply: X o mask / (1 - rate), in place; activations in forward, and their
 * gradients in backward, with the same arguments.
 *   X (B, n, D)   in and out; may be a view
 *   site          which dropout of the model this is
 */
void dropout_apply(const Dropout *dropout, int site, Tensor X);
