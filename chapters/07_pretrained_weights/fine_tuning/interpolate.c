/* interpolate.c: see interpolate.h. */
#include "chapters/07_pretrained_weights/fine_tuning/interpolate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/images/resize.h"

/* ---- one axis ------------------------------------------------------------- */

/* INTERPOLATE_CORNERS: new point i of `out`, between old points of `in`. There is room
 * for two weights. */
static void corners_weights(int in, int out, int i, ResizeWeights *w) {
    /* exercise 7.2 */
    const double at = out > 1 ? i * (in - 1.0) / (out - 1) : 0;
    const int last = in > 1 ? in - 2 : 0; /* the last that has a right neighbour */
    const int left = (int)floor(at);
    w->first = left < last ? left : last;
    w->count = in > 1 ? 2 : 1;
    w->weight[0] = 1 - (at - w->first);
    w->weight[1] = at - w->first;
    /* end of exercise 7.2 */
}

static ResizeWeights *corners_axis(int in, int out) {
    const size_t count = (size_t)out;
    ResizeWeights *axis = malloc(count * (sizeof *axis + 2 * sizeof(double)));
    double *weight = axis ? (double *)(axis + out) : NULL;
    for (int i = 0; axis && i < out; i++) {
        axis[i].weight = &weight[2 * i];
        corners_weights(in, out, i, &axis[i]);
    }
    return axis;
}

/* The weights of `in` old rows or columns in each of `out` new ones, to be freed; NULL:
 * there is no memory. */
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

/* exercise 7.2, cut: */
/* Element d of the new patch whose row has the weights r_y, and whose column c_x;
 * `before` tokens come before the old patches, `across` of which are a row. */
static real new_element(Tensor from, int before, int across, const ResizeWeights *r_y,
                        const ResizeWeights *c_x, int d) {
    double sum = 0;
    for (int j = 0; j < r_y->count; j++) {
        for (int i = 0; i < c_x->count; i++) {
            const int old = (r_y->first + j) * across + c_x->first + i;
            sum += r_y->weight[j] * c_x->weight[i] *
                   (double)tensor_row(from, before + old)[d];
        }
    }
    return (real)sum;
}
/* end of exercise 7.2 */

/* As positions_interpolate says; all shapes are checked. */
static bool interpolate(Tensor from, PatchGrid old, Tensor to, PatchGrid new,
                        Interpolation kind) {
    /* exercise 7.2 */
    ResizeWeights *r = axis_weights(old.down, new.down, kind);
    ResizeWeights *c = axis_weights(old.across, new.across, kind);
    const bool ok = r && c;
    const int before = tensor_rows(from) - old.down * old.across;
    for (int t = 0; t < before; t++) {
        memcpy(tensor_row(to, t), tensor_row(from, t),
               (size_t)tensor_cols(from) * sizeof(real));
    }
    for (int patch = 0; ok && patch < new.down *new.across; patch++) {
        const int y = patch / new.across, x = patch % new.across;
        for (int d = 0; d < tensor_cols(from); d++) {
            /* [ViT 3.2]   to[y, x] = sum over j, i of r_y[j] c_x[i] from[j, i] */
            tensor_row(to, before + patch)[d] =
                new_element(from, before, old.across, &r[y], &c[x], d);
        }
    }
    free(r);
    free(c);
    return ok;
    /* end of exercise 7.2 */
}

static int patches(PatchGrid grid) {
    return grid.down * grid.across;
}

bool positions_interpolate(Tensor from, PatchGrid old, Tensor to, PatchGrid new,
                           Interpolation kind, Error *error) {
    if (tensor_rows(from) < patches(old)) {
        bug("positions_interpolate: from has %d rows, fewer than its grid of %dx%d",
            tensor_rows(from), old.down, old.across);
    }
    expect_shape(to, "It has the old tokens before the patches, and the new grid.", 1,
                 tensor_rows(from) + patches(new) - patches(old), tensor_cols(from));
    return interpolate(from, old, to, new, kind) ||
           error_set(error, "no memory for the positions' weights");
}
