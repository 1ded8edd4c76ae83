/* error.c: see error.h. */
#include "common/error.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A text of any length into error->text: what is too long loses its middle, not the
 * end, which says what is wrong. */
static void shorten(Error *error, const char *text) {
    const size_t room = sizeof error->text - 1, length = strlen(text);
    const size_t first = room / 4, last = room - first - 3;
    if (length <= room) {
        memcpy(error->text, text, length + 1);
        return;
    }
    memcpy(error->text, text, first);
    memcpy(error->text + first, "...", 3);
    memcpy(error->text + first + 3, text + length - last, last + 1);
}

bool error_set(Error *error, const char *format, ...) {
    char text[16384];
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(text, sizeof text, format, arguments) < 0) {
        snprintf(text, sizeof text, "%s", format);
    }
    va_end(arguments);
    shorten(error, text);
    /* One line of text, also where a file's name or an option's value has more. */
    for (char *c = error->text; *c; c++) {
        *c = (unsigned char)*c < ' ' || *c == 127 ? ' ' : *c;
    }
    return false;
}

void *allocate(size_t bytes, const char *what, Error *error) {
    const size_t line_bytes = 64;
    void *memory = NULL;
    if (bytes <= SIZE_MAX - line_bytes) {
        /* aligned_alloc wants a multiple of the alignment, and more than none. */
        size_t padded = (bytes / line_bytes + 1) * line_bytes;
        memory = aligned_alloc(line_bytes, padded);
        if (memory) {
            memset(memory, 0, padded);
        }
    }
    if (!memory) {
        error_set(error, "no memory for %s: %.1f MB asked for", what,
                  (double)bytes / 1e6);
    }
    return memory;
}

void bug(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fflush(stdout);
    fputs("bug: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    abort();
}

void not_written(const char *exercise, const char *file, int line) {
    fflush(stdout);
    fprintf(stderr, "exercise %s is not written yet: %s:%d\n", exercise, file, line);
    _Exit(NOT_WRITTEN_STATUS); /* from any thread, and from a kernel's fiber */
}
