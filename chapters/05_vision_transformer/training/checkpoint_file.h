/* checkpoint_file.h: a checkpoint (checkpoint.h) in a file. */
#pragma once

#include "chapters/05_vision_transformer/training/checkpoint.h"

/* checkpoint_can_save: false, and why, if it can't be written. Ask before a run
 * begins, not after its first epoch. */
bool checkpoint_can_save(const char *path, Error *error);

/*
 * checkpoint_save: it is written under another name, read as by checkpoint_info, then
 * renamed (regular_file.h). If anything is wrong, as with the infinite moments of a run
 * that diverges, what was there before stays.
 */
bool checkpoint_save(const char *path, const Trainer *trainer, const Dataset *dataset,
                     Error *error);

/* checkpoint_info, checkpoint_load: checkpoint_read_info, checkpoint_read of a file. */
bool checkpoint_info(const char *path, CheckpointInfo *info, Error *error);
bool checkpoint_load(const char *path, Trainer *trainer, Error *error);

/* checkpoint_names: checkpoint_read_names of a file. */
bool checkpoint_names(const char *path, const CheckpointInfo *info, Dataset *dataset,
                      Error *error);
