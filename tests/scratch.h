/*
 * scratch.h: a directory of a test's own, and files in it: written, damaged, read
 * back; and what an error message must look like.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/check_helpers.h"
#include "common/error.h"

/* add_scratch_case: add_case, whose tests each begin in an empty scratch directory
 * that is removed when they end. */
TCase *add_scratch_case(Suite *suite, const char *name);

/* in_scratch: the path of a file there (one of eight buffers, used in turn). */
const char *in_scratch(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- files --------------------------------------------------------------- */

typedef struct {
    unsigned char *bytes; /* freed when the test ends */
    size_t count;
} Bytes;

Bytes zero_bytes(size_t count);
void write_bytes(const char *path, const void *bytes, size_t count);
void write_text(const char *path, const char *text);
void write_gzip(const char *path, const void *bytes, size_t count);
Bytes read_bytes_of(const char *path);
bool file_exists(const char *path);
/* How many files and folders the scratch directory holds. */
int files_in_scratch(void);
bool same_bytes(Bytes a, Bytes b);

/* The file's first `count` bytes are all that is left of it. */
void cut_file(const char *path, size_t count);
/* The byte at `at` (from the end when negative) is flipped where xor_with has ones. */
void change_byte(const char *path, long at, unsigned char xor_with);
void append_byte(const char *path, unsigned char byte);
/* The text `from` after the eighth byte becomes `to`, of the same length. */
void replace_in(const char *path, const char *from, const char *to);

/* file_size_limit: no file may grow beyond this, as on a full disk; -1: any size.
 * Lift it before the next assertion: Check writes to a file too. */
void file_size_limit(long bytes);

/* ---- errors -------------------------------------------------------------- */

/* NULL if the text is one line that holds each of the words (separated by |). */
const char *line_difference(const char *text, const char *words);

#define assert_error_line(error, words)                                                \
    assert_no_message(line_difference((error).text, (words)))
