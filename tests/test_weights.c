/*
 * test_weights.c: weights of others (chapter 7, load.h): every dialect against what its
 * own library computes, and everything that can be wrong with a file.
 *
 * tests/reference/make_weights.py made the models of tests/reference/weights.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "chapters/05_vision_transformer/training/checkpoint_file.h"
#include "chapters/07_pretrained_weights/weights/export.h"
#include "chapters/07_pretrained_weights/weights/load.h"
#include "common/files/safetensors_file.h"
#include "tests/check_helpers.h"
#include "tests/scratch.h"
#include "tests/small_run.h"
#include "tests/suites.h"
#include "tests/weights_refused.h"

/* Of the logits: in float roundings add up over two blocks. */
#ifdef REAL_IS_DOUBLE
#define AGREE 1e-9
#else
#define AGREE 1e-4
#endif

/* ---- the same logits -------------------------------------------------- */

static const struct {
    const char *name, *ending, *dialect;
    int heads; /* to be given: nothing says it */
} models[] = {
    {"timm_class", "safetensors", "timm", 0},
    {"timm_distilled", "safetensors", "timm", 0},
    {"timm_fc_norm", "safetensors", "timm", 0},
    {"timm_mean", "safetensors", "timm", 0},
    {"timm_mean_beside_class", "safetensors", "timm", 0},
    {"transformers_vit", "safetensors", "transformers", 0},
    {"transformers_vit_later_names", "safetensors", "transformers", 0},
    {"transformers_vit_no_head", "safetensors", "transformers", 0},
    {"transformers_deit", "safetensors", "transformers", 0},
    {"transformers_deit_one_head", "safetensors", "transformers", 0},
    {"torchvision", "safetensors", "torchvision", 3},
    {"torchvision_older_names", "safetensors", "torchvision", 3},
    {"authors", "npz", "the authors' JAX", 0},
    {"authors_no_prefix", "npz", "the authors' JAX", 0},
    {"big_vision_mean", "npz", "the authors' JAX", 0},
    {"big_vision_class", "npz", "the authors' JAX", 0},
};
enum { MODELS = sizeof models / sizeof models[0] };

static const char *model_path(int i) {
    static char path[128];
    snprintf(path, sizeof path, REFERENCE "%s/model.%s", models[i].name,
             models[i].ending);
    return path;
}

static Safetensors results_of(const char *name) {
    static char path[128];
    Safetensors file;
    Error error;
    snprintf(path, sizeof path, REFERENCE "%s/results.safetensors", name);
    ck_assert_msg(safetensors_open(&file, path, &error), "%s", error.text);
    return file;
}

/* The file's tensor of this name; no dimensions: there is none. */
static Tensor result(const Safetensors *file, const char *name) {
    const SafetensorsTensor *there = safetensors_find(file, name);
    Error error;
    if (!there) {
        return (Tensor){0};
    }
    Tensor T = unset_tensor(there->shape);
    ck_assert_msg(safetensors_read(file, name, T, &error), "%s", error.text);
    return T;
}

static Pretrained loaded(const char *path, int heads) {
    Pretrained model;
    Error error = {""};
    ck_assert_msg(pretrained_load(&model, path, heads, &error), "%s", error.text);
    return model;
}

/* Logits, y and attention weights are those in the results. */
static void assert_results(const Pretrained *model, const char *name) {
    Safetensors file = results_of(name);
    PretrainedActivations a;
    Error error = {""};
    Tensor images = result(&file, "images"), logits = result(&file, "logits");
    ck_assert_int_eq(images.shape[0], 2);
    ck_assert_msg(pretrained_activations_make(&a, &model->config, 2, &error), "%s",
                  error.text);
    pretrained_forward(model, images, &a);
    assert_tensor_close(a.A[0], result(&file, "A0"), AGREE, name);
    assert_tensor_close(a.A[1], result(&file, "A1"), AGREE, name);
    assert_tensor_close(a.y, result(&file, "y"), AGREE, name);
    ck_assert_int_eq(model->config.head, logits.ndim == 2);
    if (logits.ndim == 2) {
        assert_tensor_close(a.logits, logits, AGREE, name);
    }
    pretrained_activations_free(&a);
    safetensors_close(&file);
}

START_TEST(each_dialect_computes_what_its_library_does) {
    Pretrained model = loaded(model_path(_i), models[_i].heads);
    ck_assert_str_eq(pretrained_dialect(&model), models[_i].dialect);
    ck_assert_int_eq(model.config.vit.block.heads, 3);
    ck_assert_int_eq(model.config.vit.block.M, 20);
    ck_assert_int_eq(model.config.vit.depth, 2);
    ck_assert(!model.config.heads_assumed);
    assert_results(&model, models[_i].name);
    pretrained_free(&model);
}
END_TEST

/* ---- files made here -------------------------------------------------- */

/* What a test changes in a file: an array that is left out, renamed or given another
 * shape; one that is added; another type's name; a text. */
typedef struct {
    const char *without; /* arrays whose names have this in them are left out */
    const char *rename, *to;
    const char *reshape; /* this one gets shape (1, its count) */
    const char *deep;    /* this one gets four dimensions more, of 1 */
    const char *empty;   /* this one has no elements: every size is 0 */
    const char *whole;   /* this one is of whole numbers */
    const char *added;   /* one element more, of this name */
    const char *nan;     /* this one's last element is NaN */
    const char *key, *text;
} Edit;

static unsigned char *new_bytes(size_t count) {
    return zero_bytes(count).bytes;
}

static void put_header(unsigned char *file, size_t length) {
    for (int i = 0; i < 8; i++) {
        file[i] = (unsigned char)(length >> (8 * i));
    }
}

/* A file that is being made: header and elements, apart. */
typedef struct {
    char *header;
    unsigned char *data;
    size_t length, bytes;
} Made;

static bool is(const char *wanted, const char *name) {
    return wanted && strcmp(wanted, name) == 0;
}

static long count_of(const Edit *edit, const Array *a, const char *name) {
    return is(edit->empty, name) ? 0 : a->count;
}

/* One entry of the header; the array's elements will follow those before it. */
static void put_entry(Made *made, const Edit *edit, const Array *a, const char *name) {
    char *at = made->header + made->length;
    at += sprintf(at, ",\"%s\":{\"dtype\":\"%s%d\",\"shape\":[",
                  is(edit->rename, name) ? edit->to : name,
                  is(edit->whole, name) ? "I" : "F", 8 * (int)sizeof(real));
    if (is(edit->reshape, name)) {
        at += sprintf(at, "1,%ld", a->count);
    } else {
        at += sprintf(at, "%s", is(edit->deep, name) ? "1,1,1,1," : "");
        for (int d = 0; d < a->ndim; d++) {
            at += sprintf(at, "%s%d", d > 0 ? "," : "",
                          is(edit->empty, name) ? 0 : a->shape[d]);
        }
    }
    at += sprintf(at, "],\"data_offsets\":[%zu,%zu]}", made->bytes,
                  made->bytes + sizeof(real) * (size_t)count_of(edit, a, name));
    made->length = (size_t)(at - made->header);
}

static void put_elements(Made *made, const Edit *edit, const Arrays *from,
                         const Array *a, const char *name) {
    Error error;
    real *elements = test_reals(a->count);
    ck_assert(name == edit->added || arrays_read(from, a, elements, &error));
    if (is(edit->nan, name)) {
        elements[a->count - 1] = (real)NAN;
    }
    const size_t bytes = sizeof(real) * (size_t)count_of(edit, a, name);
    memcpy(made->data + made->bytes, elements, bytes);
    made->bytes += bytes;
}

static const char *write_made(Made *made) {
    made->header[made->length++] = '}';
    while (made->length % 8 != 0) {
        made->header[made->length++] = ' ';
    }
    unsigned char *file = new_bytes(8 + made->length + made->bytes);
    put_header(file, made->length);
    memcpy(file + 8, made->header, made->length);
    memcpy(file + 8 + made->length, made->data, made->bytes);
    const char *path = in_scratch("edited.safetensors");
    write_bytes(path, file, 8 + made->length + made->bytes);
    return path;
}

/* The file of this model with the edit, in the scratch folder; arrays of our own type,
 * so that most stay in the mapped file. */
static const char *edited(const char *model, Edit edit) {
    static const Array one = {.ndim = 1, .shape = {1}, .count = 1};
    char path[128];
    snprintf(path, sizeof path, REFERENCE "%s/model.safetensors", model);
    Error error;
    Arrays *from = arrays_open(path, &error);
    ck_assert_msg(from != NULL, "%s", error.text);
    Made made = {(char *)new_bytes(100000), new_bytes(1000000), 0, 0};
    made.length =
        (size_t)sprintf(made.header, "{\"__metadata__\":{\"%s\":\"%s\"}",
                        edit.key ? edit.key : "none", edit.text ? edit.text : "");
    for (int i = 0; i <= arrays_count(from); i++) {
        const bool last = i == arrays_count(from);
        const Array *a = last ? &one : arrays_get(from, i);
        const char *name = last ? edit.added : a->name;
        if (name && !(edit.without && strstr(name, edit.without))) {
            put_entry(&made, &edit, a, name);
            put_elements(&made, &edit, from, a, name);
        }
    }
    arrays_close(from);
    return write_made(&made);
}

void assert_refused(const char *path, int heads, const char *words) {
    Pretrained model;
    Error error = {""};
    const bool ok = pretrained_load(&model, path, heads, &error);
    if (ok) {
        pretrained_free(&model);
    }
    ck_assert_msg(!ok, "it was loaded; it should say %s", words);
    assert_error_line(error, words);
    ck_assert_msg(strstr(error.text, path) || strstr(error.text, "config.json"),
                  "the line names no file: %s", error.text);
    ck_assert(!model.memory && !model.file);
}

/* ---- what doesn't fit ------------------------------------------------- */

static const struct {
    const char *model;
    Edit edit;
    const char *words;
} misfits[] = {
    {"timm_class",
     {.without = "blocks.1.mlp.fc2.bias"},
     "blocks.1.mlp.fc2.bias is missing|names of timm"},
    {"timm_class", {.without = "blocks.0."}, "no mlp.fc1.weight"},
    {"timm_class", {.without = "blocks."}, "no blocks|timm"},
    {"timm_class", {.without = "norm."}, "norm.weight is missing"},
    {"timm_class",
     {.without = "blocks.1.attn.qkv.bias"},
     "blocks.1.attn.qkv.bias is missing"},
    {"timm_class", {.without = "patch_embed"}, "no ViT of a known dialect|cls_token"},
    {"timm_class", {.without = "pos_embed"}, "no pos_embed|timm"},
    {"timm_class",
     {.added = "something.else"},
     "something.else has no place in a ViT (names of timm)"},
    {"timm_class",
     {.added = "blocks.9.norm1.bias"},
     "blocks.2.norm1.weight is missing"},
    {"timm_class", {.added = "blocks.99.norm1.bias"}, "blocks.99|more than 64 blocks"},
    {"timm_class",
     {.added = "blocks.01.norm1.bias"},
     "blocks.01.norm1.bias has no place"},
    {"timm_class",
     {.added = "module.cls_token"},
     "cls_token and module.cls_token are the same tensor"},
    {"timm_class", {.added = "reg_token"}, "reg_token|register tokens"},
    {"timm_class", {.added = "blocks.1.ls1.gamma"}, "blocks.1.ls1.gamma|LayerScale"},
    {"timm_class", {.added = "norm_pre.weight"}, "norm_pre.weight|CLIP"},
    {"timm_class", {.added = "attn_pool.latent"}, "attn_pool.latent|MAP"},
    {"timm_class", {.added = "blocks.0.attn.q_norm.weight"}, "q_norm|queries and keys"},
    {"timm_class",
     {.added = "fc_norm.bias"},
     "fc_norm.bias has no place in this model"},
    {"timm_class", {.added = "pos_embed_x"}, "pos_embed_x has no place in this model"},
    {"timm_class", {.without = "head.weight"}, "no head.weight"},
    {"timm_class", {.reshape = "norm.bias"}, "norm.bias is (1,12)|which is (12) here"},
    {"timm_class",
     {.reshape = "blocks.1.attn.qkv.weight"},
     "blocks.1.attn.qkv.weight is (1,432)|(36,12)"},
    {"timm_class",
     {.reshape = "pos_embed"},
     "pos_embed (names of timm) is (1,120): it can't be pos_embed, of 3 dimensions"},
    {"timm_class",
     {.deep = "patch_embed.proj.weight"},
     "patch_embed.proj.weight (names of timm) is of 8 dimensions"},
    {"transformers_vit",
     {.deep = "vit.encoder.layer.1.intermediate.dense.bias"},
     "intermediate.dense.bias is of 5 dimensions (names of transformers)"},
    {"timm_class",
     {.added = "extra", .deep = "extra"},
     "extra has no place in a ViT (names of timm)"},
    {"timm_class",
     {.empty = "head.bias"},
     "head.bias is (0), without elements (names of timm)|which is (5) here"},
    {"timm_class",
     {.empty = "patch_embed.proj.weight"},
     "patch_embed.proj.weight (names of timm) is (0,0,0,0), without elements"},
    {"timm_class", {.whole = "head.bias"}, "head.bias (names of timm) is of type I"},
    {"transformers_vit",
     {.whole = "vit.encoder.layer.1.attention.attention.key.bias"},
     "attention.key.bias (names of transformers) is of type I"},
    {"timm_class",
     {.added = "blocks.0.attn.relative_position_index",
      .whole = "blocks.0.attn.relative_position_index"},
     "relative_position_index (names of timm): a model with relative positions"},
    {"timm_class",
     {.nan = "blocks.1.norm2.bias"},
     "blocks.1.norm2.bias has NaN at [11]"},
    {"timm_class", {.nan = "head.bias"}, "head.bias has NaN at [4]"},
    {"transformers_vit", {.nan = "classifier.bias"}, "classifier.bias has NaN at [4]"},
    {"transformers_vit",
     {.nan = "vit.encoder.layer.0.attention.attention.key.weight"},
     "attention.key.weight has NaN at [143]"},
    {"transformers_vit",
     {.without = "1.attention.attention.key.weight"},
     "blocks.1.attn.qkv.weight is missing: there is no "
     "...attention.attention.key.weight (names of transformers)"},
    {"transformers_vit",
     {.without = "1.attention.attention.key.bias"},
     "blocks.1.attn.qkv.bias is missing|attention.key.bias"},
    {"transformers_vit",
     {.reshape = "vit.encoder.layer.1.attention.attention.value.weight"},
     "value.weight is (1,144)|a third of blocks.1.attn.qkv.weight, which is (12,12)"},
    {"transformers_vit",
     {.added = "vit.layers.0.attention.q_proj.bias"},
     "query.bias and vit.layers.0.attention.q_proj.bias are the same tensor"},
    {"torchvision",
     {.added = "encoder.layers.encoder_layer_0.mlp.linear_1.bias"},
     "mlp.0.bias and encoder.layers.encoder_layer_0.mlp.linear_1.bias are the same"},
    {"torchvision",
     {.rename = "conv_proj.weight", .to = "conv_stem.weight"},
     "no ViT of a known dialect"},
};

START_TEST(a_tensor_that_does_not_fit_is_named) {
    assert_refused(edited(misfits[_i].model, misfits[_i].edit), 3, misfits[_i].words);
}
END_TEST

static const struct {
    const char *model;
    Edit edit;
} useless[] = {
    {"timm_class", {.added = "adamw.m.norm.bias"}},
    {"timm_class", {.added = "module.adamw.v.cls_token"}},
    {"timm_class", {.added = "adamw.deep", .deep = "adamw.deep"}},
    {"timm_class", {.added = "adamw.none", .empty = "adamw.none"}},
    {"timm_class", {.added = "position_ids", .whole = "position_ids"}},
    {"torchvision",
     {.added = "encoder.ln.num_batches_tracked",
      .whole = "encoder.ln.num_batches_tracked"}},
    {"transformers_vit",
     {.added = "vit.embeddings.position_ids", .whole = "vit.embeddings.position_ids"}},
    {"transformers_vit", {.added = "ijepa.embeddings.mask_token"}},
    {"transformers_vit", {.added = "vit.pooler.dense.weight"}},
};

START_TEST(what_is_of_no_use_is_left_out) {
    Pretrained model = loaded(edited(useless[_i].model, useless[_i].edit), 3);
    pretrained_free(&model);
}
END_TEST

/* ---- heads, sizes, epsilon -------------------------------------------- */

START_TEST(heads_are_never_guessed) {
    const char *path = edited("timm_class", (Edit){.key = NULL});
    assert_refused(path, 0, "how many heads a model of width 12 has: give --heads");
    assert_refused(path, 5, "5 heads don't divide the width of 12");
    Pretrained model = loaded(path, 4);
    ck_assert_int_eq(model.config.vit.block.heads, 4);
    ck_assert(!model.config.heads_assumed);
    ck_assert(model.config.epsilon == 1e-6);
    pretrained_free(&model);
    model = loaded(edited("timm_class", (Edit){.key = "heads", .text = "6"}), 0);
    ck_assert_int_eq(model.config.vit.block.heads, 6);
    pretrained_free(&model);
    assert_refused(in_scratch("edited.safetensors"), 4, "is of 6 heads, not of 4");
    assert_refused(edited("timm_class", (Edit){.key = "heads", .text = "six"}), 0,
                   "its text \"heads\" is \"six\"");
    assert_refused(REFERENCE "authors/model.npz", 4,
                   "kernels are of 3 heads, not of 4");
}
END_TEST

START_TEST(without_a_config_json_epsilon_is_the_dialects) {
    Pretrained model = loaded(edited("transformers_vit", (Edit){.key = NULL}), 3);
    ck_assert(model.config.epsilon == 1e-12);
    ck_assert((double)model.vit.blocks[1].norm2.epsilon == (double)(real)1e-12);
    pretrained_free(&model);
    model = loaded(edited("torchvision", (Edit){.key = NULL}), 3);
    ck_assert(model.config.epsilon == 1e-6);
    pretrained_free(&model);
    model = loaded(REFERENCE "transformers_vit/model.safetensors", 0);
    ck_assert(model.config.epsilon == 1e-3);
    pretrained_free(&model);
}
END_TEST

static const struct {
    const char *config;
    const char *words; /* NULL: it is right */
} configs[] = {
    {"{\"num_attention_heads\":3}", NULL},
    {"{\"num_attention_heads\":3,\"image_size\":12,\"hidden_act\":\"gelu\"}", NULL},
    {"{\"num_attention_heads\":3,\"image_size\":[4,36],\"layer_norm_eps\":0}", NULL},
    {"{\"num_attention_heads\":3,\"num_channels\":null}", NULL},
    {"{}", "give --heads"},
    {"", "config.json"},
    {"{\"num_attention_heads\":3", "config.json"},
    {"[3]", "config.json: it is no JSON object"},
    {"{\"num_attention_heads\":0}", "num_attention_heads is no whole number"},
    {"{\"num_attention_heads\":\"3\"}", "num_attention_heads is no whole number"},
    {"{\"num_attention_heads\":5}", "5 heads don't divide the width of 12"},
    {"{\"num_attention_heads\":3,\"hidden_size\":768}",
     "of another model: its width is 768, the file's 12"},
    {"{\"num_attention_heads\":3,\"num_hidden_layers\":12}", "its depth is 12"},
    {"{\"num_attention_heads\":3,\"intermediate_size\":48}", "its MLP is 48"},
    {"{\"num_attention_heads\":3,\"patch_size\":16}", "its patch is 16"},
    {"{\"num_attention_heads\":3,\"num_channels\":1}", "its channels is 1"},
    {"{\"num_attention_heads\":3,\"image_size\":16}",
     "of another model: 16x16 pixels are 16 patches, the file has 10 positions"},
    {"{\"num_attention_heads\":3,\"image_size\":[55556,55552]}",
     "images of 55556x55552 pixels: too large"},
    {"{\"num_attention_heads\":3,\"image_size\":[12]}", "image_size is no size"},
    {"{\"num_attention_heads\":3,\"image_size\":13}",
     "patches of 4 don't divide 13x13"},
    {"{\"num_attention_heads\":3,\"layer_norm_eps\":-1}", "layer_norm_eps is -1"},
    {"{\"num_attention_heads\":3,\"hidden_act\":\"quick_gelu\"}",
     "hidden_act is \"quick_gelu\": only gelu and relu"},
    {"{\"architecture\":\"vit_base_patch32_clip_quickgelu_224\"}", "QuickGELU"},
    {"{\"num_attention_heads\":3,\"global_pool\":\"\"}", NULL},
    {"{\"global_pool\":\"max\"}", "global_pool is \"max\": only token and avg"},
    {"{\"global_pool\":\"token\",\"model_args\":{\"global_pool\":\"avgmax\"}}",
     "global_pool is \"avgmax\""},
};

START_TEST(config_json_is_read_with_care) {
    const char *path = edited("timm_class", (Edit){.key = NULL});
    write_text(in_scratch("config.json"), configs[_i].config);
    if (configs[_i].words) {
        assert_refused(path, 0, configs[_i].words);
        return;
    }
    Pretrained model = loaded(path, 0);
    ck_assert_int_eq(model.config.vit.block.heads, 3);
    pretrained_free(&model);
}
END_TEST

START_TEST(positions_that_are_no_square_want_a_config_json) {
    const char *path = edited("timm_mean", (Edit){.key = NULL});
    assert_refused(path, 3, "8 positions are no square grid|config.json|image_size");
}
END_TEST

/* ---- files that are no weights ---------------------------------------- */

START_TEST(a_pickle_is_refused_with_what_converts_it) {
    const char *path = in_scratch("x.pth");
    write_bytes(path, "\x80\x02}q\0.", 6);
    assert_refused(path, 0, "pickled|torch.load|save_file|weights_only=True");
    write_bytes(path, "\x80\x04\x95\x0a\0\0\0\0\0\0\0.", 12);
    assert_refused(path, 0, "pickled|torch.load");
}
END_TEST

START_TEST(what_has_no_arrays_is_named) {
    const char *path = in_scratch("x");
    write_text(path, "");
    assert_refused(path, 0, "neither a safetensors file nor a .npz: it is empty");
    write_text(path, "\x89HDF\r\n\x1a\n and more");
    assert_refused(path, 0, "neither a safetensors file nor a .npz");
    write_text(path, "version https://git-lfs.example/spec/v1\n");
    assert_refused(path, 0, "git lfs pull");
    write_bytes(path, "\2\0\0\0\0\0\0\0{}", 10);
    assert_refused(path, 0, "a file without arrays");
    assert_refused(in_scratch("none"), 0, "No such file");
    ck_assert_int_eq(mkdir(in_scratch("folder"), 0777), 0);
    assert_refused(in_scratch("folder"), 0, "it is a folder");
}
END_TEST

/* ---- the other way ---------------------------------------------------- */

static const char *exported(Pretrained *model, const char *name) {
    const char *path = in_scratch("%s", name);
    Error error = {""};
    const PictureTexts pictures = {.texts = {{"recipe", "augreg"}}, .count = 1};
    ck_assert_msg(pretrained_export(model, path, &pictures, &error), "%s", error.text);
    return path;
}

/* Every dialect's models, but for halves widened, are timm's once they are exported,
 * and load again without a flag. */
START_TEST(what_is_exported_loads_again) {
    Pretrained model = loaded(model_path(_i), models[_i].heads);
    const char *path = exported(&model, "out.safetensors");
    pretrained_free(&model);
    Pretrained again = loaded(path, 0);
    ck_assert_str_eq(pretrained_dialect(&again), "timm");
    ck_assert_str_eq(arrays_text(again.file, "recipe"), "augreg");
    assert_results(&again, models[_i].name);
    pretrained_free(&again);
}
END_TEST

/* Does `a` have an array of this name and shape for each of b's? */
static void assert_has_all_of(const char *a, const char *b) {
    Error error;
    Arrays *has = arrays_open(a, &error), *wanted = arrays_open(b, &error);
    ck_assert(has && wanted);
    for (int i = 0; i < arrays_count(wanted); i++) {
        const Array *want = arrays_get(wanted, i), *got = arrays_find(has, want->name);
        ck_assert_msg(got != NULL, "%s has no %s", a, want->name);
        ck_assert_int_eq(got->ndim, want->ndim);
        ck_assert_int_eq(memcmp(got->shape, want->shape, sizeof got->shape), 0);
    }
    arrays_close(has);
    arrays_close(wanted);
}

/* load_state_dict(strict=True) wants timm's names and shapes, all and no other: those
 * that timm wrote itself (timm_loads.py asks timm). */
START_TEST(what_is_exported_has_timms_names_and_no_other) {
    static const struct {
        int model;
        const char *like;
    } cases[] = {{0, "timm_class"},
                 {5, "timm_class"},
                 {10, "timm_class"},
                 {13, "timm_class"},
                 {8, "timm_distilled"}};
    char like[128];
    snprintf(like, sizeof like, REFERENCE "%s/model.safetensors", cases[_i].like);
    Pretrained model = loaded(model_path(cases[_i].model), _i == 2 ? 3 : 0);
    const char *path = exported(&model, "out.safetensors");
    pretrained_free(&model);
    if (_i == 4) { /* timm_distilled's file has a prefix */
        Pretrained timms = loaded(like, 0);
        snprintf(like, sizeof like, "%s", exported(&timms, "like.safetensors"));
        pretrained_free(&timms);
    }
    assert_has_all_of(path, like);
    assert_has_all_of(like, path);
}
END_TEST

/* A checkpoint of chapter 5, in all its variants, computes here what it does there. */
START_TEST(a_checkpoint_of_chapter_5_is_one_of_these_models) {
    Dataset data = small_dataset(20, 10);
    Settings s = small_settings();
    s.model.pool = _i % 2 == 0 ? POOL_CLASS : POOL_MEAN;
    s.model.positions = (Positions)(_i / 2 % 4);
    s.model.block.activation = _i % 3 == 0 ? ACTIVATION_RELU : ACTIVATION_GELU;
    s.model.block.norm = _i == 5 ? POST_NORM : PRE_NORM;
    Trainer t = new_trainer(&s, &data);
    train_to(&t, &data, 3);
    Error error = {""};
    const char *path = in_scratch("run.safetensors");
    ck_assert_msg(checkpoint_save(path, &t, &data, &error), "%s", error.text);
    Tensor images = random_tensor('i', SHAPE(2, 1, SMALL_SIDE, SMALL_SIDE));
    VitActivations want;
    ck_assert(vit_activations_make(&want, &s.model, 2, &error));
    const Dropout none = {.rate = 0};
    Vit vit = {.config = s.model};
    parameters_view(&t.list, vit_parameters, &vit, t.weights);
    Tensor logits = vit_forward(&vit, images, &want, &none);
    Pretrained model = loaded(path, 0);
    const char *weights = exported(&model, "weights.safetensors");
    for (int again = 0; again < 2; again++) {
        PretrainedActivations a;
        ck_assert(pretrained_activations_make(&a, &model.config, 2, &error));
        pretrained_forward(&model, images, &a);
        assert_tensor_close(a.logits, logits, TOLERANCE, "[ViT eq.4]");
        pretrained_activations_free(&a);
        pretrained_free(&model);
        model = loaded(weights, 0);
    }
    ck_assert(!arrays_find(model.file, "adamw.m.norm.bias"));
    ck_assert_int_eq(arrays_count(model.file), t.list.count);
    pretrained_free(&model);
    vit_activations_free(&want);
    trainer_free(&t);
    dataset_free(&data);
}
END_TEST

START_TEST(an_export_never_replaces_its_source) {
    const char *path = edited("timm_class", (Edit){.key = NULL});
    const Bytes before = read_bytes_of(path);
    Pretrained model = loaded(path, 3);
    Error error = {""};
    ck_assert(!pretrained_export(&model, path, NULL, &error));
    assert_error_line(error, "edited.safetensors|the weights are read from it");
    ck_assert(same_bytes(read_bytes_of(path), before));
    ck_assert(!pretrained_export(&model, in_scratch("none/x"), NULL, &error));
    assert_error_line(error, "none/x|No such file");
    pretrained_free(&model);
}
END_TEST

Suite *weights_suite(void) {
    Suite *suite = suite_create("weights");
    TCase *same = add_case(suite, "the same results");
    tcase_add_loop_test(same, each_dialect_computes_what_its_library_does, 0, MODELS);
    TCase *wrong = add_scratch_case(suite, "what doesn't fit");
    tcase_add_loop_test(wrong, a_tensor_that_does_not_fit_is_named, 0,
                        sizeof misfits / sizeof misfits[0]);
    tcase_add_loop_test(wrong, what_is_of_no_use_is_left_out, 0,
                        sizeof useless / sizeof useless[0]);
    tcase_add_loop_test(wrong, config_json_is_read_with_care, 0,
                        sizeof configs / sizeof configs[0]);
    tcase_add_test(wrong, heads_are_never_guessed);
    tcase_add_test(wrong, without_a_config_json_epsilon_is_the_dialects);
    tcase_add_test(wrong, positions_that_are_no_square_want_a_config_json);
    tcase_add_test(wrong, a_pickle_is_refused_with_what_converts_it);
    tcase_add_test(wrong, what_has_no_arrays_is_named);
    TCase *out = add_scratch_case(suite, "the other way");
    tcase_add_loop_test(out, what_is_exported_loads_again, 0, MODELS);
    tcase_add_loop_test(out, what_is_exported_has_timms_names_and_no_other, 0, 5);
    tcase_add_loop_test(out, a_checkpoint_of_chapter_5_is_one_of_these_models, 0, 8);
    tcase_add_test(out, an_export_never_replaces_its_source);
    return suite;
}
