/*
 * checkpoint.h: a run in a file: weights, AdamW's two moments, the step, all
 * settings, and what the pixels were normalised with. Resuming continues the run
 * bit for bit, because every random number is a function of the seed and its
 * place (random.h).
 *
 * The file is in safetensors' format (safetensors.h). Weights have timm's names;
 * the moments are "adamw.m." and "adamw.v." before the same names.
 */
#ifndef CHECKPOINT_H
#define CHECKPOINT_H

#include "safetensors.h"
#include "trainer.h"

/* What a checkpoint says of itself, read before the weights are. */
typedef struct {
    Settings settings;
    long step;
    long train_images; /* how many the run was trained on */
    double mean, deviation;
    double checksum;  /* Dataset's; -1: the file is older than that */
    double last_loss; /* of step `step`; -1: the same */
    char unknown[40]; /* a text of a later version, which is left out here; or "" */
} CheckpointInfo;

/* checkpoint_can_save: false, and why, if there is no writing there: asked before a
 * run begins, not after its first epoch. */
bool checkpoint_can_save(const char *path, Error *error);

/*
 * checkpoint_save: written beside its place, read again as checkpoint_info would, then
 * renamed (regular_file.h). If anything is wrong, as with the infinite moments of a run
 * that diverges, what was there before is as it was.
 */
bool checkpoint_save(const char *path, const Trainer *trainer, const Dataset *dataset,
                     Error *error);

/* checkpoint_info: the settings and the rest; false if the file is damaged. */
bool checkpoint_info(const char *path, CheckpointInfo *info, Error *error);

/*
 * checkpoint_load: weights, moments and step into a trainer that was made with the
 * checkpoint's settings. On failure the trainer's numbers are undefined.
 */
bool checkpoint_load(const char *path, Trainer *trainer, Error *error);

#endif
