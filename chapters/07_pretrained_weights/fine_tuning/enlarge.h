/*
 * enlarge.h: a whole data set in another size, in memory. Fashion-MNIST has 28 x 28
 * pixels; a model for 56 x 56 sees them enlarged. Nothing new is in them, but there are
 * four times as many patches, each with a finer piece of the image.
 */
#pragma once

#include "common/images/resize.h"
#include "chapters/05_vision_transformer/training/dataset.h"

/*
 * dataset_resize: all images of both sets, to height x width pixels; with antialiasing
 * where that is smaller. Mean, deviation and checksum stay those of the images as they
 * were. Nothing happens if they have that size. False if there is no memory; then the
 * data set is as it was.
 *
 * Columns, then rows, as in PIL; but the result is rounded to bytes once, at the end,
 * where PIL rounds after the columns too: so the two may differ by 1 in 255.
 */
bool dataset_resize(Dataset *dataset, int height, int width, ResizeFilter filter,
                    Error *error);
