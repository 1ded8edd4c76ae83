/*
 * dataset.h: images and their labels, and the small random changes that training makes
 * to the images. dataset_file.h reads them from files.
 */
#pragma once

#include <stdint.h>

#include "common/error.h"
#include "common/tensor.h"

enum {
    DATASET_MAX_CHANNELS = 3, /* red, green, blue; a grey image has 1 */
    DATASET_MAX_CLASSES = 65536,
    DATASET_NAME_BYTES = 128, /* of a class's name, with its 0 */
};

/* Where the pixels are of images that memory hasn't room for (own_data/stream.h). */
typedef struct ImageSource ImageSource;
struct ImageSource {
    const unsigned char *(*get)(ImageSource *source, int index); /* until given back */
    void (*give_back)(ImageSource *source, const unsigned char *pixels);
    void (*expect)(ImageSource *source, const int *indices, int count);
    void (*free)(ImageSource *source);
};

typedef struct {
    int count, channels, height, width;
    unsigned char *pixels; /* (count, C, H, W), 0 black to 255 white; owned */
    int *labels;           /* (count), 0 to classes - 1; owned */
    ImageSource *source;   /* in place of pixels; NULL: there is none; owned */
} ImageSet;

typedef struct {
    ImageSet train, test;
    int classes;          /* K */
    char **class_name;    /* (K); "0", "1", ... if nobody named them; owned */
    bool has_class_names; /* and not only numbers */
    /* Of each channel of the training images' pixels, scaled to 0..1. */
    double mean[DATASET_MAX_CHANNELS], deviation[DATASET_MAX_CHANNELS];
    uint32_t checksum; /* CRC-32 of the training labels and pixels */
    double split;      /* the share that is held out as the test set; 0: it had one */
} Dataset;

/* dataset_free: all that is owned; also of {0}. */
void dataset_free(Dataset *dataset);

/* dataset_name: K classes and their names; NULL: they are called by their numbers.
 * False if there is no memory. */
bool dataset_name(Dataset *dataset, int classes, const char *const *names,
                  Error *error);

/* dataset_is_named: do the names say more than the classes' numbers? */
bool dataset_is_named(const Dataset *dataset);

/* dataset_name_fault: why this can't be a class's name ("is empty"); NULL if it can. */
const char *dataset_name_fault(const char *name);

/* dataset_class: the name of class k; -1 is none (argmax_row). */
static inline const char *dataset_class(const Dataset *dataset, int k) {
    return k < 0 ? "no class" : dataset->class_name[k];
}

/* dataset_pixels: the (C, H, W) bytes of image `index`, until dataset_give_back.
 * Threads may ask at once. */
const unsigned char *dataset_pixels(const ImageSet *set, int index);
void dataset_give_back(const ImageSet *set, const unsigned char *pixels);

/* dataset_expect: these images will be asked for next, in this order (NULL: 0, 1, ...).
 * A source that has threads can begin with them. */
void dataset_expect(const ImageSet *set, const int *indices, int count);

/* What training does to an image; all zero: nothing. */
typedef struct {
    int shift;     /* moved by up to this many pixels, in each direction */
    bool flip;     /* mirrored left to right, half of the time */
    uint64_t seed; /* the run's */
    uint32_t epoch;
} Augmentation;

/*
 * dataset_image: image `index` of the set, normalised, into out (C, H, W):
 *     (pixel / 255 - mean) / deviation       of its channel
 * What a shift brings in from outside is black.
 */
void dataset_image(const Dataset *dataset, const ImageSet *set, int index,
                   const Augmentation *augmentation, Tensor out);

/* dataset_luma: the grey of a colour, as the eye weighs it (ITU-R 601), in 65536ths;
 * dataset_grey: image `index` in grey, (H, W) bytes. */
static inline unsigned char dataset_luma(int red, int green, int blue) {
    return (unsigned char)((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16);
}
void dataset_grey(const ImageSet *set, int index, unsigned char *grey);
