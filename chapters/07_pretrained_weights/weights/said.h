/*
 * said.h: what is said about a model outside of its arrays: by the file's own texts, as
 * chapter 5's checkpoints and --export write them, and by a config.json beside it, as
 * transformers and timm write one. No shape tells the number of heads or the epsilon.
 */
#pragma once

#include "chapters/05_vision_transformer/model/vit.h"
#include "chapters/07_pretrained_weights/weights/arrays.h"
#include "common/files/json.h"

/* 0, or below 0 for epsilon: nothing is said. */
typedef struct {
    int heads, height, width;
    int D, depth, M, patch, channels; /* must be the arrays' */
    double epsilon;
    bool mean;     /* the head reads the mean of the patches */
    bool by_texts; /* the file's own texts said it: a config.json isn't looked at */
    Activation activation;
    NormPlace norm;
    Positions positions;
} Said;

/* said_read: false for a config.json that can't be read, or says what no model here
 * does. */
bool said_read(Said *said, const Arrays *file, Error *error);

/* said_by_json: what this config.json says, added to what is known; errors begin with
 * `name`. */
bool said_by_json(Said *said, const JsonValue *config, const char *name, Error *error);
