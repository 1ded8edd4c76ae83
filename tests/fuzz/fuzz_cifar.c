/*
 * fuzz_cifar.c: dataset_load of a folder of CIFAR's files, one of which is the input.
 * The input's first byte says which, and what its records are filled up to: a file of
 * another size than whole records is refused at once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/05_vision_transformer/training/dataset_file.h"
#include "tests/fuzz/fuzz.h"

enum { FILES = 7, TEST = 5, NAMES = 6, WHOLE = 8, MOST = 1 << 15 };
enum { RECORD = 1 + 3 * 32 * 32 };

static const char *const names[FILES] = {
    "data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
    "data_batch_5.bin", "test_batch.bin",   "batches.meta.txt"};
static const char *paths[FILES];
static unsigned char record[MOST + RECORD];
static char folder[320];
static int last = -1; /* which file was the input before */

/* A file that is not the input: one image of class 3, or no names. */
static void write_whole(int i) {
    memset(record, 3, RECORD);
    if (i != NAMES) {
        fuzz_write(paths[i], record, RECORD);
    } else {
        remove(paths[i]);
    }
}

void fuzz_setup(void) {
    for (int i = 0; i < FILES; i++) {
        paths[i] = fuzz_path(names[i]);
        write_whole(i);
    }
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(paths[0], '/') - paths[0]),
             paths[0]);
}

static void check_set(const ImageSet *set, const Dataset *d) {
    unsigned sum = 0;
    fuzz_must(set->count >= 1 && set->channels == 3 && set->height == 32 &&
                  set->width == 32,
              "images are of 32x32 in colour");
    for (int i = 0; i < set->count * 3 * 32 * 32; i++) {
        sum += set->pixels[i]; /* the sanitizer looks */
    }
    for (int i = 0; i < set->count; i++) {
        fuzz_must(set->labels[i] >= 0 && set->labels[i] < d->classes,
                  "labels are classes");
    }
    fuzz_must(sum <= 255u * 3072u * (unsigned)set->count, "pixels are bytes");
}

static void check_dataset(const Dataset *d) {
    fuzz_must(d->classes == 10, "CIFAR-10 has ten classes");
    check_set(&d->train, d);
    check_set(&d->test, d);
    for (int k = 0; k < d->classes; k++) {
        fuzz_must(dataset_name_fault(d->class_name[k]) == NULL, "names are names");
    }
}

void fuzz_input(const unsigned char *bytes, size_t count) {
    if (count < 1 || count > MOST) {
        return;
    }
    const int which = (bytes[0] & 7) % FILES;
    size_t length = count - 1;
    if (last >= 0 && last != which) {
        write_whole(last);
    }
    last = which;
    memset(record, 0, sizeof record);
    memcpy(record, bytes + 1, length);
    if (bytes[0] & WHOLE && which < NAMES) {
        length = (length + RECORD - 1) / RECORD * RECORD;
    }
    fuzz_write(paths[which], record, length);
    Dataset dataset;
    Error error = {""};
    const bool ok = dataset_load(&dataset, folder, NULL, NULL, &error);
    fuzz_must_tell(ok, &error);
    if (ok) {
        check_dataset(&dataset);
        dataset_free(&dataset);
    }
}

void fuzz_seeds(void) {
    static const char text[] = "\6a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n";
    static unsigned char seed[1 + 2 * RECORD];
    for (int i = 0; i < NAMES; i += TEST) {
        memset(seed, 7, sizeof seed);
        seed[0] = (unsigned char)i;
        fuzz_seed(seed, sizeof seed);
        seed[0] = (unsigned char)(i | WHOLE);
        fuzz_seed(seed, 10);
    }
    fuzz_seed(text, sizeof text - 1);
}
