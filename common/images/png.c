/*
 * png.c: PNG, by libpng, which is left by longjmp when something is wrong. Every kind
 * of pixel becomes 8 bits of red, green and blue, as it is stored: what a file says of
 * gamma, colour profiles and backgrounds is not looked at.
 */
#include "common/images/formats.h"

#include <errno.h>
#include <setjmp.h>
#include <string.h>

#include <png.h>

enum {
    BITS_PER_CHANNEL = 8,
    /* Deflate makes at most 258 bytes of 2 bits; a byte has 8 pixels or fewer. */
    MOST_PER_BYTE = 1032 * 8,
};

typedef struct {
    png_structp png;
    png_infop info;
    const PictureFile *file; /* read: what of; written: its name alone */
    size_t at;               /* read so far */
    Error *error;
    jmp_buf leave;
} PngState;

/* ---- called back -------------------------------------------------------- */

static void stop_reading(png_structp png, png_const_charp what) {
    PngState *s = png_get_error_ptr(png);
    if (strstr(what, "memory")) { /* there is no number to tell */
        error_set(s->error, "%s: no memory to decode it", s->file->name);
    } else {
        error_set(s->error, "%s: a truncated or damaged PNG: %s", s->file->name, what);
    }
    longjmp(s->leave, 1);
}

static void stop_writing(png_structp png, png_const_charp what) {
    PngState *s = png_get_error_ptr(png);
    error_set(s->error, "%s: can't be written: %s; what was there before is as it was",
              s->file->name, errno != 0 ? strerror(errno) : what);
    longjmp(s->leave, 1);
}

static void ignore_warning(png_structp png, png_const_charp what) {
    (void)png, (void)what;
}

static void read_bytes(png_structp png, png_bytep to, size_t count) {
    PngState *s = png_get_io_ptr(png);
    if (count > s->file->count - s->at) {
        png_error(png, "it ends too early");
    }
    memcpy(to, s->file->bytes + s->at, count);
    s->at += count;
}

/* ---- reading ------------------------------------------------------------ */

/* Chunks that don't matter here aren't read, so that nothing in them can. EXIF is kept
 * as it is, if it is no longer than the file. */
static void choose_chunks(const PngState *s) {
    png_set_keep_unknown_chunks(s->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_keep_unknown_chunks(s->png, PNG_HANDLE_CHUNK_ALWAYS,
                                (png_const_bytep) "eXIf", 1);
    png_set_chunk_malloc_max(s->png, s->file->count);
}

static int orientation_of(const PngState *s) {
    png_unknown_chunkp chunks = NULL;
    const int count = png_get_unknown_chunks(s->png, s->info, &chunks);
    for (int i = 0; i < count; i++) {
        if (memcmp(chunks[i].name, "eXIf", 4) == 0) {
            return exif_orientation(chunks[i].data, chunks[i].size);
        }
    }
    return 1;
}

static void want_rgb(png_structp png) {
    png_set_palette_to_rgb(png);
    png_set_expand_gray_1_2_4_to_8(png);
    png_set_strip_16(png);
    png_set_strip_alpha(png);
    png_set_gray_to_rgb(png);
}

/* Everything that may be left by longjmp. */
static bool read_all(PngState *s, Picture *picture, int *orientation) {
    if (setjmp(s->leave)) {
        return false;
    }
    png_set_read_fn(s->png, s, read_bytes);
    png_set_user_limits(s->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); /* ours come below */
    choose_chunks(s);
    png_read_info(s->png, s->info);
    const png_uint_32 width = png_get_image_width(s->png, s->info);
    const png_uint_32 height = png_get_image_height(s->png, s->info);
    if (!picture_fits(width, height, MOST_PER_BYTE, s->file, s->error)) {
        return false;
    }
    want_rgb(s->png);
    const int passes = png_set_interlace_handling(s->png);
    png_read_update_info(s->png, s->info);
    if (!picture_make(picture, (int)width, (int)height, s->error)) {
        return false;
    }
    const size_t row_bytes = (size_t)width * PICTURE_CHANNELS;
    if (png_get_rowbytes(s->png, s->info) != row_bytes) {
        bug("png_decode: %s: rows of %zu bytes, want %zu", s->file->name,
            png_get_rowbytes(s->png, s->info), row_bytes);
    }
    for (int pass = 0; pass < passes; pass++) {
        for (size_t y = 0; y < height; y++) {
            png_read_row(s->png, picture->pixels + y * row_bytes, NULL);
        }
    }
    png_read_end(s->png, s->info);
    *orientation = orientation_of(s);
    return true;
}

bool png_decode(Picture *picture, const PictureFile *file, Error *error) {
    PngState s = {.file = file, .error = error};
    int orientation = 1;
    s.png =
        png_create_read_struct(PNG_LIBPNG_VER_STRING, &s, stop_reading, ignore_warning);
    s.info = s.png ? png_create_info_struct(s.png) : NULL;
    const bool ok = s.info ? read_all(&s, picture, &orientation)
                           : error_set(error, "%s: no memory", file->name);
    png_destroy_read_struct(&s.png, &s.info, NULL);
    if (!ok) {
        picture_free(picture);
        return false;
    }
    return exif_turn(picture, orientation, error);
}

/* ---- writing ------------------------------------------------------------ */

static bool write_all(PngState *s, const Picture *picture, FILE *to) {
    const size_t row_bytes = (size_t)picture->width * PICTURE_CHANNELS;
    if (setjmp(s->leave)) {
        return false;
    }
    errno = 0; /* libpng doesn't say why it couldn't write */
    png_init_io(s->png, to);
    png_set_IHDR(s->png, s->info, (png_uint_32)picture->width,
                 (png_uint_32)picture->height, BITS_PER_CHANNEL, PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(s->png, s->info);
    for (int y = 0; y < picture->height; y++) {
        png_write_row(s->png, picture->pixels + (size_t)y * row_bytes);
    }
    png_write_end(s->png, NULL);
    return true;
}

bool png_encode(const Picture *picture, FILE *to, const char *name, Error *error) {
    const PictureFile file = {.name = name};
    PngState s = {.file = &file, .error = error};
    s.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &s, stop_writing,
                                    ignore_warning);
    s.info = s.png ? png_create_info_struct(s.png) : NULL;
    const bool ok =
        s.info ? write_all(&s, picture, to) : error_set(error, "%s: no memory", name);
    png_destroy_write_struct(&s.png, &s.info);
    return ok;
}
