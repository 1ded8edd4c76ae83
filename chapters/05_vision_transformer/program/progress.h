/*
 * progress.h: what a training run shows while it goes: a line in the terminal that
 * is written over, or plain lines when the output is a file; and a CSV log.
 */
#pragma once

#include <stdio.h>

#include "chapters/05_vision_transformer/training/trainer.h"

typedef struct {
    const Trainer *trainer;
    bool terminal; /* write over the line */
    FILE *csv;     /* the log */
    int csv_errno; /* why its first line failed that couldn't be written */
    const char *csv_path;
    long first_step;       /* where this process began: not 0 after --resume */
    long last_step;        /* where it will end: the run's end, or --steps */
    double started_ms;     /* the clock when it began */
    double shown_ms;       /* when the line was last shown */
    double loss, accuracy; /* sums over the epoch so far, as this process saw it */
    long summed;           /* over how many steps */
} Progress;

/* A log up to some step: its lines, bytes with the header's, and what the last says. */
typedef struct {
    long lines, bytes, step;
    double loss, rate;
} LogEnd;

/* progress_can_log: false if the log can't be written (a folder, a pipe, a file of
 * another kind, a log that another process writes; a device like /dev/null can), or if
 * part of it is no log and the run goes on after `step` > 0. *end: of its lines
 * up to `step`; a new one, or a device, has none. */
bool progress_can_log(const char *csv_path, long step, LogEnd *end, Error *error);

/* progress_begin: open the log, which no other process may write. A new run begins it
 * anew. A resumed run's lines are added to it: lines of later steps than the
 * checkpoint's are cut off, and so is a last line that isn't whole; nothing else of it
 * is written again. False if it can't be opened, or isn't the log of a run. */
bool progress_begin(Progress *progress, const Trainer *trainer, const char *csv_path,
                    Error *error);

/* progress_step: one line of CSV; now and then the terminal's line, if this is the
 * newest of the steps that are done (a GPU is asked for several at once). */
bool progress_step(Progress *progress, const StepResult *result, bool newest,
                   Error *error);

/* progress_epoch: the epoch's line, which stays, with the test accuracy. */
void progress_epoch(Progress *progress, const Evaluation *evaluation);

/* progress_sync: all lines onto the disk, as before a checkpoint that follows them.
 * False if they can't be written. */
bool progress_sync(Progress *progress, Error *error);

/* progress_end: close the log. False if not all of it could be written. */
bool progress_end(Progress *progress, Error *error);
