/*
 * export.h: a model's weights alone, under timm's names, for other programs and for this
 * one: timm's model of the same sizes loads them with load_state_dict(strict=True).
 *
 * What no shape tells goes along as texts: heads, the image's size, the norms' epsilon
 * ("layer_norm_eps"), activation, positions, pooling. So the file loads here without a
 * flag. timm doesn't read these texts: whoever loads it there must ask for the same.
 */
#pragma once

#include "chapters/07_pretrained_weights/model/pretrained.h"
#include "common/files/safetensors.h"

/* export_weights: `more` texts go along (the pictures' recipe, say). The file that the
 * model was read from is never written over. */
bool export_weights(const char *path, Pretrained *model, const SafetensorsText *more,
                    int more_count, Error *error);
