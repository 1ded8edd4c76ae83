/* picture_tensor.h: a photo becomes the tensor that a recipe (recipe.h) makes of it. */
#pragma once

#include "chapters/07_pretrained_weights/pictures/recipe.h"

/*
 * picture_fit: what the model sees: the photo, resized and cropped: to be freed.
 * picture_to_tensor: that as image (C, H, W); C is 3, or 1: the luminance, as PIL's
 * convert("L") computes it (ITU-R 601).
 */
bool picture_fit(const Picture *photo, const Recipe *recipe, Picture *seen,
                 Error *error);
void picture_to_tensor(const Picture *seen, const Recipe *recipe, Tensor image);
