/*
 * transform.h: the changes of dialects.h, as formulas. `a` is the file's, `t` ours:
 *
 *     AS_IS          t = a
 *     TRANSPOSE      t[o][i] = a[i][o]                    (in, out)    -> (out, in)
 *     HEADS_IN       t[g D_h + j][i] = a[i][g][j]         (D, h, D_h)  -> (h D_h, D)
 *     HEADS_OUT      t[o][g D_h + j] = a[g][j][o]         (h, D_h, D)  -> (D, h D_h)
 *     HEADS_BIAS     t[g D_h + j] = a[g][j]               (h, D_h)     -> (h D_h)
 *     HWIO_TO_OIHW   t[o][c][y][x] = a[y][x][c][o]        (P, P, C, D) -> (D, C, P, P)
 *
 * Heads side by side are one dimension: HEADS_IN and HEADS_OUT are transposes of the
 * matrices (D, h D_h) and (h D_h, D), which have the same elements in the same order.
 */
#pragma once

#include "chapters/07_pretrained_weights/weights/arrays.h"
#include "chapters/07_pretrained_weights/weights/dialects.h"

/* transform_shape: of ours; false if the array doesn't have as many dimensions as this
 * change wants. */
bool transform_shape(Change change, const Array *array, Tensor *shape);

/* transform: T, of that shape and contiguous, from the array's elements; no aliasing.
 * Not for AS_IS and HEADS_BIAS, which change no element's place. */
void transform(Change change, const Array *array, const real *elements, Tensor T);

/* transform_moves: does it change any element's place? */
static inline bool transform_moves(Change change) {
    return change != AS_IS && change != HEADS_BIAS;
}
