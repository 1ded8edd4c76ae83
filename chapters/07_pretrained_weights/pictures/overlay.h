/*
 * overlay.h: weights of patches, as colours over the photo: where a model looked
 * [ViT fig.6].
 */
#pragma once

#include "common/images/picture.h"
#include "common/tensor.h"

/*
 * viridis: a colour from dark blue (0) by green to yellow (1). Its lightness rises
 * evenly, so that it can be read in grey and by colour-blind readers (van der Walt and
 * Smith, 2015). Values beyond 0 to 1, and NaN, have the colours of the ends.
 */
void viridis(double value, unsigned char rgb[PICTURE_CHANNELS]);

/*
 * grid_at: the weights (down, across) of patches, as a surface over their picture: the
 * value at x and y, from 0 to 1 each, bilinear between the centres of patches and flat
 * beyond the outermost.
 */
double grid_at(Tensor weights, double x, double y);

/*
 * overlay_draw: the photo in grey, so that all colour is the weights', half and half
 * with viridis of the weights (down, across), which are from 0 to 1. A photo with less
 * than OVERLAY_SIDE pixels to a side is enlarged a whole number of times. `drawn` is to
 * be freed.
 */
enum { OVERLAY_SIDE = 224 };
bool overlay_draw(const Picture *seen, Tensor weights, Picture *drawn, Error *error);
