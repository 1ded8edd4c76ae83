/*
 * safetensors.h: tensors as bytes, in the format of Hugging Face's safetensors, so that
 * our weights load in the ecosystem's tools, and theirs here.
 *
 *     8 bytes     length N of the header, little-endian
 *     N bytes     JSON: {"__metadata__": {"key": "text", ...},
 *                        "name": {"dtype": "F32", "shape": [3,2],
 *                                 "data_offsets": [begin, end]}, ...}
 *     the rest    the elements, little-endian, at their offsets, without gaps
 *
 * The bytes may be in memory, or wherever a source and a sink say; safetensors_file.h
 * has those of files.
 */
#pragma once

#include "common/files/json.h"
#include "common/tensor.h"

/* ---- writing ---------------------------------------------------------------- */

typedef struct {
    char name[96];
    Tensor T; /* contiguous; written as F32, or F64 when real is double */
} SafetensorsEntry;

typedef struct {
    const char *key, *text;
} SafetensorsText;

/* All that is written. */
typedef struct {
    const SafetensorsEntry *entries;
    int count;
    const SafetensorsText *texts;
    int text_count;
} SafetensorsContent;

/* What takes the bytes, as they come: false, and why ("can't be written: ..."), if it
 * can't. */
typedef struct {
    bool (*put)(void *to, const void *bytes, size_t count, Error *error);
    void *to;
} SafetensorsSink;

/* safetensors_into: a sink in memory that grows; {0} at first; free its bytes. */
typedef struct {
    unsigned char *bytes;
    size_t count, room;
} SafetensorsBuffer;
SafetensorsSink safetensors_into(SafetensorsBuffer *buffer);

/* safetensors_encode: errors begin with `name`. A NaN or infinity is one: nobody could
 * read it. */
bool safetensors_encode(const SafetensorsContent *content, const char *name,
                        SafetensorsSink sink, Error *error);

/* safetensors_not_finite: where T, which must be contiguous, has its first NaN or
 * infinity; -1 if it has none. */
long safetensors_not_finite(Tensor T);

/* ---- reading ---------------------------------------------------------------- */

/* What has the bytes. */
typedef struct {
    /* `count` bytes from byte `at` on; false, and why, if they can't be read. */
    bool (*get)(void *from, int64_t at, void *bytes, size_t count, Error *error);
    void (*close)(void *from); /* NULL: there is nothing to close */
    void *from;
    int64_t bytes; /* how many there are */
} SafetensorsSource;

/* safetensors_from: a source of `count` bytes in memory, which must live on. */
SafetensorsSource safetensors_from(const void *bytes, size_t count);

typedef struct {
    const char *name, *dtype; /* of the header's text */
    int ndim;                 /* as the file has it */
    Tensor shape;             /* its data is NULL; {0} of more than TENSOR_MAX_DIMS */
    int64_t begin, end;       /* in bytes, from data_start */
} SafetensorsTensor;

/* A file that is open for reading, or its bytes in memory. */
typedef struct {
    const char *name; /* errors begin with it */
    SafetensorsSource source;
    char *text;                 /* the header; owned */
    JsonValue *header;          /* what it says; owned */
    SafetensorsTensor *tensors; /* in the header's order; owned */
    int count;
    int64_t data_start; /* where the elements begin, in bytes */
    int64_t data_bytes; /* how many bytes of them there are */
} Safetensors;

/* safetensors_decode: read and check the header: its length, the JSON, every tensor's
 * type, shape and offsets, which must fill the rest. Tensors that no Tensor can be
 * (integers, five dimensions, no elements) are listed. `name` must live on. The source
 * is safetensors_close's to close; it is closed if this fails. */
bool safetensors_decode(Safetensors *file, SafetensorsSource source, const char *name,
                        Error *error);
void safetensors_close(Safetensors *file);

/* safetensors_metadata: the text under this key; NULL if there is none. */
const char *safetensors_metadata(const Safetensors *file, const char *key);

/* safetensors_key: the key of the i-th text, i = 0, 1, ..., or NULL. */
const char *safetensors_key(const Safetensors *file, int i);

/* safetensors_find: the tensor of this name; NULL if there is none. */
SafetensorsTensor *safetensors_find(const Safetensors *file, const char *name);

/* safetensors_read: the tensor called `name` into T, whose shape must be the file's.
 * F32, F64, F16 and BF16 are converted to real. A NaN or infinity is an error. */
bool safetensors_read(const Safetensors *file, const char *name, Tensor T,
                      Error *error);
