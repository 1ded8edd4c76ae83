/*
 * second_program.h: programs that belong together: one runs another that was built
 * beside it. It is looked for in the folder of the running program: of its argv[0] if
 * that has a slash, else of the first folder in PATH that has such a program, which is
 * where the shell found it.
 */
#ifndef COMMON_SECOND_PROGRAM_H
#define COMMON_SECOND_PROGRAM_H

#include "common/error.h"

/*
 * second_program: run `name` and wait for its end. Its words are argv, ended by NULL;
 * argv[0] is overwritten with its path. Returns its exit status (as a shell: 128 + the
 * signal that ended it); or -1 and an error, if it isn't there.
 */
int second_program(const char *argv0, const char *name, char *argv[], Error *error);

/* second_program_instead: the same, in place of the running program: it returns only
 * with an error. */
int second_program_instead(const char *argv0, const char *name, char *argv[],
                           Error *error);

#endif
