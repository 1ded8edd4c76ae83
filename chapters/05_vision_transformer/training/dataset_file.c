/* dataset_file.c: see dataset_file.h. */
#include "chapters/05_vision_transformer/training/dataset_file.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "common/files/regular_file.h"

/* The files of a data set: images and labels of one set, of the other, and names. */
enum { IDX_FILES = 4, ALL_FILES = 5 };
static const char *const file_names[ALL_FILES] = {
    "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte", "classes.txt"};

/* ---- one IDX file ------------------------------------------------------ */

/* A file that is open: its header is read and checked before its data are. */
typedef struct {
    gzFile file; /* reads plain files too */
    char path[FILE_PATH_BYTES];
    int64_t file_bytes; /* as it is on the disk */
    int ndim, shape[3];
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

static bool read_header(Idx *idx, Error *error) {
    const uint32_t want = 0x00000800u + (uint32_t)idx->ndim;
    uint32_t magic, size;
    if (!read_word(idx, &magic, error)) {
        return false;
    }
    if (magic != want) {
        return error_set(error, "%s: wrong magic number 0x%08x, want 0x%08x (%s)",
                         idx->path, magic, want, idx->ndim == 3 ? "images" : "labels");
    }
    int64_t bytes = 1;
    for (int d = 0; d < idx->ndim; d++) {
        const uint32_t max = d == 0 ? 10000000 : 4096;
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

/* The file called `name` in the directory, with or without .gz. A link that leads
 * nowhere and a file without permission are found too: opening them tells why they
 * can't be read. */
static bool find_file(const char *directory, const char *name,
                      char path[FILE_PATH_BYTES]) {
    static const char *const ending[] = {"", ".gz"};
    for (int i = 0; i < 2; i++) {
        struct stat found;
        const int length =
            snprintf(path, FILE_PATH_BYTES, "%s/%s%s", directory, name, ending[i]);
        if (length < FILE_PATH_BYTES && (lstat(path, &found) == 0 || errno == EACCES)) {
            return true;
        }
    }
    return false;
}

/* Open it, and read and check its header. */
static bool idx_open(Idx *idx, const char *directory, const char *name, int ndim,
                     Error *error) {
    struct stat status;
    *idx = (Idx){.ndim = ndim};
    if (!find_file(directory, name, idx->path)) {
        return error_set(error, "%s: no file %s or %s.gz there", directory, name, name);
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
                         const char *name, Error *error) {
    return images->shape[0] == labels->shape[0] ||
           error_set(error, "%s: %.*s has %d images but %d labels", directory,
                     (int)strcspn(name, "-"), name, images->shape[0], labels->shape[0]);
}

static bool check_labels(const Idx *labels, Error *error) {
    for (int i = 0; i < labels->shape[0]; i++) {
        if (labels->data[i] >= DATASET_CLASSES) {
            return error_set(error, "%s: label %d is %d, out of range 0 to %d",
                             labels->path, i, labels->data[i], DATASET_CLASSES - 1);
        }
    }
    return true;
}

/* names: of its images and its labels. */
static bool set_load(ImageSet *set, const char *directory, const char *const *names,
                     Error *error) {
    Idx images, labels = {0};
    const bool ok = idx_open(&images, directory, names[0], 3, error) &&
                    idx_open(&labels, directory, names[1], 1, error) &&
                    check_counts(&images, &labels, directory, names[0], error) &&
                    read_data(&labels, error) && check_labels(&labels, error) &&
                    read_data(&images, error);
    if (ok) {
        *set = (ImageSet){.count = images.shape[0],
                          .channels = 1,
                          .height = images.shape[1],
                          .width = images.shape[2],
                          .pixels = images.data,
                          .labels = labels.data};
        images.data = labels.data = NULL; /* the set's from now on */
    }
    gzclose(images.file); /* NULL is allowed */
    gzclose(labels.file);
    free(images.data);
    free(labels.data);
    return ok;
}

/* ---- the data set ------------------------------------------------------ */

/* Mean and deviation of the training pixels, from exact sums of integers. */
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
    const uLong of_labels = crc32_z(0, set->labels, (z_size_t)set->count);
    dataset->checksum = (uint32_t)crc32_z(of_labels, set->pixels, (z_size_t)count);
}

/* NULL, if the line can name class k, or is an empty one after the last. */
static const char *what_is_wrong(const char *line, int k) {
    if (strlen(line) >= sizeof((Dataset *)0)->class_name[0]) {
        return "a name has more than 31 bytes";
    }
    for (const char *c = line; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 127 || *c == '"') {
            return "a name has a control character or a quote";
        }
    }
    if (k < DATASET_CLASSES && line[0] == '\0') {
        return "a name is empty";
    }
    return k == DATASET_CLASSES && line[0] != '\0' ? "more than 10 names" : NULL;
}

/* classes.txt may be missing, but not be unreadable: without names images aren't
 * mirrored, and another model is trained. */
static bool name_classes(Dataset *dataset, const char *directory, Error *error) {
    char path[FILE_PATH_BYTES], line[256];
    struct stat found;
    for (int k = 0; k < DATASET_CLASSES; k++) {
        snprintf(dataset->class_name[k], sizeof dataset->class_name[k], "%d", k);
    }
    snprintf(path, sizeof path, "%s/classes.txt", directory);
    if (lstat(path, &found) != 0 && errno == ENOENT) {
        return true;
    }
    FILE *file = regular_file_open(path, error);
    if (!file) {
        return false;
    }
    const char *wrong = NULL;
    int k = 0;
    while (!wrong && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\r\n")] = '\0';
        wrong = what_is_wrong(line, k);
        if (!wrong && k < DATASET_CLASSES) {
            memcpy(dataset->class_name[k++], line, strlen(line) + 1);
        }
    }
    wrong = ferror(file) ? "it can't be read" : wrong;
    fclose(file);
    dataset->has_class_names = k > 0;
    wrong = !wrong && k == 0 ? "there is no name in it" : wrong;
    return !wrong || error_set(error, "%s: %s", path, wrong);
}

static bool check_sizes(const Dataset *dataset, const char *directory, Error *error) {
    const ImageSet *train = &dataset->train, *test = &dataset->test;
    return (train->height == test->height && train->width == test->width) ||
           error_set(error, "%s: training images are %dx%d, test images %dx%d",
                     directory, train->height, train->width, test->height, test->width);
}

bool dataset_load(Dataset *dataset, const char *directory, Error *error) {
    struct stat found;
    *dataset = (Dataset){0};
    errno = 0;
    if (stat(directory, &found) != 0 || !S_ISDIR(found.st_mode)) {
        return error_set(error, "%s: %s", directory,
                         errno == EACCES ? strerror(errno) : "no such directory");
    }
    const bool ok = set_load(&dataset->train, directory, &file_names[0], error) &&
                    set_load(&dataset->test, directory, &file_names[2], error) &&
                    check_sizes(dataset, directory, error) &&
                    name_classes(dataset, directory, error);
    if (ok) {
        measure(dataset);
    } else {
        dataset_free(dataset);
    }
    return ok;
}

static const char sample_directory[] = "data/sample";

const char *dataset_find(void) {
    const char *places[] = {"data/fashion-mnist", "/usr/share/datasets/fashion-mnist",
                            sample_directory};
    for (size_t i = 0; i < IDX_FILES * (sizeof places / sizeof places[0]); i++) {
        char path[FILE_PATH_BYTES];
        if (find_file(places[i / IDX_FILES], file_names[i % IDX_FILES], path)) {
            return places[i / IDX_FILES];
        }
    }
    return NULL;
}

bool dataset_is_sample(const char *directory) {
    return regular_file_same(directory, sample_directory);
}

bool dataset_has_file(const char *directory, const char *path) {
    for (int i = 0; i < 2 * ALL_FILES; i++) {
        char file[FILE_PATH_BYTES];
        const int length = snprintf(file, sizeof file, "%s/%s%s", directory,
                                    file_names[i / 2], i % 2 ? ".gz" : "");
        if (length < FILE_PATH_BYTES && regular_file_same(file, path)) {
            return true;
        }
    }
    return false;
}
