/* overlay.c: see overlay.h. */
#include "chapters/07_pretrained_weights/pictures/overlay.h"

#include <math.h>

/* Nine colours of viridis, evenly spaced; between them it is nearly straight. */
static const unsigned char anchors[][PICTURE_CHANNELS] = {
    {0x44, 0x01, 0x54}, {0x47, 0x2d, 0x7b}, {0x3b, 0x52, 0x8b},
    {0x2c, 0x72, 0x8e}, {0x21, 0x90, 0x8c}, {0x27, 0xad, 0x81},
    {0x5d, 0xc8, 0x63}, {0xaa, 0xdc, 0x32}, {0xfd, 0xe7, 0x25},
};
enum { LAST_ANCHOR = sizeof anchors / sizeof anchors[0] - 1 };

void viridis(double value, unsigned char rgb[PICTURE_CHANNELS]) {
    const double in_range = value > 0 ? fmin(value, 1) : 0; /* NaN: 0 */
    const double at = in_range * LAST_ANCHOR;
    const int i = at < LAST_ANCHOR ? (int)at : LAST_ANCHOR - 1;
    for (int c = 0; c < PICTURE_CHANNELS; c++) {
        const double here = anchors[i][c], next = anchors[i + 1][c];
        rgb[c] = (unsigned char)lround(here + (at - i) * (next - here));
    }
}

/* Patch i and its part of the value at x (0 to 1); patch i + 1 has the rest. */
static int patch_at(double x, int count, double *part) {
    const double at = fmin(fmax(x * count - 0.5, 0), count - 1);
    const int i = at < count - 1 ? (int)at : (count > 1 ? count - 2 : 0);
    *part = 1 - (at - i);
    return i;
}

double grid_at(Tensor weights, double x, double y) {
    const int down = weights.shape[0], across = weights.shape[1];
    double up, left;
    const int i = patch_at(y, down, &up), j = patch_at(x, across, &left);
    const int i2 = i + 1 < down ? i + 1 : i, j2 = j + 1 < across ? j + 1 : j;
    const real *a = tensor_row(weights, i), *b = tensor_row(weights, i2);
    return up * (left * (double)a[j] + (1 - left) * (double)a[j2]) +
           (1 - up) * (left * (double)b[j] + (1 - left) * (double)b[j2]);
}

bool overlay_draw(const Picture *seen, Tensor weights, Picture *drawn, Error *error) {
    expect_shape(weights, "A weight for each patch of the grid.", weights.shape[0],
                 weights.shape[1]);
    const int shorter = seen->width < seen->height ? seen->width : seen->height;
    const int times =
        shorter < OVERLAY_SIDE ? (OVERLAY_SIDE + shorter - 1) / shorter : 1;
    const int width = seen->width * times, height = seen->height * times;
    if (!picture_make(drawn, width, height, error)) {
        return false;
    }
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            const long from = (long)(y / times) * seen->width + x / times;
            const unsigned char *p = seen->pixels + PICTURE_CHANNELS * from;
            const double grey = 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2];
            unsigned char rgb[PICTURE_CHANNELS];
            viridis(grid_at(weights, (x + 0.5) / width, (y + 0.5) / height), rgb);
            unsigned char *to =
                drawn->pixels + PICTURE_CHANNELS * ((long)y * width + x);
            for (int c = 0; c < PICTURE_CHANNELS; c++) {
                to[c] = (unsigned char)lround(0.5 * grey + 0.5 * rgb[c]);
            }
        }
    }
    return true;
}
