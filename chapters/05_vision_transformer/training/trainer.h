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
    long count, correct;
    long undecided; /* images whose logits name no class (argmax_row) */
    double loss;    /* mean, without smoothing */
} Evaluation;

typedef struct {
    real *gradients; /* a block of the parameters' layout; owned */
    Vit d;           /* the model's struct laid over it */
    VitActivations activations;
    Tensor images; /* (slice, C, H, W); owned */
    double loss;   /* sum over the worker's images of this step */
    long correct;
    Evaluation evaluation; /* sums over the worker's images of the last evaluation */
} Worker;

/* Says that worker `worker` has added its last to the gradients from element `from` on.
 * Called by the worker's thread, during the backward pass of its last slice: from the
 * head's to the embedding's, which is element 0 if nothing is frozen. */
typedef void GradientsDone(void *listener, int worker, long from);

typedef struct {
    Settings settings;
    void *engine_data; /* chapter 6: what it has on the GPU; else NULL */
    Vit vit;
    ParameterList list;
    ParameterList trained; /* the end of it that isn't frozen (freeze.h) */
    real *weights, *m, *v; /* blocks of list.total elements; owned */
    int worker_count;      /* settings.threads, or fewer where others have the rest */
    int first_worker;      /* workers[0] is number so many; 0 */
    Worker *workers;
    GradientsDone *gradients_done; /* NULL: nobody listens */
    void *listener;
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

/*
 * trainer_make: memory for everything, weights initialised from the seed; false
 * and an error if there is no memory. `images` is the size of the training set.
 */
bool trainer_make(Trainer *trainer, const Settings *settings, int images, Error *error);

/* trainer_make_part: with `count` of the settings.threads workers, from number `first`
 * on, or none: others, perhaps on other machines, have the rest (chapter 8). */
bool trainer_make_part(Trainer *trainer, const Settings *settings, int images,
                       int first, int count, Error *error);

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

/* trainer_bytes: the memory that it holds. Gradients and moments of what is frozen have
 * none: nothing is ever written there, but by --resume, which reads the moments. */
double trainer_bytes(const Trainer *trainer);

/* trainer_step: one step of the optimiser on the next batch. */
StepResult trainer_step(Trainer *trainer, const Dataset *dataset);

/*
 * Its three parts, for an engine that shares a step with others:
 *
 *     trainer_gradients     each worker its own gradients, loss and correct
 *     trainer_sum_workers   workers[0]'s gradients, elements from .. to - 1, += those
 *                           of the others here, in order
 *     trainer_update        the optimiser, with workers[0]'s gradients: the whole
 *                           batch's sum by now; its mean loss, and its accuracy
 */
void trainer_gradients(Trainer *trainer, const Dataset *dataset);
void trainer_sum_workers(Trainer *trainer, long from, long to);
StepResult trainer_update(Trainer *trainer, double loss, double accuracy);

/* trainer_optimise: the optimiser's step t->step on these parameters alone, without
 * clipping, with workers[0]'s gradients. */
void trainer_optimise(Trainer *trainer, const ParameterList *list, double lr);

/* trainer_first_trained: elements before it are frozen: no gradients, no update. */
long trainer_first_trained(const Trainer *trainer);

/* trainer_evaluate: the whole set, without augmentation and dropout.
 *   predictions (set->count)   out: each image's class; NULL: not wanted */
void trainer_evaluate(Trainer *trainer, const Dataset *dataset, const ImageSet *set,
                      int *predictions, Evaluation *result);

/* trainer_evaluate_workers: each worker its images: sums, in Worker's `evaluation`;
 * trainer_evaluate adds them in the workers' order, with evaluation_sum. */
void trainer_evaluate_workers(Trainer *trainer, const Dataset *dataset,
                              const ImageSet *set, int *predictions);
void evaluation_sum(Evaluation *sum, const Evaluation *part);

/* evaluation_add: one more image; its prediction is argmax_row's, -1 for none. */
void evaluation_add(Evaluation *evaluation, int label, int prediction);

/* evaluation_check: false and an error if the logits of an image, or the mean loss, are
 * not finite: then the accuracy says nothing about the model. */
bool evaluation_check(const Evaluation *evaluation, Error *error);
