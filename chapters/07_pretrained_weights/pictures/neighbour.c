/* neighbour.c: see neighbour.h. */
#include "chapters/07_pretrained_weights/pictures/neighbour.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/files/regular_file.h"

enum { MAX_BYTES = 16 << 20 };

bool file_read_text(const char *path, char **text, size_t *bytes, Error *error) {
    FILE *file = regular_file_open(path, error);
    if (!file) {
        return false;
    }
    *text = NULL;
    fseek(file, 0, SEEK_END);
    const long length = ftell(file);
    rewind(file);
    bool ok = length >= 0 && length <= MAX_BYTES;
    if (!ok) {
        error_set(error, "%.300s: longer than 16 MB: no text of settings or labels",
                  path);
    }
    if (ok) {
        *text = allocate((size_t)length + 1, path, error);
        ok = *text != NULL;
    }
    if (ok && fread(*text, 1, (size_t)length, file) != (size_t)length) {
        ok = error_set(error, "%.300s: can't be read to its end", path);
        free(*text);
        *text = NULL;
    }
    *bytes = ok ? (size_t)length : 0;
    fclose(file);
    return ok;
}

bool neighbour_read(const char *path, const char *name, char **text, size_t *bytes,
                    Error *error) {
    char beside[FILE_PATH_BYTES];
    struct stat status;
    const char *slash = strrchr(path, '/');
    const int folder = slash ? (int)(slash - path) + 1 : 0;
    *text = NULL;
    *bytes = 0;
    if (snprintf(beside, sizeof beside, "%.*s%s", folder, path, name) >=
        (int)sizeof beside) {
        return true;
    }
    if (stat(beside, &status) != 0) {
        return errno == ENOENT || errno == ENOTDIR ||
               error_set(error, "%.300s: can't be looked for: %s", beside,
                         strerror(errno));
    }
    return file_read_text(beside, text, bytes, error);
}
