/*
 * arrays.h: named arrays in a file, whichever format it has: safetensors, or NumPy's
 * .npz (a zip archive of .npy files, stored without compression; npz.h). The file is
 * mapped into memory. Elements are F32, F64, F16 or BF16, in C order; arrays of other
 * types, of more than 4 dimensions or of no elements are listed, and can't be read.
 *
 * A pickled file (.pth, .bin, .pt) is a program for Python: it is refused, with the two
 * lines of Python that convert it.
 */
#pragma once

#include <stdint.h>

#include "common/error.h"
#include "common/tensor.h"

enum { ARRAY_NAME = 128, ARRAY_NDIM = 4 };

typedef enum { ARRAY_F16, ARRAY_BF16, ARRAY_F32, ARRAY_F64, ARRAY_OTHER } ArrayType;

typedef struct {
    char name[ARRAY_NAME]; /* as the file has it */
    char kind[16];         /* its type, as the file calls it */
    ArrayType type;
    int ndim, shape[ARRAY_NDIM]; /* ndim 0: one element; more than 4: no shape */
    long count;                  /* elements; 0 also of more dimensions than 4 */
    int64_t at, bytes;           /* where they are in the file, and how many bytes */
    int64_t member;              /* where its .npy file begins, which ends with them */
    bool has_checksum;           /* CRC-32 of that; safetensors files have none */
    uint32_t checksum;
} Array;

typedef struct Arrays Arrays;

/* arrays_open: reads and checks what is in the file, not the elements and checksums.
 * NULL and an error that begins with the path. */
Arrays *arrays_open(const char *path, Error *error);

/* arrays_from: the same of a file's bytes, which must live on; errors begin with
 * `name`. */
Arrays *arrays_from(const void *bytes, size_t count, const char *name, Error *error);
void arrays_close(Arrays *file);

int arrays_count(const Arrays *file);
const Array *arrays_get(const Arrays *file, int i);
const Array *arrays_find(const Arrays *file, const char *name); /* NULL: none */
const char *arrays_text(const Arrays *file, const char *key);   /* metadata, or NULL */
const char *arrays_path(const Arrays *file);

/* arrays_is_whole: of whole numbers, truth values, or (NumPy's) texts? */
bool arrays_is_whole(const Array *array);

/* arrays_shape_text: "(36,12)", "one element", "(0), without elements", "of 5
 * dimensions"; `text`, of TENSOR_SHAPE_TEXT + 24. */
enum { ARRAY_SHAPE_TEXT = TENSOR_SHAPE_TEXT + 24 };
char *arrays_shape_text(const Array *array, char text[ARRAY_SHAPE_TEXT]);

/* arrays_read: its elements, widened or rounded to real, into (count) elements. A wrong
 * checksum, a NaN or infinity is an error that names the array. */
bool arrays_read(const Arrays *file, const Array *array, real *elements, Error *error);

/* arrays_view: its elements where the file has them, mapped; NULL if they can't be used
 * so (another type or byte order, unaligned). Nothing of it is checked. */
const real *arrays_view(const Arrays *file, const Array *array);

/* arrays_check: for what is viewed: false, and an error that names the array, if the
 * checksum is wrong, or an element is NaN or infinity. */
bool arrays_check(const Arrays *file, const Array *array, const real *elements,
                  Error *error);

/* arrays_release: the pages of this array won't be read again: the system may have
 * them. */
void arrays_release(const Arrays *file, const Array *array);

/* arrays_release_view: the same for `count` elements that may be a view into the file.
 * They can be read again: from the disk. */
void arrays_release_view(const Arrays *file, const real *elements, long count);
