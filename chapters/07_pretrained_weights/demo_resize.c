/* demo_resize.c: a photo becomes pixels, and a tensor. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "chapters/07_pretrained_weights/chapter7_demos.h"
#include "chapters/07_pretrained_weights/pictures/recipe.h"
#include "common/lesson/chapter.h"
#include "common/lesson/report.h"

static ResizeWeights *axis(int in, int out, ResizeFilter filter, bool antialias) {
    ResizeWeights *weights = resize_axis(in, 0, in, out, filter, antialias);
    Error error;
    if (!weights) {
        error_set(&error, "no memory for %d weights", out);
    }
    chapter_needs(weights != NULL, &error);
    return weights;
}

/* How far a pixel's weights are from 1, summed, at most. */
static double worst_sum(int in, int out, ResizeFilter filter) {
    ResizeWeights *weights = axis(in, out, filter, true);
    double worst = 0;
    for (int i = 0; i < out; i++) {
        double sum = 0;
        for (int j = 0; j < weights[i].count; j++) {
            sum += weights[i].weight[j];
        }
        worst = fmax(worst, fabs(sum - 1));
    }
    free(weights);
    return worst;
}

static void halving_by_hand(void) {
    ResizeWeights *weights = axis(4, 2, RESIZE_BILINEAR, true);
    const ResizeWeights *first = &weights[0];
    real row[3] = {0};
    printf(
        "From 4 pixels to 2, bilinear: output pixel 0 has its centre at 1, and the\n"
        "filter, a triangle, reaches 2 pixels to each side. Input pixels 0, 1 and 2\n"
        "have their centres 0.5, 0.5 and 1.5 away: 3/4, 3/4, 1/4; over their sum:\n");
    for (int j = 0; j < first->count && j < 3; j++) {
        row[j] = (real)first->weight[j];
    }
    report_matrix("weights", tensor1(row, 3), 4);
    by_hand(tensor1(row, 3), (const double[]){3.0 / 7, 3.0 / 7, 1.0 / 7}, 1e-6,
            "weights of output pixel 0");
    free(weights);
}

/* Columns 0, 255, 0, 255, ...: as fine as pixels can be. */
static void stripes(Picture *p, int side) {
    Error error;
    chapter_needs(picture_make(p, side, side, &error), &error);
    for (long i = 0; i < (long)side * side; i++) {
        for (int c = 0; c < PICTURE_CHANNELS; c++) {
            p->pixels[i * PICTURE_CHANNELS + c] = i % 2 == 0 ? 0 : 255;
        }
    }
}

/* The darkest and the lightest pixel of these stripes at another size. */
static void range_of(const Picture *from, int side, bool antialias, int *min,
                     int *max) {
    Picture to;
    Error error;
    chapter_needs(
        resize_picture(from, side, side, RESIZE_BILINEAR, antialias, &to, &error),
        &error);
    *min = 255;
    *max = 0;
    for (long i = 0; i < (long)side * side; i++) {
        const int pixel = to.pixels[i * PICTURE_CHANNELS];
        *min = pixel < *min ? pixel : *min;
        *max = pixel > *max ? pixel : *max;
    }
    picture_free(&to);
}

void stripes_demo(void) {
    enum { LARGE = 640, SMALL = 224 };
    Picture p;
    int min, max, min_skipping, max_skipping;
    report_section("Nothing fails, it is only worse");
    stripes(&p, LARGE);
    range_of(&p, SMALL, true, &min, &max);
    range_of(&p, SMALL, false, &min_skipping, &max_skipping);
    printf(
        "Stripes of one pixel, black and white, from %d pixels to %d. From afar\n"
        "they are grey. With antialiasing: %d to %d. Without it the filter stays two\n"
        "pixels wide and skips others: %d to %d, stripes that aren't there.\n",
        LARGE, SMALL, min, max, min_skipping, max_skipping);
    report_check(max - min < 64 && max_skipping - min_skipping > 192,
                 "antialiasing leaves %d levels of the stripes, skipping %d", max - min,
                 max_skipping - min_skipping);
    picture_free(&p);
}

void resize_demo(void) {
    report_section("A resize that skips no pixel");
    halving_by_hand();
    for (int f = 0; f < 2; f++) {
        const ResizeFilter filter = f == 0 ? RESIZE_BILINEAR : RESIZE_BICUBIC;
        const double down = worst_sum(640, 248, filter),
                     up = worst_sum(100, 248, filter);
        report_check(down < 1e-12 && up < 1e-12,
                     "%s weights sum to 1, 640 to 248 and 100 to 248 pixels",
                     f == 0 ? "bilinear" : "bicubic");
    }
}

void recipe_demo(void) {
    static const char *const names[] = {"vit",         "384",    "deit",
                                        "torchvision", "hf-vit", "hf-deit"};
    report_section("Recipes");
    printf("For a model of 224x224 pixels, and what a grey of 128 becomes:\n");
    for (int i = 0; i < 6; i++) {
        Recipe r;
        Error error;
        char text[RECIPE_TEXT];
        chapter_needs(recipe_named(&r, names[i], 224, 224, &error), &error);
        printf("  %-11s %s\n              128 ->", names[i], recipe_text(&r, text));
        for (int c = 0; c < PICTURE_CHANNELS; c++) {
            printf(" %6.3f", (128 * r.scale - r.mean[c]) / r.deviation[c]);
        }
        printf("\n");
    }
    Recipe r;
    Error error;
    chapter_needs(recipe_named(&r, "vit", 224, 224, &error), &error);
    report_check(r.height == 248 && r.crop_height == 224,
                 "a crop ratio of 0.9: floor(224 / 0.9) = 248, of which 224 are kept");
}
