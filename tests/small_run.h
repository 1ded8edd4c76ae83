/*
 * small_run.h: a data set of small made-up images, and a run so small that a step
 * takes no time.
 */
#pragma once

#include "chapters/05_vision_transformer/training/dataset.h"
#include "chapters/05_vision_transformer/training/trainer.h"

enum { SMALL_SIDE = 8, SMALL_CLASSES = 10 };

/* small_dataset: SMALL_SIDE x SMALL_SIDE pixels of a pattern for each label, with
 * noise; label i % 10. It has class names. Ended by dataset_free. */
Dataset small_dataset(int train, int test);

/* small_settings: patch 4, D 8, 2 heads, depth 2; batches of 4, 4 epochs; with
 * dropout, label smoothing, shifts, flips, decay and clipping; one thread. */
Settings small_settings(void);

/* new_trainer: trainer_make, which must succeed. */
Trainer new_trainer(const Settings *settings, const Dataset *dataset);

/* train_to: steps until `step` are done; the last one's result. */
StepResult train_to(Trainer *trainer, const Dataset *dataset, long step);

/* weights_of: all weights, as one tensor. */
Tensor weights_of(const Trainer *trainer);
