/*
 * gallery.h: how well a trained model does, shown in the terminal: the accuracy of
 * each class, and a few test images with what the model says they are and where
 * its class token looks. Predictions are trainer_evaluate's, of the test set.
 */
#pragma once

#include "chapters/05_vision_transformer/training/trainer.h"

/* gallery_classes: a line for each class: accuracy, and what it is taken for. Of many
 * classes only the worst and the best. False: no memory. */
bool gallery_classes(const Dataset *dataset, const int *predictions, Error *error);

/* gallery_row: row k of the confusion matrix: row[j] of the images of class k are
 * predicted as class j. Returns how many images of class k have a prediction. */
long gallery_row(const Dataset *dataset, const int *predictions, int k, long *row);

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
