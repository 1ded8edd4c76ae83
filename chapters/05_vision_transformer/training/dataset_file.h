/*
 * dataset_file.h: images and labels from a directory, in one of three formats. What is
 * there says which.
 *
 * IDX, the format of MNIST, each file with or without .gz:
 *     train-images-idx3-ubyte   train-labels-idx1-ubyte
 *     t10k-images-idx3-ubyte    t10k-labels-idx1-ubyte
 * and perhaps classes.txt, one class name per line. Without it classes are called by
 * their numbers, as MNIST's are, and images are not flipped in training. Images are
 * (count, height, width) bytes, or in colour (count, height, width, 3), which files
 * called ...-idx4-ubyte have too. Labels are bytes, or for more than 256 classes 2 or 4
 * bytes each (idx1-short, idx1-int).
 *
 * CIFAR-10 and CIFAR-100 in their binary format, also in the folders that their
 * archives make, cifar-10-batches-bin and cifar-100-binary. CIFAR-100's labels are the
 * fine ones.
 *
 * Pictures, JPEG and PNG: one folder per class, in train/ and in test/ (or val/); or
 * the classes' folders alone, of which a share is held out for testing.
 */
#pragma once

#include "chapters/05_vision_transformer/training/dataset.h"

/* What the data are to become; {0}: as they are. */
typedef struct {
    int width, height;  /* pixels */
    int channels;       /* 1: grey, 3: colour */
    bool only_pictures; /* what isn't pictures stays as it is */
    /* Of pictures: */
    double split;     /* the share held out where there is no test/; 0: a fifth */
    uint64_t seed;    /* of the choice of those */
    double memory_mb; /* that the images may take; 0: half of the machine's */
} DataWish;

/* What one may not expect of the data. */
enum { DATA_NAMED = 5 };
typedef struct {
    bool pictures,
        streamed;         /* streamed: not kept in memory, but read again and again */
    bool grey;            /* in the files; as was wished, all three colours have it */
    double mb, memory_mb; /* what the images take in memory, and may take */
    long skipped;         /* files that are no pictures, and the first of them */
    char named[DATA_NAMED][160];
} DataNotes;

/*
 * dataset_load: all of `directory`, checked: sizes, counts that agree, labels that are
 * classes, no byte too few or too many, every picture whole. On failure nothing stays
 * allocated and the error names the file.
 *   wish    NULL: as the data are
 *   notes   out; NULL: not wanted
 */
bool dataset_load(Dataset *dataset, const char *directory, const DataWish *wish,
                  DataNotes *notes, Error *error);

/*
 * dataset_find: the first of data/fashion-mnist, the Debian package's directory and
 * data/sample that has any of the files. If some are missing there, no other directory
 * quietly takes its place. NULL if none has one.
 */
const char *dataset_find(void);
bool dataset_is_sample(const char *directory);

/* dataset_has_file: is `path` one of the files of the data in this directory, or would
 * it become one? */
bool dataset_has_file(const char *directory, const char *path);
