/* dialects.c: the four tables. See dialects.h. */
#include "chapters/07_pretrained_weights/weights/dialects.h"

#include <stddef.h>
#include <string.h>

#define END                                                                            \
    { NULL, NULL, WHOLE, AS_IS }

/* ---- timm's, and ours ------------------------------------------------- */

static const DialectRow timm_model[] = {
    {"cls_token", "cls_token", WHOLE, AS_IS},
    {"dist_token", "dist_token", WHOLE, AS_IS},
    {"pos_embed", "pos_embed", WHOLE, AS_IS},
    {"patch_embed.proj.weight", "patch_embed.proj.weight", WHOLE, AS_IS},
    {"patch_embed.proj.bias", "patch_embed.proj.bias", WHOLE, AS_IS},
    {"norm.weight", "norm.weight", WHOLE, AS_IS},
    {"norm.bias", "norm.bias", WHOLE, AS_IS},
    {"fc_norm.weight", "fc_norm.weight", WHOLE, AS_IS},
    {"fc_norm.bias", "fc_norm.bias", WHOLE, AS_IS},
    {"pre_logits.fc.weight", "pre_logits.fc.weight", WHOLE, AS_IS},
    {"pre_logits.fc.bias", "pre_logits.fc.bias", WHOLE, AS_IS},
    {"head.weight", "head.weight", WHOLE, AS_IS},
    {"head.bias", "head.bias", WHOLE, AS_IS},
    {"head_dist.weight", "head_dist.weight", WHOLE, AS_IS},
    {"head_dist.bias", "head_dist.bias", WHOLE, AS_IS},
    /* chapter 5's checkpoints */
    {"pos_embed_x", "pos_embed_x", WHOLE, AS_IS},
    {"pos_embed_y", "pos_embed_y", WHOLE, AS_IS},
    {"pos_embed_cls", "pos_embed_cls", WHOLE, AS_IS},
    {"adamw.*", NULL, WHOLE, AS_IS},
    END};

static const DialectRow timm_block[] = {
    {"norm1.weight", "norm1.weight", WHOLE, AS_IS},
    {"norm1.bias", "norm1.bias", WHOLE, AS_IS},
    {"attn.qkv.weight", "attn.qkv.weight", WHOLE, AS_IS},
    {"attn.qkv.bias", "attn.qkv.bias", WHOLE, AS_IS},
    {"attn.proj.weight", "attn.proj.weight", WHOLE, AS_IS},
    {"attn.proj.bias", "attn.proj.bias", WHOLE, AS_IS},
    {"norm2.weight", "norm2.weight", WHOLE, AS_IS},
    {"norm2.bias", "norm2.bias", WHOLE, AS_IS},
    {"mlp.fc1.weight", "mlp.fc1.weight", WHOLE, AS_IS},
    {"mlp.fc1.bias", "mlp.fc1.bias", WHOLE, AS_IS},
    {"mlp.fc2.weight", "mlp.fc2.weight", WHOLE, AS_IS},
    {"mlp.fc2.bias", "mlp.fc2.bias", WHOLE, AS_IS},
    END};

/* ---- Hugging Face's transformers -------------------------------------- */

static const DialectRow transformers_model[] = {
    {"embeddings.cls_token", "cls_token", WHOLE, AS_IS},
    {"embeddings.distillation_token", "dist_token", WHOLE, AS_IS},
    {"embeddings.position_embeddings", "pos_embed", WHOLE, AS_IS},
    {"embeddings.patch_embeddings.projection.weight", "patch_embed.proj.weight", WHOLE,
     AS_IS},
    {"embeddings.patch_embeddings.projection.bias", "patch_embed.proj.bias", WHOLE,
     AS_IS},
    {"layernorm.weight", "norm.weight", WHOLE, AS_IS},
    {"layernorm.bias", "norm.bias", WHOLE, AS_IS},
    {"classifier.weight", "head.weight", WHOLE, AS_IS},
    {"classifier.bias", "head.bias", WHOLE, AS_IS},
    {"cls_classifier.weight", "head.weight", WHOLE, AS_IS},
    {"cls_classifier.bias", "head.bias", WHOLE, AS_IS},
    {"distillation_classifier.weight", "head_dist.weight", WHOLE, AS_IS},
    {"distillation_classifier.bias", "head_dist.bias", WHOLE, AS_IS},
    /* no classifier reads these */
    {"pooler.dense.weight", NULL, WHOLE, AS_IS},
    {"pooler.dense.bias", NULL, WHOLE, AS_IS},
    {"embeddings.position_ids", NULL, WHOLE, AS_IS},
    {"embeddings.mask_token", NULL, WHOLE, AS_IS},
    END};

static const DialectRow transformers_block[] = {
    {"layernorm_before.weight", "norm1.weight", WHOLE, AS_IS},
    {"layernorm_before.bias", "norm1.bias", WHOLE, AS_IS},
    {"layernorm_after.weight", "norm2.weight", WHOLE, AS_IS},
    {"layernorm_after.bias", "norm2.bias", WHOLE, AS_IS},
    {"attention.attention.query.weight", "attn.qkv.weight", QUERY, AS_IS},
    {"attention.attention.query.bias", "attn.qkv.bias", QUERY, AS_IS},
    {"attention.attention.key.weight", "attn.qkv.weight", KEY, AS_IS},
    {"attention.attention.key.bias", "attn.qkv.bias", KEY, AS_IS},
    {"attention.attention.value.weight", "attn.qkv.weight", VALUE, AS_IS},
    {"attention.attention.value.bias", "attn.qkv.bias", VALUE, AS_IS},
    {"attention.output.dense.weight", "attn.proj.weight", WHOLE, AS_IS},
    {"attention.output.dense.bias", "attn.proj.bias", WHOLE, AS_IS},
    {"intermediate.dense.weight", "mlp.fc1.weight", WHOLE, AS_IS},
    {"intermediate.dense.bias", "mlp.fc1.bias", WHOLE, AS_IS},
    {"output.dense.weight", "mlp.fc2.weight", WHOLE, AS_IS},
    {"output.dense.bias", "mlp.fc2.bias", WHOLE, AS_IS},
    /* the names since version 5; files mostly keep the older ones */
    {"attention.q_proj.weight", "attn.qkv.weight", QUERY, AS_IS},
    {"attention.q_proj.bias", "attn.qkv.bias", QUERY, AS_IS},
    {"attention.k_proj.weight", "attn.qkv.weight", KEY, AS_IS},
    {"attention.k_proj.bias", "attn.qkv.bias", KEY, AS_IS},
    {"attention.v_proj.weight", "attn.qkv.weight", VALUE, AS_IS},
    {"attention.v_proj.bias", "attn.qkv.bias", VALUE, AS_IS},
    {"attention.o_proj.weight", "attn.proj.weight", WHOLE, AS_IS},
    {"attention.o_proj.bias", "attn.proj.bias", WHOLE, AS_IS},
    {"mlp.fc1.weight", "mlp.fc1.weight", WHOLE, AS_IS},
    {"mlp.fc1.bias", "mlp.fc1.bias", WHOLE, AS_IS},
    {"mlp.fc2.weight", "mlp.fc2.weight", WHOLE, AS_IS},
    {"mlp.fc2.bias", "mlp.fc2.bias", WHOLE, AS_IS},
    END};

/* ---- torchvision's ---------------------------------------------------- */

static const DialectRow torchvision_model[] = {
    {"class_token", "cls_token", WHOLE, AS_IS},
    {"encoder.pos_embedding", "pos_embed", WHOLE, AS_IS},
    {"conv_proj.weight", "patch_embed.proj.weight", WHOLE, AS_IS},
    {"conv_proj.bias", "patch_embed.proj.bias", WHOLE, AS_IS},
    {"encoder.ln.weight", "norm.weight", WHOLE, AS_IS},
    {"encoder.ln.bias", "norm.bias", WHOLE, AS_IS},
    {"heads.pre_logits.weight", "pre_logits.fc.weight", WHOLE, AS_IS},
    {"heads.pre_logits.bias", "pre_logits.fc.bias", WHOLE, AS_IS},
    {"heads.head.weight", "head.weight", WHOLE, AS_IS},
    {"heads.head.bias", "head.bias", WHOLE, AS_IS},
    END};

static const DialectRow torchvision_block[] = {
    {"ln_1.weight", "norm1.weight", WHOLE, AS_IS},
    {"ln_1.bias", "norm1.bias", WHOLE, AS_IS},
    {"self_attention.in_proj_weight", "attn.qkv.weight", WHOLE, AS_IS},
    {"self_attention.in_proj_bias", "attn.qkv.bias", WHOLE, AS_IS},
    {"self_attention.out_proj.weight", "attn.proj.weight", WHOLE, AS_IS},
    {"self_attention.out_proj.bias", "attn.proj.bias", WHOLE, AS_IS},
    {"ln_2.weight", "norm2.weight", WHOLE, AS_IS},
    {"ln_2.bias", "norm2.bias", WHOLE, AS_IS},
    {"mlp.0.weight", "mlp.fc1.weight", WHOLE, AS_IS},
    {"mlp.0.bias", "mlp.fc1.bias", WHOLE, AS_IS},
    {"mlp.3.weight", "mlp.fc2.weight", WHOLE, AS_IS},
    {"mlp.3.bias", "mlp.fc2.bias", WHOLE, AS_IS},
    /* the files that it offers are of an older version */
    {"mlp.linear_1.weight", "mlp.fc1.weight", WHOLE, AS_IS},
    {"mlp.linear_1.bias", "mlp.fc1.bias", WHOLE, AS_IS},
    {"mlp.linear_2.weight", "mlp.fc2.weight", WHOLE, AS_IS},
    {"mlp.linear_2.bias", "mlp.fc2.bias", WHOLE, AS_IS},
    END};

/* ---- the authors' own, in JAX ----------------------------------------- */

static const DialectRow authors_model[] = {
    {"cls", "cls_token", WHOLE, AS_IS},
    {"Transformer/posembed_input/pos_embedding", "pos_embed", WHOLE, AS_IS},
    {"pos_embedding", "pos_embed", WHOLE, AS_IS}, /* big_vision */
    {"embedding/kernel", "patch_embed.proj.weight", WHOLE, HWIO_TO_OIHW},
    {"embedding/bias", "patch_embed.proj.bias", WHOLE, AS_IS},
    {"Transformer/encoder_norm/scale", "norm.weight", WHOLE, AS_IS},
    {"Transformer/encoder_norm/bias", "norm.bias", WHOLE, AS_IS},
    {"pre_logits/kernel", "pre_logits.fc.weight", WHOLE, TRANSPOSE},
    {"pre_logits/bias", "pre_logits.fc.bias", WHOLE, AS_IS},
    {"head/kernel", "head.weight", WHOLE, TRANSPOSE},
    {"head/bias", "head.bias", WHOLE, AS_IS},
    /* the optimiser's */
    {"opt/*", NULL, WHOLE, AS_IS},
    {"optimizer/*", NULL, WHOLE, AS_IS},
    {"step", NULL, WHOLE, AS_IS},
    END};

#define MSA "MultiHeadDotProductAttention_"

static const DialectRow authors_block[] = {
    {"LayerNorm_0/scale", "norm1.weight", WHOLE, AS_IS},
    {"LayerNorm_0/bias", "norm1.bias", WHOLE, AS_IS},
    {MSA "1/query/kernel", "attn.qkv.weight", QUERY, HEADS_IN},
    {MSA "1/query/bias", "attn.qkv.bias", QUERY, HEADS_BIAS},
    {MSA "1/key/kernel", "attn.qkv.weight", KEY, HEADS_IN},
    {MSA "1/key/bias", "attn.qkv.bias", KEY, HEADS_BIAS},
    {MSA "1/value/kernel", "attn.qkv.weight", VALUE, HEADS_IN},
    {MSA "1/value/bias", "attn.qkv.bias", VALUE, HEADS_BIAS},
    {MSA "1/out/kernel", "attn.proj.weight", WHOLE, HEADS_OUT},
    {MSA "1/out/bias", "attn.proj.bias", WHOLE, AS_IS},
    {"LayerNorm_2/scale", "norm2.weight", WHOLE, AS_IS},
    {"LayerNorm_2/bias", "norm2.bias", WHOLE, AS_IS},
    {"MlpBlock_3/Dense_0/kernel", "mlp.fc1.weight", WHOLE, TRANSPOSE},
    {"MlpBlock_3/Dense_0/bias", "mlp.fc1.bias", WHOLE, AS_IS},
    {"MlpBlock_3/Dense_1/kernel", "mlp.fc2.weight", WHOLE, TRANSPOSE},
    {"MlpBlock_3/Dense_1/bias", "mlp.fc2.bias", WHOLE, AS_IS},
    /* big_vision numbers layers of each kind apart */
    {MSA "0/query/kernel", "attn.qkv.weight", QUERY, HEADS_IN},
    {MSA "0/query/bias", "attn.qkv.bias", QUERY, HEADS_BIAS},
    {MSA "0/key/kernel", "attn.qkv.weight", KEY, HEADS_IN},
    {MSA "0/key/bias", "attn.qkv.bias", KEY, HEADS_BIAS},
    {MSA "0/value/kernel", "attn.qkv.weight", VALUE, HEADS_IN},
    {MSA "0/value/bias", "attn.qkv.bias", VALUE, HEADS_BIAS},
    {MSA "0/out/kernel", "attn.proj.weight", WHOLE, HEADS_OUT},
    {MSA "0/out/bias", "attn.proj.bias", WHOLE, AS_IS},
    {"LayerNorm_1/scale", "norm2.weight", WHOLE, AS_IS},
    {"LayerNorm_1/bias", "norm2.bias", WHOLE, AS_IS},
    {"MlpBlock_0/Dense_0/kernel", "mlp.fc1.weight", WHOLE, TRANSPOSE},
    {"MlpBlock_0/Dense_0/bias", "mlp.fc1.bias", WHOLE, AS_IS},
    {"MlpBlock_0/Dense_1/kernel", "mlp.fc2.weight", WHOLE, TRANSPOSE},
    {"MlpBlock_0/Dense_1/bias", "mlp.fc2.bias", WHOLE, AS_IS},
    END};

/* ---- all -------------------------------------------------------------- */

#define WRAPPERS "module.", "model.", "_orig_mod."

const Dialect dialects[] = {
    {.name = "timm",
     .sign = "patch_embed.proj.weight",
     .prefixes = {WRAPPERS},
     .blocks = {"blocks.%d."},
     .model = timm_model,
     .block = timm_block,
     .epsilon = 1e-6},
    {.name = "transformers",
     .sign = "embeddings.patch_embeddings.projection.weight",
     .prefixes = {WRAPPERS, "vit.", "deit.", "ijepa."},
     .blocks = {"encoder.layer.%d.", "layers.%d."},
     .model = transformers_model,
     .block = transformers_block,
     .epsilon = 1e-12},
    {.name = "torchvision",
     .sign = "conv_proj.weight",
     .prefixes = {WRAPPERS},
     .blocks = {"encoder.layers.encoder_layer_%d."},
     .model = torchvision_model,
     .block = torchvision_block,
     .epsilon = 1e-6},
    {.name = "the authors' JAX",
     .sign = "embedding/kernel",
     .prefixes = {"params/", "target/", "opt/target/", "optimizer/target/"},
     .blocks = {"Transformer/encoderblock_%d/"},
     .model = authors_model,
     .block = authors_block,
     .epsilon = 1e-6},
    {.name = NULL}};

/* ---- models that aren't ours ------------------------------------------ */

const Foreign *foreign_find(const char *name) {
    static const Foreign known[] = {
        {"reg_token", "register tokens"},
        {"register_tokens", "register tokens"},
        {".ls1.", "LayerScale"},
        {".ls2.", "LayerScale"},
        {".gamma_1", "LayerScale"},
        {".gamma_2", "LayerScale"},
        {"layer_scale", "LayerScale"},
        {"lambda_1", "LayerScale"},
        {".q_norm.", "norms of queries and keys"},
        {".k_norm.", "norms of queries and keys"},
        {"norm_pre.", "a norm before its blocks, as CLIP's have"},
        {"attn_pool.", "a head that attends (MAP)"},
        {"MAPHead", "a head that attends (MAP)"},
        {"rel_pos", "relative positions"},
        {"relative_position", "relative positions"},
        {"mlp.w12.", "a gated MLP (SwiGLU)"},
        {"mlp.fc1_g.", "a gated MLP (SwiGLU)"},
        {"encoderblock/", "its blocks stacked in one array"},
        {"patch_embed.backbone.", "a convolutional network before its blocks"},
        {"patch_embeddings.backbone.", "a convolutional network before its blocks"},
        {"conv_root/", "a convolutional network before its blocks"},
        {"decoder", "a decoder"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strstr(name, known[i].word)) {
            return &known[i];
        }
    }
    return NULL;
}
