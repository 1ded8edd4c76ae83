/*
 * fine_tune_run.h: fine-tuning as a task of the command line: `./chapter7 --fine-tune
 * FILE --data DIR`. The run itself is chapter 5's (run.h): its log, its checkpoints,
 * Ctrl-C; `./chapter5 --resume` goes on with it, --eval tests it, --image classifies.
 *
 *     --fine-tune FILE    begin with these weights: of any dialect (load.h), or a
 *                         checkpoint of chapter 5, 6 or 7
 *     --heads H           of its attention, where no file says how many
 *     --recipe NAME       how its pixels were normalised (recipe.h), where no file
 *                         says it
 *     --interpolate KIND  of positions: bicubic, bilinear or corners (interpolate.h)
 *     --size WxH          of the images; else as the file's model has them
 *     --steps N           train so many steps: the schedule ends there
 *
 * All other words are chapter 5's, but for those of the model. What they don't say is
 * as in the paper [ViT T.4]: SGD with momentum 0.9, batches of 512 (or, of fewer
 * images, all of them), no smoothing of labels.
 *
 * Weights see pixels as they did before: mean and deviation are the recipe's, the norms'
 * epsilon is the file's, grey images of a model for colour are repeated. The checkpoint
 * keeps all that. Only a model that was trained here from scratch has mean and deviation
 * measured, on the new data as on the old.
 */
#pragma once

#include <stdbool.h>

/* fine_tune_asked: is --fine-tune on the command line? */
bool fine_tune_asked(int argc, char **argv);

/* fine_tune_run: does it; the exit status. */
int fine_tune_run(int argc, char **argv);

/* fine_tune_help: these words, as --help prints them. */
void fine_tune_help(void);
