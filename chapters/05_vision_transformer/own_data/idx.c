/*
 * idx.c: images and labels in MNIST's format. See readers.h and dataset_file.h.
 *
 * An IDX file, its numbers big-endian: the bytes 0, 0, the elements' type, the number
 * of dimensions; each dimension in 4 bytes; then the data.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "chapters/05_vision_transformer/model/vit.h"
#include "chapters/05_vision_transformer/own_data/readers.h"
#include "common/files/regular_file.h"

/* What a file's name may be, after "train-" or "t10k-", and what it may have. */
typedef struct {
    const char *what, *wanted; /* magic numbers */
    const char *endings[3];
    int min_dims, max_dims;
} Kind;
static const Kind images_kind = {"images",
                                 "0x00000803, or 0x00000804 in colour",
                                 {"images-idx3-ubyte", "images-idx4-ubyte"},
                                 3,
                                 4};
static const Kind labels_kind = {
    "labels",
    "0x00000801, or 0x00000b01 or 0x00000c01 for many classes",
    {"labels-idx1-ubyte", "labels-idx1-short", "labels-idx1-int"},
    1,
    1};
static const Kind *const kinds[] = {&images_kind, &labels_kind};
static const char *const set_names[] = {"train", "t10k"};

/* ---- one IDX file ------------------------------------------------------ */

/* A file that is open: its header is read and checked before its data are. */
typedef struct {
    gzFile file; /* reads plain files too */
    char path[FILE_PATH_BYTES];
    int64_t file_bytes; /* as it is on the disk */
    const Kind *kind;
    int element_bytes, ndim, shape[4];
    long data_bytes;     /* as the header announces */
    unsigned char *data; /* owned */
} Idx;

/* Up to `bytes` bytes: how many there were, -1 and an error if the file is damaged. */
static long read_bytes(Idx *idx, void *to, long bytes, Error *error) {
    errno = 0;
    int got = gzread(idx->file, to, (unsigned)bytes), status = Z_OK;
    const int error_number = errno;
    const char *why = gzerror(idx->file, &status);
    const char *reason = strstr(why, ">: "); /* after "<fd:3>: " */
    if (got >= 0 && status == Z_OK) {
        return got;
    }
    error_set(error, "%s: damaged: %s", idx->path,
              status == Z_ERRNO       ? strerror(error_number)
              : status == Z_BUF_ERROR ? "the gzip stream ends early"
              : reason                ? reason + strlen(">: ")
                                      : why);
    return -1;
}

/* The next four bytes, the highest first. */
static bool read_word(Idx *idx, uint32_t *word, Error *error) {
    unsigned char b[4] = {0};
    const long got = read_bytes(idx, b, 4, error);
    if (got >= 0 && got < 4) {
        error_set(error, "%s: truncated: it ends within its header", idx->path);
    }
    *word = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    return got == 4;
}

/* The elements' bytes and the dimensions; false if it has other ones. */
static bool read_magic(Idx *idx, Error *error) {
    enum { UBYTE = 8, SHORT = 0x0B, INT = 0x0C };
    uint32_t magic;
    if (!read_word(idx, &magic, error)) {
        return false;
    }
    const Kind *kind = idx->kind;
    const uint32_t type = magic >> 8;
    idx->ndim = (int)(magic & 255);
    idx->element_bytes = type == INT ? 4 : type == SHORT ? 2 : 1;
    const bool known =
        type == UBYTE || ((type == SHORT || type == INT) && kind == &labels_kind);
    return (known && idx->ndim >= kind->min_dims && idx->ndim <= kind->max_dims) ||
           error_set(error, "%s: wrong magic number 0x%08x, want %s (%s)", idx->path,
                     magic, kind->wanted, kind->what);
}

static bool read_header(Idx *idx, Error *error) {
    uint32_t size;
    if (!read_magic(idx, error)) {
        return false;
    }
    int64_t bytes = idx->element_bytes;
    for (int d = 0; d < idx->ndim; d++) {
        const uint32_t max = d == 0 ? 10000000 : VIT_MAX_SIDE;
        if (!read_word(idx, &size, error)) {
            return false;
        }
        if (size < 1 || size > max) {
            return error_set(error, "%s: dimension %d is %u, want 1 to %u", idx->path,
                             d, size, max);
        }
        idx->shape[d] = (int)size;
        bytes *= size;
    }
    if (bytes > LONG_MAX) {
        return error_set(error, "%s: no memory for its %" PRId64 " bytes", idx->path,
                         bytes);
    }
    idx->data_bytes = (long)bytes;
    return true;
}

static bool truncated(const Idx *idx, int64_t there, Error *error) {
    return error_set(error,
                     "%s: truncated: its header announces %ld bytes of data, there are "
                     "%" PRId64,
                     idx->path, idx->data_bytes, there);
}

/*
 * Could the file have as much as its header announces? A plain file's size says so. A
 * few bytes of gzip can become any number of zeros, but images shrink only to a half or
 * a tenth. So what would be 100 times the file is believed only while it is little.
 */
static bool check_size(const Idx *idx, Error *error) {
    const int64_t little = 64 << 20, there = idx->file_bytes - 4 - 4 * idx->ndim;
    if (gzdirect(idx->file)) {
        return there >= idx->data_bytes || truncated(idx, there, error);
    }
    return idx->data_bytes <= little || idx->data_bytes <= 100 * idx->file_bytes ||
           error_set(error,
                     "%s: its header announces %ld bytes of data, which is more than "
                     "%" PRId64 " bytes of gzip can be trusted with; if it is right, "
                     "unpack the file: gzip -d",
                     idx->path, idx->data_bytes, idx->file_bytes);
}

/* Memory grows with what is read: the file may have changed since it was measured. One
 * byte more than announced is asked for. It must not be there, but zlib looks for a
 * gzip stream's end and checksum only while it has room. */
static bool read_data(Idx *idx, Error *error) {
    const long chunk = 1 << 24, room = idx->data_bytes + 1;
    long done = 0, got = 1;
    while (got > 0 && done < room) {
        const long next = room - done < chunk ? room - done : chunk;
        unsigned char *longer = realloc(idx->data, (size_t)(done + next));
        if (!longer) {
            return error_set(error, "%s: no memory for its %ld bytes", idx->path,
                             idx->data_bytes);
        }
        idx->data = longer;
        got = read_bytes(idx, idx->data + done, next, error);
        done += got;
    }
    if (got < 0) {
        return false;
    }
    if (done < idx->data_bytes) {
        return truncated(idx, done, error);
    }
    return done == idx->data_bytes ||
           error_set(error,
                     "%s: too long: more than the %ld bytes that its header "
                     "announces",
                     idx->path, idx->data_bytes);
}

/* The set's file of this kind in the directory, with or without .gz. A link that leads
 * nowhere and a file without permission are found too: opening them tells why they
 * can't be read. */
static bool find_file(const char *directory, const char *set, const Kind *kind,
                      char path[FILE_PATH_BYTES]) {
    for (int i = 0; i < 6 && kind->endings[i / 2]; i++) {
        struct stat found;
        const int length = snprintf(path, FILE_PATH_BYTES, "%s/%s-%s%s", directory, set,
                                    kind->endings[i / 2], i % 2 ? ".gz" : "");
        if (length < FILE_PATH_BYTES && (lstat(path, &found) == 0 || errno == EACCES)) {
            return true;
        }
    }
    return false;
}

/* Open it, and read and check its header. */
static bool idx_open(Idx *idx, const char *directory, const char *set, const Kind *kind,
                     Error *error) {
    struct stat status;
    *idx = (Idx){.kind = kind};
    if (!find_file(directory, set, kind, idx->path)) {
        const char *ending = kind->endings[0];
        return error_set(error, "%s: no file %s-%s or %s-%s.gz there", directory, set,
                         ending, set, ending);
    }
    FILE *file = regular_file_open(idx->path, error);
    if (!file) {
        return false;
    }
    errno = ENOMEM; /* gzdopen fails for nothing else */
    const int fd = dup(fileno(file));
    idx->file = fd >= 0 ? gzdopen(fd, "rb") : NULL;
    const bool ok = idx->file && fstat(fd, &status) == 0;
    if (!ok) {
        error_set(error, "%s: it can't be opened: %s", idx->path, strerror(errno));
    }
    if (!idx->file) {
        close(fd);
    }
    fclose(file);
    idx->file_bytes = ok ? (int64_t)status.st_size : 0;
    return ok && read_header(idx, error) && check_size(idx, error);
}

/* ---- a set: images and their labels ------------------------------------ */

/* The headers agree; whether the labels do is known when they are read. */
static bool check_counts(const Idx *images, const Idx *labels, const char *directory,
                         const char *set, Error *error) {
    return images->shape[0] == labels->shape[0] ||
           error_set(error, "%s: %s has %d images but %d labels", directory, set,
                     images->shape[0], labels->shape[0]);
}

/* The labels as int. */
static int *take_labels(const Idx *idx, Error *error) {
    const int count = idx->shape[0], bytes = idx->element_bytes;
    int *labels = allocate((size_t)count * sizeof *labels, "labels", error);
    for (int i = 0; labels && i < count; i++) {
        const unsigned char *at = idx->data + (long)i * bytes;
        uint32_t label = bytes > 1 && at[0] >= 128 ? UINT32_MAX : 0; /* its sign */
        for (int b = 0; b < bytes; b++) {
            label = label << 8 | at[b];
        }
        labels[i] = (int)(int32_t)label;
        if (label >= DATASET_MAX_CLASSES) {
            error_set(error, "%s: label %d is %d, out of range 0 to %d", idx->path, i,
                      labels[i], DATASET_MAX_CLASSES - 1);
            free(labels);
            return NULL;
        }
    }
    return labels;
}

/* The header's dimensions as those of a set. In colour: channels last, or, if only that
 * can be, first. */
static bool take_shape(const Idx *idx, ImageSet *set, Error *error) {
    const int *shape = idx->shape;
    const bool colour = idx->ndim == 4;
    const bool last = colour && (shape[3] == 1 || shape[3] == DATASET_MAX_CHANNELS);
    const bool first = colour && !last;
    const int C = !colour ? 1 : first ? shape[1] : shape[3];
    *set = (ImageSet){.count = shape[0],
                      .channels = C,
                      .height = shape[first ? 2 : 1],
                      .width = shape[first ? 3 : 2]};
    return C == 1 || C == DATASET_MAX_CHANNELS ||
           error_set(error,
                     "%s: images of %dx%dx%d have no 1 or 3 channels: want (count, "
                     "height, width, channels)",
                     idx->path, shape[1], shape[2], shape[3]);
}

/* Pixels that have their channels last, to (C, H, W) each: where they are, by way of
 * one image's memory. */
static bool channels_first(unsigned char *pixels, const ImageSet *set, Error *error) {
    const int C = set->channels;
    const long plane = (long)set->height * set->width, bytes = C * plane;
    unsigned char *image = allocate((size_t)bytes, "an image", error);
    for (int i = 0; image && i < set->count; i++) {
        unsigned char *to = pixels + i * bytes;
        memcpy(image, to, (size_t)bytes);
        for (long at = 0; at < bytes; at++) {
            to[at % C * plane + at / C] = image[at];
        }
    }
    free(image);
    return image != NULL;
}

static bool load_set(ImageSet *set, const char *directory, const char *name,
                     Error *error) {
    Idx images, labels = {0};
    bool ok = idx_open(&images, directory, name, &images_kind, error) &&
              idx_open(&labels, directory, name, &labels_kind, error) &&
              check_counts(&images, &labels, directory, name, error) &&
              take_shape(&images, set, error) && read_data(&labels, error) &&
              (set->labels = take_labels(&labels, error)) != NULL &&
              read_data(&images, error);
    if (ok && set->channels > 1 && images.shape[3] == set->channels) {
        ok = channels_first(images.data, set, error);
    }
    if (ok) {
        set->pixels = images.data;
        images.data = NULL; /* the set's from now on */
    }
    gzclose(images.file); /* NULL is allowed */
    gzclose(labels.file);
    free(images.data);
    free(labels.data);
    return ok;
}

/* ---- the data set ------------------------------------------------------ */

bool idx_is_there(const char *directory) {
    char path[FILE_PATH_BYTES];
    for (int i = 0; i < 4; i++) {
        if (find_file(directory, set_names[i / 2], kinds[i % 2], path)) {
            return true;
        }
    }
    return false;
}

bool idx_has_name(const char *directory, const char *path) {
    for (int i = 0; i < 4; i++) {
        const Kind *kind = kinds[i % 2];
        for (int e = 0; e < 6 && kind->endings[e / 2]; e++) {
            char name[64];
            snprintf(name, sizeof name, "%s-%s%s", set_names[i / 2],
                     kind->endings[e / 2], e % 2 ? ".gz" : "");
            if (reader_same_file(directory, name, path)) {
                return true;
            }
        }
    }
    return reader_same_file(directory, "classes.txt", path);
}

static bool check_sizes(const Dataset *dataset, const char *directory, Error *error) {
    const ImageSet *train = &dataset->train, *test = &dataset->test;
    if (train->channels != test->channels) {
        return error_set(error, "%s: training images have %d channels, test images %d",
                         directory, train->channels, test->channels);
    }
    return (train->height == test->height && train->width == test->width) ||
           error_set(error, "%s: training images are %dx%d, test images %dx%d",
                     directory, train->height, train->width, test->height, test->width);
}

bool idx_load(Dataset *dataset, const char *directory, Error *error) {
    return load_set(&dataset->train, directory, set_names[0], error) &&
           load_set(&dataset->test, directory, set_names[1], error) &&
           check_sizes(dataset, directory, error) &&
           names_read(dataset, directory, "classes.txt", 0, error);
}
