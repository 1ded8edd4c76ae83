/*
 * chapter.h: the program of chapters 1 to 4: a lesson, its gradient checks, and a dump.
 *
 *     ./chapterN                           the lesson
 *     ./chapterN --gradcheck               only the gradient checks
 *     ./chapterN --dump FILE [--double]    only a dump (dump.h)
 *     ./chapterN --help
 */
#pragma once

#include "common/files/dump.h"

typedef struct {
    const char *name; /* "chapter2" */
    const char *help; /* what --help prints */
    void (*lesson)(void);
    void (*gradient_checks)(void); /* a section; done by the program in double */
    DumpFunction *dump;            /* NULL: none */
    /* Options of its own; NULL: none. An exit status, or -1: go on with the lesson. */
    int (*options)(int argc, char **argv);
} Chapter;

/* chapter_main: all of main; the exit status: 0 if every check holds, else 1; 2 for a
 * wrong argument. */
int chapter_main(const Chapter *chapter, int argc, char **argv);

/* chapter_needs: unless `ok`, the program ends here with the error's line and status 1.
 * For memory, the one thing that a lesson needs and may not get. */
void chapter_needs(bool ok, const Error *error);

/* chapter_unknown: a line on stderr about this word; 2. */
int chapter_unknown(const char *name, const char *word);
