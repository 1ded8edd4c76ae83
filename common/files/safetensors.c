/* safetensors.c: see safetensors.h. */
#include "common/files/safetensors.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/files/byte_order.h"

/* A header takes some forty times its bytes of memory when it is read. */
#define MAX_HEADER_BYTES 10000000

/* ---- writing into memory ---------------------------------------------------- */

static bool put_into_memory(void *to, const void *bytes, size_t count, Error *error) {
    SafetensorsBuffer *buffer = to;
    if (count > buffer->room - buffer->count) {
        const size_t room = 2 * (buffer->count + count);
        unsigned char *larger = realloc(buffer->bytes, room);
        if (!larger) {
            return error_set(error, "no memory for %.1f MB", (double)room / 1e6);
        }
        buffer->bytes = larger;
        buffer->room = room;
    }
    memcpy(buffer->bytes + buffer->count, bytes, count);
    buffer->count += count;
    return true;
}

SafetensorsSink safetensors_into(SafetensorsBuffer *buffer) {
    return (SafetensorsSink){put_into_memory, buffer};
}

/* ---- writing the header ----------------------------------------------------- */

typedef struct {
    SafetensorsBuffer text;
    bool ok; /* so far; else error says why */
    Error *error;
} Header;

__attribute__((format(printf, 2, 3))) static void put(Header *to, const char *format,
                                                      ...) {
    char piece[128];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(piece, sizeof piece, format, arguments);
    va_end(arguments);
    if (length < 0 || length >= (int)sizeof piece) {
        bug("safetensors: a piece of the header is too long");
    }
    to->ok = to->ok && put_into_memory(&to->text, piece, (size_t)length, to->error);
}

/* As a string of JSON. */
static void put_string(Header *to, const char *text) {
    put(to, "\"");
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        put(to, c < ' ' ? "\\u%04X" : c == '"' || c == '\\' ? "\\%c" : "%c", c);
    }
    put(to, "\"");
}

static void put_entry(Header *to, const SafetensorsEntry *entry, int64_t begin,
                      int64_t end) {
    put_string(to, entry->name);
    put(to, ":{\"dtype\":\"%s\",\"shape\":[", sizeof(real) == 4 ? "F32" : "F64");
    for (int d = 0; d < entry->T.ndim; d++) {
        put(to, "%s%d", d > 0 ? "," : "", entry->T.shape[d]);
    }
    put(to, "],\"data_offsets\":[%" PRId64 ",%" PRId64 "]}", begin, end);
}

/* Padded with spaces to a multiple of 8 bytes. */
static void put_header(Header *to, const SafetensorsContent *content) {
    int64_t begin = 0;
    put(to, "{\"__metadata__\":{");
    for (int i = 0; i < content->text_count; i++) {
        put(to, "%s", i > 0 ? "," : "");
        put_string(to, content->texts[i].key);
        put(to, ":");
        put_string(to, content->texts[i].text);
    }
    put(to, "}");
    for (int i = 0; i < content->count; i++) {
        const int64_t bytes =
            (int64_t)tensor_count(content->entries[i].T) * (int)sizeof(real);
        put(to, ",");
        put_entry(to, &content->entries[i], begin, begin + bytes);
        begin += bytes;
    }
    put(to, "}");
    put(to, "%*s", (int)((8 - to->text.count % 8) % 8), "");
}

/* ---- writing ---------------------------------------------------------------- */

long safetensors_not_finite(Tensor T) {
    const long count = tensor_count(T);
    for (long i = 0; i < count; i++) {
        if (!isfinite(T.data[i])) {
            return i;
        }
    }
    return -1;
}

static bool check_finite(const char *name, const SafetensorsEntry *entry,
                         Error *error) {
    const long at = safetensors_not_finite(entry->T);
    return at < 0 ||
           error_set(error,
                     "%s: not written: tensor %s has %s at [%ld], which nobody "
                     "could read",
                     name, entry->name, isnan(entry->T.data[at]) ? "NaN" : "infinity",
                     at);
}

/* Bit for bit, the lowest byte first. */
static bool put_numbers(SafetensorsSink sink, const real *data, long count,
                        Error *why) {
#ifdef REAL_IS_DOUBLE
    uint64_t bits;
#else
    uint32_t bits;
#endif
    unsigned char bytes[1024 * sizeof bits];
    bool ok = true;
    for (long done = 0; ok && done < count;) {
        size_t used = 0;
        for (; done < count && used < sizeof bytes; done++, used += sizeof bits) {
            memcpy(&bits, &data[done], sizeof bits);
            lowest_first_put(bits, (int)sizeof bits, bytes + used);
        }
        ok = sink.put(sink.to, bytes, used, why);
    }
    return ok;
}

static bool put_all(SafetensorsSink sink, const SafetensorsBuffer *header,
                    const SafetensorsContent *content, Error *why) {
    unsigned char length[8];
    lowest_first_put(header->count, 8, length);
    bool ok = sink.put(sink.to, length, 8, why) &&
              sink.put(sink.to, header->bytes, header->count, why);
    for (int i = 0; ok && i < content->count; i++) {
        const Tensor T = content->entries[i].T;
        ok = put_numbers(sink, T.data, tensor_count(T), why);
    }
    return ok;
}

bool safetensors_encode(const SafetensorsContent *content, const char *name,
                        SafetensorsSink sink, Error *error) {
    Error why;
    Header header = {.ok = true, .error = &why};
    for (int i = 0; i < content->count; i++) {
        expect_contiguous(content->entries[i].T);
    }
    for (int i = 0; i < content->count; i++) {
        if (!check_finite(name, &content->entries[i], error)) {
            return false;
        }
    }
    put_header(&header, content);
    const bool ok = header.ok && put_all(sink, &header.text, content, &why);
    free(header.text.bytes);
    return ok || error_set(error, "%s: %s", name, why.text);
}

/* ---- reading the header ----------------------------------------------------- */

static int dtype_bytes(const char *dtype) {
    return strcmp(dtype, "F32") == 0 ? 4 : strcmp(dtype, "F64") == 0 ? 8 : 0;
}

/* Is it a whole number from min to max? */
static bool whole_number(const JsonValue *value, int64_t min, int64_t max,
                         int64_t *number) {
    *number = value && value->kind == JSON_INTEGER ? value->integer : min;
    return value && value->kind == JSON_INTEGER && *number >= min && *number <= max;
}

/* An array of so many members? */
static bool is_array(const JsonValue *value, int min, int max) {
    return value && value->kind == JSON_ARRAY && value->count >= min &&
           value->count <= max;
}

/* One tensor's entry of the header; false if anything about it is wrong. */
static bool read_tensor(const JsonValue *entry, SafetensorsTensor *tensor) {
    const JsonValue *shape = json_get(entry, "shape");
    const JsonValue *offsets = json_get(entry, "data_offsets");
    *tensor = (SafetensorsTensor){.name = entry->key,
                                  .dtype = json_text(json_get(entry, "dtype"))};
    if (!tensor->dtype || !dtype_bytes(tensor->dtype) ||
        !is_array(shape, 0, TENSOR_MAX_DIMS) || !is_array(offsets, 2, 2)) {
        return false;
    }
    double count = 1; /* exact up to 2^53, and can't overflow */
    for (const JsonValue *size = shape->first; size; size = size->next) {
        int64_t n;
        if (!whole_number(size, 1, INT32_MAX, &n)) {
            return false;
        }
        tensor->shape[tensor->ndim++] = (int)n;
        count *= (double)n;
    }
    return whole_number(offsets->first, 0, INT64_MAX, &tensor->begin) &&
           whole_number(offsets->first->next, tensor->begin, INT64_MAX, &tensor->end) &&
           (double)(tensor->end - tensor->begin) == count * dtype_bytes(tensor->dtype);
}

static int by_begin(const void *a, const void *b) {
    const SafetensorsTensor *x = a, *y = b;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

/* In the order of their places, each tensor begins where the last one ended. */
static bool check_order(const Safetensors *file, SafetensorsTensor *sorted,
                        Error *error) {
    int64_t end = 0;
    memcpy(sorted, file->tensors, (size_t)file->count * sizeof *sorted);
    qsort(sorted, (size_t)file->count, sizeof *sorted, by_begin);
    for (int i = 0; i < file->count; i++) {
        if (sorted[i].begin != end) {
            return error_set(error,
                             "%s: damaged: tensors overlap, or leave a gap, at "
                             "byte %" PRId64 " of the data",
                             file->name, end);
        }
        end = sorted[i].end;
    }
    if (end > file->data_bytes) {
        return error_set(error,
                         "%s: truncated: its tensors are %" PRId64
                         " bytes, the file has %" PRId64 " of them",
                         file->name, end, file->data_bytes);
    }
    if (end < file->data_bytes) {
        return error_set(error,
                         "%s: damaged: its tensors are %" PRId64
                         " bytes, the file has %" PRId64 " of data",
                         file->name, end, file->data_bytes);
    }
    return true;
}

/* Every tensor must lie in the file, and together they must fill it. */
static bool read_tensors(Safetensors *file, Error *error) {
    for (const JsonValue *entry = file->header->first; entry; entry = entry->next) {
        const char *dtype = json_text(json_get(entry, "dtype"));
        if (strcmp(entry->key, "__metadata__") == 0) {
            continue;
        }
        if (dtype && !dtype_bytes(dtype)) {
            return error_set(error,
                             "%s: tensor %.64s is of type %.16s: only F32 and F64 are "
                             "read",
                             file->name, entry->key, dtype);
        }
        if (!read_tensor(entry, &file->tensors[file->count++])) {
            return error_set(error,
                             "%s: damaged: tensor %.64s has a wrong type, shape "
                             "or place",
                             file->name, entry->key);
        }
    }
    SafetensorsTensor *sorted =
        allocate((size_t)file->count * sizeof *sorted, "a list of tensors", error);
    const bool ok = sorted && check_order(file, sorted, error);
    free(sorted);
    return ok;
}

static bool get(const Safetensors *file, int64_t at, void *bytes, size_t count,
                Error *error) {
    Error why;
    return file->source.get(file->source.from, at, bytes, count, &why) ||
           error_set(error, "%s: %s", file->name, why.text);
}

/* The first 8 bytes: the header's length, which must fit into the file. */
static bool read_length(Safetensors *file, size_t *header_bytes, Error *error) {
    unsigned char bytes[8];
    const int64_t all = file->source.bytes;
    if (all < 8) {
        return error_set(error,
                         "%s: truncated: a safetensors file begins with 8 bytes "
                         "of length, this has %" PRId64,
                         file->name, all);
    }
    if (!get(file, 0, bytes, 8, error)) {
        return false;
    }
    const uint64_t length = lowest_first_get(bytes, 8);
    if (length > (uint64_t)(all - 8) || length > MAX_HEADER_BYTES) {
        return error_set(
            error, "%s: wrong header length %" PRIu64 " in a file of %" PRId64 " bytes",
            file->name, length, all);
    }
    *header_bytes = (size_t)length;
    file->data_start = 8 + (int64_t)length;
    file->data_bytes = all - file->data_start;
    return true;
}

static bool read_header(Safetensors *file, Error *error) {
    size_t bytes = 0;
    Error why;
    if (!read_length(file, &bytes, error)) {
        return false;
    }
    file->text = allocate(bytes + 1, "a header", error);
    if (!file->text || !get(file, 8, file->text, bytes, error)) {
        return false;
    }
    file->header = json_read(file->text, bytes, &why);
    if (!file->header || file->header->kind != JSON_OBJECT) {
        return error_set(error, "%s: damaged header: %.100s", file->name,
                         file->header ? "it is no object" : why.text);
    }
    file->tensors = allocate((size_t)file->header->count * sizeof *file->tensors,
                             "a list of tensors", error);
    return file->tensors && read_tensors(file, error);
}

bool safetensors_decode(Safetensors *file, SafetensorsSource source, const char *name,
                        Error *error) {
    *file = (Safetensors){.name = name, .source = source};
    const bool ok = read_header(file, error);
    if (!ok) {
        safetensors_close(file);
    }
    return ok;
}

void safetensors_close(Safetensors *file) {
    if (file->source.close) {
        file->source.close(file->source.from);
    }
    free(file->tensors);
    free(file->header);
    free(file->text);
    *file = (Safetensors){0};
}

static bool get_from_memory(void *from, int64_t at, void *bytes, size_t count,
                            Error *error) {
    (void)error; /* nobody asks for more than there is */
    memcpy(bytes, (const char *)from + at, count);
    return true;
}

SafetensorsSource safetensors_from(const void *bytes, size_t count) {
    return (SafetensorsSource){
        .get = get_from_memory, .from = (void *)bytes, .bytes = (int64_t)count};
}

/* ---- reading ---------------------------------------------------------------- */

const char *safetensors_metadata(const Safetensors *file, const char *key) {
    return json_text(json_get(json_get(file->header, "__metadata__"), key));
}

const char *safetensors_key(const Safetensors *file, int i) {
    const JsonValue *texts = json_get(file->header, "__metadata__");
    const JsonValue *text = texts ? texts->first : NULL;
    for (; text && i > 0; i--) {
        text = text->next;
    }
    return text ? text->key : NULL;
}

SafetensorsTensor *safetensors_find(const Safetensors *file, const char *name) {
    for (int i = 0; i < file->count; i++) {
        if (strcmp(file->tensors[i].name, name) == 0) {
            return &file->tensors[i];
        }
    }
    return NULL;
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
static bool read_numbers(const Safetensors *file, const SafetensorsTensor *tensor,
                         Tensor T, Error *error) {
    unsigned char bytes[8192];
    const int cols = tensor_cols(T), width = dtype_bytes(tensor->dtype);
    int64_t at = tensor->begin; /* what comes next into bytes, of which .. */
    size_t used = 0, there = 0; /* .. so many are, and so many of them are done with */
    for (int i = 0; i < tensor_rows(T); i++) {
        real *row = tensor_row(T, i);
        for (int j = 0; j < cols; j++, used += (size_t)width) {
            if (used == there) {
                const int64_t left = tensor->end - at;
                there = left < (int64_t)sizeof bytes ? (size_t)left : sizeof bytes;
                if (!get(file, file->data_start + at, bytes, there, error)) {
                    return false;
                }
                at += (int64_t)there;
                used = 0;
            }
            const double number = number_of(bytes + used, width);
            row[j] = (real)number;
            if (!isfinite(row[j])) { /* also: a double too large for a float */
                return error_set(error, "%s: tensor %s has %s at [%ld]", file->name,
                                 tensor->name, isnan(number) ? "NaN" : "infinity",
                                 (long)i * cols + j);
            }
        }
    }
    return true;
}

bool safetensors_read(const Safetensors *file, const char *name, Tensor T,
                      Error *error) {
    const SafetensorsTensor *tensor = safetensors_find(file, name);
    if (!tensor) {
        return error_set(error, "%s: there is no tensor %s", file->name, name);
    }
    Tensor there = {.ndim = tensor->ndim};
    memcpy(there.shape, tensor->shape, sizeof there.shape);
    if (!tensor_same_shape(there, T)) {
        char got[TENSOR_SHAPE_TEXT], want[TENSOR_SHAPE_TEXT];
        return error_set(error, "%s: another shape: tensor %s is %s, want %s",
                         file->name, name, tensor_shape_text(there, got),
                         tensor_shape_text(T, want));
    }
    return read_numbers(file, tensor, T, error);
}
