/*
 * readers.h: the readers of data sets, one for each format, behind dataset_load
 * (dataset_file.h). Each fills both sets, the classes and their names. What it has
 * allocated when it fails is the caller's to free.
 */
#pragma once

#include "chapters/05_vision_transformer/training/dataset_file.h"
#include "common/files/regular_file.h"

/* Is a file of this format there? If so, no other format is tried: what is missing is
 * an error. */
bool idx_is_there(const char *directory);
bool cifar_is_there(const char *directory);

bool idx_load(Dataset *dataset, const char *directory, Error *error);
bool cifar_load(Dataset *dataset, const char *directory, Error *error);
bool folder_load(Dataset *dataset, const char *directory, const DataWish *wish,
                 DataNotes *notes, Error *error);

/* Is `path` one of the files that the format has in this directory, or would it become
 * one? */
bool idx_has_name(const char *directory, const char *path);
bool cifar_has_name(const char *directory, const char *path);

/* reader_same_file: does `path` mean the file `name` of the directory? */
bool reader_same_file(const char *directory, const char *name, const char *path);

/* reader_join: path = folder/name; false and an error if that is too long. */
bool reader_join(char path[FILE_PATH_BYTES], const char *folder, const char *name,
                 Error *error);
bool reader_is_folder(const char *path);

/*
 * names_read: the classes and their names, from a file of one name per line, which may
 * be missing, but not be unreadable: without names images aren't mirrored, and another
 * model is trained. K is `classes`, or if that is 0 the number of lines, or without a
 * file the largest label + 1, but 2 at least. The labels of both sets must be below it.
 */
bool names_read(Dataset *dataset, const char *directory, const char *file, int classes,
                Error *error);

/*
 * The measuring of the training images: mean, deviation, checksum. The labels must be
 * there when it begins; then the pixels come, in the images' order. Threads can measure
 * images apart, each into a Measure that is {0}; these are joined in the order.
 */
typedef struct {
    uint64_t sum[DATASET_MAX_CHANNELS], squares[DATASET_MAX_CHANNELS];
    uint64_t images;
    unsigned long checksum;
} Measure;
void measure_begin(Measure *measure, const Dataset *dataset);
void measure_add(Measure *measure, const ImageSet *set, const unsigned char *pixels,
                 int count);
void measure_join(Measure *measure, const Measure *next, const ImageSet *set);
void measure_end(const Measure *measure, Dataset *dataset);
