/* checkpoint_file.c: see checkpoint_file.h. */
#include "chapters/05_vision_transformer/training/checkpoint_file.h"

#include "common/files/safetensors_file.h"

bool checkpoint_can_save(const char *path, Error *error) {
    return new_file_possible(path, error) &&
           safetensors_may_replace(path, CHECKPOINT_FORMAT, error);
}

/* Is the file, which is not under its name yet, what checkpoint_info takes? */
static bool check_new(const NewFile *file, Error *error) {
    CheckpointInfo info;
    Error why;
    return checkpoint_info(file->temporary, &info, &why) ||
           error_set(error, "%s: not saved, for it could not be read again: %s",
                     file->path, why.text);
}

bool checkpoint_save(const char *path, const Trainer *t, const Dataset *dataset,
                     Error *error) {
    NewFile file;
    if (!checkpoint_can_save(path, error) || !new_file_begin(&file, path, error)) {
        return false;
    }
    if (!checkpoint_encode(t, dataset, path, safetensors_into_file(&file), error) ||
        !check_new(&file, error)) {
        return safetensors_give_up(&file, error);
    }
    return new_file_end(&file, error);
}

bool checkpoint_info(const char *path, CheckpointInfo *info, Error *error) {
    Safetensors file;
    if (!safetensors_open(&file, path, error)) {
        return false;
    }
    const bool ok = checkpoint_read_info(&file, info, error);
    safetensors_close(&file);
    return ok;
}

bool checkpoint_load(const char *path, Trainer *t, Error *error) {
    Safetensors file;
    if (!safetensors_open(&file, path, error)) {
        return false;
    }
    const bool ok = checkpoint_read(&file, t, error);
    safetensors_close(&file);
    return ok;
}

bool checkpoint_names(const char *path, const CheckpointInfo *info, Dataset *dataset,
                      Error *error) {
    Safetensors file;
    if (!safetensors_open(&file, path, error)) {
        return false;
    }
    const bool ok = checkpoint_read_names(&file, info, dataset, error);
    safetensors_close(&file);
    return ok;
}
