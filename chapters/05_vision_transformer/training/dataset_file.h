/*
 * dataset_file.h: images and labels from files in the IDX format of MNIST, plain or
 * gzip.
 *
 * A directory holds four files, each with or without .gz:
 *     train-images-idx3-ubyte   train-labels-idx1-ubyte
 *     t10k-images-idx3-ubyte    t10k-labels-idx1-ubyte
 * and may hold classes.txt, one class name per line. Without it classes are called
 * by their digits, as MNIST's are, and images are not flipped in training.
 *
 * An IDX file, its numbers big-endian: the bytes 0, 0, 8 (unsigned byte), and the
 * number of dimensions; each dimension in 4 bytes; then the data.
 */
#pragma once

#include "chapters/05_vision_transformer/training/dataset.h"

/*
 * dataset_load: all four files of `directory`, checked: magic numbers, sizes,
 * counts that agree, labels below 10, no byte too few or too many. On failure
 * nothing stays allocated and the error names the file.
 */
bool dataset_load(Dataset *dataset, const char *directory, Error *error);

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
