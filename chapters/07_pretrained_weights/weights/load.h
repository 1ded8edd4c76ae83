/*
 * load.h: a file of weights, in any of four dialects, as a model.
 *
 *     timm          blocks.0.attn.qkv.weight           ours, too
 *     transformers  vit.encoder.layer.0.attention.attention.query.weight
 *                   (of late: layers.0.attention.q_proj.weight; vit., deit., or nothing)
 *     torchvision   encoder.layers.encoder_layer_0.self_attention.in_proj_weight
 *     the authors'  Transformer/encoderblock_0/MultiHeadDotProductAttention_1/query/kernel
 *                   (.npz; with params/, opt/target/; big_vision's numbering)
 *
 * Each is one table, from their name to ours, with what has to be done to the array on
 * the way (dialects.h). What doesn't fit is one line that names the tensor and the
 * dialect.
 */
#pragma once

#include "chapters/07_pretrained_weights/model/pretrained.h"
#include "chapters/07_pretrained_weights/weights/arrays.h"

/* pretrained_load: `heads` 0: from the file, its neighbour config.json, or a known
 * width; an error asks for --heads where none of these says it. */
bool pretrained_load(Pretrained *model, const char *path, int heads, Error *error);

/* pretrained_dialect: "timm", "transformers", ...: what the last file was taken for. */
const char *pretrained_dialect(const Pretrained *model);
