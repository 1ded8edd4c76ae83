/*
 * safetensors.h: tensors in a file, in the format of Hugging Face's safetensors,
 * so that our weights load in the ecosystem's tools, and theirs here.
 *
 *     8 bytes     length N of the header, little-endian
 *     N bytes     JSON: {"name": {"dtype": "F32", "shape": [3,2],
 *                                 "data_offsets": [begin, end]}, ...,
 *                        "__metadata__": {"key": "text", ...}}
 *     the rest    the numbers, little-endian, at their offsets, without gaps
 */
#ifndef SAFETENSORS_H
#define SAFETENSORS_H

#include <stdio.h>

#include "error.h"
#include "tensor.h"

/* A file that is open for reading. */
typedef struct {
    FILE *file;
    void *header;    /* jansson's json_t object; owned */
    long data_start; /* where the numbers begin, in bytes */
    long data_bytes; /* how many bytes of them there are */
    char path[512];
} Safetensors;

/*
 * safetensors_open: read and check the header: its length, the JSON, every
 * tensor's type, shape and place; the places must fill the rest of the file.
 */
bool safetensors_open(Safetensors *file, const char *path, Error *error);
void safetensors_close(Safetensors *file);

/* safetensors_metadata: the text under this key; NULL if there is none. */
const char *safetensors_metadata(const Safetensors *file, const char *key);

/*
 * safetensors_read: the tensor called `name` into T, whose shape must be the
 * file's. F32 and F64 are converted to real. A NaN or infinity is an error.
 */
bool safetensors_read(Safetensors *file, const char *name, Tensor T, Error *error);

typedef struct {
    char name[96];
    Tensor T; /* contiguous; written as F32, or F64 when real is double */
} SafetensorsEntry;

typedef struct {
    const char *key, *text;
} SafetensorsText;

/*
 * safetensors_write: all entries and texts into `path`. Written under a temporary
 * name beside it, flushed to the disk, then renamed: whatever happens, the file
 * that was there before is whole, or the new one is.
 */
bool safetensors_write(const char *path, const SafetensorsEntry *entries, int count,
                       const SafetensorsText *texts, int text_count, Error *error);

#endif
