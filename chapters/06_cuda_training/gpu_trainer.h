/*
 * gpu_trainer.h: chapter 5's training with the device doing the work: an Engine.
 *
 *   host     chooses the batch's images, augments and normalises them, into pinned
 *            memory; puts launches into a queue; every 16 steps asks how it went
 *   copies   a queue of their own: the next batch travels while this one trains
 *   compute  the other queue: forward, loss, backward, norm, AdamW. Weights, gradients
 *            and moments leave the device only for a checkpoint
 *
 *     host     | batch 1 | batch 2      | batch 3      | ...
 *     copies             | batch 1 |    | batch 2 |
 *     compute                      | step 1       | step 2 ...
 *
 * No allocation and no waiting inside a step: the host only waits for a batch's copy
 * before it writes over that pinned memory again, two steps later.
 */
#pragma once

#include "chapters/05_vision_transformer/training/engine.h"
#include "chapters/06_cuda_training/gpu_vit.h"
#include "chapters/06_cuda_training/kernels/gpu_loss.h"

/* gpu_trainer_choose: the versions of the runs that begin from now on. */
void gpu_trainer_choose(GpuChoices choices);

/* gpu_trainer_can: false, and a line, if it can't train as these settings say. */
bool gpu_trainer_can(const Settings *settings, Error *error);

/* The engine of whatever this is linked with: a GPU, or cuda_on_cpu. */
extern const Engine gpu_engine;

/* ---- its parts, for an engine that shares steps with other devices (chapter 8) -- */

/* Share number `rank` of `size`: of B images those from B rank / size on, before
 * B (rank + 1) / size. A trainer alone has share 0 of 1. */
typedef struct {
    int rank, size;
    void *own; /* the other engine's, to find by gpu_trainer_share */
} GpuShare;

/* gpu_trainer_make_share: as gpu_engine's make, with memory for this share alone. */
bool gpu_trainer_make_share(Trainer *trainer, const Settings *settings, int images,
                            GpuShare share, Error *error);
const GpuShare *gpu_trainer_share(const Trainer *trainer);

/* gpu_trainer_model: with its stream, its gradients, and who listens to them. */
GpuVit *gpu_trainer_model(const Trainer *trainer);

/*
 * A step is queued in two parts, and its result fetched later:
 *
 *     gpu_trainer_queue_gradients   step t->step's share: its gradients, and its sums
 *                                   of losses and right answers in the result, which is
 *                                   number i (0 .. GPU_STEPS_MOST - 1), on the device
 *     gpu_trainer_queue_update      the optimiser, with the gradients and sums of the
 *                                   whole batch by now
 *     gpu_trainer_results           waits, and fetches the last `count` results
 */
enum { GPU_STEPS_MOST = 64 };
GpuStepResult *gpu_trainer_queue_gradients(Trainer *trainer, const Dataset *dataset,
                                           int i);
void gpu_trainer_queue_update(Trainer *trainer, int i);
void gpu_trainer_results(const Trainer *trainer, int count, StepResult *results);

/* gpu_trainer_evaluate_share: its images of the set: sums, in *result; and their
 * predictions, where `predictions` isn't NULL. */
void gpu_trainer_evaluate_share(Trainer *trainer, const Dataset *dataset,
                                const ImageSet *set, int *predictions,
                                Evaluation *result);

/* gpu_trainer_bytes: device memory that training with batches of B images takes. */
double gpu_trainer_bytes(const Settings *settings, long parameters, int B);
