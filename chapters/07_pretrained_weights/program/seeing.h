/*
 * seeing.h: what a model sees in a picture: its classes, and where it looked.
 */
#pragma once

#include "chapters/07_pretrained_weights/model/rollout.h"
#include "chapters/07_pretrained_weights/pictures/recipe.h"
#include "chapters/07_pretrained_weights/program/labels.h"
#include "chapters/07_pretrained_weights/program/seeing_options.h"
#include "common/files/regular_file.h"

/* A model that is ready for one picture after the other. */
typedef struct {
    const char *path; /* of the weights */
    Pretrained model;
    Recipe recipe;
    Labels labels;
    PretrainedActivations activations; /* of one picture */
    Arena arena;                       /* owns all below */
    Tensor image;                      /* (1, C, H, W) */
    Rollout rollout;                   /* (n, n) three times */
    Tensor row;                        /* (n) */
    Tensor weights;                    /* (down, across) of patches */
    double prepare_ms;                 /* the last picture: from file to tensor */
} Seeing;

/* seeing_open: the weights, and all that they need; to be freed also if it fails. */
bool seeing_open(Seeing *seeing, const char *path, const SeeingOptions *options,
                 Error *error);
void seeing_free(Seeing *seeing);

/* seeing_print: a few lines about the model, its recipe and its labels. */
void seeing_print(const Seeing *seeing);

/* seeing_prepare: decode, resize, crop, normalise: image (C, H, W); `seen` is what the
 * model will see of it, to be freed, also if it fails. */
bool seeing_prepare(const Recipe *recipe, const char *picture, Tensor image,
                    Picture *seen, Error *error);

/*
 * seeing_look: seeing_prepare and forward; then `seen` is what the model saw, to be
 * freed. Logits that aren't finite are an error.
 */
bool seeing_look(Seeing *seeing, const char *picture, Picture *seen, Error *error);

/* seeing_print_classes: the `top` most likely ones of the last picture. */
void seeing_print_classes(const Seeing *seeing, int top);

/* seeing_attention: weights (down, across) of the last picture, from 0 to 1: of block
 * `layer` and head `head` (1, 2, ...), of all its heads (head 0), or the rollout of all
 * blocks (layer 0). */
Tensor seeing_attention(Seeing *seeing, int layer, int head);

/* seeing_time: the forward pass of the last picture again and again: the median, in
 * milliseconds; *times: how often. */
double seeing_time(Seeing *seeing, int *times);

/*
 * seeing_drawing: where the attention over `picture` is drawn: "cat.attention.png" for
 * "cat.jpg", with layer and head "cat.layer3.head5.png"; in the folder --out, or beside
 * the picture. Of cat.jpg and cat.png both keep their endings: cat.jpg.attention.png.
 * False and an error: the path is too long, or one of the pictures.
 */
bool seeing_drawing(const char *picture, const SeeingOptions *options,
                    char path[FILE_PATH_BYTES], Error *error);

/* weights_default: the only file of weights in data/weights. False and an error: there
 * is more than one, or (path "") none. */
bool weights_default(char path[FILE_PATH_BYTES], Error *error);
