/* dump.c: see dump.h. */
#include "dump.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cross_entropy.h"
#include "random.h"
#include "safetensors.h"
#include "vit.h"

enum { B = 2, L = 2, MOST = 128 };
static const double smoothing = 0.1;
static const unsigned char labels[B] = {2, 0};
static const VitConfig config = {.height = 8,
                                 .width = 6,
                                 .channels = 2,
                                 .patch = 2,
                                 .depth = L,
                                 .block = {.D = 8,
                                           .heads = 2,
                                           .M = 12,
                                           .norm = PRE_NORM,
                                           .activation = ACTIVATION_GELU},
                                 .classes = 3};

/* ---- the order of computation ---------------------------------------------------- */

typedef struct {
    const char *name, *equation, *read;
} Row;

static const Row before[] = {
    {"images", "the input (B, C, H, W)", "chapter 5"},
    {"patches", "[ViT 3.1] x -> x_p, patches row by row, each (C, P, P)", "notes/05"},
    {"embedded", "[ViT eq.1] x_p E + b_E", "notes/05"},
    {"z_0", "[ViT eq.1] [x_class; x_p E] + E_pos", "notes/05"},
};
static const Row in_block[] = {
    {"x1", "[ViT eq.2] LN(z), biased variance, eps 1e-6", "notes/04"},
    {"attn.qkv", "[ViT eq.5] [q, k, v] = x1 W_qkv^T + b_qkv", "notes/03"},
    {"attn.A", "[ViT eq.6] softmax(q k^T / sqrt(D_h)), over the keys", "notes/02"},
    {"attn.concat", "[ViT eq.7] A v, the heads side by side", "notes/02 and 03"},
    {"z_prime", "[ViT eq.2] z' = concat W_O^T + b_O + z", "notes/03 and 04"},
    {"x2", "[ViT eq.3] LN(z')", "notes/04"},
    {"mlp.pre", "[ViT eq.3] x2 W_1^T + b_1", "notes/04"},
    {"mlp.hidden", "[ViT eq.3] GELU(pre), exact", "notes/01"},
    {"y", "[ViT eq.3] hidden W_2^T + b_2 + z'", "notes/04"},
};
static const Row after[] = {
    {"y", "[ViT eq.4] y = LN(z_L^0)", "notes/04"},
    {"logits", "y W_head^T + b_head", "notes/05"},
    {"loss", "[AIAYN 5.4] mean over images of - sum_k q_k log p_k", "notes/05"},
    {"d.logits", "(p - q) / B", "notes/05"},
    {"d.head.weight", "dlogits^T y", "notes/01"},
    {"d.head.bias", "sum of dlogits over images", "notes/01"},
    {"d.norm.weight", "sum of dy o xhat", "notes/04"},
    {"d.norm.bias", "sum of dy", "notes/04"},
};
static const Row in_block_backward[] = {
    {"mlp.fc2.weight", "dy^T hidden", "notes/04"},
    {"mlp.fc2.bias", "sum of dy over tokens", "notes/04"},
    {"mlp.fc1.weight", "dpre^T x2, dpre = dhidden o GELU'(pre)", "notes/01 and 04"},
    {"mlp.fc1.bias", "sum of dpre over tokens", "notes/04"},
    {"norm2.weight", "sum of dx2 o xhat", "notes/04"},
    {"norm2.bias", "sum of dx2", "notes/04"},
    {"attn.proj.weight", "dz'^T concat; dz' has come around the MLP as well",
     "notes/03 and 04"},
    {"attn.proj.bias", "sum of dz' over tokens", "notes/03"},
    {"attn.qkv.weight", "dqkv^T x1, by dV, dA, dS, dQ, dK", "notes/02 and 03"},
    {"attn.qkv.bias", "sum of dqkv over tokens", "notes/03"},
    {"norm1.weight", "sum of dx1 o xhat", "notes/04"},
    {"norm1.bias", "sum of dx1", "notes/04"},
};
static const Row last[] = {
    {"d.pos_embed", "[ViT eq.1] dz_0 summed over images", "notes/05"},
    {"d.cls_token", "[ViT eq.1] row 0 of dz_0, summed over images", "notes/05"},
    {"d.patch_embed.proj.weight", "[ViT eq.1] dx^T patches", "notes/05"},
    {"d.patch_embed.proj.bias", "[ViT eq.1] sum of dx over patches", "notes/05"},
};

#define ROWS(list) ((int)(sizeof(list) / sizeof(list)[0]))

static void fill(DumpStage *stage, const Row *row, const char *in, int l) {
    if (in) {
        snprintf(stage->name, sizeof stage->name, "%sblocks.%d.%s", in, l, row->name);
    } else {
        snprintf(stage->name, sizeof stage->name, "%s", row->name);
    }
    stage->equation = row->equation;
    stage->read = row->read;
}

bool dump_stage(int i, DumpStage *stage) {
    if (i < ROWS(before)) {
        fill(stage, &before[i], NULL, 0);
        return true;
    }
    i -= ROWS(before);
    if (i < L * ROWS(in_block)) {
        fill(stage, &in_block[i % ROWS(in_block)], "", i / ROWS(in_block));
        return true;
    }
    i -= L * ROWS(in_block);
    if (i < ROWS(after)) {
        fill(stage, &after[i], NULL, 0);
        return true;
    }
    i -= ROWS(after);
    if (i < L * ROWS(in_block_backward)) {
        fill(stage, &in_block_backward[i % ROWS(in_block_backward)], "d.",
             L - 1 - i / ROWS(in_block_backward));
        return true;
    }
    i -= L * ROWS(in_block_backward);
    if (i < ROWS(last)) {
        fill(stage, &last[i], NULL, 0);
        return true;
    }
    return false;
}

/* ---- the pass -------------------------------------------------------------------- */

typedef struct {
    Vit vit, d;
    ParameterList list;
    VitActivations a;
    Arena arena;
    Tensor weights, gradients, images, loss, dlogits, patches, embedded;
    SafetensorsEntry entries[MOST];
    int count;
} Dump;

static void lay_out(Dump *dump, Arena *arena) {
    const VitConfig *c = &config;
    const int N = vit_tokens(c) - 1;
    dump->weights = arena_tensor1(arena, (int)dump->list.total);
    dump->gradients = arena_tensor1(arena, (int)dump->list.total);
    dump->images = arena_tensor4(arena, B, c->channels, c->height, c->width);
    dump->patches = arena_tensor3(arena, B, N, c->channels * c->patch * c->patch);
    dump->embedded = arena_tensor3(arena, B, N, c->block.D);
    dump->loss = arena_tensor1(arena, 1);
    dump->dlogits = arena_tensor2(arena, B, c->classes);
}

static bool make(Dump *dump, Error *error) {
    Arena plan = {.block = NULL};
    dump->vit.config = dump->d.config = config;
    if (!parameters_list(&dump->list, vit_parameters, &dump->vit, error)) {
        return false;
    }
    lay_out(dump, &plan);
    if (!arena_make(&dump->arena, &plan, "a dump", error) ||
        !vit_activations_make(&dump->a, &config, B, error)) {
        return false;
    }
    lay_out(dump, &dump->arena);
    parameters_view(&dump->list, vit_parameters, &dump->vit, dump->weights.data);
    parameters_view(&dump->list, vit_parameters, &dump->d, dump->gradients.data);
    random_fill_normal((Random){9, RANDOM_DEMO, 0}, dump->weights, 0.3);
    random_fill_normal((Random){9, RANDOM_DEMO, 1}, dump->images, 1.0);
    return true;
}

static void pass(Dump *dump) {
    const Dropout none = {.rate = 0};
    Tensor logits = vit_forward(&dump->vit, dump->images, &dump->a, &none);
    tensor_copy(dump->patches, dump->a.embedding.patches);
    tensor_copy(dump->embedded, dump->a.embedding.embedded); /* backward reuses it */
    dump->loss.data[0] =
        (real)(cross_entropy(logits, labels, smoothing, 1.0 / B, dump->dlogits) / B);
    vit_backward(&dump->vit, &dump->d, &dump->a, &none, dump->dlogits);
    /* In vit_forward the last block has the class token's row only: here, all. */
    const int end = L - 1;
    encoder_block_forward(&dump->vit.blocks[end],
                          end > 0 ? dump->a.blocks[end - 1].y : dump->a.z_0,
                          &dump->a.blocks[end], &none);
}

static void add(Dump *dump, Tensor T, const char *in, int l, const char *name) {
    if (dump->count == MOST) {
        bug("dump: more than %d tensors", MOST);
    }
    SafetensorsEntry *e = &dump->entries[dump->count++];
    if (l >= 0) {
        snprintf(e->name, sizeof e->name, "%sblocks.%d.%s", in, l, name);
    } else {
        snprintf(e->name, sizeof e->name, "%s%s", in, name);
    }
    e->T = T;
}

static void add_all(Dump *dump) {
    VitActivations *a = &dump->a;
    add(dump, dump->images, "", -1, "images");
    add(dump, dump->patches, "", -1, "patches");
    add(dump, dump->embedded, "", -1, "embedded");
    add(dump, a->z_0, "", -1, "z_0");
    for (int l = 0; l < L; l++) {
        EncoderBlockActivations *block = &a->blocks[l];
        add(dump, block->x1, "", l, "x1");
        add(dump, block->attn.qkv, "", l, "attn.qkv");
        add(dump, block->attn.A, "", l, "attn.A");
        add(dump, block->attn.concat, "", l, "attn.concat");
        add(dump, block->z_prime, "", l, "z_prime");
        add(dump, block->x2, "", l, "x2");
        add(dump, block->mlp.pre, "", l, "mlp.pre");
        add(dump, block->mlp.hidden, "", l, "mlp.hidden");
        add(dump, block->y, "", l, "y");
    }
    add(dump, a->y, "", -1, "y");
    add(dump, a->logits, "", -1, "logits");
    add(dump, dump->loss, "", -1, "loss");
    add(dump, dump->dlogits, "d.", -1, "logits");
    for (int i = 0; i < dump->list.count; i++) {
        const Parameter *p = &dump->list.list[i];
        add(dump, parameter_in(p, dump->weights.data), "", -1, p->name);
        add(dump, parameter_in(p, dump->gradients.data), "d.", -1, p->name);
    }
}

bool dump_write(const char *path, Error *error) {
    static const SafetensorsText about[] = {
        {"format", "vit-course dump 1"},
        {"labels", "2 0"},
        {"label_smoothing", "0.1"},
        {"heads", "2"},
        {"patch", "2"},
    };
    Dump *dump = allocate(sizeof *dump, "a dump", error);
    bool ok = dump && make(dump, error);
    if (ok) {
        pass(dump);
        add_all(dump);
        ok = safetensors_write(path, dump->entries, dump->count, about, ROWS(about),
                               error);
    }
    if (dump) {
        vit_activations_free(&dump->a);
        arena_free(&dump->arena);
        parameters_list_free(&dump->list);
    }
    free(dump);
    return ok;
}
