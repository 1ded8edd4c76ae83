/* safetensors_write.c: see safetensors_write.h. */
#include "safetensors_write.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "byte_order.h"
#include "regular_file.h"

/* ---- the header ----------------------------------------------------------- */

/* The header is made twice: first counted only (text is NULL), then written. */
typedef struct {
    char *text;
    size_t length, room; /* room: in text, with a 0 at its end */
} Header;

__attribute__((format(printf, 2, 3))) static void put(Header *to, const char *format,
                                                      ...) {
    va_list arguments;
    va_start(arguments, format);
    const int length =
        vsnprintf(to->text ? to->text + to->length : NULL,
                  to->text ? to->room - to->length : 0, format, arguments);
    va_end(arguments);
    if (length < 0 || (to->text && (size_t)length >= to->room - to->length)) {
        bug("safetensors: a header longer than it was when counted");
    }
    to->length += (size_t)length;
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
static void put_header(Header *to, const SafetensorsEntry *entries, int count,
                       const SafetensorsText *texts, int text_count) {
    int64_t begin = 0;
    put(to, "{\"__metadata__\":{");
    for (int i = 0; i < text_count; i++) {
        put(to, "%s", i > 0 ? "," : "");
        put_string(to, texts[i].key);
        put(to, ":");
        put_string(to, texts[i].text);
    }
    put(to, "}");
    for (int i = 0; i < count; i++) {
        const int64_t bytes = (int64_t)tensor_count(entries[i].T) * (int)sizeof(real);
        put(to, ",");
        put_entry(to, &entries[i], begin, begin + bytes);
        begin += bytes;
    }
    put(to, "}");
    put(to, "%*s", (int)((8 - to->length % 8) % 8), "");
}

static bool make_header(Header *header, const SafetensorsEntry *entries, int count,
                        const SafetensorsText *texts, int text_count, Error *error) {
    *header = (Header){NULL, 0, 0};
    put_header(header, entries, count, texts, text_count);
    const size_t room = header->length + 1;
    *header = (Header){allocate(room, "a header", error), 0, room};
    if (!header->text) {
        return false;
    }
    put_header(header, entries, count, texts, text_count);
    return true;
}

/* ---- the file --------------------------------------------------------------- */

long safetensors_not_finite(Tensor T) {
    const long count = tensor_count(T);
    for (long i = 0; i < count; i++) {
        if (!isfinite(T.data[i])) {
            return i;
        }
    }
    return -1;
}

static bool check_finite(const char *path, const SafetensorsEntry *entry,
                         Error *error) {
    const long at = safetensors_not_finite(entry->T);
    return at < 0 ||
           error_set(error,
                     "%s: not written: tensor %s has %s at [%ld], which nobody "
                     "could read; what was there before is as it was",
                     path, entry->name, isnan(entry->T.data[at]) ? "NaN" : "infinity",
                     at);
}

/* "vit-course dump 2" is of the same kind as "vit-course dump 1". What doesn't say is
 * somebody else's. */
static bool same_kind(const char *header, const char *format) {
    const char *key = "\"format\":\"", *found = strstr(header, key);
    const char *version = strrchr(format, ' ');
    if (!found) {
        return false;
    }
    found += strlen(key);
    const size_t length = version ? (size_t)(version + 1 - format) : strlen(format);
    return strncmp(found, format, length) == 0 &&
           strcspn(found + length, " ") > strcspn(found + length, "\"");
}

bool safetensors_may_replace(const char *path, const char *format, Error *error) {
    unsigned char bytes[9] = {0}; /* a length below 2^40, and a brace */
    char header[4096];            /* our files begin with their texts */
    Error ignored;
    FILE *file = regular_file_open(path, &ignored);
    if (!file) {
        return true;
    }
    const size_t got = fread(bytes, 1, sizeof bytes, file);
    const bool ours = got == 0 || (got == sizeof bytes && bytes[5] == 0 &&
                                   bytes[6] == 0 && bytes[7] == 0 && bytes[8] == '{');
    header[fread(header, 1, sizeof header - 1, file)] = '\0';
    fclose(file);
    if (ours && got > 0 && format && !same_kind(header, format)) {
        return error_set(error,
                         "%s: can't be written: what is there is a safetensors file of "
                         "another kind, no \"%s\"; remove it, or give another name",
                         path, format);
    }
    return ours || error_set(error,
                             "%s: can't be written: what is there is no safetensors "
                             "file; remove it, or give another name",
                             path);
}

/* Bit for bit, the lowest byte first. */
static bool write_numbers(FILE *file, const real *data, long count) {
#ifdef REAL_IS_DOUBLE
    uint64_t bits;
#else
    uint32_t bits;
#endif
    unsigned char bytes[1024 * sizeof bits];
    for (long done = 0; done < count;) {
        size_t used = 0;
        for (; done < count && used < sizeof bytes; done++, used += sizeof bits) {
            memcpy(&bits, &data[done], sizeof bits);
            lowest_first_put(bits, (int)sizeof bits, bytes + used);
        }
        if (fwrite(bytes, 1, used, file) != used) {
            return false;
        }
    }
    return true;
}

static bool write_all(FILE *file, const Header *header, const SafetensorsEntry *entries,
                      int count) {
    const size_t length = header->length;
    unsigned char bytes[8];
    lowest_first_put(length, 8, bytes);
    bool ok = fwrite(bytes, 1, 8, file) == 8 &&
              fwrite(header->text, 1, header->length, file) == header->length;
    for (int i = 0; ok && i < count; i++) {
        ok = write_numbers(file, entries[i].T.data, tensor_count(entries[i].T));
    }
    return ok && fflush(file) == 0;
}

bool safetensors_put(FILE *file, const char *path, const SafetensorsEntry *entries,
                     int count, const SafetensorsText *texts, int text_count,
                     Error *error) {
    Header header;
    for (int i = 0; i < count; i++) {
        if (!check_finite(path, &entries[i], error)) {
            return false;
        }
    }
    if (!make_header(&header, entries, count, texts, text_count, error)) {
        return false;
    }
    errno = 0;
    const bool ok = write_all(file, &header, entries, count);
    const int why = errno;
    free(header.text);
    return ok || error_set(error,
                           "%s: can't be written: %s; what was there before is "
                           "as it was",
                           path, strerror(why));
}

bool safetensors_write(const char *path, const SafetensorsEntry *entries, int count,
                       const SafetensorsText *texts, int text_count, Error *error) {
    NewFile file;
    for (int i = 0; i < count; i++) {
        expect_contiguous(entries[i].T);
    }
    const char *format = NULL;
    for (int i = 0; i < text_count; i++) {
        format = strcmp(texts[i].key, "format") == 0 ? texts[i].text : format;
    }
    if (!safetensors_may_replace(path, format, error) ||
        !new_file_begin(&file, path, error)) {
        return false;
    }
    if (!safetensors_put(file.file, path, entries, count, texts, text_count, error)) {
        new_file_drop(&file);
        return false;
    }
    return new_file_end(&file, error);
}
