/* demo_own_model.c: chapter 5's own model looks at a picture. */
#include <stdio.h>
#include <sys/stat.h>

#include "chapters/05_vision_transformer/training/dataset_file.h"
#include "chapters/07_pretrained_weights/chapter7_demos.h"
#include "chapters/07_pretrained_weights/program/look_at.h"
#include "common/images/picture.h"
#include "common/lesson/chapter.h"
#include "common/lesson/report.h"

static const char weights[] = "chapter5.safetensors", file[] = "chapter7.png";

/* The first test image as a picture. */
static bool write_picture(const char *folder, Error *error) {
    Dataset data = {0};
    Picture p;
    if (!dataset_load(&data, folder, NULL, NULL, error)) {
        return false;
    }
    const int width = data.test.width, height = data.test.height;
    const long plane = (long)width * height, grey = data.test.channels == 1;
    const unsigned char *pixels = dataset_pixels(&data.test, 0);
    bool ok = picture_make(&p, width, height, error);
    for (long i = 0; ok && i < plane; i++) {
        for (int c = 0; c < PICTURE_CHANNELS; c++) {
            p.pixels[i * PICTURE_CHANNELS + c] = pixels[(grey ? 0 : c * plane) + i];
        }
    }
    dataset_give_back(&data.test, pixels);
    ok = ok && picture_write(&p, file, error);
    picture_free(&p);
    dataset_free(&data);
    return ok;
}

void own_model_demo(void) {
    struct stat status;
    const char *folder = dataset_find();
    Error error;
    report_section("What does your own model see?");
    if (stat(weights, &status) != 0 || !folder) {
        printf("%s isn't here: train a model with ./chapter5, and this\n"
               "section shows where it looks. Weights of others, and photos of yours:\n"
               "    ./chapter7 --weights model.safetensors cat.jpg\n",
               weights);
        return;
    }
    char names[200];
    char *pictures[] = {(char *)file};
    snprintf(names, sizeof names, "%s/classes.txt", folder);
    const bool named = stat(names, &status) == 0;
    const SeeingOptions options = {.weights = weights,
                                   .labels = named ? names : NULL,
                                   .top = 3,
                                   .pictures = pictures,
                                   .count = 1};
    chapter_needs(write_picture(folder, &error), &error);
    report_check(look_at("chapter7", &options) == 0, "it looks at %s", file);
}
