/*
 * fuzz_weights.c: weights of others (chapter 7, load.h). The input's first byte says
 * what the rest is: a safetensors file, loaded as a model, with so many heads; or the
 * config.json of a file that is as it should be. A model that was loaded and is small
 * computes, and is exported and loaded again.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/07_pretrained_weights/weights/export.h"
#include "chapters/07_pretrained_weights/weights/geometry.h"
#include "chapters/07_pretrained_weights/weights/load.h"
#include "tests/fuzz/fuzz.h"

enum { CONFIG = 16, ROUND_TRIPS = 16, SEED_BYTES = 1 << 14 };

static const char *copy;

/* ---- tiny files ------------------------------------------------------- */

typedef struct {
    const char *name, *shape;
    int count;
} Tiny;

#define D1 "[2]", 2
#define ROW "[1,1,2]", 2
#define DD "[2,2]", 4

/* D 2, M 1, one block, one patch of one pixel, one class. */
static const Tiny timm[] = {{"cls_token", ROW},
                            {"pos_embed", "[1,2,2]", 4},
                            {"patch_embed.proj.weight", "[2,1,1,1]", 2},
                            {"patch_embed.proj.bias", D1},
                            {"blocks.0.norm1.weight", D1},
                            {"blocks.0.norm1.bias", D1},
                            {"blocks.0.attn.qkv.weight", "[6,2]", 12},
                            {"blocks.0.attn.qkv.bias", "[6]", 6},
                            {"blocks.0.attn.proj.weight", DD},
                            {"blocks.0.attn.proj.bias", D1},
                            {"blocks.0.norm2.weight", D1},
                            {"blocks.0.norm2.bias", D1},
                            {"blocks.0.mlp.fc1.weight", "[1,2]", 2},
                            {"blocks.0.mlp.fc1.bias", "[1]", 1},
                            {"blocks.0.mlp.fc2.weight", "[2,1]", 2},
                            {"blocks.0.mlp.fc2.bias", D1},
                            {"norm.weight", D1},
                            {"norm.bias", D1},
                            {"head.weight", "[1,2]", 2},
                            {"head.bias", "[1]", 1},
                            {NULL, NULL, 0}};

static const Tiny transformers[] = {
    {"vit.embeddings.cls_token", ROW},
    {"vit.embeddings.position_embeddings", "[1,2,2]", 4},
    {"vit.embeddings.patch_embeddings.projection.weight", "[2,1,1,1]", 2},
    {"vit.embeddings.patch_embeddings.projection.bias", D1},
    {"vit.encoder.layer.0.layernorm_before.weight", D1},
    {"vit.encoder.layer.0.layernorm_before.bias", D1},
    {"vit.encoder.layer.0.attention.attention.query.weight", DD},
    {"vit.encoder.layer.0.attention.attention.query.bias", D1},
    {"vit.encoder.layer.0.attention.attention.key.weight", DD},
    {"vit.encoder.layer.0.attention.attention.key.bias", D1},
    {"vit.encoder.layer.0.attention.attention.value.weight", DD},
    {"vit.encoder.layer.0.attention.attention.value.bias", D1},
    {"vit.encoder.layer.0.attention.output.dense.weight", DD},
    {"vit.encoder.layer.0.attention.output.dense.bias", D1},
    {"vit.encoder.layer.0.layernorm_after.weight", D1},
    {"vit.encoder.layer.0.layernorm_after.bias", D1},
    {"vit.encoder.layer.0.intermediate.dense.weight", "[1,2]", 2},
    {"vit.encoder.layer.0.intermediate.dense.bias", "[1]", 1},
    {"vit.encoder.layer.0.output.dense.weight", "[2,1]", 2},
    {"vit.encoder.layer.0.output.dense.bias", D1},
    {"vit.layernorm.weight", D1},
    {"vit.layernorm.bias", D1},
    {NULL, NULL, 0}};

static const Tiny authors[] = {
    {"pos_embedding", ROW},
    {"embedding/kernel", "[1,1,1,2]", 2},
    {"embedding/bias", D1},
    {"Transformer/encoderblock_0/LayerNorm_0/scale", D1},
    {"Transformer/encoderblock_0/LayerNorm_0/bias", D1},
    {"Transformer/encoderblock_0/MultiHeadDotProductAttention_0/query/kernel",
     "[2,2,1]", 4},
    {"Transformer/encoderblock_0/MultiHeadDotProductAttention_0/query/bias", "[2,1]",
     2},
    {"Transformer/encoderblock_0/MultiHeadDotProductAttention_0/key/kernel", "[2,2,1]",
     4},
    {"Transformer/encoderblock_0/MultiHeadDotProductAttention_0/key/bias", "[2,1]", 2},
    {"Transformer/encoderblock_0/MultiHeadDotProductAttention_0/value/kernel",
     "[2,2,1]", 4},
    {"Transformer/encoderblock_0/MultiHeadDotProductAttention_0/value/bias", "[2,1]",
     2},
    {"Transformer/encoderblock_0/MultiHeadDotProductAttention_0/out/kernel", "[2,1,2]",
     4},
    {"Transformer/encoderblock_0/MultiHeadDotProductAttention_0/out/bias", D1},
    {"Transformer/encoderblock_0/LayerNorm_1/scale", D1},
    {"Transformer/encoderblock_0/LayerNorm_1/bias", D1},
    {"Transformer/encoderblock_0/MlpBlock_0/Dense_0/kernel", "[2,1]", 2},
    {"Transformer/encoderblock_0/MlpBlock_0/Dense_0/bias", "[1]", 1},
    {"Transformer/encoderblock_0/MlpBlock_0/Dense_1/kernel", "[1,2]", 2},
    {"Transformer/encoderblock_0/MlpBlock_0/Dense_1/bias", D1},
    {"Transformer/encoder_norm/scale", D1},
    {"Transformer/encoder_norm/bias", D1},
    {"head/kernel", "[2,1]", 2},
    {"head/bias", "[1]", 1},
    {NULL, NULL, 0}};

/* The file, from its second byte on, behind one of the caller's; returns its length. */
static size_t make_file(const Tiny *arrays, const char *texts, const char *added,
                        unsigned char *file) {
    char *header = (char *)file + 8;
    int at = 0;
    int length = sprintf(header, "{%s", texts);
    for (; arrays->name; arrays++) {
        length += sprintf(header + length,
                          "%s\"%s\":{\"dtype\":\"F32\",\"shape\":%s,\"data_offsets\":"
                          "[%d,%d]}",
                          length > 1 ? "," : "", arrays->name, arrays->shape, at,
                          at + 4 * arrays->count);
        at += 4 * arrays->count;
    }
    length += sprintf(header + length, "%s}", added);
    while (length % 8 != 0) {
        header[length++] = ' ';
    }
    for (int i = 0; i < 8; i++) {
        file[i] = (unsigned char)((size_t)length >> (8 * i));
    }
    for (int i = 0; i < at / 4; i++) {
        const float value = (float)(i % 7) / 4 - 1;
        memcpy(file + 8 + length + 4 * (size_t)i, &value, 4);
    }
    return 8 + (size_t)length + (size_t)at;
}

/* ---- a model ---------------------------------------------------------- */

static bool is_small(const PretrainedConfig *c) {
    return c->vit.block.D <= 16 && c->vit.block.M <= 64 && c->vit.classes <= 64 &&
           c->vit.channels <= 4 && c->vit.patch <= 8 && pretrained_tokens(c) <= 32 &&
           c->pre_logits <= 64 && c->vit.depth <= 4 &&
           (c->vit.positions != POSITIONS_2D || c->vit.block.D % 2 == 0);
}

static void compute(const Pretrained *model) {
    PretrainedActivations a;
    Error error = {""};
    const VitConfig *c = &model->config.vit;
    static real pixels[4 * 32 * 64];
    const long count = (long)c->channels * c->height * c->width;
    fuzz_must(count <= (long)(sizeof pixels / sizeof pixels[0]), "the image is small");
    fuzz_must(pretrained_activations_make(&a, &model->config, 1, &error), "memory");
    pretrained_forward(model, tensor4(pixels, 1, c->channels, c->height, c->width), &a);
    pretrained_activations_free(&a);
}

static void export_and_load(Pretrained *model) {
    Pretrained again;
    Error error = {""};
    const PretrainedConfig *a = &model->config, *b = &again.config;
    if (!pretrained_export(model, copy, NULL, &error)) {
        fuzz_must(false, error.text);
    }
    if (!pretrained_load(&again, copy, 0, &error)) {
        fuzz_must(false, error.text);
    }
    fuzz_must(a->reading == b->reading && a->class_token == b->class_token &&
                  a->distil_token == b->distil_token && a->head == b->head &&
                  a->pre_logits == b->pre_logits && a->epsilon == b->epsilon &&
                  memcmp(&a->vit, &b->vit, sizeof a->vit) == 0,
              "an export is the same model");
    pretrained_free(&again);
    remove(copy);
}

static void load(const unsigned char *bytes, size_t count, int heads) {
    static unsigned accepted;
    Pretrained model;
    Error error = {""};
    Arrays *file = arrays_from(bytes, count, "memory/model.safetensors", &error);
    const bool ok = file && pretrained_from(&model, file, heads, &error);
    fuzz_must_tell(ok, &error);
    if (!ok) {
        return;
    }
    fuzz_must(vit_config_check(&model.config.vit, &error), "its sizes are possible");
    fuzz_must(pretrained_tokens(&model.config) ==
                  vit_patches(&model.config.vit) +
                      pretrained_first_patch(&model.config),
              "tokens are patches and those before them");
    if (is_small(&model.config)) {
        compute(&model);
    }
    if (accepted++ % ROUND_TRIPS == 0) { /* writing waits for the disk */
        export_and_load(&model);
    }
    pretrained_free(&model);
}

/* ---- a config.json ---------------------------------------------------- */

static Names names;

void fuzz_setup(void) {
    static unsigned char file[SEED_BYTES];
    Error error;
    copy = fuzz_path("copy.safetensors");
    const size_t count = make_file(transformers, "", "", file);
    Arrays *arrays = arrays_from(file, count, "memory/model.safetensors", &error);
    if (!arrays || !names_recognise(&names, arrays, &error)) {
        bug("fuzz: %s", error.text);
    }
}

static void configure(const unsigned char *bytes, size_t count, int heads) {
    char *text = malloc(count + 1);
    Error error = {""};
    Said said = {.epsilon = -1};
    PretrainedConfig config;
    if (!text) {
        return;
    }
    memcpy(text, bytes, count);
    text[count] = '\0';
    JsonValue *json = json_read(text, count, &error);
    const bool ok = json && said_by_json(&said, json, "config.json", &error) &&
                    geometry_find(&config, &names, &said, heads, &error);
    fuzz_must_tell(ok, &error);
    if (ok) {
        fuzz_must(vit_config_check(&config.vit, &error), "its sizes are possible");
        fuzz_must(config.epsilon >= 0 && config.epsilon < 1, "its epsilon is possible");
        fuzz_must(config.vit.block.D % config.vit.block.heads == 0, "heads divide D");
    }
    free(json);
    free(text);
}

void fuzz_input(const unsigned char *bytes, size_t count) {
    if (count == 0) {
        return;
    }
    const int heads = bytes[0] % CONFIG;
    if (bytes[0] & CONFIG) {
        configure(bytes + 1, count - 1, heads);
    } else {
        load(bytes + 1, count - 1, heads);
    }
}

/* ---- seeds ------------------------------------------------------------ */

static void seed(const Tiny *arrays, int heads, const char *texts, const char *added) {
    unsigned char file[1 + SEED_BYTES] = {(unsigned char)heads};
    fuzz_seed(file, 1 + make_file(arrays, texts, added, file + 1));
}

static void seed_config(int heads, const char *text) {
    unsigned char bytes[512] = {(unsigned char)(CONFIG + heads)};
    memcpy(bytes + 1, text, strlen(text));
    fuzz_seed(bytes, 1 + strlen(text));
}

void fuzz_seeds(void) {
    seed(timm, 1, "", "");
    seed(timm, 0, "\"__metadata__\":{\"heads\":\"2\",\"layer_norm_eps\":\"1e-5\"}", "");
    seed(timm, 2,
         "\"__metadata__\":{\"heads\":\"1\",\"height\":\"1\",\"width\":\"1\","
         "\"norm\":\"1\",\"activation\":\"1\",\"positions\":\"0\",\"pool\":"
         "\"1\"}",
         "");
    seed(transformers, 1, "", "");
    seed(transformers, 2, "", "");
    seed(authors, 0, "", "");
    seed_config(0,
                "{\"num_attention_heads\":2,\"hidden_size\":2,\"num_hidden_layers\":1,"
                "\"intermediate_size\":1,\"image_size\":1,\"patch_size\":1,"
                "\"num_channels\":1,\"layer_norm_eps\":1e-12,\"hidden_act\":\"gelu\","
                "\"id2label\":{\"0\":\"cat\"}}");
    seed_config(1, "{\"architecture\":\"vit_small_patch16_224\",\"num_features\":2,"
                   "\"global_pool\":\"avg\",\"model_args\":{\"img_size\":[1,1],"
                   "\"act_layer\":\"relu\"},\"pretrained_cfg\":{\"input_size\":[3,1,1],"
                   "\"mean\":[0.5,0.5,0.5]}}");
}
