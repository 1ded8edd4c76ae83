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

/* This epoch's change of image `index`: numbers 4 index to 4 index + 2. */
static void draw_change(const Augmentation *a, int index, int *down, int *right,
                        bool *flip) {
    const Random random = {a->seed, RANDOM_AUGMENT, a->epoch};
    const uint64_t first = 4 * (uint64_t)index;
    const uint32_t choices = 2 * (uint32_t)a->shift + 1;
    *down = (int)random_below(random, first, choices) - a->shift;
    *right = (int)random_below(random, first + 1, choices) - a->shift;
    *flip = a->flip && random_below(random, first + 2, 2) == 1;
}

void dataset_image(const Dataset *dataset, const ImageSet *set, int index,
                   const Augmentation *augmentation, Tensor out) {
    const int C = set->channels, H = set->height, W = set->width;
    expect_shape(out, "An image is (channels, height, width).", C, H, W);
    int down, right;
    bool flip;
    draw_change(augmentation, index, &down, &right, &flip);

    real value[256]; /* normalised, for each of the 256 grey levels */
    for (int g = 0; g < 256; g++) {
        value[g] = (real)((g / 255.0 - dataset->mean) / dataset->deviation);
    }
    for (int c = 0; c < C; c++) {
        const unsigned char *pixels = set->pixels + ((long)index * C + c) * H * W;
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
