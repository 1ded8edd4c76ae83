/* dataset.c: see dataset.h. */
#include "chapters/05_vision_transformer/training/dataset.h"

#include <stdlib.h>

#include "common/random.h"

static void set_free(ImageSet *set) {
    free(set->pixels);
    free(set->labels);
    *set = (ImageSet){0};
}

void dataset_free(Dataset *dataset) {
    set_free(&dataset->train);
    set_free(&dataset->test);
}

void dataset_image(const Dataset *dataset, const ImageSet *set, int index,
                   const Augmentation *a, Tensor out) {
    const int C = set->channels, H = set->height, W = set->width;
    expect_shape(out, "An image is (channels, height, width).", C, H, W);
    /* This epoch's change of this image: random numbers 4 index to 4 index + 2. */
    const Random random = {a->seed, RANDOM_AUGMENT, a->epoch};
    const uint64_t first = 4 * (uint64_t)index;
    const uint32_t choices = 2 * (uint32_t)a->shift + 1;
    const int down = (int)random_below(random, first, choices) - a->shift;
    const int right = (int)random_below(random, first + 1, choices) - a->shift;
    const bool flip = a->flip && random_below(random, first + 2, 2) == 1;

    real value[256]; /* normalised, for each of the 256 grey levels */
    for (int g = 0; g < 256; g++) {
        value[g] = (real)((g / 255.0 - dataset->mean) / dataset->deviation);
    }
    for (int c = 0; c < C; c++) {
        const unsigned char *pixels = dataset_pixels(set, index) + (long)c * H * W;
        real *plane = out.data + (long)c * H * W;
        for (int y = 0; y < H; y++) {
            for (int x = 0; x < W; x++) {
                int from_y = y - down, from_x = (flip ? W - 1 - x : x) - right;
                bool inside = from_y >= 0 && from_y < H && from_x >= 0 && from_x < W;
                plane[y * W + x] = value[inside ? pixels[from_y * W + from_x] : 0];
            }
        }
    }
}
