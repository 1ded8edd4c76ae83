/*
 * interpolate.h: position embeddings for another resolution [ViT 3.2].
 *
 * A larger image with the same patches has more patches, and no position embedding for
 * most of them. But the learned vectors vary smoothly over the image: each
 * of the D elements is a small picture, with one pixel for each patch. So the embedding
 * is resized as a picture is, by its place in the image:
 *
 *     to[y, x] = sum over j, i of  r_y[j] c_x[i] from[j, i]
 *
 * where r_y are the weights of the old rows in the new row y, and c_x those of the old
 * columns in the new column x.
 *
 *     bicubic    antialiased, a = -1/2: timm's resample_abs_pos_embed
 *     bilinear   the borders of the image meet: torch's align_corners=False
 *     corners    bilinear; the centres of the corner patches meet: what the authors'
 *                program does (scipy's zoom of order 1), torch's align_corners=True.
 *                A single new row is the first old one, and so is a single column.
 */
#pragma once

#include "common/error.h"
#include "common/tensor.h"

typedef enum {
    INTERPOLATE_BICUBIC,
    INTERPOLATE_BILINEAR,
    INTERPOLATE_CORNERS
} Interpolation;

/* Patches of an image, in reading order. */
typedef struct {
    int down, across;
} PatchGrid;

/*
 * positions_interpolate: to (1, t + N', D), over the grid `to_grid` of N' patches, from
 * `from` (1, t + N, D). The t tokens before the patches (class, distillation) have no
 * place in the image: they are copied. No aliasing. False if there is no memory.
 * Sums are taken in double.
 */
bool positions_interpolate(Tensor from, PatchGrid from_grid, Tensor to,
                           PatchGrid to_grid, Interpolation kind, Error *error);
