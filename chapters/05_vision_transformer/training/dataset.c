/* dataset.c: see dataset.h. */
#include "chapters/05_vision_transformer/training/dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/random.h"

static void set_free(ImageSet *set) {
    if (set->source) {
        set->source->free(set->source);
    }
    free(set->pixels);
    free(set->labels);
    *set = (ImageSet){0};
}

void dataset_free(Dataset *dataset) {
    set_free(&dataset->train);
    set_free(&dataset->test);
    free(dataset->class_name);
    dataset->class_name = NULL;
}

bool dataset_is_named(const Dataset *dataset) {
    bool named = false;
    for (int k = 0; dataset->class_name && k < dataset->classes; k++) {
        char number[12];
        snprintf(number, sizeof number, "%d", k);
        named = named || strcmp(dataset->class_name[k], number) != 0;
    }
    return named;
}

/* Characters of 1 to 4 bytes: the first says how many follow it. */
static bool is_utf8(const char *text) {
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        int follow = *c < 0x80 ? 0 : *c < 0xE0 ? 1 : *c < 0xF0 ? 2 : 3;
        if ((*c >= 0x80 && *c < 0xC2) || *c > 0xF4) {
            return false;
        }
        for (; follow > 0; follow--) {
            if ((*++c & 0xC0) != 0x80) {
                return false;
            }
        }
    }
    return true;
}

const char *dataset_name_fault(const char *name) {
    for (const char *c = name; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 127 || *c == '"') {
            return "has a control character or a quote";
        }
    }
    if (strlen(name) >= DATASET_NAME_BYTES) {
        return "has more than 127 bytes";
    }
    return !is_utf8(name) ? "isn't UTF-8" : *name ? NULL : "is empty";
}

/* Only digits? Then it is a written digit's class, say. */
static bool are_numbers(const Dataset *dataset) {
    bool all = true;
    for (int k = 0; k < dataset->classes; k++) {
        const char *name = dataset->class_name[k];
        all = all && name[strspn(name, "0123456789")] == '\0';
    }
    return all;
}

bool dataset_name(Dataset *dataset, int classes, const char *const *names,
                  Error *error) {
    char number[12];
    size_t bytes = 0;
    for (int k = 0; k < classes; k++) {
        bytes += names ? strlen(names[k]) + 1 : sizeof number;
    }
    /* One block: the pointers, then the text that they point to. */
    char **name = malloc((size_t)classes * sizeof *name + bytes);
    if (!name) {
        return error_set(error, "no memory for the names of %d classes", classes);
    }
    char *text = (char *)(name + classes);
    for (int k = 0; k < classes; k++) {
        snprintf(number, sizeof number, "%d", k);
        name[k] = strcpy(text, names ? names[k] : number);
        text += strlen(text) + 1;
    }
    free(dataset->class_name);
    dataset->class_name = name;
    dataset->classes = classes;
    dataset->has_class_names = !are_numbers(dataset);
    return true;
}

/* ---- pixels ------------------------------------------------------------------- */

const unsigned char *dataset_pixels(const ImageSet *set, int index) {
    if (set->source) {
        return set->source->get(set->source, index);
    }
    return set->pixels + (long)index * set->channels * set->height * set->width;
}

void dataset_give_back(const ImageSet *set, const unsigned char *pixels) {
    if (set->source) {
        set->source->give_back(set->source, pixels);
    }
}

void dataset_expect(const ImageSet *set, const int *indices, int count) {
    if (set->source) {
        set->source->expect(set->source, indices, count);
    }
}

/* A channel's pixels, each through a table of the 256 values, moved and mirrored. */
typedef struct {
    int H, W, down, right;
    bool flip;
} Move;

static void move_plane(const Move *m, const unsigned char *pixels, const real *value,
                       real *plane) {
    const int H = m->H, W = m->W;
    for (int y = 0; y < H; y++) {
        for (int x = 0; x < W; x++) {
            const int from_y = y - m->down;
            const int from_x = (m->flip ? W - 1 - x : x) - m->right;
            bool inside = from_y >= 0 && from_y < H && from_x >= 0 && from_x < W;
            plane[y * W + x] = value[inside ? pixels[from_y * W + from_x] : 0];
        }
    }
}

void dataset_image(const Dataset *dataset, const ImageSet *set, int index,
                   const Augmentation *a, Tensor out) {
    const int C = set->channels, H = set->height, W = set->width;
    expect_shape(out, "An image is (channels, height, width).", C, H, W);
    /* This epoch's change of this image: random numbers 4 index to 4 index + 2. */
    const Random random = {a->seed, RANDOM_AUGMENT, a->epoch};
    const uint64_t first = 4 * (uint64_t)index;
    const uint32_t choices = 2 * (uint32_t)a->shift + 1;
    const Move move = {.H = H,
                       .W = W,
                       .down = (int)random_below(random, first, choices) - a->shift,
                       .right =
                           (int)random_below(random, first + 1, choices) - a->shift,
                       .flip = a->flip && random_below(random, first + 2, 2) == 1};
    const unsigned char *pixels = dataset_pixels(set, index);
    for (int c = 0; c < C; c++) {
        real value[256]; /* normalised, for each of the 256 levels */
        for (int g = 0; g < 256; g++) {
            value[g] = (real)((g / 255.0 - dataset->mean[c]) / dataset->deviation[c]);
        }
        const long plane = (long)c * H * W;
        move_plane(&move, pixels + plane, value, out.data + plane);
    }
    dataset_give_back(set, pixels);
}

void dataset_grey(const ImageSet *set, int index, unsigned char *grey) {
    const long plane = (long)set->height * set->width;
    const unsigned char *p = dataset_pixels(set, index);
    for (long i = 0; i < plane; i++) {
        const bool colour = set->channels > 1;
        grey[i] = colour ? dataset_luma(p[i], p[plane + i], p[2 * plane + i]) : p[i];
    }
    dataset_give_back(set, p);
}
