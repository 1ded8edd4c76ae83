/*
 * export.h: a model's weights alone, under timm's names, for other programs and for
 * this one: timm's model of the same sizes loads them with
 * load_state_dict(strict=True).
 *
 * What no shape tells goes along as texts: heads, the image's size, the norms' epsilon
 * ("layer_norm_eps"), activation, positions, pooling. So the file loads here without a
 * flag. timm doesn't read these texts: whoever loads it there must ask for the same.
 */
#pragma once

#include "chapters/07_pretrained_weights/model/pretrained.h"

/* pretrained_export: `recipe` (NULL: none) is the name of what its pictures want; where
 * the weights' own file says something about that (recipe; mean and deviation), this
 * goes along in its place. The file that the model was read from is never written
 * over. */
bool pretrained_export(Pretrained *model, const char *path, const char *recipe,
                       Error *error);
