/* enlarge.c: see enlarge.h. */
#include "chapters/07_pretrained_weights/fine_tuning/enlarge.h"

#include <stdlib.h>

#include "common/workspace.h"

/* The weights of both axes, and the sizes that they lead from and to. */
typedef struct {
    int H, W, height, width;
    ResizeWeights *down, *across; /* (height), (width) */
} Resize;

static unsigned char to_byte(double value) {
    return (unsigned char)(value < 0 ? 0 : value > 255 ? 255 : value + 0.5);
}

/* One plane (H, W) of an image, to (height, width). */
static void resize_plane(const Resize *r, const unsigned char *from,
                         unsigned char *to) {
    const int width = r->width;
    double *rows = workspace_take((size_t)r->H * (size_t)width * sizeof(double),
                                  "an image's rows");
    for (int y = 0; y < r->H; y++) {
        for (int x = 0; x < width; x++) {
            const ResizeWeights w = r->across[x];
            double sum = 0;
            for (int k = 0; k < w.count; k++) {
                sum += w.weight[k] * from[y * r->W + w.first + k];
            }
            rows[y * width + x] = sum;
        }
    }
    for (int y = 0; y < r->height; y++) {
        const ResizeWeights w = r->down[y];
        for (int x = 0; x < width; x++) {
            double sum = 0;
            for (int k = 0; k < w.count; k++) {
                sum += w.weight[k] * rows[(w.first + k) * width + x];
            }
            to[y * width + x] = to_byte(sum);
        }
    }
    workspace_give(rows);
}

/* All images of a set; NULL and an error if there is no memory. */
static unsigned char *resize_set(const Resize *r, const ImageSet *set, Error *error) {
    const size_t plane = (size_t)r->height * (size_t)r->width;
    const size_t planes = (size_t)set->count * (size_t)set->channels;
    unsigned char *pixels = plane <= SIZE_MAX / planes ? malloc(plane * planes) : NULL;
    if (!pixels) {
        error_set(error, "no memory for %d images of %dx%d", set->count, r->height,
                  r->width);
        return NULL;
    }
#pragma omp parallel for schedule(static)
    for (long i = 0; i < (long)planes; i++) {
        resize_plane(r, set->pixels + i * r->H * r->W, pixels + (size_t)i * plane);
    }
    return pixels;
}

static void replace(ImageSet *set, unsigned char *pixels, const Resize *r) {
    free(set->pixels);
    set->pixels = pixels;
    set->height = r->height;
    set->width = r->width;
}

bool dataset_resize(Dataset *dataset, int height, int width, ResizeFilter filter,
                    Error *error) {
    const int H = dataset->train.height, W = dataset->train.width;
    if (H == height && W == width) {
        return true;
    }
    Resize r = {H,
                W,
                height,
                width,
                resize_axis(H, 0, H, height, filter, true),
                resize_axis(W, 0, W, width, filter, true)};
    unsigned char *train = NULL, *test = NULL;
    if (!r.down || !r.across) {
        error_set(error, "no memory to resize images");
    } else {
        train = resize_set(&r, &dataset->train, error);
        test = train ? resize_set(&r, &dataset->test, error) : NULL;
    }
    if (test) {
        replace(&dataset->train, train, &r);
        replace(&dataset->test, test, &r);
    } else {
        free(train);
    }
    free(r.down);
    free(r.across);
    return test != NULL;
}
