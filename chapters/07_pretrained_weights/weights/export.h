/* export.h: a model's weights alone, as a file of our own: timm's names, no moments. */
#pragma once

#include "chapters/07_pretrained_weights/model/pretrained.h"

bool pretrained_export(const Pretrained *model, const char *path, Error *error);
