/*
 * dataset.h: images and labels from files in the IDX format of MNIST, plain or
 * gzip, and the small random changes that training makes to the images.
 *
 * A directory holds four files, each with or without .gz:
 *     train-images-idx3-ubyte   train-labels-idx1-ubyte
 *     t10k-images-idx3-ubyte    t10k-labels-idx1-ubyte
 * and may hold classes.txt, one class name a line. Without it classes are called
 * by their digits, as MNIST's are, and images are not flipped in training.
 *
 * An IDX file, its numbers big-endian: the bytes 0, 0, 8 (unsigned byte), and the
 * number of dimensions; each dimension in 4 bytes; then the data.
 */
#ifndef DATASET_H
#define DATASET_H

#include <stdint.h>

#include "error.h"
#include "regular_file.h"
#include "tensor.h"

#define DATASET_CLASSES 10

typedef struct {
    int count, channels, height, width;
    unsigned char *pixels; /* (count, C, H, W), 0 black to 255 white; owned */
    unsigned char *labels; /* (count), 0 to 9; owned */
} ImageSet;

typedef struct {
    ImageSet train, test;
    double mean, deviation; /* of the training images' pixels, scaled to 0..1 */
    uint32_t checksum;      /* CRC-32 of the training labels and pixels */
    char class_name[DATASET_CLASSES][32];
    bool has_class_names;
} Dataset;

/*
 * dataset_load: all four files of `directory`, checked: magic numbers, sizes,
 * counts that agree, labels below 10, no byte too few or too many. On failure
 * nothing stays allocated and the error names the file.
 */
bool dataset_load(Dataset *dataset, const char *directory, Error *error);
void dataset_free(Dataset *dataset);

/*
 * dataset_find: the first directory, of data/fashion-mnist, the Debian package's
 * and data/sample, that has any of the files: where some are missing, the data aren't
 * quietly another directory's. NULL if none has one.
 */
const char *dataset_find(void);
bool dataset_is_sample(const char *directory);

/* dataset_has_file: is `path` one of the files of the data in this directory, or would it
 * become one? */
bool dataset_has_file(const char *directory, const char *path);

/* dataset_class: the name of class k; -1 is none (argmax_row). */
static inline const char *dataset_class(const Dataset *dataset, int k) {
    return k < 0 ? "no class" : dataset->class_name[k];
}

/* What training does to an image; all zero: nothing. */
typedef struct {
    int shift;     /* moved by up to this many pixels, each way and direction */
    bool flip;     /* mirrored left to right, half of the time */
    uint64_t seed; /* the run's */
    uint32_t epoch;
} Augmentation;

/*
 * dataset_image: image `index` of the set, normalised, into out (C, H, W):
 *     (pixel / 255 - mean) / deviation
 * What a shift brings in from outside is black.
 */
void dataset_image(const Dataset *dataset, const ImageSet *set, int index,
                   const Augmentation *augmentation, Tensor out);

#endif
