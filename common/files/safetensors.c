/* safetensors.c: see safetensors.h. */
#include "common/files/safetensors.h"

#include "common/files/half.h"
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reading a header takes memory of some forty times its size. */
#define MAX_HEADER_BYTES 10000000

/* The low `count` <= 8 bytes of `bits`, the lowest first, as a file has them. Shifts
 * don't ask how this machine stores a number; compilers make one store of them. */
static void lowest_first_put(uint64_t bits, int count, unsigned char *bytes) {
    for (int i = 0; i < count; i++) {
        bytes[i] = (unsigned char)(bits >> (8 * i));
    }
}

static uint64_t lowest_first_get(const unsigned char *bytes, int count) {
    uint64_t bits = 0;
    for (int i = count - 1; i >= 0; i--) {
        bits = bits << 8 | bytes[i];
    }
    return bits;
}

/* ---- writing ---------------------------------------------------------------- */

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

/* A header that is being written. */
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

/* Adds the text as a JSON string. */
static void put_string(Header *to, const char *text) {
    put(to, "\"");
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        put(to, c < ' ' ? "\\u%04X" : c == '"' || c == '\\' ? "\\%c" : "%c", c);
    }
    put(to, "\"");
}

/* The whole header, padded with spaces to a multiple of 8 bytes. */
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
        const SafetensorsEntry *entry = &content->entries[i];
        const int64_t end = begin + (int64_t)tensor_count(entry->T) * (int)sizeof(real);
        put(to, ",");
        put_string(to, entry->name);
        put(to, ":{\"dtype\":\"%s\",\"shape\":[", sizeof(real) == 4 ? "F32" : "F64");
        for (int d = 0; d < entry->T.ndim; d++) {
            put(to, "%s%d", d > 0 ? "," : "", entry->T.shape[d]);
        }
        put(to, "],\"data_offsets\":[%" PRId64 ",%" PRId64 "]}", begin, end);
        begin = end;
    }
    put(to, "}");
    put(to, "%*s", (int)((8 - to->text.count % 8) % 8), "");
}

long safetensors_not_finite(Tensor T) {
    for (long i = 0; i < tensor_count(T); i++) {
        if (!isfinite(T.data[i])) {
            return i;
        }
    }
    return -1;
}

static bool check_finite(const SafetensorsEntry *entry, Error *why) {
    const long at = safetensors_not_finite(entry->T);
    return at < 0 ||
           error_set(why,
                     "not written: tensor %s has %s at [%ld], which nobody could read",
                     entry->name, isnan(entry->T.data[at]) ? "NaN" : "infinity", at);
}

/* Bit for bit, the lowest byte first. */
static bool put_numbers(SafetensorsSink sink, Tensor T, Error *why) {
    const long count = tensor_count(T);
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
            memcpy(&bits, &T.data[done], sizeof bits);
            lowest_first_put(bits, (int)sizeof bits, bytes + used);
        }
        ok = sink.put(sink.to, bytes, used, why);
    }
    return ok;
}

bool safetensors_encode(const SafetensorsContent *content, const char *name,
                        SafetensorsSink sink, Error *error) {
    Error why;
    Header header = {.ok = true, .error = &why};
    unsigned char length[8];
    for (int i = 0; header.ok && i < content->count; i++) {
        expect_contiguous(content->entries[i].T);
        header.ok = check_finite(&content->entries[i], &why);
    }
    put_header(&header, content);
    lowest_first_put(header.text.count, 8, length);
    bool ok = header.ok && sink.put(sink.to, length, 8, &why) &&
              sink.put(sink.to, header.text.bytes, header.text.count, &why);
    for (int i = 0; ok && i < content->count; i++) {
        ok = put_numbers(sink, content->entries[i].T, &why);
    }
    free(header.text.bytes);
    return ok || error_set(error, "%s: %s", name, why.text);
}

/* ---- reading ---------------------------------------------------------------- */

/* The format's types of whole bytes. Files of others' weights may have integers among
 * them: these are listed, and can't be read. */
static const struct {
    const char *dtype;
    int bytes;
    bool is_read;
} types[] = {{"F32", 4, true},      {"F64", 8, true},      {"F16", 2, true},
             {"BF16", 2, true},     {"I64", 8, false},     {"U64", 8, false},
             {"I32", 4, false},     {"U32", 4, false},     {"I16", 2, false},
             {"U16", 2, false},     {"I8", 1, false},      {"U8", 1, false},
             {"BOOL", 1, false},    {"C64", 8, false},     {"F8_E4M3", 1, false},
             {"F8_E5M2", 1, false}, {"F8_E8M0", 1, false}, {NULL, 0, false}};

/* Its place there; unknown: of the last, which has 0 bytes. */
static int type_of(const char *dtype) {
    int i = 0;
    while (types[i].dtype && strcmp(types[i].dtype, dtype) != 0) {
        i++;
    }
    return i;
}

static int dtype_bytes(const char *dtype) {
    return types[type_of(dtype)].bytes;
}

/* Is it a whole number from min to max? */
static bool whole_number(const JsonValue *value, int64_t min, int64_t max,
                         int64_t *number) {
    *number = value->integer;
    return value->kind == JSON_INTEGER && *number >= min && *number <= max;
}

/* An array of so many members? */
static bool is_array(const JsonValue *value, int min, int max) {
    return value && value->kind == JSON_ARRAY && value->count >= min &&
           value->count <= max;
}

/* Its shape, and how many elements that is; false if anything about it is wrong. */
static bool read_shape(const JsonValue *shape, SafetensorsTensor *tensor,
                       double *count) {
    if (!is_array(shape, 0, INT32_MAX)) {
        return false;
    }
    tensor->ndim = shape->count;
    *count = 1; /* exact up to 2^53, and can't overflow to a small number */
    for (const JsonValue *size = shape->first; size; size = size->next) {
        int64_t n;
        if (!whole_number(size, 0, INT32_MAX, &n)) {
            return false;
        }
        if (tensor->ndim <= TENSOR_MAX_DIMS) {
            tensor->shape.shape[tensor->shape.ndim++] = (int)n;
        }
        *count *= (double)n;
    }
    return true;
}

/* One tensor's entry of the header; false if anything about it is wrong. */
static bool read_tensor(const JsonValue *entry, SafetensorsTensor *tensor) {
    const JsonValue *offsets = json_get(entry, "data_offsets");
    *tensor = (SafetensorsTensor){.name = entry->key,
                                  .dtype = json_text(json_get(entry, "dtype"))};
    double count;
    if (!tensor->dtype || !dtype_bytes(tensor->dtype) ||
        !read_shape(json_get(entry, "shape"), tensor, &count) ||
        !is_array(offsets, 2, 2)) {
        return false;
    }
    return whole_number(offsets->first, 0, INT64_MAX, &tensor->begin) &&
           whole_number(offsets->first->next, tensor->begin, INT64_MAX, &tensor->end) &&
           (double)(tensor->end - tensor->begin) == count * dtype_bytes(tensor->dtype);
}

/* Where one without elements begins, another may, too. */
static int by_place(const void *a, const void *b) {
    const SafetensorsTensor *x = a, *y = b;
    return x->begin != y->begin ? (x->begin > y->begin) - (x->begin < y->begin)
                                : (x->end > y->end) - (x->end < y->end);
}

/* In the order of their offsets, each tensor begins where the last one ended, and
 * together they fill the file. */
static bool check_places(const Safetensors *file, SafetensorsTensor *sorted,
                         Error *why) {
    int64_t end = 0;
    memcpy(sorted, file->tensors, (size_t)file->count * sizeof *sorted);
    qsort(sorted, (size_t)file->count, sizeof *sorted, by_place);
    for (int i = 0; i < file->count; i++) {
        if (sorted[i].begin != end) {
            return error_set(
                why,
                "damaged: tensors overlap, or leave a gap, at byte %" PRId64
                " of the data",
                end);
        }
        end = sorted[i].end;
    }
    const bool cut = end > file->data_bytes;
    return end == file->data_bytes ||
           error_set(why,
                     "%s: its tensors are %" PRId64 " bytes, the file has %" PRId64
                     " of %s",
                     cut ? "truncated" : "damaged", end, file->data_bytes,
                     cut ? "them" : "data");
}

static bool read_tensors(Safetensors *file, Error *why) {
    for (const JsonValue *entry = file->header->first; entry; entry = entry->next) {
        const char *dtype = json_text(json_get(entry, "dtype"));
        if (strcmp(entry->key, "__metadata__") == 0) {
            continue;
        }
        if (dtype && !dtype_bytes(dtype)) {
            return error_set(why, "tensor %.64s is of type %.16s, which isn't known",
                             entry->key, dtype);
        }
        if (!read_tensor(entry, &file->tensors[file->count++])) {
            return error_set(why,
                             "damaged: tensor %.64s has a wrong type, shape or place",
                             entry->key);
        }
    }
    SafetensorsTensor *sorted =
        allocate((size_t)file->count * sizeof *sorted, "a list of tensors", why);
    const bool ok = sorted && check_places(file, sorted, why);
    free(sorted);
    return ok;
}

/* The first 8 bytes: the header's length, which must fit into the file. */
static bool read_length(Safetensors *file, size_t *header_bytes, Error *why) {
    unsigned char bytes[8];
    const SafetensorsSource *from = &file->source;
    if (from->bytes < 8) {
        return error_set(why,
                         "truncated: a safetensors file begins with 8 bytes of length, "
                         "this has %" PRId64,
                         from->bytes);
    }
    if (!from->get(from->from, 0, bytes, 8, why)) {
        return false;
    }
    const uint64_t length = lowest_first_get(bytes, 8);
    if (length > (uint64_t)(from->bytes - 8) || length > MAX_HEADER_BYTES) {
        return error_set(
            why, "wrong header length %" PRIu64 " in a file of %" PRId64 " bytes",
            length, from->bytes);
    }
    *header_bytes = (size_t)length;
    file->data_start = 8 + (int64_t)length;
    file->data_bytes = from->bytes - file->data_start;
    return true;
}

static bool read_header(Safetensors *file, Error *why) {
    const SafetensorsSource *from = &file->source;
    size_t bytes = 0;
    Error damage;
    if (!read_length(file, &bytes, why)) {
        return false;
    }
    file->text = allocate(bytes + 1, "a header", why);
    if (!file->text || !from->get(from->from, 8, file->text, bytes, why)) {
        return false;
    }
    file->header = json_read(file->text, bytes, &damage);
    if (!file->header || file->header->kind != JSON_OBJECT) {
        return error_set(why, "damaged header: %.100s",
                         file->header ? "it is no object" : damage.text);
    }
    file->tensors = allocate((size_t)file->header->count * sizeof *file->tensors,
                             "a list of tensors", why);
    return file->tensors && read_tensors(file, why);
}

bool safetensors_decode(Safetensors *file, SafetensorsSource source, const char *name,
                        Error *error) {
    Error why;
    *file = (Safetensors){.name = name, .source = source};
    if (!read_header(file, &why)) {
        safetensors_close(file);
        return error_set(error, "%s: %s", name, why.text);
    }
    return true;
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

/* An element of a file, the lowest byte first; BF16 is the type of two bytes whose name
 * begins with B. */
static double number_of(const unsigned char *bytes, const char *dtype, int width) {
    const uint64_t wide = lowest_first_get(bytes, width);
    double number;
    switch (width) {
    case 2:
        return (double)(dtype[0] == 'B' ? bfloat16_value((uint16_t)wide)
                                        : float16_value((uint16_t)wide));
    case 4: return (double)float_of_bits((uint32_t)wide);
    default: memcpy(&number, &wide, sizeof number); return number;
    }
}

/* The file's elements, in rows as T has them; NaN and infinity are damage. */
static bool read_numbers(const Safetensors *file, const SafetensorsTensor *tensor,
                         Tensor T, Error *why) {
    unsigned char bytes[8192];
    const SafetensorsSource *from = &file->source;
    const int cols = tensor_cols(T), width = dtype_bytes(tensor->dtype);
    int64_t at = tensor->begin; /* where the next bytes come from */
    size_t used = 0, there = 0; /* of the `there` in `bytes`, `used` are done */
    for (int i = 0; i < tensor_rows(T); i++) {
        real *row = tensor_row(T, i);
        for (int j = 0; j < cols; j++, used += (size_t)width) {
            if (used == there) {
                const int64_t left = tensor->end - at;
                there = left < (int64_t)sizeof bytes ? (size_t)left : sizeof bytes;
                if (!from->get(from->from, file->data_start + at, bytes, there, why)) {
                    return false;
                }
                at += (int64_t)there;
                used = 0;
            }
            const double number = number_of(bytes + used, tensor->dtype, width);
            row[j] = (real)number;
            if (!isfinite(row[j])) { /* also: a double too large for a float */
                return error_set(why, "tensor %s has %s at [%ld]", tensor->name,
                                 isnan(number) ? "NaN" : "infinity",
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
    if (tensor->ndim > TENSOR_MAX_DIMS) {
        return error_set(error, "%s: tensor %s has %d dimensions", file->name, name,
                         tensor->ndim);
    }
    if (tensor->begin == tensor->end) {
        return error_set(error, "%s: tensor %s has no elements", file->name, name);
    }
    if (!tensor_same_shape(tensor->shape, T)) {
        char got[TENSOR_SHAPE_TEXT], want[TENSOR_SHAPE_TEXT];
        return error_set(error, "%s: another shape: tensor %s is %s, want %s",
                         file->name, name, tensor_shape_text(tensor->shape, got),
                         tensor_shape_text(T, want));
    }
    if (!types[type_of(tensor->dtype)].is_read) {
        return error_set(error,
                         "%s: tensor %s is of type %s: only F32, F64, F16 and BF16 "
                         "are read",
                         file->name, name, tensor->dtype);
    }
    Error why;
    return read_numbers(file, tensor, T, &why) ||
           error_set(error, "%s: %s", file->name, why.text);
}
