/*
 * output.h: a program's exit status is 0 only if all that it printed was written.
 * Every main begins with output_begin and ends with output_end.
 */
#pragma once

#include <stdbool.h>

/*
 * output_begin: false, and a line on stderr, if standard output is closed. A file that
 * is opened then would get its number, and whatever is printed would end up in it. From
 * here on a file that grows beyond `ulimit -f` is an error and not a signal, and a
 * program that Ctrl-C ends leaves no half-written file.
 */
bool output_begin(const char *program);

/* output_end: returns `status`; but 1, after a line on stderr, if it is 0 and standard
 * output has not taken everything (the disk is full, the reader is gone). */
int output_end(const char *program, int status);

/* output_error: one line on stderr, "PROGRAM: message" (printf's format), after all
 * that was printed; returns `status`. */
int output_error(const char *program, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* output_colour: what makes the words after it green (good) or red on a terminal, and
 * output_plain what ends it. Empty elsewhere, and where NO_COLOR is set. */
const char *output_colour(bool good);
const char *output_plain(void);
