/*
 * freeze.h: which of a model's parameters a run trains. Only fine-tuning (chapter 7)
 * leaves some as they are: those near the image, which suit other images as well.
 */
#pragma once

#include "chapters/05_vision_transformer/model/vit.h"

/*
 * not_frozen: what is trained if the embedding (patches, class token, positions) and
 * the first `freeze` blocks keep their weights; all if freeze is 0. A Vit's list begins
 * with them, in this order, so the rest is the end of the list, and of each block of
 * memory: from items[0].offset to total. It has no memory of its own.
 */
ParameterList not_frozen(const ParameterList *list, int freeze);

/*
 * not_frozen_backward: vit_backward, for these parameters alone: it ends below the first
 * block that is trained, for nobody asks for the gradients of what is frozen; in d they
 * stay as they are. All others are vit_backward's, to the bit.
 */
void not_frozen_backward(const Vit *vit, Vit *d, VitActivations *a,
                         const Dropout *dropout, Tensor dlogits, int freeze);
