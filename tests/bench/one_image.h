/*
 * one_image.h: inference of one image after the other, as ./chapter7 does it: weights
 * mapped from a file, and packed once.
 */
#pragma once

#include "chapters/07_pretrained_weights/model/pretrained.h"

typedef struct {
    Pretrained model;
    PretrainedActivations activations;
} OneImage;

/* one_image_make: made-up weights, written to a file in $TMPDIR and loaded from it. To
 * be freed also if it fails. */
bool one_image_make(OneImage *one, const VitConfig *config, Error *error);
void one_image_free(OneImage *one);

/* one_image_logits: (K), from an image (C, H, W). */
const real *one_image_logits(OneImage *one, Tensor image);
