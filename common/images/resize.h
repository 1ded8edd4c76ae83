/*
 * resize.h: a picture in another size, as PIL's Image.resize makes it, to the bit: so a
 * model sees the pixels that it was trained with.
 *
 * One axis after the other, columns first. An output pixel is a weighted mean of input
 * pixels around its centre. When the picture shrinks, the filter is as many times wider
 * as the picture becomes narrower (antialiasing): no input pixel is left out.
 */
#pragma once

#include "common/images/picture.h"

typedef enum { RESIZE_BILINEAR, RESIZE_BICUBIC } ResizeFilter;

/* The weights of one output pixel: it is the sum of count input pixels from `first` on,
 * each times its weight; the weights sum to 1. */
typedef struct {
    int first, count;
    double *weight; /* (count); in the axis' memory */
} ResizeWeights;

/*
 * resize_axis: the weights of all `out` pixels of an axis of `in` pixels, of which
 * [from, to) is kept (0 and `in`: all). antialias false: the filter keeps its width, as
 * torch's interpolate does, and pixels are skipped. NULL if there is no memory; to be
 * freed with free().
 */
ResizeWeights *resize_axis(int in, double from, double to, int out, ResizeFilter filter,
                           bool antialias);

/* resize_picture: `to` is made, and to be freed. */
bool resize_picture(const Picture *picture, int width, int height, ResizeFilter filter,
                    bool antialias, Picture *to, Error *error);

/* resize_crop: the middle width x height of a picture, cut out as torchvision's
 * CenterCrop does it; where the picture is smaller, what is missing is black. */
bool resize_crop(const Picture *picture, int width, int height, Picture *to,
                 Error *error);
