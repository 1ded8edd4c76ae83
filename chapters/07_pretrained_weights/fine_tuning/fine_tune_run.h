/*
 * fine_tune_run.h: fine-tuning as a task of the command line: `./chapter7 --fine-tune
 * chapter5.safetensors --size 56`. The run itself is chapter 5's (run.h): its log, its
 * checkpoints, Ctrl-C and --resume.
 *
 *     --fine-tune FILE    begin with a checkpoint of chapter 5, 6 or 7
 *     --size N, or HxW    images of N x N pixels; alone: train on them from scratch
 *     --resume FILE, --eval FILE   as in chapter 5; images in the size of its model
 *     --steps N           train so many steps: the schedule ends there (with --resume:
 *                         stop there, as in chapter 5)
 *     --interpolate KIND  bicubic, bilinear or corners (interpolate.h)
 *
 * All other words are chapter 5's. With --fine-tune, what they don't say is as in the
 * paper [ViT T.4]: SGD with momentum 0.9, batches of 512, no smoothing of labels.
 */
#pragma once

#include <stdbool.h>

/* fine_tune_asked: is one of the first three on the command line? */
bool fine_tune_asked(int argc, char **argv);

/* fine_tune_run: does it; the exit status. */
int fine_tune_run(int argc, char **argv);

/* fine_tune_help: those words, as --help prints them. */
void fine_tune_help(void);
