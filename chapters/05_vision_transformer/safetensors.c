/* safetensors.c: see safetensors.h. jansson reads the JSON. */
#include "safetensors.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "byte_order.h"

/* A header takes some forty times its bytes of memory when it is read. */
#define MAX_HEADER_BYTES 10000000

typedef struct {
    const char *dtype;
    int ndim, shape[TENSOR_MAX_DIMS];
    int64_t begin, end; /* in bytes, from data_start */
} Place;

static int dtype_bytes(const char *dtype) {
    return strcmp(dtype, "F32") == 0 ? 4 : strcmp(dtype, "F64") == 0 ? 8 : 0;
}

/* One tensor's entry of the header; false if anything about it is wrong. */
static bool read_place(json_t *entry, Place *place) {
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    json_t *shape = json_object_get(entry, "shape");
    json_t *offsets = json_object_get(entry, "data_offsets");
    if (!dtype || !dtype_bytes(dtype) || !json_is_array(shape) ||
        json_array_size(shape) > TENSOR_MAX_DIMS || json_array_size(offsets) != 2) {
        return false;
    }
    *place = (Place){.dtype = dtype, .ndim = (int)json_array_size(shape)};
    double count = 1; /* exact up to 2^53, and can't overflow */
    for (int d = 0; d < place->ndim; d++) {
        json_t *size = json_array_get(shape, (size_t)d);
        json_int_t value = json_integer_value(size);
        if (!json_is_integer(size) || value < 1 || value > INT32_MAX) {
            return false;
        }
        place->shape[d] = (int)value;
        count *= (double)value;
    }
    json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    place->begin = json_integer_value(begin);
    place->end = json_integer_value(end);
    return json_is_integer(begin) && json_is_integer(end) && place->begin >= 0 &&
           place->end >= place->begin &&
           (double)(place->end - place->begin) == count * dtype_bytes(dtype);
}

static int by_begin(const void *a, const void *b) {
    const Place *x = a, *y = b;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

/* In the order of their places, each tensor begins where the last one ended. */
static bool check_order(const Safetensors *file, Place *places, size_t count,
                        Error *error) {
    int64_t end = 0;
    qsort(places, count, sizeof *places, by_begin);
    for (size_t i = 0; i < count; i++) {
        if (places[i].begin != end) {
            return error_set(error,
                             "%s: damaged: tensors overlap, or leave a gap, at "
                             "byte %" PRId64 " of the data",
                             file->path, end);
        }
        end = places[i].end;
    }
    if (end > file->data_bytes) {
        return error_set(error,
                         "%s: truncated: its tensors are %" PRId64
                         " bytes, the file has %" PRId64 " of them",
                         file->path, end, file->data_bytes);
    }
    if (end < file->data_bytes) {
        return error_set(error,
                         "%s: damaged: its tensors are %" PRId64
                         " bytes, the file has %" PRId64 " of data",
                         file->path, end, file->data_bytes);
    }
    return true;
}

/* Every tensor must lie in the file, and together they must fill it. */
static bool check_places(const Safetensors *file, Error *error) {
    const char *name;
    json_t *entry;
    size_t count = 0;
    Place *places = allocate(json_object_size(file->header) * sizeof *places,
                             "a list of tensors", error);
    if (!places) {
        return false;
    }
    json_object_foreach((json_t *)file->header, name, entry) {
        const char *dtype = json_string_value(json_object_get(entry, "dtype"));
        if (strcmp(name, "__metadata__") == 0) {
            continue;
        }
        if (dtype && !dtype_bytes(dtype)) {
            free(places);
            return error_set(error,
                             "%s: tensor %.64s is of type %.16s: only F32 and F64 are "
                             "read",
                             file->path, name, dtype);
        }
        if (!read_place(entry, &places[count++])) {
            free(places);
            return error_set(error,
                             "%s: damaged: tensor %.64s has a wrong type, shape "
                             "or place",
                             file->path, name);
        }
    }
    bool ok = check_order(file, places, count, error);
    free(places);
    return ok;
}

/* What a read that came to too little says: the disk's fault, or the file's. */
static bool cut(const Safetensors *file, const char *where, Error *error) {
    const int why = errno;
    if (ferror(file->file)) {
        return error_set(error, "%s: can't be read: %s", file->path, strerror(why));
    }
    return error_set(error, "%s: truncated in %s", file->path, where);
}

/* The first 8 bytes: the header's length, which must fit into the file. */
static bool read_length(Safetensors *file, size_t *header_bytes, Error *error) {
    unsigned char bytes[8];
    if (fseeko(file->file, 0, SEEK_END) != 0) {
        return error_set(error, "%s: %s", file->path, strerror(errno));
    }
    const int64_t all = ftello(file->file);
    if (all >= 0 && all < 8) {
        return error_set(error,
                         "%s: truncated: a safetensors file begins with 8 bytes "
                         "of length, this has %" PRId64,
                         file->path, all);
    }
    if (all < 0 || fseeko(file->file, 0, SEEK_SET) != 0 ||
        fread(bytes, 1, 8, file->file) != 8) {
        return cut(file, "its length", error);
    }
    const uint64_t length = lowest_first_get(bytes, 8);
    if (length > (uint64_t)(all - 8) || length > MAX_HEADER_BYTES) {
        return error_set(
            error, "%s: wrong header length %" PRIu64 " in a file of %" PRId64 " bytes",
            file->path, length, all);
    }
    *header_bytes = (size_t)length;
    file->data_start = 8 + (int64_t)length;
    file->data_bytes = all - file->data_start;
    return true;
}

static bool read_header(Safetensors *file, Error *error) {
    size_t bytes = 0;
    if (!read_length(file, &bytes, error)) {
        return false;
    }
    char *text = allocate(bytes, "a header", error);
    if (!text) {
        return false;
    }
    if (fread(text, 1, bytes, file->file) != bytes) {
        free(text);
        return cut(file, "its header", error);
    }
    json_error_t why = {.text = "it is no object"};
    file->header = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &why);
    free(text);
    if (!json_is_object((json_t *)file->header)) {
        return error_set(error, "%s: damaged header: %.100s", file->path,
                         why.text[0] ? why.text : "it is no object");
    }
    return check_places(file, error);
}

bool safetensors_open_stream(Safetensors *file, FILE *stream, const char *path,
                             Error *error) {
    *file = (Safetensors){.file = stream};
    snprintf(file->path, sizeof file->path, "%s", path);
    const bool ok = read_header(file, error);
    if (!ok) {
        safetensors_close(file);
    }
    return ok;
}

bool safetensors_open(Safetensors *file, const char *path, Error *error) {
    FILE *stream = regular_file_open(path, error);
    *file = (Safetensors){0};
    return stream && safetensors_open_stream(file, stream, path, error);
}

void safetensors_close(Safetensors *file) {
    json_decref(file->header);
    if (file->file) {
        fclose(file->file);
    }
    *file = (Safetensors){0};
}

const char *safetensors_metadata(const Safetensors *file, const char *key) {
    json_t *texts = json_object_get(file->header, "__metadata__");
    return json_string_value(json_object_get(texts, key));
}

int safetensors_count(const Safetensors *file) {
    const bool texts = json_object_get(file->header, "__metadata__") != NULL;
    return (int)json_object_size(file->header) - (texts ? 1 : 0);
}

const char *safetensors_key(const Safetensors *file, int i) {
    json_t *texts = json_object_get(file->header, "__metadata__");
    void *at = json_object_iter(texts);
    for (; at && i > 0; i--) {
        at = json_object_iter_next(texts, at);
    }
    return at ? json_object_iter_key(at) : NULL;
}

/* An F32 or F64 of a file, the lowest byte first. */
static double number_of(const unsigned char *bytes, int width) {
    const uint64_t wide = lowest_first_get(bytes, width);
    const uint32_t narrow = (uint32_t)wide;
    double number;
    float single;
    memcpy(&number, &wide, sizeof number);
    memcpy(&single, &narrow, sizeof single);
    return width == 4 ? (double)single : number;
}

/* The file's numbers, in rows as T has them; NaN and infinity are damage. */
static bool read_numbers(Safetensors *file, const char *name, int width, Tensor T,
                         Error *error) {
    const int cols = tensor_cols(T);
    for (int i = 0; i < tensor_rows(T); i++) {
        real *row = tensor_row(T, i);
        for (int j = 0; j < cols; j++) {
            unsigned char bytes[8];
            if (fread(bytes, (size_t)width, 1, file->file) != 1) {
                return cut(file, name, error);
            }
            const double number = number_of(bytes, width);
            row[j] = (real)number;
            if (!isfinite(row[j])) { /* also: a double too large for a float */
                return error_set(error, "%s: tensor %s has %s at [%ld]", file->path,
                                 name, isnan(number) ? "NaN" : "infinity",
                                 (long)i * cols + j);
            }
        }
    }
    return true;
}

bool safetensors_read(Safetensors *file, const char *name, Tensor T, Error *error) {
    json_t *entry = json_object_get(file->header, name);
    Place place;
    if (!entry || !read_place(entry, &place)) {
        return error_set(error, "%s: there is no tensor %s", file->path, name);
    }
    Tensor there = {.ndim = place.ndim};
    memcpy(there.shape, place.shape, sizeof there.shape);
    if (!tensor_same_shape(there, T)) {
        char got[TENSOR_SHAPE_TEXT], want[TENSOR_SHAPE_TEXT];
        return error_set(error, "%s: another shape: tensor %s is %s, want %s",
                         file->path, name, tensor_shape_text(there, got),
                         tensor_shape_text(T, want));
    }
    if (fseeko(file->file, (off_t)(file->data_start + place.begin), SEEK_SET) != 0) {
        return error_set(error, "%s: %s", file->path, strerror(errno));
    }
    return read_numbers(file, name, dtype_bytes(place.dtype), T, error);
}
