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
} ModelTensors;

/* tensors_list: for a model whose config is set: gives every tensor that such a model
 * has its shape, without data, all others no dimensions, and lists them in timm's order.
 * What else a layer needs to know (heads, epsilon, activation) is set, too. */
bool tensors_list(ModelTensors *list, Pretrained *model, Error *error);
void tensors_free(ModelTensors *list);

/* tensors_name: "blocks.3.attn.qkv.weight" into text, which it returns. */
enum { TENSOR_NAME = 64 };
char *tensors_name(const ModelTensor *tensor, char text[TENSOR_NAME]);
