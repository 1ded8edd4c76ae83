/*
 * plan.h: what a run will be: data, settings, files. All that the command line and the
 * files decide is decided here, before anything is printed.
 */
#pragma once

#include "chapters/05_vision_transformer/training/checkpoint_file.h"
#include "chapters/05_vision_transformer/training/dataset_file.h"
#include "chapters/05_vision_transformer/program/options.h"
#include "chapters/05_vision_transformer/program/progress.h"

typedef struct {
    const Options *options;
    const char *directory; /* where the data are; NULL: nowhere */
    Dataset dataset;
    DataNotes notes;     /* about the data */
    const char *from;    /* --resume's or --eval's file, or NULL */
    CheckpointInfo info; /* what it says */
    Settings settings;
    bool finished;  /* --resume, and no step is left */
    LogEnd log_end; /* where --resume's log ends: plan_check_log */
} Plan;

/* plan_make: 0; else an exit status, 1 or 2 (the world's fault, or the command line's),
 * and an error. The data are to be freed (dataset_free) in both cases. */
int plan_make(Plan *plan, const Options *options, Error *error);

/* plan_check_log: --resume's log is this run's, as far as one can tell: its line of the
 * checkpoint's step has the checkpoint's loss, and the rate that the run had. */
bool plan_check_log(Plan *plan, const Trainer *trainer, Error *error);

/* plan_notes: a line for each thing about this run that one may not expect. */
void plan_notes(const Plan *plan, const Trainer *trainer);
