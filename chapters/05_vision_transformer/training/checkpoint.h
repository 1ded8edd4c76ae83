/*
 * checkpoint.h: a run as bytes: weights, AdamW's two moments, the step, all
 * settings, and what the pixels were normalised with. Resuming continues the run
 * bit for bit, because every random number is a function of the seed and its
 * place (random.h).
 *
 * The bytes are in safetensors' format (safetensors.h). Weights have timm's names; the
 * moments are "adamw.m." and "adamw.v." before the same names. checkpoint_file.h has
 * them in a file.
 */
#pragma once

#include "common/files/safetensors.h"
#include "chapters/05_vision_transformer/training/trainer.h"

#define CHECKPOINT_FORMAT "vit-course 1"

/* What a checkpoint says of itself, read before the weights are. */
typedef struct {
    Settings settings;
    long step;
    long train_images; /* how many the run was trained on */
    double mean[DATASET_MAX_CHANNELS], deviation[DATASET_MAX_CHANNELS];
    double checksum;  /* Dataset's; -1: the file is older than that */
    double split;     /* Dataset's; -1: its data had a test set */
    double last_loss; /* of step `step`; -1: the same */
    char unknown[40]; /* a text of a later version, which is left out here; or "" */
} CheckpointInfo;

/* checkpoint_encode: all of the run; errors begin with `name`. A run that diverges, and
 * has infinite moments, is one. */
bool checkpoint_encode(const Trainer *trainer, const Dataset *dataset, const char *name,
                       SafetensorsSink sink, Error *error);

/* checkpoint_read_info: the settings and the rest; false if they are damaged. */
bool checkpoint_read_info(const Safetensors *file, CheckpointInfo *info, Error *error);

/* checkpoint_read_names: the classes and their names into a data set that has no images
 * (dataset_name); numbers if the file has no names. */
bool checkpoint_read_names(const Safetensors *file, const CheckpointInfo *info,
                           Dataset *dataset, Error *error);

/*
 * checkpoint_read: weights, moments and step into a trainer that was made with the
 * checkpoint's settings. On failure the trainer's weights are undefined.
 */
bool checkpoint_read(const Safetensors *file, Trainer *trainer, Error *error);
