/*
 * resize.h: a picture in another size, as PIL's Image.resize makes it, to the bit: so
 * that a model sees the pixels it was trained with.
 *
 * One axis after the other. An output pixel is a weighted mean of the input pixels
 * around its centre. With antialiasing the filter is widened, so that no input pixel is
 * left out.
 */
#pragma once

#include "common/images/picture.h"

/* What an input pixel weighs at distance t from the centre. Bilinear: 1 - |t|, up to 1
 * pixel away. Bicubic: a cubic with a = -1/2, up to 2 away, below 0 beyond 1. */
typedef enum { RESIZE_BILINEAR, RESIZE_BICUBIC } ResizeFilter;

/* One output pixel is the sum of `count` input pixels from `first` on, each times its
 * weight. The weights sum to 1. */
typedef struct {
    int first, count;
    double *weight; /* (count); in the axis' memory */
} ResizeWeights;

/*
 * resize_axis: the weights of all `out` pixels of an axis of `in` pixels, of which
 * [from, to) is kept (0 and `in`: all). NULL if there is no memory; freed with free().
 *
 * antialias false: the filter keeps its width, so that pixels are skipped when the
 * picture shrinks; and what is beyond the border weighs as the border's pixel does,
 * where otherwise it is left out. Bilinear this is torch's interpolate (whose bicubic
 * has a = -3/4 then).
 */
ResizeWeights *resize_axis(int in, double from, double to, int out, ResizeFilter filter,
                           bool antialias);

/*
 * resize_picture: `to` is made, and to be freed. As in PIL, weights are rounded to 22
 * bits after the point, and what the first axis makes is rounded to bytes for the
 * second. The first is x; but y, as in PIL from version 13 on, where the picture loses
 * more than twice as many rows as columns. (Older versions begin with x always: in
 * such a tall picture some pixels differ by a level or two.)
 */
bool resize_picture(const Picture *picture, int width, int height, ResizeFilter filter,
                    bool antialias, Picture *to, Error *error);

/* Where the middle begins when an odd number of pixels is cut off: at the half rounded
 * to the even number, as torchvision's CenterCrop has it, or down, as transformers has
 * it. */
typedef enum { CROP_HALF_TO_EVEN, CROP_HALF_DOWN } CropRounding;

/* resize_crop: the middle width x height of a picture, cut out; where the picture is
 * smaller, what is missing is black. `to` is made, and to be freed. */
bool resize_crop(const Picture *picture, int width, int height, CropRounding rounding,
                 Picture *to, Error *error);
