/*
 * run.h: what ./chapter5, and ./chapter6, do once their command line is understood:
 * train, resume, or evaluate.
 */
#ifndef RUN_H
#define RUN_H

#include "engine.h"
#include "options.h"

/* The exit status after Ctrl-C: 128 + SIGINT, as shells count. */
#define RUN_INTERRUPTED 130

/* run: the exit status; errors are printed as one line "chapter5: ...". */
int run(const Options *options, const Engine *engine);

#endif
