/* tensors.c: see tensors.h. */
#include "chapters/07_pretrained_weights/weights/tensors.h"

#include <stdio.h>
#include <stdlib.h>

#include "chapters/07_pretrained_weights/weights/names.h"

enum { OF_MODEL = 24, OF_BLOCK = 12 };

static void add(ModelTensors *list, const char *name, int block, Tensor *T,
                Tensor shape) {
    if (list->shapes) {
        *T = shape;
    }
    list->items[list->count++] = (ModelTensor){name, block, T};
}

#define SHAPE1(n) tensor1(NULL, (n))
#define SHAPE2(n0, n1) tensor2(NULL, (n0), (n1))

static void add_positions(ModelTensors *list, Pretrained *model) {
    const PretrainedConfig *c = &model->config;
    PatchEmbedding *e = &model->vit.embedding;
    const int D = c->vit.block.D, n = pretrained_tokens(c), P = c->vit.patch;
    switch (c->vit.positions) {
    case POSITIONS_1D:
        add(list, "pos_embed", NO_BLOCK, &e->pos_embed, tensor3(NULL, 1, n, D));
        break;
    case POSITIONS_2D:
        add(list, "pos_embed_x", NO_BLOCK, &e->pos_embed_x,
            tensor3(NULL, 1, c->vit.width / P, D / 2));
        add(list, "pos_embed_y", NO_BLOCK, &e->pos_embed_y,
            tensor3(NULL, 1, c->vit.height / P, D / 2));
        if (c->class_token) {
            add(list, "pos_embed_cls", NO_BLOCK, &e->pos_embed_cls,
                tensor3(NULL, 1, 1, D));
        }
        break;
    case POSITIONS_SINUSOIDAL:
    case POSITIONS_NONE: break;
    }
}

static void add_embedding(ModelTensors *list, Pretrained *model) {
    const PretrainedConfig *c = &model->config;
    PatchEmbedding *e = &model->vit.embedding;
    const int D = c->vit.block.D, P = c->vit.patch;
    if (c->class_token) {
        add(list, "cls_token", NO_BLOCK, &e->cls_token, tensor3(NULL, 1, 1, D));
    }
    if (c->distil_token) {
        add(list, "dist_token", NO_BLOCK, &model->dist_token, tensor3(NULL, 1, 1, D));
    }
    add_positions(list, model);
    add(list, "patch_embed.proj.weight", NO_BLOCK, &e->E,
        tensor4(NULL, D, c->vit.channels, P, P));
    add(list, "patch_embed.proj.bias", NO_BLOCK, &e->b_E, SHAPE1(D));
}

static void add_norm(ModelTensors *list, const char *const names[2], int block,
                     LayerNorm *norm, const PretrainedConfig *c) {
    add(list, names[0], block, &norm->gamma, SHAPE1(c->vit.block.D));
    add(list, names[1], block, &norm->beta, SHAPE1(c->vit.block.D));
}

static void add_block(ModelTensors *list, Pretrained *model, int l) {
    static const char *const norm1[2] = {"norm1.weight", "norm1.bias"};
    static const char *const norm2[2] = {"norm2.weight", "norm2.bias"};
    const BlockConfig *c = &model->config.vit.block;
    EncoderBlock *b = &model->vit.blocks[l];
    add_norm(list, norm1, l, &b->norm1, &model->config);
    add(list, "attn.qkv.weight", l, &b->attn.W_qkv, SHAPE2(3 * c->D, c->D));
    add(list, "attn.qkv.bias", l, &b->attn.b_qkv, SHAPE1(3 * c->D));
    add(list, "attn.proj.weight", l, &b->attn.W_O, SHAPE2(c->D, c->D));
    add(list, "attn.proj.bias", l, &b->attn.b_O, SHAPE1(c->D));
    add_norm(list, norm2, l, &b->norm2, &model->config);
    add(list, "mlp.fc1.weight", l, &b->mlp.W_1, SHAPE2(c->M, c->D));
    add(list, "mlp.fc1.bias", l, &b->mlp.b_1, SHAPE1(c->M));
    add(list, "mlp.fc2.weight", l, &b->mlp.W_2, SHAPE2(c->D, c->M));
    add(list, "mlp.fc2.bias", l, &b->mlp.b_2, SHAPE1(c->D));
}

static void add_head(ModelTensors *list, Pretrained *model) {
    static const char *const norm[2] = {"norm.weight", "norm.bias"};
    static const char *const fc_norm[2] = {"fc_norm.weight", "fc_norm.bias"};
    const PretrainedConfig *c = &model->config;
    const int D = c->vit.block.D, K = c->vit.classes;
    if (c->reading == READ_NORM_OF_MEAN) {
        add_norm(list, fc_norm, NO_BLOCK, &model->fc_norm, c);
    } else {
        add_norm(list, norm, NO_BLOCK, &model->vit.norm, c);
    }
    if (c->pre_logits > 0) {
        add(list, "pre_logits.fc.weight", NO_BLOCK, &model->W_pre,
            SHAPE2(c->pre_logits, D));
        add(list, "pre_logits.fc.bias", NO_BLOCK, &model->b_pre, SHAPE1(c->pre_logits));
    }
    if (!c->head) {
        return;
    }
    add(list, "head.weight", NO_BLOCK, &model->vit.W_head,
        SHAPE2(K, c->pre_logits > 0 ? c->pre_logits : D));
    if (c->head_bias) {
        add(list, "head.bias", NO_BLOCK, &model->vit.b_head, SHAPE1(K));
    }
    if (c->reading == READ_CLASS_AND_DISTIL) {
        add(list, "head_dist.weight", NO_BLOCK, &model->W_dist, SHAPE2(K, D));
        if (c->head_bias) {
            add(list, "head_dist.bias", NO_BLOCK, &model->b_dist, SHAPE1(K));
        }
    }
}

/* What layers know besides their tensors. */
static void set_up(Pretrained *model) {
    const PretrainedConfig *c = &model->config;
    const real epsilon = (real)c->epsilon;
    model->vit.config = c->vit;
    model->vit.embedding.positions = c->vit.positions;
    model->vit.norm.epsilon = model->fc_norm.epsilon = epsilon;
    for (int l = 0; l < c->vit.depth; l++) {
        EncoderBlock *b = &model->vit.blocks[l];
        b->norm = c->vit.block.norm;
        b->index = l;
        b->norm1.epsilon = b->norm2.epsilon = epsilon;
        b->attn.heads = c->vit.block.heads;
        b->mlp.activation = c->vit.block.activation;
    }
}

static bool walk(ModelTensors *list, Pretrained *model, Error *error) {
    const int depth = model->config.vit.depth;
    list->items = allocate((size_t)(OF_MODEL + depth * OF_BLOCK) * sizeof(ModelTensor),
                           "a list of tensors", error);
    if (!list->items) {
        return false;
    }
    add_embedding(list, model);
    for (int l = 0; l < depth; l++) {
        add_block(list, model, l);
    }
    add_head(list, model);
    return true;
}

bool tensors_list(ModelTensors *list, Pretrained *model, Error *error) {
    *list = (ModelTensors){.shapes = false};
    return walk(list, model, error);
}

bool tensors_shape(ModelTensors *list, Pretrained *model, Error *error) {
    *list = (ModelTensors){.shapes = true};
    set_up(model);
    return walk(list, model, error);
}

void tensors_free(ModelTensors *list) {
    free(list->items);
    *list = (ModelTensors){0};
}

char *tensors_name(const ModelTensor *tensor, char text[TENSOR_NAME]) {
    if (tensor->block == NO_BLOCK) {
        snprintf(text, TENSOR_NAME, "%s", tensor->name);
    } else {
        snprintf(text, TENSOR_NAME, "blocks.%d.%s", tensor->block, tensor->name);
    }
    return text;
}
