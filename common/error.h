/*
 * error.h: the two kinds of failure, kept separate.
 *
 *   A programmer's mistake (shapes that don't fit, an index out of range)
 *   stops the program at once with a message that teaches: bug().
 *
 *   What the world can cause (a missing file, a damaged checkpoint, no memory)
 *   comes back to the caller as false and an Error, is printed in one line, and
 *   ends the program with exit status 1.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus /* chapter 6 is C++ where it is CUDA */
extern "C" {
#endif

typedef struct {
    char text[512]; /* one line, without a newline at its end */
} Error;

/* error_set: write the message (printf's format) and return false, so that a function
 * can end in `return error_set(error, "...", ...)`. A message that is too long loses
 * its middle ("..."). */
bool error_set(Error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* allocate: `bytes` of zeroed memory, aligned to 64 bytes (a cache line, and the widest
 * vector). NULL and an error that names `what` when there is no memory. Released with
 * free(). */
void *allocate(size_t bytes, const char *what, Error *error);

/* bug: print the message (printf's format) to stderr and abort(). */
void bug(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* NOT_WRITTEN("2.3"): marks where an exercise of the course is to be written. It ends
 * the program with one line (exercise, file, line) and a status of its own. In a kernel
 * that runs on a GPU it stops the kernel. */
#define NOT_WRITTEN_STATUS 77
#ifdef __CUDA_ARCH__
#define NOT_WRITTEN(exercise) __trap()
#else
#define NOT_WRITTEN(exercise) not_written(exercise, __FILE__, __LINE__)
#endif
void not_written(const char *exercise, const char *file, int line)
    __attribute__((noreturn));

#ifdef __cplusplus
}
#endif
