/*
 * fine_tune_run.h: fine-tuning as a task of the command line: `./chapter7 --fine-tune
 * chapter5.safetensors --size 56`. The run itself is chapter 5's (run.h): its log,
 * its checkpoints, Ctrl-C; `./chapter5 --resume` goes on with it, --eval tests it.
 *
 *     --fine-tune FILE    begin with a checkpoint of chapter 5, 6 or 7
 *     --interpolate KIND  of positions: bicubic, bilinear or corners (interpolate.h)
 *     --size WxH          of the images; else that of the checkpoint's model
 *     --steps N           train so many steps: the schedule ends there
 *
 * All other words are chapter 5's, but for those of the model. What they don't say is
 * as in the paper [ViT T.4]: SGD with momentum 0.9, batches of 512, no smoothing of
 * labels.
 */
#pragma once

#include <stdbool.h>

/* fine_tune_asked: is --fine-tune on the command line? */
bool fine_tune_asked(int argc, char **argv);

/* fine_tune_run: does it; the exit status. */
int fine_tune_run(int argc, char **argv);

/* fine_tune_help: these words, as --help prints them. */
void fine_tune_help(void);
