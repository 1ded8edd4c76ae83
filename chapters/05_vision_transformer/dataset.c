/* dataset.c: see dataset.h. */
#include "dataset.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "random.h"

/* ---- one IDX file ------------------------------------------------------ */

typedef struct {
    int ndim, shape[3];
    unsigned char *data; /* owned */
} Idx;

static uint32_t big_endian(const unsigned char bytes[4]) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
           (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Up to `bytes` bytes: how many there were, -1 and an error if the file is damaged. */
static long read_bytes(gzFile file, const char *path, void *to, long bytes,
                       Error *error) {
    int got = gzread(file, to, (unsigned)bytes), status = Z_OK;
    const char *why = gzerror(file, &status);
    if (got >= 0 && status == Z_OK) {
        return got;
    }
    error_set(error, "%s: damaged: %s", path,
              status == Z_ERRNO       ? strerror(errno)
              : status == Z_BUF_ERROR ? "the gzip stream ends early"
                                      : why);
    return -1;
}

/* The next four bytes, the highest first. */
static bool read_word(gzFile file, const char *path, uint32_t *word, Error *error) {
    unsigned char bytes[4];
    const long got = read_bytes(file, path, bytes, 4, error);
    if (got >= 0 && got < 4) {
        error_set(error, "%s: truncated: it ends within its header", path);
    }
    *word = big_endian(bytes);
    return got == 4;
}

static bool read_header(gzFile file, const char *path, int ndim, Idx *idx,
                        Error *error) {
    const uint32_t want = 0x00000800u + (uint32_t)ndim;
    uint32_t magic, size;
    if (!read_word(file, path, &magic, error)) {
        return false;
    }
    if (magic != want) {
        return error_set(error, "%s: wrong magic number 0x%08x, want 0x%08x (%s)", path,
                         magic, want, ndim == 3 ? "images" : "labels");
    }
    idx->ndim = ndim;
    for (int d = 0; d < ndim; d++) {
        const uint32_t most = d == 0 ? 10000000 : 4096;
        if (!read_word(file, path, &size, error)) {
            return false;
        }
        if (size < 1 || size > most) {
            return error_set(error, "%s: dimension %d is %u, want 1 to %u", path, d,
                             size, most);
        }
        idx->shape[d] = (int)size;
    }
    return true;
}

/* The numbers themselves. Memory grows with what is there, not with what the header
 * announces, which may be damaged. */
static bool read_numbers(gzFile file, const char *path, Idx *idx, long bytes,
                         Error *error) {
    const long chunk = 1 << 24;
    for (long done = 0; done < bytes;) {
        const long next = bytes - done < chunk ? bytes - done : chunk;
        unsigned char *longer = realloc(idx->data, (size_t)(done + next));
        if (!longer) {
            return error_set(error, "%s: no memory for its %ld bytes", path, bytes);
        }
        idx->data = longer;
        const long got = read_bytes(file, path, idx->data + done, next, error);
        if (got < 0) {
            return false;
        }
        done += got;
        if (got < next) {
            return error_set(error,
                             "%s: truncated: its header announces %ld bytes of "
                             "data, there are %ld",
                             path, bytes, done);
        }
    }
    return true;
}

static bool read_data(gzFile file, const char *path, Idx *idx, Error *error) {
    long bytes = 1;
    for (int d = 0; d < idx->ndim; d++) {
        bytes *= idx->shape[d];
    }
    if (!read_numbers(file, path, idx, bytes, error)) {
        return false;
    }
    /* One more read: it must find the end; a gzip stream's checksum is compared. */
    unsigned char extra;
    const long after = read_bytes(file, path, &extra, 1, error);
    if (after > 0) {
        error_set(error,
                  "%s: too long: more than the %ld bytes that its header "
                  "announces",
                  path, bytes);
    }
    return after == 0;
}

enum { PATH_BYTES = 4200 }; /* more than any system opens */

/* The file called `name` in the directory, with or without .gz. */
static bool find_file(const char *directory, const char *name, char path[PATH_BYTES]) {
    const char *ending[] = {"", ".gz"};
    for (int i = 0; i < 2; i++) {
        struct stat found;
        const int length =
            snprintf(path, PATH_BYTES, "%s/%s%s", directory, name, ending[i]);
        if (length < PATH_BYTES && stat(path, &found) == 0 && S_ISREG(found.st_mode)) {
            return true;
        }
    }
    return false;
}

static bool idx_load(const char *directory, const char *name, int ndim, Idx *idx,
                     Error *error) {
    char path[PATH_BYTES];
    *idx = (Idx){0};
    if (!find_file(directory, name, path)) {
        return error_set(error, "%s: no file %s or %s.gz there", directory, name, name);
    }
    gzFile file = gzopen(path, "rb"); /* reads plain files too */
    if (!file) {
        return error_set(error, "%s: %s", path, strerror(errno));
    }
    bool ok =
        read_header(file, path, ndim, idx, error) && read_data(file, path, idx, error);
    gzclose(file);
    if (!ok) {
        free(idx->data);
        idx->data = NULL;
    }
    return ok;
}

/* ---- a set: images and their labels ------------------------------------ */

static bool set_check(const ImageSet *set, int labels, const char *directory,
                      const char *prefix, Error *error) {
    if (set->count != labels) {
        return error_set(error, "%s: %s has %d images but %d labels", directory, prefix,
                         set->count, labels);
    }
    for (int i = 0; i < set->count; i++) {
        if (set->labels[i] >= DATASET_CLASSES) {
            return error_set(error,
                             "%s/%s-labels-idx1-ubyte: label %d is %d, out of "
                             "range 0 to %d",
                             directory, prefix, i, set->labels[i], DATASET_CLASSES - 1);
        }
    }
    return true;
}

static void set_free(ImageSet *set) {
    free(set->pixels);
    free(set->labels);
    *set = (ImageSet){0};
}

static bool set_load(ImageSet *set, const char *directory, const char *prefix,
                     Error *error) {
    char images_name[64], labels_name[64];
    Idx images, labels;
    snprintf(images_name, sizeof images_name, "%s-images-idx3-ubyte", prefix);
    snprintf(labels_name, sizeof labels_name, "%s-labels-idx1-ubyte", prefix);
    *set = (ImageSet){0};
    if (!idx_load(directory, images_name, 3, &images, error)) {
        return false;
    }
    if (!idx_load(directory, labels_name, 1, &labels, error)) {
        free(images.data);
        return false;
    }
    *set = (ImageSet){.count = images.shape[0],
                      .channels = 1,
                      .height = images.shape[1],
                      .width = images.shape[2],
                      .pixels = images.data,
                      .labels = labels.data};
    if (!set_check(set, labels.shape[0], directory, prefix, error)) {
        set_free(set);
        return false;
    }
    return true;
}

/* ---- the data set ------------------------------------------------------ */

/* zlib counts in 32 bits. */
static uint32_t checksum_of(uint32_t checksum, const unsigned char *bytes, long count) {
    const long most = 1L << 30;
    for (long at = 0; at < count; at += most) {
        const long next = count - at < most ? count - at : most;
        checksum = (uint32_t)crc32(checksum, bytes + at, (uInt)next);
    }
    return checksum;
}

/* Mean and deviation of the training pixels; sums of integers, so exact. */
static void measure(Dataset *dataset) {
    const ImageSet *set = &dataset->train;
    const long count = (long)set->count * set->channels * set->height * set->width;
    uint64_t sum = 0, squares = 0;
    for (long i = 0; i < count; i++) {
        sum += set->pixels[i];
        squares += (uint64_t)set->pixels[i] * set->pixels[i];
    }
    const double mean = (double)sum / (double)count;
    const double variance = (double)squares / (double)count - mean * mean;
    dataset->mean = mean / 255.0;
    dataset->deviation = variance > 0 ? sqrt(variance) / 255.0 : 1.0;
    dataset->checksum =
        checksum_of(checksum_of(0, set->labels, set->count), set->pixels, count);
}

/* classes.txt may be missing, but not be unreadable: without names images aren't
 * mirrored, and another model is trained. */
static bool name_classes(Dataset *dataset, const char *directory, Error *error) {
    char path[PATH_BYTES], line[256];
    for (int k = 0; k < DATASET_CLASSES; k++) {
        snprintf(dataset->class_name[k], sizeof dataset->class_name[k], "%d", k);
    }
    const int length = snprintf(path, sizeof path, "%s/classes.txt", directory);
    FILE *file = length < PATH_BYTES ? fopen(path, "r") : NULL;
    if (!file) {
        return errno == ENOENT || error_set(error, "%s: %s", path, strerror(errno));
    }
    int k = 0;
    for (; k < DATASET_CLASSES && fgets(line, sizeof line, file); k++) {
        line[strcspn(line, "\r\n")] = '\0';
        snprintf(dataset->class_name[k], sizeof dataset->class_name[k], "%.31s", line);
    }
    const bool failed = ferror(file) != 0;
    fclose(file);
    dataset->has_class_names = k > 0;
    return (!failed && k > 0) || error_set(error, "%s: there is no name in it", path);
}

bool dataset_load(Dataset *dataset, const char *directory, Error *error) {
    struct stat found;
    *dataset = (Dataset){0};
    if (stat(directory, &found) != 0 || !S_ISDIR(found.st_mode)) {
        return error_set(error, "%s: no such directory", directory);
    }
    if (!set_load(&dataset->train, directory, "train", error)) {
        return false;
    }
    if (!set_load(&dataset->test, directory, "t10k", error)) {
        set_free(&dataset->train);
        return false;
    }
    const ImageSet *train = &dataset->train, *test = &dataset->test;
    if (train->height != test->height || train->width != test->width) {
        error_set(error, "%s: training images are %dx%d, test images %dx%d", directory,
                  train->height, train->width, test->height, test->width);
        dataset_free(dataset);
        return false;
    }
    if (!name_classes(dataset, directory, error)) {
        dataset_free(dataset);
        return false;
    }
    measure(dataset);
    return true;
}

void dataset_free(Dataset *dataset) {
    set_free(&dataset->train);
    set_free(&dataset->test);
}

static const char *sample_directory = "data/sample";

const char *dataset_find(void) {
    const char *places[] = {"data/fashion-mnist", "/usr/share/datasets/fashion-mnist",
                            sample_directory};
    const char *files[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                           "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};
    for (size_t i = 0; i < 4 * (sizeof places / sizeof places[0]); i++) {
        char path[PATH_BYTES];
        if (find_file(places[i / 4], files[i % 4], path)) {
            return places[i / 4];
        }
    }
    return NULL;
}

bool dataset_is_sample(const char *directory) {
    return strcmp(directory, sample_directory) == 0;
}

/* ---- one image --------------------------------------------------------- */

/* This epoch's change of image `index`: numbers 4 index to 4 index + 2. */
static void draw_change(const Augmentation *a, int index, int *down, int *right,
                        bool *flip) {
    const Random random = {a->seed, RANDOM_AUGMENT, a->epoch};
    const uint64_t first = 4 * (uint64_t)index;
    const uint32_t choices = 2 * (uint32_t)a->shift + 1;
    *down = (int)random_below(random, first, choices) - a->shift;
    *right = (int)random_below(random, first + 1, choices) - a->shift;
    *flip = a->flip && random_below(random, first + 2, 2) == 1;
}

void dataset_image(const Dataset *dataset, const ImageSet *set, int index,
                   const Augmentation *augmentation, Tensor out) {
    const int C = set->channels, H = set->height, W = set->width;
    expect_shape(out, "An image is (channels, height, width).", C, H, W);
    int down, right;
    bool flip;
    draw_change(augmentation, index, &down, &right, &flip);

    real value[256]; /* normalised, for each of the 256 grey levels */
    for (int g = 0; g < 256; g++) {
        value[g] = (real)((g / 255.0 - dataset->mean) / dataset->deviation);
    }
    for (int c = 0; c < C; c++) {
        const unsigned char *pixels = set->pixels + ((long)index * C + c) * H * W;
        real *plane = out.data + (long)c * H * W;
        for (int y = 0; y < H; y++) {
            for (int x = 0; x < W; x++) {
                int from_y = y - down, from_x = (flip ? W - 1 - x : x) - right;
                bool inside = from_y >= 0 && from_y < H && from_x >= 0 && from_x < W;
                plane[y * W + x] = value[inside ? pixels[from_y * W + from_x] : 0];
            }
        }
    }
}
