/*
 * run.h: what ./chapter5, and ./chapter6, do once their command line is understood:
 * train, resume, or evaluate.
 */
#pragma once

#include "chapters/05_vision_transformer/training/engine.h"
#include "chapters/05_vision_transformer/program/options.h"

/* run: the exit status: 128 + the signal's number, as shells count, if one stopped it
 * (130: Ctrl-C); errors are printed as one line "chapter5: ...". The lesson is what
 * a chapter prints before (0, or the exit status of checks that failed). It is printed
 * only if nothing prevents the run: what does is printed alone. */
int run(const Options *options, const Engine *engine,
        int (*lesson)(const Options *options));
