/*
 * folder.c: pictures in folders, one per class. See readers.h and dataset_file.h.
 *
 * First the files are listed; then all pictures are decoded once, by all threads: that
 * shows what is damaged, measures the training pixels, and fills the memory, if they
 * fit; else a temporary file (spool.h), from which they are read when they are needed
 * (stream.h).
 */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chapters/05_vision_transformer/model/vit.h"
#include "chapters/05_vision_transformer/own_data/convert.h"
#include "chapters/05_vision_transformer/own_data/readers.h"
#include "chapters/05_vision_transformer/own_data/stream.h"
#include "common/files/regular_file.h"
#include "common/random.h"

enum { CHANNELS = PICTURE_CHANNELS, MAX_IMAGES = 10000000 };

/* ---- lists of names ----------------------------------------------------------- */

/* Each text, and the list, is owned. */
typedef struct {
    char **text;
    int count, room;
} List;

static bool add(List *list, const char *text, Error *error) {
    if (list->count == list->room) {
        const int room = 2 * list->room + 64;
        char **larger = realloc(list->text, (size_t)room * sizeof *larger);
        if (!larger) {
            return error_set(error, "no memory for a list of %d files", room);
        }
        list->text = larger;
        list->room = room;
    }
    const size_t bytes = strlen(text) + 1;
    char *copy = malloc(bytes);
    if (!copy) {
        return error_set(error, "no memory for a list of %d files", list->count);
    }
    memcpy(copy, text, bytes);
    list->text[list->count++] = copy;
    return true;
}

static void list_free(List *list) {
    for (int i = 0; i < list->count; i++) {
        free(list->text[i]);
    }
    free(list->text);
    *list = (List){.text = NULL};
}

static int by_bytes(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What is in a folder, in the bytes' order; hidden files are left out. */
static bool list_folder(const char *folder, List *list, Error *error) {
    *list = (List){.text = NULL};
    DIR *directory = opendir(folder);
    if (!directory) {
        return error_set(error, "%s: it can't be read: %s", folder, strerror(errno));
    }
    bool ok = true;
    for (struct dirent *entry; ok && (entry = readdir(directory)) != NULL;) {
        ok = entry->d_name[0] == '.' || add(list, entry->d_name, error);
    }
    closedir(directory);
    if (ok && list->count > 0) {
        qsort(list->text, (size_t)list->count, sizeof *list->text, by_bytes);
    }
    return ok;
}

bool reader_join(char path[FILE_PATH_BYTES], const char *folder, const char *name,
                 Error *error) {
    return snprintf(path, FILE_PATH_BYTES, "%s/%s", folder, name) < FILE_PATH_BYTES ||
           error_set(error, "%.100s/%.100s: the path is too long", folder, name);
}

bool reader_is_folder(const char *path) {
    struct stat found;
    return stat(path, &found) == 0 && S_ISDIR(found.st_mode);
}

/* ---- what is there -------------------------------------------------------------- */

/* Pictures, and their classes. */
typedef struct {
    List path;
    int *label;
    int room; /* for labels */
} Files;

typedef struct {
    const char *directory;
    const DataWish *wish;
    DataNotes *notes;
    List classes;
    Files train, test;
    double split; /* the share that is held out; 0: none */
} Folder;

static void skip(DataNotes *notes, const char *path) {
    if (notes->skipped < DATA_NAMED) {
        char *named = notes->named[notes->skipped];
        const size_t room = sizeof notes->named[0], length = strlen(path);
        if (length < room) {
            memcpy(named, path, length + 1);
        } else { /* its end says more */
            snprintf(named, room, "...%s", path + length - (room - 4));
        }
    }
    notes->skipped++;
}

static bool add_file(Files *files, const char *path, int label, Error *error) {
    if (files->path.count == files->room) {
        const int room = 2 * files->room + 64;
        int *larger = realloc(files->label, (size_t)room * sizeof *larger);
        if (!larger) {
            return error_set(error, "no memory for the labels of %d images", room);
        }
        files->label = larger;
        files->room = room;
    }
    if (files->path.count == MAX_IMAGES) {
        return error_set(error, "%s: more than %d pictures", path, MAX_IMAGES);
    }
    files->label[files->path.count] = label;
    return add(&files->path, path, error);
}

/* Does it begin like a picture? What can't be opened is an error. */
static bool looks_like_one(const char *path, bool *is_one, Error *error) {
    unsigned char first[16];
    struct stat found;
    *is_one = false;
    if (stat(path, &found) == 0 && !S_ISREG(found.st_mode)) {
        return true; /* a folder, a pipe: no picture */
    }
    FILE *file = regular_file_open(path, error);
    if (!file) {
        return false;
    }
    *is_one = fread(first, 1, sizeof first, file) == sizeof first &&
              picture_is_one(first, sizeof first);
    const bool ok = !ferror(file) || error_set(error, "%s: it can't be read", path);
    fclose(file);
    return ok;
}

/* All pictures of a class's folder. */
static bool list_class(Folder *f, const char *folder, int label, Files *files,
                       Error *error) {
    List list;
    const int before = files->path.count;
    bool ok = list_folder(folder, &list, error);
    for (int i = 0; ok && i < list.count; i++) {
        char path[FILE_PATH_BYTES];
        bool is_one;
        ok = reader_join(path, folder, list.text[i], error) &&
             looks_like_one(path, &is_one, error);
        if (ok && is_one) {
            ok = add_file(files, path, label, error);
        } else if (ok) {
            skip(f->notes, path);
        }
    }
    list_free(&list);
    return ok && (files->path.count > before ||
                  error_set(error,
                            "%s: there is no picture in this class's folder "
                            "(JPEG or PNG)",
                            folder));
}

/* The classes' folders of one set: sorted. */
static bool list_classes(Folder *f, const char *folder, List *classes, Error *error) {
    List all;
    *classes = (List){.text = NULL};
    bool ok = list_folder(folder, &all, error);
    for (int i = 0; ok && i < all.count; i++) {
        char path[FILE_PATH_BYTES];
        ok = reader_join(path, folder, all.text[i], error);
        if (ok && reader_is_folder(path)) {
            const char *fault = dataset_name_fault(all.text[i]);
            ok = fault ? error_set(error, "%s: as a class's name it %s", path, fault)
                       : add(classes, all.text[i], error);
        } else if (ok) {
            skip(f->notes, path);
        }
    }
    list_free(&all);
    return ok;
}

/* One set's pictures, of the classes that are known. */
static bool list_set(Folder *f, const char *folder, Files *files, Error *error) {
    bool ok = true;
    for (int k = 0; ok && k < f->classes.count; k++) {
        char path[FILE_PATH_BYTES];
        ok = reader_join(path, folder, f->classes.text[k], error) &&
             list_class(f, path, k, files, error);
    }
    return ok;
}

/* The test set has the same classes. */
static bool check_classes(const Folder *f, const char *train, const char *test,
                          const List *classes, Error *error) {
    for (int a = 0, b = 0; a < f->classes.count || b < classes->count; a++, b++) {
        const char *in_train = a < f->classes.count ? f->classes.text[a] : NULL;
        const char *in_test = b < classes->count ? classes->text[b] : NULL;
        const int order = !in_train ? 1 : !in_test ? -1 : strcmp(in_train, in_test);
        if (order != 0) {
            return error_set(error, "%s has a class %s, %s has none",
                             order < 0 ? train : test, order < 0 ? in_train : in_test,
                             order < 0 ? test : train);
        }
    }
    return true;
}

/* ---- a test set ------------------------------------------------------------------ */

/* Of each class a share, drawn by the seed, goes to the test set; both sets keep at
 * least one image of it, if it has two. The others keep their order. */
static bool split_class(Folder *f, const Files *all, int first, int count, int *order,
                        Error *error) {
    const int label = all->label[first];
    const Random random = {f->wish->seed, RANDOM_SPLIT, (uint32_t)label};
    int held_out = (int)lround(f->split * count);
    held_out = held_out < 1 ? 1 : held_out;
    held_out = held_out > count - 1 ? count - 1 : held_out;
    random_permutation(random, order, count);
    bool ok = true;
    for (int i = 0; ok && i < count; i++) { /* image i's place in the random order */
        ok = add_file(order[i] < held_out ? &f->test : &f->train,
                      all->path.text[first + i], label, error);
    }
    return ok;
}

static bool split(Folder *f, const Files *all, Error *error) {
    const int count = all->path.count;
    int *order = allocate((size_t)count * sizeof *order, "a split", error);
    f->split = f->wish->split > 0 ? f->wish->split : 0.2;
    bool ok = order != NULL;
    for (int first = 0, end; ok && first < count; first = end) {
        for (end = first; end < count && all->label[end] == all->label[first];) {
            end++;
        }
        ok = split_class(f, all, first, end - first, order, error);
    }
    free(order);
    return ok && (f->test.path.count > 0 ||
                  error_set(error, "%s: one picture per class leaves none to test with",
                            f->directory));
}

/* ---- the folder ------------------------------------------------------------------ */

/* Where the training set is, and the test set; test "": nowhere. */
static bool find_sets(const Folder *f, char train[FILE_PATH_BYTES],
                      char test[FILE_PATH_BYTES], Error *error) {
    static const char *const tests[] = {"test", "val", "valid", "validation"};
    char found[FILE_PATH_BYTES];
    if (!reader_join(train, f->directory, "train", error)) {
        return false;
    }
    test[0] = '\0';
    for (int i = 3; i >= 0; i--) { /* the first of them counts */
        if (reader_join(found, f->directory, tests[i], error) &&
            reader_is_folder(found)) {
            memcpy(test, found, sizeof found);
        }
    }
    if (reader_is_folder(train)) {
        return true;
    }
    snprintf(train, FILE_PATH_BYTES, "%s", f->directory);
    return !test[0] || error_set(error, "%s: it has %s, but no train", f->directory,
                                 test + strlen(f->directory) + 1);
}

static bool list_files(Folder *f, Error *error) {
    char train[FILE_PATH_BYTES], test[FILE_PATH_BYTES];
    List in_test = {.text = NULL};
    Files all = {.label = NULL};
    bool ok =
        find_sets(f, train, test, error) && list_classes(f, train, &f->classes, error);
    if (ok && f->classes.count < 2) {
        ok = error_set(error,
                       "%s: no data: no IDX files (train-images-idx3-ubyte, ...), no "
                       "CIFAR's, no folders of pictures of two classes or more",
                       train);
    }
    if (ok && f->classes.count > DATASET_MAX_CLASSES) {
        ok = error_set(error, "%s: %d classes, at most %d", train, f->classes.count,
                       DATASET_MAX_CLASSES);
    }
    if (ok && test[0]) {
        ok = list_classes(f, test, &in_test, error) &&
             check_classes(f, train, test, &in_test, error) &&
             list_set(f, train, &f->train, error) && list_set(f, test, &f->test, error);
    } else if (ok) {
        ok = list_set(f, train, &all, error) && split(f, &all, error);
    }
    list_free(&in_test);
    list_free(&all.path);
    free(all.label);
    return ok;
}

/* ---- reading all once ------------------------------------------------------------ */

enum { AT_ONCE = 1024 }; /* of so many what was seen of each is remembered */

/* What was seen of an image. */
typedef struct {
    Measure colour, in_grey;
    bool grey; /* its channels are equal */
} Seen;

/* The reading of one set. */
typedef struct {
    Dataset *dataset;
    ImageSet *set;
    const Files *files;
    const DataWish *wish;
    bool keep; /* into the set's memory; else perhaps into the spool */
    Spool spool;
    Error *no_spool;         /* why there is none (DataNotes); "": there is */
    bool grey;               /* all images so far are */
    Measure colour, in_grey; /* of the training set */
    Seen *seen;              /* (AT_ONCE) */
} Reading;

static size_t image_bytes(const ImageSet *set) {
    return (size_t)set->channels * (size_t)set->height * (size_t)set->width;
}

/* Where the set's size wasn't asked for, all pictures have the first one's. */
static bool check_size(const Picture *picture, const Reading *r, int index,
                       Error *error) {
    const ImageSet *set = r->set;
    return r->wish->width > 0 ||
           (picture->width == set->width && picture->height == set->height) ||
           error_set(error,
                     "%s is %d pixels wide and %d high, others are %d and %d: say with "
                     "--size WxH what all become",
                     r->files->path.text[index], picture->width, picture->height,
                     set->width, set->height);
}

static bool decode(const Reading *r, int index, unsigned char *pixels, Error *error) {
    const ImageSet *set = r->set;
    Picture picture;
    if (!picture_read(&picture, r->files->path.text[index], error)) {
        return false;
    }
    const bool ok = check_size(&picture, r, index, error) &&
                    convert_picture(&picture, set->channels, set->height, set->width,
                                    pixels, error);
    picture_free(&picture);
    return ok;
}

static bool is_grey(const unsigned char *pixels, size_t plane) {
    return memcmp(pixels, pixels + plane, plane) == 0 &&
           memcmp(pixels, pixels + 2 * plane, plane) == 0;
}

static void look_at(const Reading *r, const unsigned char *pixels, Seen *seen) {
    const size_t plane = (size_t)r->set->height * (size_t)r->set->width;
    ImageSet in_grey = *r->set;
    in_grey.channels = 1;
    *seen = (Seen){.grey = r->set->channels == 1 || is_grey(pixels, plane)};
    if (r->set == &r->dataset->train) {
        measure_add(&seen->colour, r->set, pixels, 1);
        measure_add(&seen->in_grey, &in_grey, pixels, 1); /* the first channel is all */
    }
}

/* Several threads at once. A disk that is full is no error. */
static void put(const Reading *r, int index, const unsigned char *pixels) {
    Error why;
    bool possible;
#pragma omp critical(spooling)
    possible = !r->no_spool->text[0];
    if (possible && !spool_put(&r->spool, index, pixels, &why)) {
#pragma omp critical(spooling)
        *r->no_spool = why;
    }
}

static bool read_one(const Reading *r, int index, Seen *seen, Error *error) {
    const size_t bytes = image_bytes(r->set);
    unsigned char *own = r->keep ? NULL : allocate(bytes, "an image", error);
    unsigned char *pixels = r->keep ? r->set->pixels + (size_t)index * bytes : own;
    const bool ok = pixels && decode(r, index, pixels, error);
    if (ok) {
        look_at(r, pixels, seen);
    }
    if (ok && own) {
        put(r, index, own);
    }
    free(own);
    return ok;
}

/* [from, to) by all threads; then what they saw, in order. Of several faults the first
 * file's is told. */
static bool read_some(Reading *r, int from, int to, Error *error) {
    int end = to; /* or the first that failed */
#pragma omp parallel for schedule(dynamic, 1)
    for (int i = from; i < to; i++) {
        Error why;
        bool wanted;
#pragma omp critical(reading)
        wanted = i < end;
        if (wanted && !read_one(r, i, &r->seen[i - from], &why)) {
#pragma omp critical(reading)
            if (i < end) {
                end = i;
                *error = why;
            }
        }
    }
    ImageSet in_grey = *r->set;
    in_grey.channels = 1;
    for (int i = from; end == to && i < to; i++) {
        const Seen *seen = &r->seen[i - from];
        r->grey = r->grey && seen->grey;
        measure_join(&r->colour, &seen->colour, r->set);
        measure_join(&r->in_grey, &seen->in_grey, &in_grey);
    }
    return end == to;
}

static bool read_set(Reading *r, Error *error) {
    const int count = r->set->count, at_once = count < AT_ONCE ? count : AT_ONCE;
    const size_t bytes = image_bytes(r->set);
    if (r->keep) {
        r->set->pixels = allocate((size_t)count * bytes, "the images", error);
    } else if (!r->no_spool->text[0]) {
        spool_make(&r->spool, bytes, r->no_spool);
    }
    r->seen = allocate((size_t)at_once * sizeof *r->seen, "a measure", error);
    bool ok = r->seen && (r->set->pixels || !r->keep);
    for (int from = 0; ok && from < count; from += AT_ONCE) {
        const int to = count - from < AT_ONCE ? count : from + AT_ONCE;
        ok = read_some(r, from, to, error);
    }
    free(r->seen);
    return ok;
}

/* Equal channels: one is enough. */
static void keep_one_channel(ImageSet *set) {
    const size_t plane = (size_t)set->height * (size_t)set->width;
    for (int i = 1; set->pixels && i < set->count; i++) {
        memmove(set->pixels + (size_t)i * plane,
                set->pixels + (size_t)i * CHANNELS * plane, plane);
    }
    set->channels = 1;
}

/* ---- streaming ------------------------------------------------------------------- */

static double memory_mb(const DataWish *wish) {
    const double pages = (double)sysconf(_SC_PHYS_PAGES);
    const double page = (double)sysconf(_SC_PAGESIZE);
    const double half = pages > 0 && page > 0 ? pages * page / 2e6 : 2000;
    return wish->memory_mb > 0 ? wish->memory_mb : half;
}

/* An eighth of the memory for each set, but some 64 images. */
static int ring_of(const ImageSet *set, double mb) {
    const double fit = mb * 1e6 / 8 / (double)image_bytes(set);
    const int ring = fit < 64 ? 64 : fit > 4096 ? 4096 : (int)fit;
    return ring < set->count ? ring : set->count;
}

/* Reading pixels takes fewer threads than decoding: a disk is busy with a few. */
static int stream_threads(bool decodes) {
    const long cores = sysconf(_SC_NPROCESSORS_ONLN), max = decodes ? 16 : 4;
    return cores < 1 ? 1 : (int)(cores < max ? cores : max);
}

/* The spool and the paths are the stream's from now on. */
static bool stream_set(ImageSet *set, Files *files, Spool *spool, double mb,
                       Error *error) {
    StreamPlan plan = {.path = files->path.text,
                       .spool = *spool,
                       .count = set->count,
                       .channels = set->channels,
                       .height = set->height,
                       .width = set->width,
                       .ring = ring_of(set, mb),
                       .threads = stream_threads(spool->file < 0)};
    files->path = (List){.text = NULL};
    spool->file = -1;
    set->source = stream_make(&plan, error);
    return set->source != NULL;
}

/* ---- the whole ------------------------------------------------------------------- */

/* The size of all images: as it is wished for, or the first picture's. */
static bool decide_size(const Folder *f, Dataset *dataset, Error *error) {
    const DataWish *wish = f->wish;
    ImageSet set = {.channels = wish->channels > 0 ? wish->channels : CHANNELS,
                    .height = wish->height,
                    .width = wish->width};
    if (wish->width == 0 && f->train.path.count > 0) {
        Picture first;
        if (!picture_read(&first, f->train.path.text[0], error)) {
            return false;
        }
        set.height = first.height;
        set.width = first.width;
        picture_free(&first);
    }
    dataset->train = dataset->test = set;
    return set.height <= VIT_MAX_SIDE && set.width <= VIT_MAX_SIDE
               ? true
               : error_set(error,
                           "%s: pictures of %d x %d pixels are too large for a "
                           "model: give --size",
                           f->directory, set.width, set.height);
}

/* Both sets; what isn't kept in memory goes into their spools. */
static bool read_both(Folder *f, Dataset *dataset, Spool *train_spool,
                      Spool *test_spool, Error *error) {
    DataNotes *notes = f->notes;
    Reading r = {.dataset = dataset,
                 .set = &dataset->train,
                 .files = &f->train,
                 .wish = f->wish,
                 .keep = !notes->streamed,
                 .spool = {.file = -1},
                 .no_spool = &notes->no_spool,
                 .grey = true};
    measure_begin(&r.colour, dataset);
    r.in_grey = r.colour;
    bool ok = read_set(&r, error);
    *train_spool = r.spool;
    if (!ok) {
        return false;
    }
    const Measure colour = r.colour, in_grey = r.in_grey;
    r.set = &dataset->test;
    r.files = &f->test;
    r.spool.file = -1;
    ok = read_set(&r, error);
    *test_spool = r.spool;
    const bool grey = ok && r.grey && f->wish->channels != CHANNELS;
    f->notes->grey = r.grey && f->wish->channels == CHANNELS;
    if (grey && dataset->train.channels > 1) {
        keep_one_channel(&dataset->train);
        keep_one_channel(&dataset->test);
    }
    measure_end(grey ? &in_grey : &colour, dataset);
    return ok;
}

static bool read_all(Folder *f, Dataset *dataset, Error *error) {
    DataNotes *notes = f->notes;
    Spool train = {.file = -1}, test = {.file = -1};
    notes->no_spool.text[0] = '\0';
    if (notes->streamed) {
        spool_has_room(1e6 * notes->mb, &notes->no_spool);
    }
    bool ok = read_both(f, dataset, &train, &test, error);
    if (notes->no_spool.text[0]) {
        spool_free(&train);
        spool_free(&test);
    }
    if (ok && notes->streamed) {
        const double mb = notes->memory_mb;
        ok = stream_set(&dataset->train, &f->train, &train, mb, error) &&
             stream_set(&dataset->test, &f->test, &test, mb, error);
    }
    spool_free(&train);
    spool_free(&test);
    return ok;
}

static bool load(Folder *f, Dataset *dataset, Error *error) {
    DataNotes *notes = f->notes;
    ImageSet *train = &dataset->train, *test = &dataset->test;
    if (!list_files(f, error) ||
        !dataset_name(dataset, f->classes.count, (const char *const *)f->classes.text,
                      error) ||
        !decide_size(f, dataset, error)) {
        return false;
    }
    dataset->split = f->split;
    train->count = f->train.path.count;
    test->count = f->test.path.count;
    train->labels = f->train.label;
    test->labels = f->test.label;
    f->train.label = f->test.label = NULL; /* the sets' from now on */
    notes->mb = (double)image_bytes(train) * ((double)train->count + test->count) / 1e6;
    notes->memory_mb = memory_mb(f->wish);
    notes->streamed = notes->mb > notes->memory_mb;
    return read_all(f, dataset, error);
}

bool folder_load(Dataset *dataset, const char *directory, const DataWish *wish,
                 DataNotes *notes, Error *error) {
    Folder f = {.directory = directory, .wish = wish, .notes = notes};
    notes->pictures = true;
    const bool ok = load(&f, dataset, error);
    list_free(&f.classes);
    list_free(&f.train.path);
    list_free(&f.test.path);
    free(f.train.label);
    free(f.test.label);
    return ok;
}
