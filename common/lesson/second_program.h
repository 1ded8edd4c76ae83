/*
 * second_program.h: programs that were built together: one runs another, which is in
 * its own folder. argv[0] tells that folder: as it is if it has a slash, else found in
 * PATH as a shell finds it; symbolic links are followed.
 *
 * ./chapterN computes in float, as training does; ./chapterN_double is built from the
 * same sources in double, and runs where a lesson needs double: for gradient checks,
 * and for --dump FILE --double. Chapter 6's other programs run kernels without a GPU.
 */
#pragma once

#include "common/tensor.h"

/* Is this the program in double? */
enum { IN_DOUBLE = sizeof(real) == sizeof(double) };

/*
 * second_program: run it, and wait for its end; it prints where this program prints.
 *   self    argv[0]
 *   name    "chapter2_double"
 *   words   the command line after the program's name; NULL ends it
 * Returns its exit status; or -1, after a line on stderr, if it isn't there, can't be
 * run, or was ended by a signal. Ctrl-C and the other signals that ask a program to end
 * (SIGINT, SIGTERM, SIGHUP) end both.
 */
int second_program(const char *self, const char *name, const char *const *words);

/* second_program_in_double: the same of "chapter2_double" for "chapter2". */
int second_program_in_double(const char *self, const char *program,
                             const char *const *words);

/* second_program_instead: the same in place of this program. It returns only if that
 * can't be run, after a line on stderr. argv[0] is overwritten. */
void second_program_instead(const char *self, const char *name, char **argv);
