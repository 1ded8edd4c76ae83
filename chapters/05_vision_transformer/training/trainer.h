/*
 * trainer.h: training and evaluation of a Vit on a data set, on one machine.
 *
 * A step cuts its batch in two ways. Each thread (a worker) takes an equal run of
 * images, and goes through them a slice at a time, adding up gradients in a block
 * of its own; so the activations of a slice stay in the core's cache and memory
 * doesn't grow with the batch. Then the workers' gradients are summed, in their
 * order. So the same seed and number of threads give the same bits.
 */
#pragma once

#include "chapters/05_vision_transformer/training/dataset.h"
#include "chapters/05_vision_transformer/training/settings.h"

#define SLICE_IMAGES 8

typedef struct {
    real *gradients; /* a block of the parameters' layout; owned */
    Vit d;           /* the model's struct laid over it */
    VitActivations activations;
    Tensor images; /* (slice, C, H, W); owned */
    double loss;   /* sum over the worker's images of this step */
    long correct;
} Worker;

typedef struct {
    Settings settings;
    void *engine_data; /* chapter 6: what it has on the GPU; else NULL */
    Vit vit;
    ParameterList list;
    ParameterList trained; /* the end of it that isn't frozen (freeze.h) */
    real *weights, *m, *v; /* blocks of list.total elements; owned */
    int worker_count;      /* settings.threads, or fewer where an engine needs none */
    Worker *workers;
    int slice;  /* images per slice */
    int *order; /* the epoch's order of the training images */
    int order_count;
    long order_epoch; /* which epoch it is of; -1: none yet */
    long step;        /* steps done */
    double last_loss; /* of the last of them: run.c */
} Trainer;

typedef struct {
    long step;            /* which one this was: 1, 2, ... */
    double loss;          /* mean over the batch, smoothing included */
    double accuracy;      /* share of the batch's images that were right */
    double gradient_norm; /* of what is trained, before clipping */
    double lr;
} StepResult;

typedef struct {
    long count, correct;
    long undecided; /* images whose logits name no class (argmax_row) */
    double loss;    /* mean, without smoothing */
} Evaluation;

/*
 * trainer_make: memory for everything, weights initialised from the seed; false
 * and an error if there is no memory. `images` is the size of the training set.
 */
bool trainer_make(Trainer *trainer, const Settings *settings, int images, Error *error);

/* trainer_make_small: the same with one worker for single images: for an engine that
 * does the work elsewhere. */
bool trainer_make_small(Trainer *trainer, const Settings *settings, int images,
                        Error *error);
void trainer_free(Trainer *trainer);

long trainer_steps_per_epoch(const Trainer *trainer);
long trainer_total_steps(const Trainer *trainer);
int trainer_epochs(const Trainer *trainer); /* the last may be cut short */

/* trainer_batch: which images step trainer->step takes; trainer_warmup: the steps of
 * the warm-up; trainer_rate: the learning rate of step 1, 2, ...;
 * trainer_augmentation: what happens to the images. */
const int *trainer_batch(Trainer *trainer);
long trainer_warmup(const Trainer *trainer);
double trainer_rate(const Trainer *trainer, long step);
Augmentation trainer_augmentation(const Trainer *trainer, const Dataset *dataset);

/* trainer_bytes: the memory that it holds. */
double trainer_bytes(const Trainer *trainer);

/* trainer_step: one step of the optimiser on the next batch. */
StepResult trainer_step(Trainer *trainer, const Dataset *dataset);

/* trainer_evaluate: the whole set, without augmentation and dropout.
 *   predictions (set->count)   out: each image's class; NULL: not wanted */
void trainer_evaluate(Trainer *trainer, const Dataset *dataset, const ImageSet *set,
                      int *predictions, Evaluation *result);

/* evaluation_add: one more image; its prediction is argmax_row's, -1 for none. */
void evaluation_add(Evaluation *evaluation, int label, int prediction);

/* evaluation_check: false and an error if the logits of an image, or the mean loss, are
 * not finite: then the accuracy says nothing about the model. */
bool evaluation_check(const Evaluation *evaluation, Error *error);
