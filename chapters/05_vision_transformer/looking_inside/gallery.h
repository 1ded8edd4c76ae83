/*
 * gallery.h: how well a trained model does, shown in the terminal: the accuracy of
 * each class, and a few test images with what the model says they are and where
 * its class token looks.
 */
#pragma once

#include "chapters/05_vision_transformer/training/trainer.h"

/* gallery_classes: a line for each class: accuracy, and what it is taken for. */
void gallery_classes(const Dataset *dataset, const Evaluation *evaluation);

/* gallery_count: how many images of class k were evaluated. */
long gallery_count(const Evaluation *evaluation, int k);

/*
 * gallery_images: the first test image of some classes, its prediction, and the
 * class token's attention to the patches in the last layer (mean over heads),
 * drawn next to it in characters from ' ' (least) to '@' (most). False: no memory.
 */
bool gallery_images(Trainer *trainer, const Dataset *dataset, Error *error);

/* gallery_forward: image `index` of the test set through the model; its logits. */
Tensor gallery_forward(Trainer *trainer, const Dataset *dataset, int index);

/* gallery_first_of: the first image of this class, -1 if there is none. */
int gallery_first_of(const ImageSet *set, int label);
