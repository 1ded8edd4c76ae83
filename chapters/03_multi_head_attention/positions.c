/* positions.c: [AIAYN 3.5], [ViT eq.1]. See positions.h. */
#include "chapters/03_multi_head_attention/positions.h"

#include <math.h>

#include "common/error.h"

/* How far pair i turns from one position to the next, in radians. */
static double angle_step(int i, int D) {
    /* exercise 3.4 */
    return pow(10000.0, -2.0 * i / D);
    /* end of exercise 3.4 */
}

static void expect_pairs(Tensor PE, const char *function) {
    if (PE.ndim != 2 || tensor_cols(PE) % 2 != 0) {
        char shape[TENSOR_SHAPE_TEXT];
        bug("%s: PE is %s, want (n, D) with D even: a sine and a cosine for each wave.",
            function, tensor_shape_text(PE, shape));
    }
}

void sinusoid_positions(Tensor PE) {
    expect_pairs(PE, __func__);
    /* exercise 3.4 */
    const int D = tensor_cols(PE);
    for (int pos = 0; pos < tensor_rows(PE); pos++) {
        real *row = tensor_row(PE, pos);
        for (int i = 0; i < D / 2; i++) {
            /* [AIAYN 3.5]   in double: pos * angle can be large */
            row[2 * i] = (real)sin(pos * angle_step(i, D));
            row[2 * i + 1] = (real)cos(pos * angle_step(i, D));
        }
    }
    /* end of exercise 3.4 */
}

void sinusoid_shift(Tensor PE, int k, Tensor shifted) {
    expect_pairs(PE, __func__);
    expect_same_shape(shifted, PE);
    /* exercise 3.4 */
    const int D = tensor_cols(PE);
    for (int i = 0; i < D / 2; i++) {
        const real s = (real)sin(k * angle_step(i, D));
        const real c = (real)cos(k * angle_step(i, D));
        for (int pos = 0; pos < tensor_rows(PE); pos++) {
            const real *from = tensor_row(PE, pos);
            real *to = tensor_row(shifted, pos);
            /* sin(a + b) = sin a cos b + cos a sin b
             * cos(a + b) = cos a cos b - sin a sin b */
            const real sine = from[2 * i], cosine = from[2 * i + 1];
            to[2 * i] = sine * c + cosine * s;
            to[2 * i + 1] = cosine * c - sine * s;
        }
    }
    /* end of exercise 3.4 */
}

void positions_add(Tensor z, Tensor E_pos) {
    expect_shape(z, "z is (images, tokens, D), E_pos (tokens, D).", z.shape[0],
                 tensor_rows(E_pos), tensor_cols(E_pos));
    /* exercise 3.5 */
    for (int b = 0; b < z.shape[0]; b++) {
        tensor_add(tensor_slice(z, b), E_pos); /* [ViT eq.1]   ... + E_pos */
    }
    /* end of exercise 3.5 */
}

void positions_add_backward(Tensor dz, Tensor dE_pos) {
    expect_shape(dz, "dz is (images, tokens, D), dE_pos (tokens, D).", dz.shape[0],
                 tensor_rows(dE_pos), tensor_cols(dE_pos));
    /* exercise 3.5 */
    for (int b = 0; b < dz.shape[0]; b++) {
        tensor_add(dE_pos, tensor_slice(dz, b)); /* z_b += E_pos, for every b */
    }
    /* end of exercise 3.5 */
}
