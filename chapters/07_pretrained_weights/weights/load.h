/*
 * load.h: a file of weights, in any of four dialects, as a model.
 *
 *     timm          blocks.0.attn.qkv.weight           ours, too
 *     transformers  vit.encoder.layer.0.attention.attention.query.weight
 *                   (of late: layers.0.attention.q_proj.weight; vit., deit. or none)
 *     torchvision   encoder.layers.encoder_layer_0.self_attention.in_proj_weight
 *     the authors'  Transformer/encoderblock_0/MultiHeadDotProductAttention_1/query/
 *                   kernel (.npz; with params/, opt/target/; big_vision's numbering)
 *
 * Each is one table, from their name to ours, with what has to be done to the array on
 * the way (dialects.h). What doesn't fit is one line that names the tensor and the
 * dialect.
 *
 * An array that needs no change, and is of our type, stays where it is, in the mapped
 * file. Any other is read into memory of the model's own, one at a time, and its pages
 * are given back.
 */
#pragma once

#include "chapters/07_pretrained_weights/model/pretrained.h"
#include "chapters/07_pretrained_weights/weights/arrays.h"

/* pretrained_load: `heads` 0: from the file, its neighbour config.json, or a known
 * width; an error asks for --heads where none of these says it. The model is
 * pretrained_free's; it is {0} after an error. */
bool pretrained_load(Pretrained *model, const char *path, int heads, Error *error);

/* pretrained_from: the same, from arrays that are open, which become the model's, or
 * are closed. */
bool pretrained_from(Pretrained *model, Arrays *file, int heads, Error *error);

/* pretrained_dialect: "timm", "transformers", ...: what its file was taken for. */
const char *pretrained_dialect(const Pretrained *model);
