/*
 * fine_tune.h: training that begins with the weights of another training [ViT 3.2]
 * [ViT T.4]: on other data, for other classes, at another resolution.
 *
 *     patches, blocks, last norm   the checkpoint's
 *     positions                    the checkpoint's, interpolated (interpolate.h)
 *     head                         new: zeros, one row for each class of the data
 *
 * The run itself is chapter 5's (run.h): its log, its checkpoints, Ctrl-C and --resume.
 */
#pragma once

#include "chapters/05_vision_transformer/training/trainer.h"
#include "chapters/07_pretrained_weights/fine_tuning/interpolate.h"

/*
 * fine_tune_begin: the weights of `to`, a trainer that has just been made, from those
 * of `from`, as above. False and an error if there is no memory, or if a tensor that
 * should be the checkpoint's has another shape here: images with other channels, for
 * one.
 */
bool fine_tune_begin(Trainer *to, const Trainer *from, Interpolation kind,
                     Error *error);
