/*
 * dataset.h: images and their labels, and the small random changes that training makes
 * to the images. dataset_file.h reads them from files.
 */
#pragma once

#include <stdint.h>

#include "common/error.h"
#include "common/tensor.h"

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

/* dataset_free: the pixels and labels of both sets. */
void dataset_free(Dataset *dataset);

/* dataset_class: the name of class k; -1 is none (argmax_row). */
static inline const char *dataset_class(const Dataset *dataset, int k) {
    return k < 0 ? "no class" : dataset->class_name[k];
}

/* dataset_pixels: the (C, H, W) bytes of image `index`. */
static inline const unsigned char *dataset_pixels(const ImageSet *set, int index) {
    return set->pixels + (long)index * set->channels * set->height * set->width;
}

/* What training does to an image; all zero: nothing. */
typedef struct {
    int shift;     /* moved by up to this many pixels, in each direction */
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
