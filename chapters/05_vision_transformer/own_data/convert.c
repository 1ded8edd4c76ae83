/* convert.c: see convert.h. */
#include "chapters/05_vision_transformer/own_data/convert.h"

#include <stdlib.h>
#include <string.h>

#include "common/images/resize.h"

/* Red, green and blue apart; or their grey. */
static void take_apart(const Picture *picture, int channels, unsigned char *pixels) {
    const long plane = (long)picture->width * picture->height;
    unsigned char *colours = pixels;
    for (long i = 0; i < plane; i++) {
        const unsigned char *rgb = picture->pixels + PICTURE_CHANNELS * i;
        if (channels == 1) {
            pixels[i] = dataset_luma(rgb[0], rgb[1], rgb[2]);
            continue;
        }
        for (int c = 0; c < PICTURE_CHANNELS; c++) {
            colours[c * plane + i] = rgb[c];
        }
    }
}

bool convert_picture(const Picture *picture, int channels, int height, int width,
                     unsigned char *pixels, Error *error) {
    Picture resized;
    if (picture->width == width && picture->height == height) {
        take_apart(picture, channels, pixels);
        return true;
    }
    if (!resize_picture(picture, width, height, CONVERT_FILTER, true, &resized,
                        error)) {
        return false;
    }
    take_apart(&resized, channels, pixels);
    picture_free(&resized);
    return true;
}

bool convert_file(const char *path, int channels, int height, int width,
                  unsigned char *pixels, Error *error) {
    Picture picture;
    if (!picture_read(&picture, path, error)) {
        return false;
    }
    const bool ok = convert_picture(&picture, channels, height, width, pixels, error);
    picture_free(&picture);
    return ok;
}

/* ---- a set in memory ------------------------------------------------------------ */

/* (C, H, W) bytes as a picture: grey becomes three equal channels. */
static void put_together(const ImageSet *set, int index, Picture *picture) {
    const long plane = (long)set->height * set->width;
    const unsigned char *pixels = dataset_pixels(set, index);
    for (long i = 0; i < plane; i++) {
        for (int c = 0; c < PICTURE_CHANNELS; c++) {
            picture->pixels[PICTURE_CHANNELS * i + c] =
                pixels[(set->channels == 1 ? 0 : c) * plane + i];
        }
    }
}

bool convert_set(ImageSet *set, const DataWish *wish, Error *error) {
    ImageSet to = *set;
    to.channels = wish->channels ? wish->channels : set->channels;
    to.height = wish->height ? wish->height : set->height;
    to.width = wish->width ? wish->width : set->width;
    if (to.channels == set->channels && to.height == set->height &&
        to.width == set->width) {
        return true;
    }
    const size_t bytes = (size_t)to.channels * (size_t)to.height * (size_t)to.width;
    Picture picture = {.pixels = NULL};
    to.pixels = allocate((size_t)set->count * bytes, "the images", error);
    bool ok = to.pixels && picture_make(&picture, set->width, set->height, error);
    for (int i = 0; ok && i < set->count; i++) {
        put_together(set, i, &picture);
        ok = convert_picture(&picture, to.channels, to.height, to.width,
                             to.pixels + (size_t)i * bytes, error);
    }
    picture_free(&picture);
    free(ok ? set->pixels : to.pixels);
    if (ok) {
        *set = to;
    }
    return ok;
}
