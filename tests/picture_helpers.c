/* picture_helpers.c: see picture_helpers.h. */
#include "tests/picture_helpers.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/images/formats.h"
#include "tests/check_helpers.h"

Picture picture_of(const char *path) {
    Picture picture;
    Error error = {""};
    ck_assert_msg(picture_read(&picture, path, &error), "%s", error.text);
    return picture;
}

const char *picture_difference(const Picture *got, const Picture *want, int levels,
                               const char *name) {
    static char message[256];
    if (got->width != want->width || got->height != want->height) {
        snprintf(message, sizeof message, "%s is %d x %d, want %d x %d", name,
                 got->width, got->height, want->width, want->height);
        return message;
    }
    for (int i = 0; i < got->width * got->height * PICTURE_CHANNELS; i++) {
        if (abs(got->pixels[i] - want->pixels[i]) > levels) {
            const int at = i / PICTURE_CHANNELS;
            snprintf(message, sizeof message,
                     "%s: pixel (%d,%d), channel %d is %d, want %d", name,
                     at / got->width, at % got->width, i % PICTURE_CHANNELS,
                     got->pixels[i], want->pixels[i]);
            return message;
        }
    }
    return NULL;
}
