/*
 * double_program.h: a chapter's second program. ./chapterN computes in float, as
 * training does; ./chapterN_double is built from the same sources in double. What a
 * lesson needs in double (its gradient checks, --dump FILE --double) the program does
 * itself if it is the one in double; the one in float runs the other for it.
 *
 * The other is looked for in the program's own folder, which argv[0] tells: as it is
 * if it has a slash, else found in PATH as a shell finds it; symbolic links are
 * followed.
 */
#ifndef COMMON_DOUBLE_PROGRAM_H
#define COMMON_DOUBLE_PROGRAM_H

#include "common/tensor.h"

/* Is this the program in double? */
enum { IN_DOUBLE = sizeof(real) == sizeof(double) };

/*
 * double_program_run: run PROGRAM_double, which prints where this program prints, and
 * wait for it.
 *   program   "chapter2"
 *   self      argv[0]
 *   words     the command line after the program's name; NULL ends it
 * Returns its exit status; or -1, after a line on stderr, if it isn't there, can't be
 * run, or was ended by a signal. Ctrl-C and the other signals that ask a program to end
 * (SIGINT, SIGTERM, SIGHUP) end both.
 */
int double_program_run(const char *program, const char *self, const char *const *words);

/*
 * double_program_gradcheck: --gradcheck of chapters 1 to 4: `checks`, in double;
 * returns the exit status: 0 if all of them hold, else 1.
 * double_program_verdict: the same as a lesson's last section, and its verdict
 * (report.h).
 */
int double_program_gradcheck(const char *program, const char *self,
                             void (*checks)(void));
int double_program_verdict(const char *program, const char *self, void (*checks)(void));

#endif
