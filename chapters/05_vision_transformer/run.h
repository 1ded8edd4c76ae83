/*
 * run.h: what ./chapter5, and ./chapter6, do once their command line is understood:
 * train, resume, or evaluate.
 */
#ifndef RUN_H
#define RUN_H

#include "engine.h"
#include "options.h"

/* run_files_check: the files that this run would write, as far as can be known before
 * it: false if one can't be written, both are one, or one is the data's. */
bool run_files_check(const Options *options, Error *error);

/* run: the exit status: 128 + the signal's number, as shells count, if one stopped it
 * (130: Ctrl-C); errors are printed as one line "chapter5: ...". */
int run(const Options *options, const Engine *engine);

#endif
