/*
 * picture.h: a photo from a file, and a picture into one. Programs are linked with
 * this; no layer knows of it.
 *
 * JPEG (libjpeg-turbo) and PNG (libpng) are told by their first bytes, not by the
 * file's name. What the model is given is what PIL's convert("RGB") would give it: grey
 * becomes three equal channels, a palette its colours, alpha is left out, 16 bits
 * become their higher 8; and the picture is turned as its EXIF orientation says.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"

enum {
    PICTURE_CHANNELS = 3,     /* red, green, blue */
    PICTURE_MAX_SIDE = 30000, /* pixels; as much may be asked of nobody's memory */
};
#define PICTURE_MAX_PIXELS 180000000L /* as many as PIL takes before it refuses */

typedef struct {
    int width, height;     /* pixels */
    unsigned char *pixels; /* (height, width, 3), rows from the top; owned */
} Picture;

/* picture_make: black; false if there is no memory. picture_free: also of {0}. */
bool picture_make(Picture *picture, int width, int height, Error *error);
void picture_free(Picture *picture);

/*
 * picture_decode: from a file's bytes; errors begin with `name`. Refused, by name: what
 * is neither JPEG nor PNG (GIF, WebP, HEIF, ... are named), CMYK, what is truncated or
 * damaged, more pixels than above. Progressive JPEG and interlaced PNG are read; of an
 * animated PNG the first picture.
 * picture_read: the same from a regular file.
 */
bool picture_decode(Picture *picture, const void *bytes, size_t count, const char *name,
                    Error *error);
bool picture_read(Picture *picture, const char *path, Error *error);

/* picture_is_one: do these first bytes (16 or more) begin a JPEG or a PNG? */
bool picture_is_one(const void *bytes, size_t count);

/* picture_write: as a PNG, whole or not at all (regular_file.h). */
bool picture_write(const Picture *picture, const char *path, Error *error);
