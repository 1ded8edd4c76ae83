/*
 * exif.c: which way up a photo is. A camera writes its sensor's rows as they are, and
 * says in EXIF, a small TIFF file within the picture's, where the first row and the
 * first column of pixels belong when the picture is looked at.
 */
#include "common/images/formats.h"

#include <stdint.h>
#include <string.h>

/* ---- the orientation ---------------------------------------------------- */

typedef struct {
    const unsigned char *bytes;
    size_t count;
    bool big_endian;
} Exif;

/* The unsigned number of `width` bytes (2 or 4) at `at`; 0 if it isn't all there. */
static uint32_t number_at(const Exif *exif, size_t at, size_t width) {
    uint32_t value = 0;
    if (at > exif->count || exif->count - at < width) {
        return 0;
    }
    for (size_t i = 0; i < width; i++) {
        const size_t from_low = exif->big_endian ? width - 1 - i : i;
        value |= (uint32_t)exif->bytes[at + i] << (8 * from_low);
    }
    return value;
}

int exif_orientation(const unsigned char *bytes, size_t count) {
    enum { ORIENTATION = 0x112, SHORT = 3, FIRST = 4, ENTRY = 12, VALUE = 8 };
    if (count < 8 ||
        (memcmp(bytes, "II*\0", 4) != 0 && memcmp(bytes, "MM\0*", 4) != 0)) {
        return 1;
    }
    const Exif exif = {bytes, count, bytes[0] == 'M'};
    const size_t directory = number_at(&exif, FIRST, 4);
    const size_t entries = number_at(&exif, directory, 2);
    for (size_t i = 0; i < entries; i++) {
        const size_t entry = directory + 2 + i * ENTRY;
        if (number_at(&exif, entry, 2) == ORIENTATION) {
            const uint32_t kind = number_at(&exif, entry + 2, 2);
            const uint32_t value = number_at(&exif, entry + VALUE, 2);
            return kind == SHORT && value >= 1 && value <= 8 ? (int)value : 1;
        }
    }
    return 1;
}

/* ---- turning ------------------------------------------------------------ */

bool exif_turn(Picture *picture, int orientation, Error *error) {
    /* Where the first row is (top or bottom) and the first column (left or right):
     * 1 top left, 2 top right, 3 bottom right, 4 bottom left; and from 5 on, rows and
     * columns having changed places: 5 top left, 6 top right, 7 bottom right, 8 bottom
     * left. */
    const int corner = (orientation - 1) % 4;
    const bool transposed = orientation > 4;
    const bool from_bottom = corner == 2 || corner == 3;
    const bool from_right = corner == 1 || corner == 2;
    Picture upright;
    if (orientation == 1) {
        return true;
    }
    const int width = transposed ? picture->height : picture->width;
    const int height = transposed ? picture->width : picture->height;
    if (!picture_make(&upright, width, height, error)) {
        picture_free(picture);
        return false;
    }
    unsigned char *to = upright.pixels;
    for (int i = 0; i < height; i++) {
        for (int j = 0; j < width; j++) {
            const int y = from_bottom ? height - 1 - i : i;
            const int x = from_right ? width - 1 - j : j;
            const long stored = transposed ? (long)x * picture->width + y
                                           : (long)y * picture->width + x;
            memcpy(to, picture->pixels + stored * PICTURE_CHANNELS, PICTURE_CHANNELS);
            to += PICTURE_CHANNELS;
        }
    }
    picture_free(picture);
    *picture = upright;
    return true;
}
