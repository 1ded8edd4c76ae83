/*
 * safetensors_file.h: tensors in files (safetensors.h), which are read with care and
 * written whole or not at all (regular_file.h).
 */
#pragma once

#include "common/files/regular_file.h"
#include "common/files/safetensors.h"

/* safetensors_open: as safetensors_decode; to be closed by safetensors_close. `path`
 * must live until then. */
bool safetensors_open(Safetensors *file, const char *path, Error *error);

/* safetensors_write: all entries and texts into `path`. */
bool safetensors_write(const char *path, const SafetensorsEntry *entries, int count,
                       const SafetensorsText *texts, int text_count, Error *error);

/* safetensors_into_file: a sink: a file that is written, from its beginning on. */
SafetensorsSink safetensors_into_file(NewFile *file);

/* safetensors_give_up: drop it; the error says that nothing has changed. False. */
bool safetensors_give_up(NewFile *file, Error *error);

/* safetensors_may_replace: false if there is a file of another kind in that place: no
 * safetensors file, or one without `format` (NULL: any) as its text "format", whose
 * last word is a version. */
bool safetensors_may_replace(const char *path, const char *format, Error *error);
