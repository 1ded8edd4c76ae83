/*
 * picture.h: a photo from a file, and a picture into one. Programs are linked with
 * this; no layer knows of it.
 *
 * JPEG (libjpeg-turbo) and PNG (libpng) are recognised by their first bytes, not by the
 * file's name. The pixels are those of PIL's convert("RGB"): grey becomes three equal
 * channels, a palette its colours, alpha is left out, colour of 16 bits keeps the
 * higher 8. Two things are done otherwise:
 *
 *   16-bit grey  keeps its higher 8 bits too. PIL makes everything above 255 white.
 *   EXIF         the picture is turned as its orientation says, in JPEG and PNG, which
 *                in PIL is a step of its own (ImageOps.exif_transpose).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"

enum {
    PICTURE_CHANNELS = 3,     /* red, green, blue */
    PICTURE_MAX_SIDE = 30000, /* pixels */
};
#define PICTURE_MAX_PIXELS 180000000L /* 540 MB; PIL refuses more, too */

typedef struct {
    int width, height;     /* pixels */
    unsigned char *pixels; /* (height, width, 3), rows from the top; owned */
} Picture;

/* picture_make: black; false if there is no memory. picture_free: also of {0}. */
bool picture_make(Picture *picture, int width, int height, Error *error);
void picture_free(Picture *picture);

/*
 * picture_decode: from a file's bytes; errors begin with `name`. Progressive JPEG and
 * interlaced PNG are read; of an animated PNG the first picture. Refused, by name: what
 * is neither JPEG nor PNG (GIF, WebP, HEIF, ... are named), JPEG in CMYK or with
 * arithmetic coding, what is truncated or damaged. More pixels than above, or more than
 * so short a file can hold, are refused before there is memory for them.
 * picture_read: the same from a regular file. Of a file that isn't a picture only the
 * first bytes are read.
 */
bool picture_decode(Picture *picture, const void *bytes, size_t count, const char *name,
                    Error *error);
bool picture_read(Picture *picture, const char *path, Error *error);

/* picture_is_one: do these first bytes begin a JPEG or a PNG? 16 are enough. */
bool picture_is_one(const void *bytes, size_t count);

/* picture_write: as a PNG, whole or not at all (regular_file.h). */
bool picture_write(const Picture *picture, const char *path, Error *error);
