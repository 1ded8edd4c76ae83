/* safetensors_write.c: see safetensors_write.h. */
#include "safetensors_write.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "byte_order.h"

/* ---- the header ----------------------------------------------------------- */

/* As a string of JSON. */
static void put_string(FILE *to, const char *text) {
    fputc('"', to);
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            fprintf(to, "\\%c", c);
        } else if (c < ' ') {
            fprintf(to, "\\u%04X", c);
        } else {
            fputc(c, to);
        }
    }
    fputc('"', to);
}

static void put_entry(FILE *to, const SafetensorsEntry *entry, long begin, long end) {
    put_string(to, entry->name);
    fprintf(to, ":{\"dtype\":\"%s\",\"shape\":[", sizeof(real) == 4 ? "F32" : "F64");
    for (int d = 0; d < entry->T.ndim; d++) {
        fprintf(to, "%s%d", d > 0 ? "," : "", entry->T.shape[d]);
    }
    fprintf(to, "],\"data_offsets\":[%ld,%ld]}", begin, end);
}

/* The header as text, padded with spaces to a multiple of 8 bytes; NULL: no memory. */
static char *make_header(const SafetensorsEntry *entries, int count,
                         const SafetensorsText *texts, int text_count) {
    char *text = NULL;
    size_t length;
    long begin = 0;
    FILE *to = open_memstream(&text, &length);
    if (!to) {
        return NULL;
    }
    fprintf(to, "{\"__metadata__\":{");
    for (int i = 0; i < text_count; i++) {
        fputs(i > 0 ? "," : "", to);
        put_string(to, texts[i].key);
        fputc(':', to);
        put_string(to, texts[i].text);
    }
    fputc('}', to);
    for (int i = 0; i < count; i++) {
        const long end = begin + tensor_count(entries[i].T) * (long)sizeof(real);
        fputc(',', to);
        put_entry(to, &entries[i], begin, end);
        begin = end;
    }
    fputc('}', to);
    fflush(to); /* from here on length is known */
    fprintf(to, "%*s", (int)((8 - length % 8) % 8), "");
    const bool failed = ferror(to) != 0;
    if (fclose(to) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}

/* ---- the file --------------------------------------------------------------- */

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

static bool write_all(FILE *file, const char *header, const SafetensorsEntry *entries,
                      int count) {
    const uint64_t length = strlen(header);
    unsigned char bytes[8];
    lowest_first_put(length, 8, bytes);
    bool ok =
        fwrite(bytes, 1, 8, file) == 8 && fwrite(header, 1, length, file) == length;
    for (int i = 0; ok && i < count; i++) {
        ok = write_numbers(file, entries[i].T.data, tensor_count(entries[i].T));
    }
    return ok && fflush(file) == 0 && fsync(fileno(file)) == 0;
}

/* A rename is on the disk only when its directory is. */
static void sync_directory(const char *path) {
    char copy[600];
    snprintf(copy, sizeof copy, "%s", path);
    int directory = open(dirname(copy), O_RDONLY);
    if (directory >= 0) {
        fsync(directory);
        close(directory);
    }
}

bool safetensors_write(const char *path, const SafetensorsEntry *entries, int count,
                       const SafetensorsText *texts, int text_count, Error *error) {
    for (int i = 0; i < count; i++) {
        expect_contiguous(entries[i].T);
    }
    char temporary[600];
    const int length = snprintf(temporary, sizeof temporary, "%s.tmp", path);
    if (length < 0 || length >= (int)sizeof temporary) {
        return error_set(error, "%.80s...: can't be written: the name is too long",
                         path);
    }
    struct stat there;
    if (stat(path, &there) == 0 && !S_ISREG(there.st_mode)) {
        return error_set(error, "%s: can't be written: it is no regular file", path);
    }
    char *header = make_header(entries, count, texts, text_count);
    if (!header) {
        return error_set(error, "%s: no memory for its header", path);
    }
    FILE *file = fopen(temporary, "wb");
    if (!file) {
        free(header);
        return error_set(error, "%s: %s", temporary, strerror(errno));
    }
    bool ok = write_all(file, header, entries, count);
    int why = errno;
    free(header);
    if (fclose(file) != 0 && ok) {
        why = errno;
        ok = false;
    }
    if (ok && rename(temporary, path) != 0) {
        why = errno;
        ok = false;
    }
    if (!ok) {
        remove(temporary);
        return error_set(error,
                         "%s: can't be written: %s; what was there before is "
                         "as it was",
                         path, strerror(why));
    }
    sync_directory(path);
    return true;
}
