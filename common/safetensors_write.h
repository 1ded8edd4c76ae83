/*
 * safetensors_write.h: write tensors into a file, in the format of Hugging Face's
 * safetensors, so that our numbers load in the ecosystem's tools.
 *
 *     8 bytes     length N of the header, little-endian
 *     N bytes     JSON: {"__metadata__": {"key": "text", ...},
 *                        "name": {"dtype": "F32", "shape": [3,2],
 *                                 "data_offsets": [begin, end]}, ...}
 *     the rest    the numbers, little-endian, at their offsets, without gaps
 *
 * Reading, which wants a JSON parser, is chapter 5's (safetensors.h).
 */
#ifndef COMMON_SAFETENSORS_WRITE_H
#define COMMON_SAFETENSORS_WRITE_H

#include <stdio.h>

#include "error.h"
#include "tensor.h"

typedef struct {
    char name[96];
    Tensor T; /* contiguous; written as F32, or F64 when real is double */
} SafetensorsEntry;

typedef struct {
    const char *key, *text;
} SafetensorsText;

/*
 * safetensors_write: all entries and texts into `path`, which is written whole or not
 * at all (regular_file.h). A NaN or infinity is an error: nobody could read the file.
 */
bool safetensors_write(const char *path, const SafetensorsEntry *entries, int count,
                       const SafetensorsText *texts, int text_count, Error *error);

/* safetensors_put: the same into a file that is open; the errors name `path`. */
bool safetensors_put(FILE *file, const char *path, const SafetensorsEntry *entries,
                     int count, const SafetensorsText *texts, int text_count,
                     Error *error);

/* safetensors_not_finite: where T, which must be contiguous, has its first NaN or
 * infinity; -1 if it has none. */
long safetensors_not_finite(Tensor T);

/* safetensors_may_replace: false if there is a file of another kind in that place: no
 * safetensors file, or one without `format` (NULL: any) as its text "format", whose
 * last word is a version. */
bool safetensors_may_replace(const char *path, const char *format, Error *error);

#endif
