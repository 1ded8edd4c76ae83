/* dataset_file.c: see dataset_file.h; the formats' readers are in own_data/. */
#include "chapters/05_vision_transformer/training/dataset_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "chapters/05_vision_transformer/own_data/convert.h"
#include "chapters/05_vision_transformer/own_data/readers.h"
#include "common/files/regular_file.h"

bool reader_same_file(const char *directory, const char *name, const char *path) {
    char file[FILE_PATH_BYTES];
    const int length = snprintf(file, sizeof file, "%s/%s", directory, name);
    return length < FILE_PATH_BYTES && regular_file_same(file, path);
}

/* ---- loading ------------------------------------------------------------------- */

/* Files that have bytes, no pictures: all of them are in memory. */
static bool load_arrays(Dataset *dataset, const char *directory, bool idx,
                        const DataWish *wish, DataNotes *notes, Error *error) {
    Measure measure;
    const bool ok = idx ? idx_load(dataset, directory, error)
                        : cifar_load(dataset, directory, error);
    const int channels = dataset->train.channels;
    const bool converted =
        ok && (wish->only_pictures || (convert_set(&dataset->train, wish, error) &&
                                       convert_set(&dataset->test, wish, error)));
    if (!converted) {
        return false;
    }
    notes->grey = channels == 1 && dataset->train.channels > 1;
    measure_begin(&measure, dataset);
    measure_add(&measure, &dataset->train, dataset->train.pixels, dataset->train.count);
    measure_end(&measure, dataset);
    return true;
}

bool dataset_load(Dataset *dataset, const char *directory, const DataWish *wish,
                  DataNotes *notes, Error *error) {
    static const DataWish as_they_are = {0};
    struct stat found;
    DataNotes unwanted = {.pictures = false};
    *dataset = (Dataset){.classes = 0};
    wish = wish ? wish : &as_they_are;
    notes = notes ? notes : &unwanted;
    *notes = (DataNotes){.pictures = false};
    errno = 0;
    if (stat(directory, &found) != 0 || !S_ISDIR(found.st_mode)) {
        return error_set(error, "%s: %s", directory,
                         errno == EACCES ? strerror(errno) : "no such directory");
    }
    const bool idx = idx_is_there(directory);
    const bool ok = idx || cifar_is_there(directory)
                        ? load_arrays(dataset, directory, idx, wish, notes, error)
                        : folder_load(dataset, directory, wish, notes, error);
    if (!ok) {
        dataset_free(dataset);
    }
    return ok;
}

/* ---- where data are ------------------------------------------------------------- */

static const char sample_directory[] = "data/sample";

const char *dataset_find(void) {
    const char *places[] = {"data/fashion-mnist", "/usr/share/datasets/fashion-mnist",
                            sample_directory};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (idx_is_there(places[i])) {
            return places[i];
        }
    }
    return NULL;
}

bool dataset_is_sample(const char *directory) {
    return regular_file_same(directory, sample_directory);
}

bool dataset_has_file(const char *directory, const char *path) {
    return idx_has_name(directory, path) || cifar_has_name(directory, path);
}
