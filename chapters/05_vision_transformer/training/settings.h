/*
 * settings.h: everything that decides a run's weights, to the bit: the model, the
 * data's treatment, the optimiser, the seed. A checkpoint keeps them all.
 */
#pragma once

#include <stdint.h>

#include "chapters/05_vision_transformer/training/adamw.h"
#include "chapters/05_vision_transformer/training/schedule.h"
#include "chapters/05_vision_transformer/model/vit.h"

enum { MAX_THREADS = 1024 };

/* sgd.h is chapter 7's: fine-tuning. */
typedef enum { OPTIMISER_ADAMW, OPTIMISER_SGD } Optimiser;

/* What pixels are normalised with: mean and deviation of the training images, or, for
 * weights that others have trained (chapter 7), what these were trained with. */
typedef enum { PIXELS_MEASURED, PIXELS_GIVEN } Pixels;

typedef struct {
    VitConfig model;
    int epochs, batch; /* batch: images per step */
    double lr;         /* the schedule's peak */
    ScheduleKind schedule;
    long warmup;      /* steps; -1: a tenth of all, at most 1000 */
    long total_steps; /* of the run; 0: as many as the epochs have */
    Optimiser optimiser;
    AdamW adamw;
    double momentum;        /* SGD's */
    int freeze;             /* N > 0: the embedding and N blocks keep their weights */
    double clip;            /* global norm of the gradient, 0: none */
    double label_smoothing; /* eps of [AIAYN 5.4] */
    double dropout;
    int shift; /* augmentation: pixels */
    int flip;  /* augmentation: 1 yes, 0 no, -1 as the data set says */
    uint64_t seed;
    int threads;         /* the gradient's sum is taken in their order */
    double norm_epsilon; /* of every layer norm; other weights have other ones */
    Pixels pixels;
} Settings;

/* settings_default: the model and the run of a bare ./chapter5. */
Settings settings_default(void);

/* settings_check: false, and a line that says what is impossible. */
bool settings_check(const Settings *settings, Error *error);

/* Settings as text, for checkpoints: each is a name and a number. All functions below
 * walk one table, so that nothing is saved that isn't loaded. */
#define SETTINGS_TEXT 32
int settings_count(void);
const char *settings_name(int i);
int settings_index(const char *name); /* of this name */
void settings_get(const Settings *settings, int i, char text[SETTINGS_TEXT]);
/* settings_range: what is possible, in words: "0 to 1". */
const char *settings_range(int i);
/* settings_set: false if the text is no number, or out of range. */
bool settings_set(Settings *settings, int i, const char *text);
/* settings_newer: a checkpoint may lack this setting: its run had the default. */
bool settings_newer(int i);
