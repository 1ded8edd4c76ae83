/* resize.c: see resize.h. */
#include "common/images/resize.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* ---- the weights of an axis --------------------------------------------- */

/* How far from its centre the filter reaches, in pixels. */
static double filter_radius(ResizeFilter filter) {
    return filter == RESIZE_BICUBIC ? 2 : 1;
}

/* The filter at distance t. Bicubic: 1 at 0, and 0 at 1 and 2; smooth there. */
static double filter_at(ResizeFilter filter, double t) {
    const double a = -0.5;
    t = fabs(t);
    if (t >= filter_radius(filter)) {
        return 0;
    }
    if (filter == RESIZE_BILINEAR) {
        return 1 - t;
    }
    return t < 1 ? ((a + 2) * t - (a + 3)) * t * t + 1
                 : a * (((t - 5) * t + 8) * t - 4);
}

/* An axis of `in` pixels, of which [from, to) becomes `out` pixels: `scale` is how many
 * input pixels an output pixel covers. Pixel j reaches from j to j + 1. */
typedef struct {
    int in, out;
    double from, scale;
    ResizeFilter filter;
} Axis;

/* With antialiasing: for how many weights an output pixel needs room; all of them have
 * as much. */
static int room_antialiased(const Axis *axis) {
    /* exercise 7.3 */
    const double stretch = axis->scale > 1 ? axis->scale : 1;
    return (int)ceil(2 * filter_radius(axis->filter) * stretch) + 1;
    /* end of exercise 7.3 */
}

/* Output pixel i, with antialiasing (resize.h): no pixel is left out. Beyond the border
 * there is nothing. */
static void weights_antialiased(const Axis *axis, int i, ResizeWeights *w) {
    /* exercise 7.3 */
    const double stretch = axis->scale > 1 ? axis->scale : 1;
    const double reach = filter_radius(axis->filter) * stretch;
    const double centre = axis->from + (i + 0.5) * axis->scale;
    const double first = floor(centre - reach + 0.5), end = floor(centre + reach + 0.5);
    w->first = first > 0 ? (int)first : 0;
    w->count = (end < axis->in ? (int)end : axis->in) - w->first;
    double sum = 0;
    for (int k = 0; k < w->count; k++) {
        const double middle = w->first + k + 0.5;
        w->weight[k] = filter_at(axis->filter, (middle - centre) / stretch);
        sum += w->weight[k];
    }
    for (int k = 0; k < w->count; k++) {
        w->weight[k] /= sum;
    }
    /* end of exercise 7.3 */
}

static int clamp(int x, int min, int max) {
    return x < min ? min : x > max ? max : x;
}

/* Output pixel i, without: the two or four pixels around its centre, or the border's in
 * place of one beyond it. Their weights sum to 1 as they are. */
static void weights_of_points(const Axis *axis, int i, ResizeWeights *w) {
    const int last = axis->in - 1, radius = (int)filter_radius(axis->filter);
    const double centre = axis->from + (i + 0.5) * axis->scale;
    const int begin = (int)floor(centre - 0.5) - radius + 1, end = begin + 2 * radius;
    w->first = clamp(begin, 0, last);
    w->count = clamp(end - 1, 0, last) - w->first + 1;
    memset(w->weight, 0, (size_t)w->count * sizeof *w->weight);
    for (int j = begin; j < end; j++) {
        const double weight = filter_at(axis->filter, j + 0.5 - centre);
        w->weight[clamp(j, 0, last) - w->first] += weight;
    }
}

ResizeWeights *resize_axis(int in, double from, double to, int out, ResizeFilter filter,
                           bool antialias) {
    if (in < 1 || out < 1 || !(from >= 0) || !(to <= in) || !(from < to)) {
        bug("resize_axis: [%g, %g) of %d pixels to %d", from, to, in, out);
    }
    const Axis axis = {in, out, from, (to - from) / out, filter};
    const int most =
        antialias ? room_antialiased(&axis) : 2 * (int)filter_radius(filter);
    const size_t weights = (size_t)out * (size_t)most, line = sizeof(double);
    const size_t head = ((size_t)out * sizeof(ResizeWeights) + line - 1) / line * line;
    ResizeWeights *axis_weights = malloc(head + weights * sizeof(double));
    if (!axis_weights) {
        return NULL;
    }
    void *begin = (char *)axis_weights + head;
    double *weight = begin;
    for (int i = 0; i < out; i++) {
        axis_weights[i].weight = weight + (size_t)i * (size_t)most;
        if (antialias) {
            weights_antialiased(&axis, i, &axis_weights[i]);
        } else {
            weights_of_points(&axis, i, &axis_weights[i]);
        }
        if (axis_weights[i].count > most) {
            bug("resize_axis: output pixel %d has %d weights, and room for %d", i,
                axis_weights[i].count, most);
        }
    }
    return axis_weights;
}

/* ---- resizing ----------------------------------------------------------- */

/* A weight becomes a whole number of 2^-22: so a sum of pixels fits into 32 bits. */
enum { FRACTION_BITS = 22, HALF = 1 << (FRACTION_BITS - 1) };

typedef struct {
    ResizeWeights *pixels; /* (out) */
    int32_t *weight;       /* theirs, rounded, one output pixel's after the other's */
    int out;
} FixedAxis;

static void fixed_axis_free(FixedAxis *axis) {
    free(axis->pixels);
    free(axis->weight);
}

static bool fixed_axis_make(FixedAxis *axis, int in, int out, ResizeFilter filter,
                            bool antialias, Error *error) {
    *axis = (FixedAxis){resize_axis(in, 0, in, out, filter, antialias), NULL, out};
    size_t count = 0, at = 0;
    for (int i = 0; axis->pixels && i < out; i++) {
        count += (size_t)axis->pixels[i].count;
    }
    axis->weight = allocate(count * sizeof *axis->weight, "a picture's resize", error);
    if (!axis->weight || !axis->pixels) {
        fixed_axis_free(axis);
        error_set(error, "no memory to resize a picture to %d pixels", out);
        return false;
    }
    for (int i = 0; i < out; i++) {
        for (int k = 0; k < axis->pixels[i].count; k++) {
            const double w = axis->pixels[i].weight[k] * (1 << FRACTION_BITS);
            axis->weight[at++] = (int32_t)(w < 0 ? w - 0.5 : w + 0.5);
        }
    }
    return true;
}

/* The byte of a sum that began with HALF, so that it is rounded; bicubic sums can be
 * below black and above white. */
static unsigned char to_byte(int32_t sum) {
    const int32_t value = sum >> FRACTION_BITS;
    return (unsigned char)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* The axis of columns: (rows, in, 3) to (rows, out, 3). */
static void resize_x(const FixedAxis *x, const Picture *from, Picture *to) {
    unsigned char *out = to->pixels;
    for (int row = 0; row < from->height; row++) {
        const unsigned char *in =
            from->pixels + (size_t)row * (size_t)from->width * PICTURE_CHANNELS;
        const int32_t *w = x->weight;
        for (int i = 0; i < x->out; i++) {
            const unsigned char *pixel = in + x->pixels[i].first * PICTURE_CHANNELS;
            int32_t red = HALF, green = HALF, blue = HALF;
            for (int k = 0; k < x->pixels[i].count; k++) {
                red += *w * pixel[0];
                green += *w * pixel[1];
                blue += *w * pixel[2];
                pixel += PICTURE_CHANNELS;
                w++;
            }
            *out++ = to_byte(red);
            *out++ = to_byte(green);
            *out++ = to_byte(blue);
        }
    }
}

/* The axis of rows: (in, columns, 3) to (out, columns, 3), a row at a time. sums is
 * scratch, (columns, 3). */
static void resize_y(const FixedAxis *y, const Picture *from, int32_t *sums,
                     Picture *to) {
    const size_t bytes = (size_t)from->width * PICTURE_CHANNELS;
    const int32_t *w = y->weight;
    unsigned char *out = to->pixels;
    for (int i = 0; i < y->out; i++) {
        const unsigned char *row = from->pixels + (size_t)y->pixels[i].first * bytes;
        for (size_t b = 0; b < bytes; b++) {
            sums[b] = HALF;
        }
        for (int k = 0; k < y->pixels[i].count; k++) {
            for (size_t b = 0; b < bytes; b++) {
                sums[b] += *w * row[b];
            }
            row += bytes;
            w++;
        }
        for (size_t b = 0; b < bytes; b++) {
            *out++ = to_byte(sums[b]);
        }
    }
}

/* Both axes, whose weights are there; `to` is made. */
static bool resize_both(const Picture *picture, const FixedAxis *x, const FixedAxis *y,
                        Picture *to, Error *error) {
    const int fewer_rows = picture->height - y->out;
    const bool y_first = fewer_rows > 0 && fewer_rows > 2 * (picture->width - x->out);
    const int width = y_first ? picture->width : x->out; /* between the two */
    const int height = y_first ? y->out : picture->height;
    Picture between = {0};
    int32_t *sums = allocate((size_t)width * PICTURE_CHANNELS * sizeof *sums,
                             "a row of a picture", error);
    const bool ok = sums && picture_make(&between, width, height, error) &&
                    picture_make(to, x->out, y->out, error);
    if (ok && y_first) {
        resize_y(y, picture, sums, &between);
        resize_x(x, &between, to);
    } else if (ok) {
        resize_x(x, picture, &between);
        resize_y(y, &between, sums, to);
    }
    picture_free(&between);
    free(sums);
    return ok;
}

bool resize_picture(const Picture *picture, int width, int height, ResizeFilter filter,
                    bool antialias, Picture *to, Error *error) {
    FixedAxis x, y;
    *to = (Picture){0};
    if (!fixed_axis_make(&x, picture->width, width, filter, antialias, error)) {
        return false;
    }
    if (!fixed_axis_make(&y, picture->height, height, filter, antialias, error)) {
        fixed_axis_free(&x);
        return false;
    }
    const bool ok = resize_both(picture, &x, &y, to, error);
    fixed_axis_free(&x);
    fixed_axis_free(&y);
    return ok;
}

/* ---- cropping ----------------------------------------------------------- */

/* Where the middle `out` of `in` pixels begin: (in - out) / 2, a half rounded as asked.
 * Below 0 where there are too few: half of the missing pixels, rounded down, come
 * before. */
static int crop_offset(int in, int out, CropRounding rounding) {
    const int spare = in - out, half = spare / 2;
    const bool up =
        rounding == CROP_HALF_TO_EVEN && spare > 0 && spare % 2 == 1 && half % 2 == 1;
    return up ? half + 1 : half;
}

bool resize_crop(const Picture *picture, int width, int height, CropRounding rounding,
                 Picture *to, Error *error) {
    const int left = crop_offset(picture->width, width, rounding);
    const int top = crop_offset(picture->height, height, rounding);
    const int from = left > 0 ? left : 0;
    const int kept = width < picture->width ? width : picture->width;
    if (!picture_make(to, width, height, error)) {
        return false;
    }
    for (int y = 0; y < height; y++) {
        if (top + y >= 0 && top + y < picture->height) {
            const size_t source = (size_t)(top + y) * (size_t)picture->width;
            const size_t target = (size_t)y * (size_t)width;
            memcpy(to->pixels + (target + (size_t)(from - left)) * PICTURE_CHANNELS,
                   picture->pixels + (source + (size_t)from) * PICTURE_CHANNELS,
                   (size_t)kept * PICTURE_CHANNELS);
        }
    }
    return true;
}
