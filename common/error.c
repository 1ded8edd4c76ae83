/* error.c: see error.h. */
#include "common/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool error_set(Error *error, const char *format, ...) {
    char text[16384];
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(text, sizeof text, format, arguments) < 0) {
        snprintf(text, sizeof text, "%s", format);
    }
    va_end(arguments);
    const size_t room = sizeof error->text - 1, length = strlen(text);
    const size_t first = room / 4, last = room - first - 3;
    if (length <= room) {
        memcpy(error->text, text, length + 1);
    } else { /* its end says what is wrong */
        snprintf(error->text, sizeof error->text, "%.*s...%s", (int)first, text,
                 text + length - last);
    }
    /* One line, even if a file's name or an option's value in the text has more. */
    for (char *c = error->text; *c; c++) {
        *c = (unsigned char)*c < ' ' || *c == 127 ? ' ' : *c;
    }
    return false;
}

void *allocate(size_t bytes, const char *what, Error *error) {
    const size_t line = 64;
    /* aligned_alloc wants a multiple of the alignment, and at least one. */
    const size_t padded = (bytes / line + 1) * line;
    void *memory = padded > bytes ? aligned_alloc(line, padded) : NULL;
    if (!memory) {
        error_set(error, "no memory for %s: %.1f MB asked for", what,
                  (double)bytes / 1e6);
        return NULL;
    }
    return memset(memory, 0, padded);
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
