/*
 * fuzz_image.c: photos, JPEG and PNG: decoded from memory, every now and then from a
 * file. What was read is resized, cropped, written and read back the same. Checksums of
 * PNG's chunks, which would keep every change out, are made to fit in half of the
 * inputs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "tests/fuzz/fuzz.h"
#include "common/images/resize.h"

enum { BETWEEN_FILES = 64, MOST_PIXELS = 1 << 20, SMALL_PIXELS = 1 << 12, SIDE = 9 };

static const char *input, *copy;

void fuzz_setup(void) {
    input = fuzz_path("input.jpg");
    copy = fuzz_path("copy.png");
}

static uint32_t number_at(const unsigned char *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
           (uint32_t)bytes[2] << 8 | bytes[3];
}

/* The chunks of a PNG from `at` on: length, kind, data, checksum. */
static void fit_checksums(unsigned char *bytes, size_t count, size_t at) {
    while (count - at >= 12 && number_at(bytes + at) <= count - at - 12) {
        const uint32_t length = number_at(bytes + at);
        const uLong checksum = crc32(0, bytes + at + 4, length + 4);
        for (int i = 0; i < 4; i++) {
            bytes[at + 8 + length + (size_t)i] =
                (unsigned char)(checksum >> (24 - 8 * i));
        }
        at += 12 + length;
    }
}

/* Large pictures are read as small ones are, but few of them in a second. */
static bool is_large(const unsigned char *bytes, size_t count) {
    if (count > 24 && bytes[0] == 0x89) {
        return (double)number_at(bytes + 16) * number_at(bytes + 20) > MOST_PIXELS;
    }
    for (size_t i = 0; i + 9 < count; i++) { /* a start of frame, or what looks so */
        const double height = 256 * bytes[i + 5] + bytes[i + 6];
        const double width = 256 * bytes[i + 7] + bytes[i + 8];
        if (bytes[i] == 0xFF && (bytes[i + 1] & 0xF0) == 0xC0 &&
            width * height > MOST_PIXELS) {
            return true;
        }
    }
    return false;
}

static void write_and_read(const Picture *picture) {
    Picture back;
    Error error = {""};
    fuzz_must(picture_write(picture, copy, &error), "a picture can be written");
    fuzz_must(picture_read(&back, copy, &error), "what is written can be read");
    fuzz_must(back.width == picture->width && back.height == picture->height &&
                  memcmp(back.pixels, picture->pixels,
                         (size_t)(back.width * back.height * PICTURE_CHANNELS)) == 0,
              "pixels come back");
    picture_free(&back);
}

static void resize(const Picture *picture, int width, int height) {
    Picture to;
    Error error = {""};
    for (int kind = 0; kind < 4; kind++) {
        fuzz_must(resize_picture(picture, width, height,
                                 kind / 2 == 0 ? RESIZE_BILINEAR : RESIZE_BICUBIC,
                                 kind % 2 == 0, &to, &error),
                  "there is memory to resize");
        picture_free(&to);
    }
    fuzz_must(resize_crop(picture, width, height, CROP_HALF_TO_EVEN, &to, &error),
              "and to crop");
    picture_free(&to);
}

static void use(const Picture *picture) {
    static unsigned accepted;
    fuzz_must(picture->width > 0 && picture->width <= PICTURE_MAX_SIDE &&
                  picture->height > 0 && picture->height <= PICTURE_MAX_SIDE,
              "sizes are within their limits");
    unsigned sum = 0; /* every pixel is there */
    for (long i = 0; i < (long)picture->width * picture->height * PICTURE_CHANNELS;
         i++) {
        sum += picture->pixels[i];
    }
    if ((long)picture->width * picture->height <= SMALL_PIXELS) {
        resize(picture, 1 + (int)(sum % SIDE), 1 + (int)(sum / SIDE % SIDE));
        if (accepted++ % BETWEEN_FILES == 0) { /* writing waits for the disk */
            write_and_read(picture);
        }
    }
}

void fuzz_input(const unsigned char *bytes, size_t count) {
    static unsigned number;
    Picture picture;
    Error error = {""};
    if (is_large(bytes, count)) {
        return;
    }
    number++;
    unsigned char *own = malloc(count > 0 ? count : 1);
    memcpy(own, bytes, count);
    if (count > 8 && bytes[0] == 0x89 && bytes[count - 1] % 2 == 0) {
        fit_checksums(own, count, 8);
    }
    const bool from_file = number % BETWEEN_FILES == 0;
    if (from_file) {
        fuzz_write(input, own, count);
    }
    const bool ok = from_file ? picture_read(&picture, input, &error)
                              : picture_decode(&picture, own, count, "memory", &error);
    free(own);
    fuzz_must_tell(ok, &error);
    fuzz_must(ok || !picture.pixels, "what can't be read leaves nothing");
    if (ok) {
        use(&picture);
        picture_free(&picture);
    }
}

/* ---- seeds -------------------------------------------------------------- */

static void seed(const char *name) {
    static unsigned char bytes[1 << 16];
    char path[128];
    snprintf(path, sizeof path, "tests/reference/pictures/%s", name);
    fuzz_seed(bytes, fuzz_read(path, bytes, sizeof bytes));
}

void fuzz_seeds(void) {
    static const char *const names[] = {
        "colour_444.jpg",
        "colour_420.jpg",
        "progressive.jpg",
        "grey_progressive.jpg",
        "restarts.jpg",
        "rgb.jpg",
        "orientation_6.jpg",
        "pixel.jpg",
        "cmyk.jpg",
        "grey_1.png",
        "grey_16.png",
        "grey_2_interlaced.png",
        "palette_4_interlaced.png",
        "palette_8.png",
        "palette_transparent.png",
        "colour_alpha_8.png",
        "colour_16_interlaced.png",
        "grey_alpha_16.png",
        "turned_after.png",
        "turned_before.png",
        "animated.png",
        "one_pixel.png",
        "gamma.png",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        seed(names[i]);
    }
    fuzz_seed("RIFF....WEBPVP8 ....", 20);
}
