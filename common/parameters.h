/*
 * parameters.h: all parameters of a model in one contiguous block, and a list of
 * their names, shapes and places.
 *
 * The optimiser, clipping, the checkpoint and the gradient check are then each
 * one loop over the list. Gradients, and AdamW's two moments, are further blocks
 * of the same layout: a model's struct of tensors, laid over the block of
 * weights, is the model; laid over a block of gradients, it is the gradient.
 *
 *     void layer_parameters(Layer *layer, ParameterBlock *block, const char *name) {
 *         layer->W = parameter2(block, DECAY, out, in, "%s.weight", name);
 *         layer->b = parameter1(block, NO_DECAY, out, "%s.bias", name);
 *     }
 */
#pragma once

#include <stdbool.h>

#include "common/error.h"
#include "common/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whether weight decay pulls on a parameter: yes for matrices, no for biases,
 * norms, the class token and position embeddings. */
typedef enum { NO_DECAY, DECAY } Decay;

typedef struct {
    char name[64]; /* timm's name: "blocks.0.attn.qkv.weight" */
    Decay decay;
    Tensor shape; /* its data is NULL */
    long offset;  /* of its first element in the block */
} Parameter;

typedef struct {
    Parameter *items; /* owned */
    int count;
    long total; /* elements in the block, without gaps */
} ParameterList;

/* What a layout function walks along. Make one with the two functions below. */
typedef struct {
    real *data;          /* the block, or NULL to count or list only */
    ParameterList *list; /* where to register names, or NULL */
    long used;
    int count;
} ParameterBlock;

/* The next tensor of the block; printf's format gives its name. */
Tensor parameter_shaped(ParameterBlock *block, Decay decay, Tensor shape,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));
#define parameter1(block, decay, n, ...)                                               \
    parameter_shaped(block, decay, tensor1(NULL, n), __VA_ARGS__)
#define parameter2(block, decay, n0, n1, ...)                                          \
    parameter_shaped(block, decay, tensor2(NULL, n0, n1), __VA_ARGS__)

/* A model's layout: walks the block in a fixed order, setting the model's tensors. */
typedef void ParameterLayout(ParameterBlock *block, void *model);

/* parameters_list: run the layout to learn names, shapes and the total. */
bool parameters_list(ParameterList *list, ParameterLayout *layout, void *model,
                     Error *error);
void parameters_list_free(ParameterList *list);

/* parameters_view: lay the model's tensors over `data` (list->total elements). */
void parameters_view(const ParameterList *list, ParameterLayout *layout, void *model,
                     real *data);

/* parameter_in: parameter p's tensor within a block of this layout. */
Tensor parameter_in(const Parameter *p, real *block);

#ifdef __cplusplus
}
#endif
