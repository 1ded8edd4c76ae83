/* interpolate.c: see interpolate.h. */
#include "chapters/07_pretrained_weights/fine_tuning/interpolate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/images/resize.h"

/* ---- one axis ------------------------------------------------------------- */

/* The weights of `out` points from the first of `in` to the last, both included: each
 * is between two neighbours. */
static ResizeWeights *corners_axis(int in, int out) {
    const size_t count = (size_t)out;
    ResizeWeights *axis = malloc(count * (sizeof *axis + 2 * sizeof(double)));
    if (!axis) {
        return NULL;
    }
    double *weight = (double *)(axis + out);
    const double step = out > 1 ? (double)(in - 1) / (double)(out - 1) : 0;
    for (int i = 0; i < out; i++) {
        const double at = i * step;
        int left = (int)floor(at);
        left = left < in - 1 ? left : in > 1 ? in - 2 : 0;
        weight[2 * i] = 1 - (at - left);
        weight[2 * i + 1] = at - left;
        axis[i] = (ResizeWeights){left, in > 1 ? 2 : 1, &weight[2 * i]};
    }
    return axis;
}

static ResizeWeights *axis_weights(int in, int out, Interpolation kind) {
    switch (kind) {
    case INTERPOLATE_BICUBIC: return resize_axis(in, 0, in, out, RESIZE_BICUBIC, true);
    case INTERPOLATE_BILINEAR:
        return resize_axis(in, 0, in, out, RESIZE_BILINEAR, false);
    case INTERPOLATE_CORNERS: return corners_axis(in, out);
    }
    bug("positions_interpolate: there is no interpolation %d", (int)kind);
}

/* ---- the grid ------------------------------------------------------------- */

/* from (t + N, D) over the old grid, to (t + N', D) over the new one; v has the weights
 * of each new row of patches over the old rows, h those of each new column. */
static void interpolate(Tensor from, PatchGrid old, Tensor to, PatchGrid new,
                        const ResizeWeights *v, const ResizeWeights *h) {
    /* exercise 7.2 */
    const int before = tensor_rows(from) - old.down * old.across; /* t */
    for (int i = 0; i < before; i++) {
        memcpy(tensor_row(to, i), tensor_row(from, i),
               (size_t)tensor_cols(from) * sizeof(real));
    }
    for (int patch = 0; patch < new.down *new.across; patch++) {
        /* [ViT 3.2]   to[y, x] = sum over j, i of v_y[j] h_x[i] from[j, i] */
        const ResizeWeights v_y = v[patch / new.across], h_x = h[patch % new.across];
        for (int d = 0; d < tensor_cols(from); d++) {
            double sum = 0;
            for (int j = 0; j < v_y.count; j++) {
                for (int i = 0; i < h_x.count; i++) {
                    const int at = (v_y.first + j) * old.across + h_x.first + i;
                    sum += v_y.weight[j] * h_x.weight[i] *
                           (double)tensor_row(from, before + at)[d];
                }
            }
            tensor_row(to, before + patch)[d] = (real)sum;
        }
    }
    /* end of exercise 7.2 */
}

bool positions_interpolate(Tensor from, PatchGrid old, Tensor to, PatchGrid new,
                           Interpolation kind, Error *error) {
    const int before = tensor_rows(from) - old.down * old.across;
    if (before < 0) {
        bug("positions_interpolate: from has %d rows, fewer than its grid of %dx%d",
            tensor_rows(from), old.down, old.across);
    }
    expect_shape(to, "It has the old tokens before the patches, and the new grid.", 1,
                 before + new.down *new.across, tensor_cols(from));
    ResizeWeights *v = axis_weights(old.down, new.down, kind);
    ResizeWeights *h = axis_weights(old.across, new.across, kind);
    if (v && h) {
        interpolate(from, old, to, new, v, h);
    }
    const bool ok = v && h;
    free(v);
    free(h);
    return ok || error_set(error, "no memory for the positions' weights");
}
