/*
 * fine_tune_memory.h: how much memory a training takes, before it takes any. Published
 * models are large: a B/16 at 224 pixels has 86 million weights, and what forward keeps
 * of one image for backward is twice as much.
 *
 *     weights                                      the parameters
 *     the optimiser's two moments                  2 x those that are trained
 *     each thread: gradients                       those that are trained
 *                  a slice of the batch            at most SLICE_IMAGES images, and
 *                                                  what forward keeps of them
 */
#pragma once

#include "chapters/05_vision_transformer/training/settings.h"

/* fine_tune_bytes: what trainer_make takes for these settings, but for the images'
 * order. */
double fine_tune_bytes(const Settings *settings);

/* fine_tune_fits: are they at most so many? False, and an error that says which --batch
 * or --threads would do, with a tenth to spare. */
bool fine_tune_fits(const Settings *settings, double machine_bytes, Error *error);

/* machine_bytes: all of the machine's memory; 0: it doesn't say. */
double machine_bytes(void);
