/* formats.h: what picture.c, which knows files, shares with those who know formats. */
#pragma once

#include <stdio.h>

#include "common/images/picture.h"

/* A file in memory. Errors begin with its name. */
typedef struct {
    const unsigned char *bytes;
    size_t count;
    const char *name;
} PictureFile;

/* jpeg_decode, png_decode: false, and no picture, if it can't be read. */
bool jpeg_decode(Picture *picture, const PictureFile *file, Error *error);
bool png_decode(Picture *picture, const PictureFile *file, Error *error);

/* png_encode: into an open file; errors begin with `name`. */
bool png_encode(const Picture *picture, FILE *to, const char *name, Error *error);

/* picture_fits: is it small enough, and has the file bytes for so many pixels, if each
 * of its bytes holds `most_per_byte` pixels or fewer? */
bool picture_fits(double width, double height, double most_per_byte,
                  const PictureFile *file, Error *error);

/* exif_orientation: 1 to 8, of EXIF data from their TIFF header on; 1, upright, where
 * they say nothing or make no sense. */
int exif_orientation(const unsigned char *bytes, size_t count);

/* exif_turn: the picture as it is to be seen; false, and no picture, without memory. */
bool exif_turn(Picture *picture, int orientation, Error *error);
