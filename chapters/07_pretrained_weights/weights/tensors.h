/*
 * tensors.h: all tensors of a model, with their names: what loading fills, and --export
 * writes.
 */
#pragma once

#include "chapters/07_pretrained_weights/model/pretrained.h"

typedef struct {
    const char *name; /* timm's; of a block: "attn.qkv.weight" */
    int block;        /* or NO_BLOCK */
    Tensor *T;        /* of the model */
} ModelTensor;

typedef struct {
    ModelTensor *items; /* owned */
    int count;
    bool shapes; /* being set */
} ModelTensors;

/* tensors_list: all that a model of this config has, in timm's order. */
bool tensors_list(ModelTensors *list, Pretrained *model, Error *error);

/* tensors_shape: the same, of a model whose config is set and nothing else: gives each
 * its shape, without data, and sets what else a layer needs to know (heads, epsilon,
 * activation). */
bool tensors_shape(ModelTensors *list, Pretrained *model, Error *error);
void tensors_free(ModelTensors *list);

/* tensors_name: "blocks.3.attn.qkv.weight" into text, which it returns. */
enum { TENSOR_NAME = 64 };
char *tensors_name(const ModelTensor *tensor, char text[TENSOR_NAME]);
