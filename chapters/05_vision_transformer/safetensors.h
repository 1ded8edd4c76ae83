/*
 * safetensors.h: tensors in a file, in the format of Hugging Face's safetensors,
 * so that our weights load in the ecosystem's tools, and theirs here.
 *
 * safetensors_write.h (common) has the format, and writes it; here it is read.
 */
#ifndef SAFETENSORS_H
#define SAFETENSORS_H

#include <stdint.h>
#include <stdio.h>

#include "error.h"
#include "regular_file.h"
#include "safetensors_write.h"
#include "tensor.h"

/* A file that is open for reading. */
typedef struct {
    FILE *file;
    void *header;       /* jansson's json_t object; owned */
    int64_t data_start; /* where the numbers begin, in bytes */
    int64_t data_bytes; /* how many bytes of them there are */
    char path[FILE_PATH_BYTES];
} Safetensors;

/*
 * safetensors_open: read and check the header: its length, the JSON, every
 * tensor's type, shape and place; the places must fill the rest of the file.
 */
bool safetensors_open(Safetensors *file, const char *path, Error *error);

/* safetensors_open_stream: the same of a stream that can seek, which safetensors_close
 * will close; errors name `path`. Closed if this fails. */
bool safetensors_open_stream(Safetensors *file, FILE *stream, const char *path,
                             Error *error);
void safetensors_close(Safetensors *file);

/* safetensors_metadata: the text under this key; NULL if there is none. */
const char *safetensors_metadata(const Safetensors *file, const char *key);

/* safetensors_count: how many tensors there are; safetensors_key: the key of the i-th
 * text, i = 0, 1, ..., or NULL. */
int safetensors_count(const Safetensors *file);
const char *safetensors_key(const Safetensors *file, int i);

/*
 * safetensors_read: the tensor called `name` into T, whose shape must be the
 * file's. F32 and F64 are converted to real. A NaN or infinity is an error.
 */
bool safetensors_read(Safetensors *file, const char *name, Tensor T, Error *error);

#endif
