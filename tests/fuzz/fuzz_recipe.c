/*
 * fuzz_recipe.c: what may be beside weights (chapter 7). The input's first byte says
 * what the rest is: a preprocessor_config.json, timm's config.json, or labels. A recipe
 * that was read is told in words, and applied to a picture.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/07_pretrained_weights/pictures/picture_tensor.h"
#include "chapters/07_pretrained_weights/program/labels.h"
#include "tests/fuzz/fuzz.h"

enum { PREPROCESSOR, TIMM, LABELS, KINDS, CLASSES = 3, SMALL = 64 };

void fuzz_setup(void) {
}

static void apply(const Recipe *r) {
    static unsigned char pixels[3 * 5 * 7];
    const Picture photo = {.width = 5, .height = 7, .pixels = pixels};
    Picture seen = {0};
    Error error = {""};
    const bool small =
        r->height <= SMALL && r->width <= SMALL &&
        (!r->crop || (r->crop_height <= SMALL && r->crop_width <= SMALL));
    if (!small || !(r->crop || r->resize)) {
        return;
    }
    const bool ok = picture_fit(&photo, r, &seen, &error);
    fuzz_must_tell(ok, &error);
    if (ok && r->crop) {
        fuzz_must(seen.width == r->crop_width && seen.height == r->crop_height,
                  "a crop has its size");
    }
    if (ok && seen.width <= SMALL && seen.height <= SMALL) {
        static real elements[3 * SMALL * SMALL];
        picture_to_tensor(&seen, r, tensor3(elements, 3, seen.height, seen.width));
    }
    picture_free(&seen);
}

static void read_recipe(int kind, char *text, size_t count) {
    Recipe r;
    Error error = {""};
    char words[RECIPE_TEXT];
    bool found = true;
    fuzz_must(recipe_named(&r, "vit", 16, 16, &error), "there is a recipe");
    const bool ok = kind == PREPROCESSOR
                        ? recipe_from_json(&r, text, count, &error)
                        : recipe_from_timm(&r, text, count, &found, &error);
    fuzz_must_tell(ok, &error);
    if (!ok) {
        return;
    }
    for (int c = 0; c < PICTURE_CHANNELS; c++) {
        fuzz_must(r.deviation[c] > 0 && isfinite(r.mean[c]), "it can be divided");
    }
    fuzz_must(r.height > 0 && r.width > 0, "it has a size");
    fuzz_must(strlen(recipe_text(&r, words)) > 0, "it can be told");
    apply(&r);
}

static void read_labels(char *text, size_t count) {
    Labels labels;
    Error error = {""};
    char number[LABEL_TEXT];
    const bool ok = labels_from_text(&labels, CLASSES, text, count, &error);
    fuzz_must_tell(ok, &error);
    for (int k = 0; ok && k < CLASSES; k++) {
        for (const char *c = labels_name(&labels, k, number); *c; c++) {
            fuzz_must((unsigned char)*c >= ' ' && *c != 127, "labels can be printed");
        }
    }
    labels_free(&labels);
}

void fuzz_input(const unsigned char *bytes, size_t count) {
    char *text = count > 0 ? malloc(count) : NULL;
    if (!text) {
        return;
    }
    memcpy(text, bytes + 1, count - 1);
    text[count - 1] = '\0';
    if (bytes[0] % KINDS == LABELS) {
        read_labels(text, count - 1);
    } else {
        read_recipe(bytes[0] % KINDS, text, count - 1);
    }
    free(text);
}

static void seed(int kind, const char *text) {
    unsigned char bytes[512] = {(unsigned char)kind};
    memcpy(bytes + 1, text, strlen(text));
    fuzz_seed(bytes, 1 + strlen(text));
}

void fuzz_seeds(void) {
    seed(PREPROCESSOR,
         "{\"do_resize\":true,\"size\":{\"height\":16,\"width\":16},\"resample\":2,"
         "\"do_center_crop\":true,\"crop_size\":{\"height\":12,\"width\":12},"
         "\"do_rescale\":true,\"rescale_factor\":0.00392,\"do_normalize\":true,"
         "\"image_mean\":[0.5,0.5,0.5],\"image_std\":[0.5,0.5,0.5]}");
    seed(PREPROCESSOR, "{\"feature_extractor_type\":\"DeiTFeatureExtractor\",\"size\":"
                       "{\"shortest_edge\":16},\"crop_size\":12,\"resample\":3}");
    seed(TIMM, "{\"pretrained_cfg\":{\"crop_pct\":0.9,\"interpolation\":\"bicubic\","
               "\"crop_mode\":\"squash\",\"mean\":[0.5,0.5,0.5],\"std\":0.5}}");
    seed(LABELS, "tench\ngoldfish\r\nshark\n");
    seed(LABELS, "{\"id2label\":{\"0\":\"a\",\"1\":\"b\\u00e9\",\"2\":\"c\"}}");
    seed(LABELS, "[[\"n1\",\"a\"],\"b\",\"c\"]");
}
