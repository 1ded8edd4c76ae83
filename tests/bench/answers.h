/*
 * answers.h: how a child of the benchmark answers (peer.h): on what was its stdout,
 * when its threads are at rest.
 *
 * Threads that have nothing to do may go on looking for work for a while (OpenBLAS's do
 * for 0.1 s), on a core that whoever is timed next then doesn't get.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/* answers_on_stdout: the stream for answers. What libraries print on stdout goes to
 * stderr from now on. NULL if the system can't. */
FILE *answers_on_stdout(void);

/* threads_rest: wait until this process uses no processor any more; false if it still
 * does after 1.5 s. */
bool threads_rest(void);

/* answer: one line (printf's format) once the threads are at rest; "failed ..." if they
 * don't come to rest. False if it can't be written. */
bool answer(FILE *to, const char *format, ...) __attribute__((format(printf, 2, 3)));
