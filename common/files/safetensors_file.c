/* safetensors_file.c: see safetensors_file.h. */
#include "common/files/safetensors_file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static bool get_from_file(void *from, int64_t at, void *bytes, size_t count,
                          Error *error) {
    errno = 0;
    if (fseeko(from, (off_t)at, SEEK_SET) == 0 &&
        fread(bytes, 1, count, from) == count) {
        return true;
    }
    return feof((FILE *)from) ? error_set(error, "truncated while it is read")
                              : error_set(error, "can't be read: %s", strerror(errno));
}

static void close_file(void *from) {
    fclose(from);
}

bool safetensors_open(Safetensors *file, const char *path, Error *error) {
    FILE *stream = regular_file_open(path, error);
    *file = (Safetensors){0};
    if (!stream) {
        return false;
    }
    struct stat status;
    if (fstat(fileno(stream), &status) != 0) {
        error_set(error, "%s: %s", path, strerror(errno));
        fclose(stream);
        return false;
    }
    const SafetensorsSource source = {get_from_file, close_file, stream,
                                      status.st_size};
    return safetensors_decode(file, source, path, error);
}

/* "vit-course dump 2" is of the same kind as "vit-course dump 1". A file without a
 * format is somebody else's. */
static bool same_kind(const char *header, const char *format) {
    const char *key = "\"format\":\"", *found = strstr(header, key);
    const char *version = strrchr(format, ' ');
    const size_t length = version ? (size_t)(version + 1 - format) : strlen(format);
    if (!found) {
        return false;
    }
    found += strlen(key);
    return strlen(found) >= length && memcmp(found, format, length) == 0 &&
           strcspn(found + length, " ") > strcspn(found + length, "\"");
}

bool safetensors_may_replace(const char *path, const char *format, Error *error) {
    char bytes[8 + 4096]; /* our files begin with their texts */
    Error ignored;
    FILE *file = regular_file_open(path, &ignored);
    if (!file) {
        return true;
    }
    const size_t got = fread(bytes, 1, sizeof bytes - 1, file);
    bytes[got] = '\0';
    fclose(file);
    /* A length below 2^40, and a brace. */
    if (got > 0 && (got < 9 || memcmp(bytes + 5, "\0\0\0{", 4) != 0)) {
        return error_set(error,
                         "%s: can't be written: what is there is no safetensors file; "
                         "remove it, or give another name",
                         path);
    }
    return got == 0 || !format || same_kind(bytes + 8, format) ||
           error_set(error,
                     "%s: can't be written: what is there is a safetensors file of "
                     "another kind, no \"%s\"; remove it, or give another name",
                     path, format);
}

/* Unbuffered: what was put is in the file, where it can be read. */
static bool put_into_file(void *to, const void *bytes, size_t count, Error *error) {
    errno = 0;
    return fwrite(bytes, 1, count, to) == count ||
           error_set(error, "can't be written: %s", strerror(errno));
}

SafetensorsSink safetensors_into_file(NewFile *file) {
    setvbuf(file->file, NULL, _IONBF, 0);
    return (SafetensorsSink){put_into_file, file->file};
}

bool safetensors_give_up(NewFile *file, Error *error) {
    const Error why = *error;
    new_file_drop(file);
    return error_set(error, "%s; what was there before is as it was", why.text);
}

bool safetensors_write(const char *path, const SafetensorsEntry *entries, int count,
                       const SafetensorsText *texts, int text_count, Error *error) {
    const SafetensorsContent content = {entries, count, texts, text_count};
    NewFile file;
    const char *format = NULL;
    for (int i = 0; i < count; i++) {
        expect_contiguous(entries[i].T);
    }
    for (int i = 0; i < text_count; i++) {
        format = strcmp(texts[i].key, "format") == 0 ? texts[i].text : format;
    }
    if (!safetensors_may_replace(path, format, error) ||
        !new_file_begin(&file, path, error)) {
        return false;
    }
    if (!safetensors_encode(&content, path, safetensors_into_file(&file), error)) {
        return safetensors_give_up(&file, error);
    }
    return new_file_end(&file, error);
}
