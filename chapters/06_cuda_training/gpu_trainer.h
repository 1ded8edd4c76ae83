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

/* gpu_trainer_choose: the versions of the runs that begin from now on. */
void gpu_trainer_choose(GpuChoices choices);

/* gpu_trainer_can: false, and a line, if it can't train as these settings say. */
bool gpu_trainer_can(const Settings *settings, Error *error);

/* The engine of whatever this is linked with: a GPU, or cuda_on_cpu. */
extern const Engine gpu_engine;

/* gpu_trainer_bytes: device memory that training with batches of B images takes. */
double gpu_trainer_bytes(const Settings *settings, long parameters, int B);
