/*
 * transform.h: the changes of dialects.h: an array `a` of a file becomes a tensor of
 * ours. What the file's layer makes of a token x, or of an image's patch, is
 *
 *     TRANSPOSE     (in, out)      y_o = sum_i x_i a[i][o]
 *     HEADS_IN      (D, h, D_h)    head g's element j = sum_i x_i a[i][g][j]
 *     HEADS_BIAS    (h, D_h)       ... + a[g][j]
 *     HEADS_OUT     (h, D_h, D)    y_o = sum_g sum_j (head g's element j) a[g][j][o]
 *     HWIO_TO_OIHW  (P, P, C, D)   y_o = sum of pixel[y][x][c] a[y][x][c][o]
 *
 * and ours must make the same of it: a dense layer's matrix is (out, in), y = x W^T,
 * heads are side by side, as in chapter 3, and a patch is (C, P, P). AS_IS changes
 * nothing.
 */
#pragma once

#include "chapters/07_pretrained_weights/weights/arrays.h"
#include "chapters/07_pretrained_weights/weights/dialects.h"

/* transform_shape: of ours; false if the array doesn't have as many dimensions as this
 * change wants, has more than a Tensor, or no elements. */
bool transform_shape(Change change, const Array *array, Tensor *shape);

/* transform_part: the queries', keys' or values' share of T, which is W_qkv (3 h D_h,
 * D) or b_qkv (3 h D_h): a view. WHOLE: T. */
Tensor transform_part(Tensor T, Part part);

/* transform: T, of that shape, from the array's elements, which are in C order (the
 * last index is the fastest). T may be a view; no aliasing. Not for AS_IS and
 * HEADS_BIAS, which change no element's place. */
void transform(Change change, const Array *array, const real *elements, Tensor T);

/* transform_moves: does it change any element's place? */
static inline bool transform_moves(Change change) {
    return change != AS_IS && change != HEADS_BIAS;
}
