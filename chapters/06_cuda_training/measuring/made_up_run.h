/*
 * made_up_run.h: how many images a second does this device train? A model of any of the
 * papers' sizes on images that are made up: no data set is needed, and how long a step
 * takes doesn't depend on what the pixels show.
 */
#ifndef MADE_UP_RUN_H
#define MADE_UP_RUN_H

#include "chapters/05_vision_transformer/training/engine.h"

typedef struct {
    const char *model; /* "this": 28x28x1, the settings' own sizes; "S/4": 32x32x3;
                          "Ti/16" to "H/14": 224x224x3, 1000 classes [ViT T.1] */
    int batch;         /* images a step; 0: the model's usual number */
    long steps;        /* a round; 0: 16 */
    const char *csv;   /* a line is added to this file; or NULL */
} MadeUpRun;

/* made_up_model: what `name` is; false, and an error, if there is no such model. */
bool made_up_model(const char *name, const Settings *settings, VitConfig *model,
                   Error *error);

/*
 * made_up_run: the model and the memory it takes are printed before anything starts;
 * then warm-up and ROUNDS timed rounds, and their median. False and an error if there
 * is no such model, or if the batch doesn't fit: then the error has one that does.
 */
enum { MADE_UP_ROUNDS = 7 };
bool made_up_run(const Engine *engine, const Settings *settings, const MadeUpRun *run,
                 Error *error);

#endif
