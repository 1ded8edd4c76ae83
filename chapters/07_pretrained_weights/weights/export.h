/*
 * export.h: a model's weights alone, under timm's names, for other programs and for
 * this one: timm's model of the same sizes loads them with
 * load_state_dict(strict=True).
 *
 * What no shape tells goes along as texts: heads, the image's size, the norms' epsilon
 * ("layer_norm_eps"), activation, positions, pooling; and what its pictures want. So
 * the file loads here without a flag or a neighbour. timm doesn't read these texts:
 * whoever loads it there must ask for the same.
 */
#pragma once

#include "chapters/07_pretrained_weights/model/pretrained.h"
#include "common/files/safetensors.h"

/* What the pictures of a model want, as texts: recipe_texts (recipe.h). */
enum { PICTURE_TEXTS = 12 };
typedef struct {
    SafetensorsText texts[PICTURE_TEXTS]; /* keys that live on; values of this struct */
    char values[PICTURE_TEXTS][80];
    int count;
} PictureTexts;

/* pretrained_export: pictures NULL: the file says nothing about them. The file that the
 * model was read from is never written over. */
bool pretrained_export(Pretrained *model, const char *path,
                       const PictureTexts *pictures, Error *error);
