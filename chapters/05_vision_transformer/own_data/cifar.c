/*
 * cifar.c: CIFAR-10 and CIFAR-100 in their binary format. See readers.h.
 *
 * A file is records without a header: the label, one byte (CIFAR-100: the coarse one,
 * then the fine one, which counts here); then 32x32 red pixels, as many green ones, as
 * many blue ones.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "chapters/05_vision_transformer/own_data/readers.h"
#include "common/files/regular_file.h"

enum { SIDE = 32, PIXELS = DATASET_MAX_CHANNELS * SIDE * SIDE, MAX_FILES = 5 };

typedef struct {
    const char *name, *folder; /* that its archive makes */
    int classes, label_bytes;
    const char *train[MAX_FILES], *test, *names;
} Cifar;
static const Cifar kinds[] = {
    {"CIFAR-10",
     "cifar-10-batches-bin",
     10,
     1,
     {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
      "data_batch_5.bin"},
     "test_batch.bin",
     "batches.meta.txt"},
    {"CIFAR-100",
     "cifar-100-binary",
     100,
     2,
     {"train.bin"},
     "test.bin",
     "fine_label_names.txt"},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* ---- where the files are --------------------------------------------------------- */

static bool is_file_in(const char *directory, const char *name) {
    char path[FILE_PATH_BYTES];
    struct stat found;
    return snprintf(path, sizeof path, "%s/%s", directory, name) < (int)sizeof path &&
           (lstat(path, &found) == 0 || errno == EACCES);
}

static bool has_any(const char *directory, const Cifar *kind) {
    bool any = is_file_in(directory, kind->test);
    for (int i = 0; i < MAX_FILES && kind->train[i]; i++) {
        any = any || is_file_in(directory, kind->train[i]);
    }
    return any;
}

/* The kind of CIFAR that is in the directory, or in its archive's folder there; NULL if
 * none is. place: where. */
static const Cifar *find(const char *directory, char place[FILE_PATH_BYTES]) {
    for (int i = 0; i < 2 * KINDS; i++) {
        const Cifar *kind = &kinds[i / 2];
        const int length = snprintf(place, FILE_PATH_BYTES, "%s%s%s", directory,
                                    i % 2 ? "/" : "", i % 2 ? kind->folder : "");
        if (length < FILE_PATH_BYTES && has_any(place, kind)) {
            return kind;
        }
    }
    return NULL;
}

bool cifar_is_there(const char *directory) {
    char place[FILE_PATH_BYTES];
    return find(directory, place) != NULL;
}

bool cifar_has_name(const char *directory, const char *path) {
    char place[FILE_PATH_BYTES];
    const Cifar *kind = find(directory, place);
    if (!kind) {
        return false;
    }
    bool same = reader_same_file(place, kind->test, path) ||
                reader_same_file(place, kind->names, path);
    for (int i = 0; i < MAX_FILES && kind->train[i]; i++) {
        same = same || reader_same_file(place, kind->train[i], path);
    }
    return same;
}

/* ---- a file ---------------------------------------------------------------------- */

/* How many records it has, which its size says; -1 and an error if that is no number
 * of records. */
static long count_records(FILE *file, const char *path, const Cifar *kind,
                          Error *error) {
    const long record = kind->label_bytes + PIXELS;
    struct stat status;
    if (fstat(fileno(file), &status) != 0) {
        error_set(error, "%s: it can't be read: %s", path, strerror(errno));
        return -1;
    }
    const long long bytes = (long long)status.st_size;
    if (bytes == 0 || bytes % record != 0 || bytes / record > 10000000) {
        error_set(error, "%s: %lld bytes are no records of %ld bytes, as %s has them",
                  path, bytes, record, kind->name);
        return -1;
    }
    return (long)(bytes / record);
}

/* Room for `more` images and labels at the set's end. */
static bool grow(ImageSet *set, long more, Error *error) {
    const size_t count = (size_t)set->count + (size_t)more;
    unsigned char *pixels = realloc(set->pixels, count * PIXELS);
    set->pixels = pixels ? pixels : set->pixels;
    int *labels = pixels ? realloc(set->labels, count * sizeof *labels) : NULL;
    set->labels = labels ? labels : set->labels;
    return labels || error_set(error, "no memory for %zu images", count);
}

static bool read_record(FILE *file, const char *path, const Cifar *kind, ImageSet *set,
                        Error *error) {
    unsigned char label[2];
    const size_t label_bytes = (size_t)kind->label_bytes;
    if (fread(label, 1, label_bytes, file) != label_bytes ||
        fread(set->pixels + (size_t)set->count * PIXELS, 1, PIXELS, file) != PIXELS) {
        return error_set(error, "%s: it can't be read to its end", path);
    }
    set->labels[set->count] = label[label_bytes - 1];
    return label[label_bytes - 1] < kind->classes ||
           error_set(error, "%s: record %ld has label %d, out of range 0 to %d", path,
                     ftell(file) / (kind->label_bytes + PIXELS) - 1,
                     label[label_bytes - 1], kind->classes - 1);
}

static bool read_file(ImageSet *set, const char *place, const char *name,
                      const Cifar *kind, Error *error) {
    char path[FILE_PATH_BYTES];
    if (snprintf(path, sizeof path, "%s/%s", place, name) >= (int)sizeof path) {
        return error_set(error, "%.200s: the path is too long", place);
    }
    if (!is_file_in(place, name)) {
        return error_set(error, "%s: no file %s there", place, name);
    }
    FILE *file = regular_file_open(path, error);
    if (!file) {
        return false;
    }
    const long records = count_records(file, path, kind, error);
    bool ok = records > 0 && grow(set, records, error);
    for (long i = 0; ok && i < records; i++) {
        ok = read_record(file, path, kind, set, error);
        set->count += ok;
    }
    fclose(file);
    return ok;
}

bool cifar_load(Dataset *dataset, const char *directory, Error *error) {
    char place[FILE_PATH_BYTES];
    const Cifar *kind = find(directory, place);
    ImageSet *train = &dataset->train, *test = &dataset->test;
    *train = *test =
        (ImageSet){.channels = DATASET_MAX_CHANNELS, .height = SIDE, .width = SIDE};
    bool ok = true;
    for (int i = 0; ok && i < MAX_FILES && kind->train[i]; i++) {
        ok = read_file(train, place, kind->train[i], kind, error);
    }
    return ok && read_file(test, place, kind->test, kind, error) &&
           names_read(dataset, place, kind->names, kind->classes, error);
}
