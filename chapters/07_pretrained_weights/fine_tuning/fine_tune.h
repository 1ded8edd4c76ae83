/*
 * fine_tune.h: training that begins with the weights of another training [ViT 3.2]
 * [ViT T.4]: on other data, for other classes, at another resolution.
 *
 *     patches, blocks, last norm   the file's
 *     positions                    the file's, interpolated (interpolate.h)
 *     head                         new: zeros, one row for each class of the data; a
 *                                  hidden layer before it (pre_logits) is left out
 *
 * The run itself is chapter 5's (run.h): its log, its checkpoints, Ctrl-C and --resume.
 * So the model must be one that chapter 5 can train.
 */
#pragma once

#include "chapters/05_vision_transformer/training/trainer.h"
#include "chapters/07_pretrained_weights/fine_tuning/interpolate.h"
#include "chapters/07_pretrained_weights/model/pretrained.h"
#include "chapters/07_pretrained_weights/pictures/recipe.h"

/* fine_tune_can: is it chapter 5's model, but for the head? Its head reads the class
 * token, or, where there is none, the mean of the normed patches. False and an error:
 * it has a distillation token, fc_norm, ... */
bool fine_tune_can(const PretrainedConfig *config, Error *error);

/*
 * fine_tune_begin: the weights of `to`, a trainer that has just been made, from those
 * of `from`, as above. False and an error if there is no memory, or if a tensor that
 * should be the file's has another shape here: images with other channels, for one.
 */
bool fine_tune_begin(Trainer *to, Pretrained *from, Interpolation kind, Error *error);

/* fine_tune_pixels: the recipe's mean and deviation, for pixels from 0 to 1, as
 * Dataset has them. False and an error: no checkpoint can keep these. */
bool fine_tune_pixels(const Recipe *recipe, double mean[DATASET_MAX_CHANNELS],
                      double deviation[DATASET_MAX_CHANNELS], Error *error);
