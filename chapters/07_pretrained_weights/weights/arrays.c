/* arrays.c: see arrays.h. */
#define _DEFAULT_SOURCE /* madvise */
#include "chapters/07_pretrained_weights/weights/arrays.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "chapters/07_pretrained_weights/weights/npz.h"
#include "common/files/half.h"
#include "common/files/regular_file.h"
#include "common/files/safetensors.h"

struct Arrays {
    char *path; /* owned */
    const unsigned char *bytes;
    size_t size;
    bool mapped;        /* the bytes are ours to unmap */
    Safetensors header; /* {0}: of a .npz */
    Array *items;       /* owned */
    int count;
};

/* ---- opening ------------------------------------------------------------- */

static ArrayType type_of(const char *dtype) {
    static const char *const names[ARRAY_OTHER] = {[ARRAY_F16] = "F16",
                                                   [ARRAY_BF16] = "BF16",
                                                   [ARRAY_F32] = "F32",
                                                   [ARRAY_F64] = "F64"};
    int type = 0;
    while (type < ARRAY_OTHER && strcmp(names[type], dtype) != 0) {
        type++;
    }
    return (ArrayType)type;
}

static bool array_of(const Safetensors *file, const SafetensorsTensor *tensor,
                     Array *array, Error *error) {
    *array = (Array){.type = type_of(tensor->dtype),
                     .ndim = tensor->ndim,
                     .count = tensor->ndim <= ARRAY_NDIM,
                     .at = file->data_start + tensor->begin,
                     .bytes = tensor->end - tensor->begin};
    if (strlen(tensor->name) >= ARRAY_NAME) {
        return error_set(error, "%s: the name %s is too long", file->name,
                         tensor->name);
    }
    snprintf(array->name, sizeof array->name, "%s", tensor->name);
    snprintf(array->kind, sizeof array->kind, "%s", tensor->dtype);
    for (int d = 0; d < tensor->shape.ndim; d++) {
        array->shape[d] = tensor->shape.shape[d];
        array->count *= array->shape[d];
    }
    return true;
}

static bool list_safetensors(Arrays *file, Error *error) {
    const SafetensorsSource source = safetensors_from(file->bytes, file->size);
    if (!safetensors_decode(&file->header, source, file->path, error)) {
        return false;
    }
    const int count = file->header.count;
    file->items = allocate((size_t)count * sizeof(Array), "a list of arrays", error);
    bool ok = file->items != NULL;
    for (; ok && file->count < count; file->count++) {
        ok = array_of(&file->header, &file->header.tensors[file->count],
                      &file->items[file->count], error);
    }
    return ok;
}

static bool list_npz(Arrays *file, Error *error) {
    Error why;
    return npz_list(file->bytes, file->size, &file->items, &file->count, &why) ||
           error_set(error, "%s: %s", file->path, why.text);
}

static bool begins_with(const Arrays *file, const char *word) {
    const size_t length = strlen(word);
    return file->size >= length && memcmp(file->bytes, word, length) == 0;
}

/* A pickle begins with its protocol's number, 2 to 5; PyTorch's newer files are zip
 * archives of one. */
static bool is_pickle(const Arrays *file) {
    const bool plain = file->size >= 2 && file->bytes[0] == 0x80 &&
                       file->bytes[1] >= 2 && file->bytes[1] <= 5;
    const bool tensor_header = file->size >= 9 && file->bytes[8] == '{';
    return (plain && !tensor_header) ||
           (begins_with(file, "PK") && npz_pickle(file->bytes, file->size));
}

static bool refuse_pickle(const Arrays *file, Error *error) {
    return error_set(
        error,
        "%s: a pickled file is a program, and isn't run here. Two lines of "
        "Python convert it: import torch, safetensors.torch as s; "
        "s.save_file(torch.load(\"x.pth\", \"cpu\", weights_only=True), "
        "\"x.safetensors\")",
        file->path);
}

static bool list_arrays(Arrays *file, Error *error) {
    if (is_pickle(file)) {
        return refuse_pickle(file, error);
    }
    if (begins_with(file, "PK")) {
        return list_npz(file, error);
    }
    if (begins_with(file, "version https://git-lfs")) {
        return error_set(error,
                         "%s: only the name of the weights (a Git LFS pointer): `git "
                         "lfs pull` gets them",
                         file->path);
    }
    if (file->size < 9 || file->bytes[8] != '{') {
        return error_set(error, "%s: neither a safetensors file nor a .npz%s",
                         file->path, file->size == 0 ? ": it is empty" : "");
    }
    return list_safetensors(file, error);
}

/* The path is copied; where the bytes are is set by the caller. */
static Arrays *new_arrays(const char *path, Error *error) {
    const size_t length = strlen(path);
    Arrays *file = allocate(sizeof *file, "a file's list", error);
    char *copy = allocate(length + 1, "a file's name", error);
    if (!file || !copy) {
        free(file);
        free(copy);
        return NULL;
    }
    memcpy(copy, path, length + 1);
    file->path = copy;
    return file;
}

static Arrays *listed(Arrays *file, Error *error) {
    if (file && !list_arrays(file, error)) {
        arrays_close(file);
        return NULL;
    }
    return file;
}

Arrays *arrays_from(const void *bytes, size_t count, const char *name, Error *error) {
    Arrays *file = new_arrays(name, error);
    if (file) {
        file->bytes = bytes;
        file->size = count;
    }
    return listed(file, error);
}

/* All of the file, in memory when it is read. */
static bool map_file(Arrays *file, Error *error) {
    struct stat status;
    FILE *stream = regular_file_open(file->path, error);
    if (!stream) {
        return false;
    }
    bool ok = fstat(fileno(stream), &status) == 0;
    if (ok && status.st_size > 0) {
        void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE,
                           fileno(stream), 0);
        ok = bytes != MAP_FAILED;
        if (ok) {
            file->bytes = bytes;
            file->size = (size_t)status.st_size;
            file->mapped = true;
        }
    }
    if (!ok) {
        error_set(error, "%s: can't be mapped into memory: %s", file->path,
                  strerror(errno));
    }
    fclose(stream);
    return ok;
}

Arrays *arrays_open(const char *path, Error *error) {
    Arrays *file = new_arrays(path, error);
    if (file && !map_file(file, error)) {
        arrays_close(file);
        return NULL;
    }
    return listed(file, error);
}

void arrays_close(Arrays *file) {
    safetensors_close(&file->header);
    if (file->mapped) {
        munmap((void *)file->bytes, file->size);
    }
    free(file->items);
    free(file->path);
    free(file);
}

/* ---- asking ----------------------------------------------------------- */

int arrays_count(const Arrays *file) {
    return file->count;
}

const Array *arrays_get(const Arrays *file, int i) {
    return &file->items[i];
}

const Array *arrays_find(const Arrays *file, const char *name) {
    for (int i = 0; i < file->count; i++) {
        if (strcmp(file->items[i].name, name) == 0) {
            return &file->items[i];
        }
    }
    return NULL;
}

const char *arrays_text(const Arrays *file, const char *key) {
    return file->header.header ? safetensors_metadata(&file->header, key) : NULL;
}

const char *arrays_path(const Arrays *file) {
    return file->path;
}

/* "I64", "U8", "BOOL"; "<i8", "|u1", "|b1", "<U9", but no float's. */
bool arrays_is_whole(const Array *array) {
    return array->type == ARRAY_OTHER && strpbrk(array->kind, "IUBiub") != NULL;
}

char *arrays_shape_text(const Array *array, char text[ARRAY_SHAPE_TEXT]) {
    Tensor shape = {.ndim = array->ndim};
    if (array->ndim == 0) {
        snprintf(text, ARRAY_SHAPE_TEXT, "one element");
    } else if (array->ndim > ARRAY_NDIM) {
        snprintf(text, ARRAY_SHAPE_TEXT, "of %d dimensions", array->ndim);
    } else {
        memcpy(shape.shape, array->shape, sizeof shape.shape);
        tensor_shape_text(shape, text);
        strcat(text, array->count == 0 ? ", without elements" : "");
    }
    return text;
}

/* ---- reading ---------------------------------------------------------- */

/* `width` bytes, the lowest first, as a file has them: compilers make it one load. */
static uint64_t bits_at(const unsigned char *bytes, int width) {
    uint64_t bits = 0;
    for (int i = width - 1; i >= 0; i--) {
        bits = bits << 8 | bytes[i];
    }
    return bits;
}

static double double_at(const unsigned char *bytes) {
    const uint64_t bits = bits_at(bytes, 8);
    double number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

/* One loop per type, so that each is a vector loop. */
static void widen(ArrayType type, const unsigned char *bytes, long count,
                  real *elements) {
    switch (type) {
    case ARRAY_F16:
        for (long i = 0; i < count; i++) {
            elements[i] = (real)float16_value((uint16_t)bits_at(bytes + 2 * i, 2));
        }
        break;
    case ARRAY_BF16:
        for (long i = 0; i < count; i++) {
            elements[i] = (real)bfloat16_value((uint16_t)bits_at(bytes + 2 * i, 2));
        }
        break;
    case ARRAY_F32:
        for (long i = 0; i < count; i++) {
            elements[i] = (real)float_of_bits((uint32_t)bits_at(bytes + 4 * i, 4));
        }
        break;
    case ARRAY_F64:
        for (long i = 0; i < count; i++) {
            elements[i] = (real)double_at(bytes + 8 * i);
        }
        break;
    case ARRAY_OTHER: bug("arrays: no elements of this type");
    }
}

/* zlib's takes 0.1 s for 300 MB. */
static bool check_checksum(const Arrays *file, const Array *array, Error *error) {
    const int64_t bytes = array->at + array->bytes - array->member;
    return !array->has_checksum ||
           crc32_z(0, file->bytes + array->member, (size_t)bytes) == array->checksum ||
           error_set(error, "%s: array %s: damaged: its checksum is wrong", file->path,
                     array->name);
}

static bool check_finite(const Arrays *file, const Array *array, const real *elements,
                         Error *error) {
    /* 0 x is 0, but for infinity and NaN; their sum needs no branch per element. */
    real zero = 0;
#pragma omp simd reduction(+ : zero)
    for (long i = 0; i < array->count; i++) {
        zero += 0 * elements[i];
    }
    if (zero == 0) {
        return true;
    }
    long at = 0;
    while (at < array->count && isfinite(elements[at])) {
        at++;
    }
    return error_set(error, "%s: %s has %s at [%ld]", file->path, array->name,
                     isnan(elements[at]) ? "NaN" : "infinity", at);
}

bool arrays_read(const Arrays *file, const Array *array, real *elements, Error *error) {
    if (array->type == ARRAY_OTHER) {
        return error_set(error,
                         "%s: %s is of type %s: only floats of 16, 32 and 64 bits, the "
                         "lowest byte first, are read",
                         file->path, array->name, array->kind);
    }
    if (!check_checksum(file, array, error)) {
        return false;
    }
    widen(array->type, file->bytes + array->at, array->count, elements);
    return check_finite(file, array, elements, error);
}

static bool lowest_byte_first(void) {
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    return first == 1;
}

const real *arrays_view(const Arrays *file, const Array *array) {
    const ArrayType ours = sizeof(real) == 4 ? ARRAY_F32 : ARRAY_F64;
    const unsigned char *bytes = file->bytes + array->at;
    if (array->type != ours || !lowest_byte_first() ||
        (uintptr_t)bytes % sizeof(real) != 0) {
        return NULL;
    }
    return (const real *)(const void *)bytes;
}

bool arrays_check(const Arrays *file, const Array *array, const real *elements,
                  Error *error) {
    return check_checksum(file, array, error) &&
           check_finite(file, array, elements, error);
}

/* All pages that bytes `at` to `at` + `bytes` - 1 are on: a neighbour's would be read
 * from the file again. */
static void release(const Arrays *file, int64_t at, int64_t bytes) {
    const int64_t page = sysconf(_SC_PAGESIZE), first = at / page * page;
    if (file->mapped) {
        madvise((char *)file->bytes + first, (size_t)(at + bytes - first),
                MADV_DONTNEED);
    }
}

void arrays_release(const Arrays *file, const Array *array) {
    release(file, array->at, array->bytes);
}

void arrays_release_view(const Arrays *file, const real *elements, long count) {
    const unsigned char *begin = (const unsigned char *)elements;
    if (begin >= file->bytes && begin < file->bytes + file->size) {
        release(file, begin - file->bytes, count * (int64_t)sizeof(real));
    }
}
