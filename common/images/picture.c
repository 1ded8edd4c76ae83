/* picture.c: pictures in memory, and which format a file has. See picture.h. */
#include "common/images/picture.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/files/regular_file.h"
#include "common/images/formats.h"

bool picture_make(Picture *picture, int width, int height, Error *error) {
    if (width < 1 || height < 1) {
        bug("picture_make: %d x %d pixels", width, height);
    }
    const size_t bytes = (size_t)width * (size_t)height * PICTURE_CHANNELS;
    *picture = (Picture){width, height, allocate(bytes, "a picture", error)};
    return picture->pixels != NULL;
}

void picture_free(Picture *picture) {
    free(picture->pixels);
    *picture = (Picture){0};
}

/* ---- formats ------------------------------------------------------------ */

typedef struct {
    const char *format;
    size_t at, count; /* which bytes of the file are to be these */
    const char *bytes;
} Signature;

#define SIGNATURE(format, at, bytes)                                                   \
    { format, at, sizeof(bytes) - 1, bytes }
static const Signature jpeg = SIGNATURE("JPEG", 0, "\xFF\xD8\xFF");
static const Signature png = SIGNATURE("PNG", 0, "\x89PNG\r\n\x1A\n");
static const Signature others[] = {
    SIGNATURE("a GIF", 0, "GIF8"),
    SIGNATURE("a WebP", 8, "WEBP"),
    SIGNATURE("an AVIF", 4, "ftypavi"),
    SIGNATURE("a HEIF", 4, "ftyphe"),
    SIGNATURE("a HEIF", 4, "ftypm"),
    SIGNATURE("a TIFF", 0, "II*\0"),
    SIGNATURE("a TIFF", 0, "MM\0*"),
    SIGNATURE("a BMP", 0, "BM"),
    SIGNATURE("a JPEG XL", 0, "\xFF\x0A"),
    SIGNATURE("a JPEG XL", 4, "JXL "),
    SIGNATURE("a JPEG 2000", 4, "jP  "),
    SIGNATURE("a JPEG 2000", 0, "\xFF\x4F\xFF\x51"),
    SIGNATURE("a Photoshop", 0, "8BPS"),
    SIGNATURE("a PPM", 0, "P6\n"),
    SIGNATURE("a PGM", 0, "P5\n"),
};

static bool has(const Signature *signature, const PictureFile *file) {
    return file->count >= signature->at + signature->count &&
           memcmp(file->bytes + signature->at, signature->bytes, signature->count) == 0;
}

bool picture_is_one(const void *bytes, size_t count) {
    const PictureFile file = {.bytes = bytes, .count = count};
    return has(&jpeg, &file) || has(&png, &file);
}

static bool refuse(const PictureFile *file, Error *error) {
    if (file->count == 0) {
        return error_set(error, "%s: an empty file", file->name);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (has(&others[i], file)) {
            return error_set(error, "%s: %s picture; convert it to JPEG or PNG",
                             file->name, others[i].format);
        }
    }
    return error_set(error, "%s: neither a JPEG nor a PNG picture", file->name);
}

bool picture_fits(double width, double height, double most_per_byte,
                  const PictureFile *file, Error *error) {
    if (width > PICTURE_MAX_SIDE || height > PICTURE_MAX_SIDE ||
        width * height > (double)PICTURE_MAX_PIXELS) {
        return error_set(error,
                         "%s: %.0f x %.0f pixels; at most %ld million, and %d on a "
                         "side, are read",
                         file->name, width, height, PICTURE_MAX_PIXELS / 1000000,
                         PICTURE_MAX_SIDE);
    }
    if (width * height > most_per_byte * (double)file->count) {
        return error_set(error,
                         "%s: truncated: %zu bytes can't hold %.0f x %.0f pixels",
                         file->name, file->count, width, height);
    }
    return true;
}

bool picture_decode(Picture *picture, const void *bytes, size_t count, const char *name,
                    Error *error) {
    const PictureFile file = {bytes, count, name};
    *picture = (Picture){0};
    if (has(&jpeg, &file)) {
        return jpeg_decode(picture, &file, error);
    }
    if (has(&png, &file)) {
        return png_decode(picture, &file, error);
    }
    return refuse(&file, error);
}

/* ---- files -------------------------------------------------------------- */

/* The size of a file that is open for reading, which is then at its beginning. */
static bool size_of(FILE *file, const char *path, size_t *size, Error *error) {
    enum { MAX_MB = 2000 };
    const long end = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    if (end < 0 || fseek(file, 0, SEEK_SET) != 0) {
        return error_set(error, "%s: %s", path, strerror(errno));
    }
    if (end / 1000000 > MAX_MB) {
        return error_set(error, "%s: %ld MB; pictures of at most %d MB are read", path,
                         end / 1000000, MAX_MB);
    }
    *size = (size_t)end;
    return true;
}

static bool read_rest(Picture *picture, FILE *file, const char *path, Error *error) {
    size_t size = 0;
    if (!size_of(file, path, &size, error)) {
        return false;
    }
    unsigned char *bytes = allocate(size, path, error);
    if (!bytes) {
        return false;
    }
    errno = EIO; /* of a file that became shorter, fread says nothing */
    const bool ok = fread(bytes, 1, size, file) == size
                        ? picture_decode(picture, bytes, size, path, error)
                        : error_set(error, "%s: %s", path, strerror(errno));
    free(bytes);
    return ok;
}

bool picture_read(Picture *picture, const char *path, Error *error) {
    unsigned char first[16];
    *picture = (Picture){0};
    FILE *file = regular_file_open(path, error);
    if (!file) {
        return false;
    }
    const size_t count = fread(first, 1, sizeof first, file);
    const PictureFile begin = {first, count, path};
    bool ok;
    if (ferror(file)) {
        ok = error_set(error, "%s: %s", path, strerror(errno));
    } else if (!picture_is_one(first, count)) {
        ok = refuse(&begin, error);
    } else {
        ok = read_rest(picture, file, path, error);
    }
    fclose(file);
    return ok;
}

bool picture_write(const Picture *picture, const char *path, Error *error) {
    NewFile file;
    if (!new_file_begin(&file, path, error)) {
        return false;
    }
    if (!png_encode(picture, file.file, path, error)) {
        new_file_drop(&file);
        return false;
    }
    return new_file_end(&file, error);
}
