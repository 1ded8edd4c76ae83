/*
 * fuzz_idx.c: dataset_load of a folder of four small IDX files, one of which is the
 * input; and classes.txt. The input's first byte says which, and whether it is packed
 * into a gzip file with the right checksum first: a damaged one rarely has that.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "chapters/05_vision_transformer/training/dataset_file.h"
#include "tests/fuzz/fuzz.h"

enum { FILES = 5, CLASSES = 4, PACKED = 8, COUNT = 3, SIDE = 2, MOST = 1 << 16 };

static const char *const names[FILES] = {
    "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte", "classes.txt"};
static const char *paths[FILES];
static char folder[320];

/* What each file has when another one is the input. */
typedef struct {
    unsigned char bytes[64];
    size_t count;
} Small;
static Small whole[FILES];
static int last = -1; /* which file was the input before */

static void make(Small *file, int ndim) {
    const int shape[3] = {COUNT, SIDE, SIDE};
    int data = 1;
    unsigned char *at = file->bytes;
    *at++ = 0, *at++ = 0, *at++ = 8, *at++ = (unsigned char)ndim;
    for (int d = 0; d < ndim; d++) {
        *at++ = 0, *at++ = 0, *at++ = 0, *at++ = (unsigned char)shape[d];
        data *= shape[d];
    }
    for (int i = 0; i < data; i++) {
        *at++ = (unsigned char)(ndim == 3 ? 20 * i : i);
    }
    file->count = (size_t)(at - file->bytes);
}

void fuzz_setup(void) {
    static const char text[] = "zero\none\ntwo\nthree\nfour\n";
    for (int i = 0; i < FILES; i++) {
        if (i < CLASSES) {
            make(&whole[i], i % 2 == 0 ? 3 : 1);
        }
        paths[i] = fuzz_path(names[i]);
    }
    whole[CLASSES].count = strlen(text);
    memcpy(whole[CLASSES].bytes, text, strlen(text));
    for (int i = 0; i < FILES; i++) {
        fuzz_write(paths[i], whole[i].bytes, whole[i].count);
    }
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(paths[0], '/') - paths[0]),
             paths[0]);
}

/* ---- gzip ---------------------------------------------------------------------- */

/* The bytes in a gzip file that stores them as they are; how many that makes. */
static size_t pack(unsigned char *to, const unsigned char *bytes, size_t count) {
    static const unsigned char head[10] = {0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3};
    const uint32_t sum = (uint32_t)crc32(crc32(0, NULL, 0), bytes, (uInt)count);
    unsigned char *at = to + sizeof head;
    memcpy(to, head, sizeof head);
    *at++ = 1; /* one block, stored */
    for (int i = 0; i < 2; i++) {
        *at++ = (unsigned char)(count >> (8 * i));
    }
    for (int i = 0; i < 2; i++) {
        *at++ = (unsigned char)(~count >> (8 * i));
    }
    memcpy(at, bytes, count);
    at += count;
    for (int i = 0; i < 4; i++) {
        *at++ = (unsigned char)(sum >> (8 * i));
    }
    for (int i = 0; i < 4; i++) {
        *at++ = (unsigned char)(count >> (8 * i));
    }
    return (size_t)(at - to);
}

/* ---- what must hold -------------------------------------------------------------- */

static void check_set(const ImageSet *set, const Dataset *d) {
    const int C = set->channels;
    const size_t pixels =
        (size_t)set->count * (size_t)C * (size_t)set->height * (size_t)set->width;
    unsigned sum = 0;
    fuzz_must(set->count >= 1 && (C == 1 || C == 3) && set->height >= 1 &&
                  set->width >= 1,
              "a set that was read has images");
    fuzz_must(C == d->train.channels && set->height == d->train.height &&
                  set->width == d->train.width,
              "both sets' images are of one size");
    for (size_t i = 0; i < pixels; i++) {
        sum += set->pixels[i]; /* the sanitizer looks */
    }
    for (int i = 0; i < set->count; i++) {
        fuzz_must(set->labels[i] >= 0 && set->labels[i] < d->classes,
                  "labels are classes");
    }
    fuzz_must(sum <= 255 * pixels, "pixels are bytes");
}

static void check_dataset(const Dataset *d) {
    fuzz_must(d->classes >= 1 && d->classes <= DATASET_MAX_CLASSES, "K is possible");
    check_set(&d->train, d);
    check_set(&d->test, d);
    for (int c = 0; c < d->train.channels; c++) {
        fuzz_must(d->mean[c] >= 0 && d->mean[c] <= 1, "the mean is from 0 to 1");
        fuzz_must(d->deviation[c] > 0 && d->deviation[c] <= 1,
                  "the deviation is above 0");
    }
    for (int k = 0; k < d->classes; k++) {
        fuzz_must(dataset_name_fault(d->class_name[k]) == NULL, "names are names");
    }
}

void fuzz_input(const unsigned char *bytes, size_t count) {
    static unsigned char packed[MOST + 64];
    if (count < 1 || count > MOST) {
        return;
    }
    const int which = (bytes[0] & 7) % FILES;
    if (last >= 0 && last != which) {
        fuzz_write(paths[last], whole[last].bytes, whole[last].count);
    }
    last = which;
    if (bytes[0] & PACKED && count - 1 <= 0xFFFF) {
        fuzz_write(paths[which], packed, pack(packed, bytes + 1, count - 1));
    } else {
        fuzz_write(paths[which], bytes + 1, count - 1);
    }
    Dataset dataset;
    Error error = {""};
    const bool ok = dataset_load(&dataset, folder, NULL, NULL, &error);
    fuzz_must_tell(ok, &error);
    if (ok) {
        check_dataset(&dataset);
        dataset_free(&dataset);
    }
}

/* ---- seeds ----------------------------------------------------------------------- */

void fuzz_seeds(void) {
    unsigned char seed[128];
    for (int i = 0; i < FILES; i++) {
        for (int mode = 0; mode <= PACKED; mode += PACKED) {
            seed[0] = (unsigned char)(i | mode);
            memcpy(seed + 1, whole[i].bytes, whole[i].count);
            fuzz_seed(seed, 1 + whole[i].count);
        }
        seed[0] = (unsigned char)i;
        fuzz_seed(seed, 1 + pack(seed + 1, whole[i].bytes, whole[i].count));
    }
    /* In colour, channels last and first; labels of two and of four bytes. */
    static const unsigned char colours[][5] = {{0, COUNT, 1, 2, 3},
                                               {2, COUNT, 3, 1, 2}};
    for (int i = 0; i < 2; i++) {
        memset(seed, 7, sizeof seed);
        seed[0] = colours[i][0];
        memcpy(seed + 1, (unsigned char[]){0, 0, 8, 4}, 4);
        for (int d = 0; d < 4; d++) {
            memcpy(seed + 5 + 4 * d, (unsigned char[]){0, 0, 0, colours[i][1 + d]}, 4);
        }
        fuzz_seed(seed, 1 + 4 + 16 + COUNT * 6);
        memset(seed, 0, sizeof seed);
        seed[0] = 1;
        memcpy(seed + 1, (unsigned char[]){0, 0, i ? 0x0C : 0x0B, 1, 0, 0, 0, COUNT},
               8);
        fuzz_seed(seed, 1 + 8 + COUNT * (i ? 4 : 2));
    }
    fuzz_seed_file(1, "data/sample/train-labels-idx1-ubyte.gz");
    fuzz_seed_file(3, "data/sample/t10k-labels-idx1-ubyte.gz");
    fuzz_seed_file(CLASSES, "data/sample/classes.txt");
}
