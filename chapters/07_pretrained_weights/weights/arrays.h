/*
 * arrays.h: named arrays in a file, whichever format it has: safetensors (mapped into
 * memory where the system can) or NumPy's .npz (a zip archive of .npy files, stored
 * without compression). Elements are F32, F64, F16 or BF16, in C order.
 *
 * A pickled file (.pth, .bin, .pt) is a program for Python: it is refused, with the two
 * lines of Python that convert it.
 */
#pragma once

#include <stdint.h>

#include "common/error.h"
#include "common/tensor.h"

enum { ARRAY_NAME = 128, ARRAY_NDIM = 4 };

typedef enum { ARRAY_F16, ARRAY_BF16, ARRAY_F32, ARRAY_F64 } ArrayType;

typedef struct {
    char name[ARRAY_NAME]; /* as the file has it */
    ArrayType type;
    int ndim, shape[ARRAY_NDIM]; /* ndim 0: one element */
    long count;                  /* elements */
    int64_t at;                  /* byte of the file where they begin */
} Array;

typedef struct Arrays Arrays;

/* arrays_open: reads and checks what is in the file, not the elements. NULL and an
 * error that begins with the path. */
Arrays *arrays_open(const char *path, Error *error);
void arrays_close(Arrays *file);

int arrays_count(const Arrays *file);
const Array *arrays_get(const Arrays *file, int i);
const Array *arrays_find(const Arrays *file, const char *name); /* NULL: none */
const char *arrays_text(const Arrays *file, const char *key);   /* metadata, or NULL */
const char *arrays_path(const Arrays *file);

/* arrays_read: its elements, widened or rounded to real, into (count) elements. A NaN or
 * infinity is an error that names the array. */
bool arrays_read(const Arrays *file, const Array *array, real *elements, Error *error);

/* arrays_view: its elements where they lie, mapped; NULL if they can't be used so
 * (another type or byte order, unaligned, not mapped). Not looked at for NaN. */
const real *arrays_view(const Arrays *file, const Array *array);

/* arrays_release: the pages of this array won't be read again: the system may have
 * them. */
void arrays_release(const Arrays *file, const Array *array);
