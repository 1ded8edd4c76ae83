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

#include "chapters/07_pretrained_weights/weights/load.h"
#include "common/files/safetensors_file.h"
#include "tests/check_helpers.h"
#include "tests/scratch.h"
#include "tests/suites.h"

/* Of the logits: the issue is float's, whose roundings add up over two blocks. */
#ifdef REAL_IS_DOUBLE
#define AGREE 1e-9
#else
#define AGREE 1e-4
#endif

#define REFERENCE "tests/reference/weights/"

/* ---- the same logits ------------------------------------------------------- */

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

Suite *weights_suite(void) {
    Suite *suite = suite_create("weights");
    TCase *same = add_case(suite, "the same results");
    tcase_add_loop_test(same, each_dialect_computes_what_its_library_does, 0, MODELS);
    return suite;
}
