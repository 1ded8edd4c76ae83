/*
 * engine.h: what does a run's work: the CPU (trainer.c), or, in chapter 6, a GPU. The
 * command line, checkpoints, logs, progress and Ctrl-C are the same for both: run.c.
 *
 * A Trainer always has the weights and AdamW's moments in the host's memory. An engine
 * with a memory of its own keeps its copy behind Trainer's `engine_data`.
 */
#pragma once

#include "chapters/05_vision_transformer/training/trainer.h"

typedef struct {
    /* Can it train as these settings say? NULL: it can. */
    bool (*can_train)(const Settings *settings, Error *error);

    /* A trainer with all its memory; weights initialised. */
    bool (*make)(Trainer *trainer, const Settings *settings, int images, Error *error);
    void (*free)(Trainer *trainer);

    /* At least one and at most `max_steps` of the optimiser; returns how many, each
     * with its result. */
    int (*steps)(Trainer *trainer, const Dataset *dataset, int max_steps,
                 StepResult *results);
    void (*evaluate)(Trainer *trainer, const Dataset *dataset, const ImageSet *set,
                     int *predictions, Evaluation *result);

    /* The host's weights and moments have changed (a checkpoint was loaded), or are
     * about to be read (saved, looked at). NULL: there is no other copy. */
    void (*upload)(Trainer *trainer);
    void (*download)(Trainer *trainer);

    /* One line about where the work is done and the memory that it takes. */
    void (*describe)(const Trainer *trainer);

    /* The signal that asked any of a run's processes to stop, 0: none; as they agreed
     * in the last step. NULL: there is one process (stop.h). */
    int (*stop_asked)(const Trainer *trainer);

    /* For the processes of a run, which begin and fail together; NULL: there is one.
     * agree: can all begin, with the same data and weights? `status` and `error` are
     * why this one can't (then there may be no trainer); returns the status that all
     * get, and the line to print, empty if another process does.
     * failed: one that can't go on says why; returns only if all of them say the same,
     * or -1 if there is nobody to tell. */
    int (*agree)(const Trainer *trainer, const Dataset *dataset, int status,
                 Error *error);
    int (*failed)(int status, const Error *error);

    /* Lines at the end of training. NULL: none. */
    void (*report)(const Trainer *trainer);
} Engine;

extern const Engine engine_cpu;
