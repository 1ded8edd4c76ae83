/* error.c: see error.h. */
#include "error.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool error_set(Error *error, const char *format, ...) {
    char whole[6000]; /* a path may have 4095 bytes */
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(whole, sizeof whole, format, arguments);
    va_end(arguments);
    const size_t most = sizeof error->text - 1, length = strlen(whole);
    if (length <= most) {
        memcpy(error->text, whole, length + 1);
    } else { /* the reason is at the end: what is left out is the middle of a path */
        const size_t begin = most / 3, end = most - begin - 3;
        memcpy(error->text, whole, begin);
        memcpy(error->text + begin, "...", 3);
        memcpy(error->text + begin + 3, whole + length - end, end + 1);
    }
    /* One line, also where a file's name or an option's value has more. */
    for (char *c = error->text; *c; c++) {
        *c = *c == '\n' || *c == '\r' ? ' ' : *c;
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
    _exit(NOT_WRITTEN_STATUS); /* from any thread, and from a kernel's fiber */
}
