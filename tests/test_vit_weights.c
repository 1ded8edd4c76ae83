/* test_vit_weights.c: the weights that a Vision Transformer begins with
 * (vit_initialise). */
#include <math.h>
#include <string.h>

#include "tests/check_helpers.h"
#include "tests/suites.h"
#include "chapters/05_vision_transformer/model/vit.h"

typedef struct {
    ParameterList list;
    Tensor weights;
} Weights;

/* Of a model with 3 x 2 patches of 2 x 2 pixels in 2 channels; each test frees them. */
static Weights weights_of(BlockConfig block) {
    static Vit vit;
    Weights w;
    Error error;
    vit = (Vit){.config = {.height = 6,
                           .width = 4,
                           .channels = 2,
                           .patch = 2,
                           .depth = 2,
                           .block = block,
                           .classes = 3}};
    ck_assert(parameters_list(&w.list, vit_parameters, &vit, &error));
    w.weights = random_tensor('w', SHAPE((int)w.list.total));
    return w;
}

static const BlockConfig small = {.D = 4, .heads = 2, .M = 6};

static Tensor initialised(const Weights *w, const char *name, uint64_t seed) {
    vit_initialise(&w->list, w->weights.data, seed);
    for (int i = 0; i < w->list.count; i++) {
        if (strcmp(w->list.items[i].name, name) == 0) {
            return parameter_in(&w->list.items[i], w->weights.data);
        }
    }
    ck_abort_msg("there is no %s", name);
    return w->weights;
}

static void assert_all(const Weights *w, const char *name, real value) {
    Tensor T = initialised(w, name, 1);
    for (long i = 0; i < tensor_count(T); i++) {
        ck_assert_msg(T.data[i] == value, "%s[%ld] begins as %g", name, i,
                      (double)T.data[i]);
    }
}

START_TEST(norms_begin_as_1_and_0_biases_class_token_and_head_as_0) {
    Weights w = weights_of(small);
    const char *ones[] = {"norm.weight", "blocks.0.norm1.weight",
                          "blocks.1.norm2.weight"};
    const char *zeros[] = {"cls_token",
                           "patch_embed.proj.bias",
                           "blocks.0.norm1.bias",
                           "blocks.1.attn.qkv.bias",
                           "blocks.0.attn.proj.bias",
                           "blocks.0.mlp.fc1.bias",
                           "blocks.1.mlp.fc2.bias",
                           "norm.bias",
                           "head.weight",
                           "head.bias"};
    for (size_t i = 0; i < sizeof ones / sizeof ones[0]; i++) {
        assert_all(&w, ones[i], 1);
    }
    for (size_t i = 0; i < sizeof zeros / sizeof zeros[0]; i++) {
        assert_all(&w, zeros[i], 0);
    }
    parameters_list_free(&w.list);
}
END_TEST

/* Uniform in +-sqrt(6 / (in + out)): none beyond, the largest near it, mean 0. */
static void assert_xavier(const Weights *w, const char *name, int in, int out) {
    Tensor T = initialised(w, name, 1);
    const double bound = sqrt(6.0 / (in + out));
    double largest = 0, sum = 0;
    for (long i = 0; i < tensor_count(T); i++) {
        largest = fmax(largest, fabs((double)T.data[i]));
        sum += (double)T.data[i];
    }
    ck_assert_msg(largest <= bound * (1 + 1e-6) && largest > 0.95 * bound,
                  "%s: the largest is %g, the bound %g", name, largest, bound);
    const double mean = sum / (double)tensor_count(T), usual = bound / sqrt(3);
    ck_assert_msg(fabs(mean) < 5 * usual / sqrt((double)tensor_count(T)),
                  "%s: its mean is %g", name, mean);
}

START_TEST(dense_layers_begin_uniform_within_xaviers_bound) {
    Weights w = weights_of((BlockConfig){.D = 32, .heads = 2, .M = 48});
    assert_xavier(&w, "patch_embed.proj.weight", 8, 32);
    assert_xavier(&w, "blocks.0.attn.qkv.weight", 32, 32); /* three layers in one */
    assert_xavier(&w, "blocks.1.attn.proj.weight", 32, 32);
    assert_xavier(&w, "blocks.0.mlp.fc1.weight", 32, 48);
    assert_xavier(&w, "blocks.1.mlp.fc2.weight", 48, 32);
    parameters_list_free(&w.list);
}
END_TEST

START_TEST(positions_begin_normal) {
    Weights w = weights_of((BlockConfig){.D = 256, .heads = 2, .M = 6});
    Tensor T = initialised(&w, "pos_embed", 1);
    double sum = 0, squares = 0, count = (double)tensor_count(T); /* 7 * 256 */
    for (long i = 0; i < tensor_count(T); i++) {
        sum += (double)T.data[i] / VIT_POSITION_SIGMA;
        squares += pow((double)T.data[i] / VIT_POSITION_SIGMA, 2);
    }
    ck_assert_double_lt(fabs(sum / count), 5 / sqrt(count));
    ck_assert_double_lt(fabs(squares / count - 1), 5 * sqrt(2 / count));
    parameters_list_free(&w.list);
}
END_TEST

START_TEST(the_seed_decides_the_weights) {
    Weights w = weights_of(small);
    Tensor first = copy_of(initialised(&w, "patch_embed.proj.weight", 1));
    Tensor other = copy_of(initialised(&w, "patch_embed.proj.weight", 2));
    ck_assert_double_gt(tensor_max_abs_difference(first, other), 0.1);
    assert_same_bits(initialised(&w, "patch_embed.proj.weight", 1), first);
    Tensor first_block = copy_of(initialised(&w, "blocks.0.attn.proj.weight", 1));
    Tensor second_block = copy_of(initialised(&w, "blocks.1.attn.proj.weight", 1));
    ck_assert_double_gt(tensor_max_abs_difference(first_block, second_block), 0.1);
    parameters_list_free(&w.list);
}
END_TEST

Suite *vit_weights_suite(void) {
    Suite *suite = suite_create("vit_weights");
    TCase *weights = add_case(suite, "the first weights");
    tcase_add_test(weights, norms_begin_as_1_and_0_biases_class_token_and_head_as_0);
    tcase_add_test(weights, dense_layers_begin_uniform_within_xaviers_bound);
    tcase_add_test(weights, positions_begin_normal);
    tcase_add_test(weights, the_seed_decides_the_weights);
    return suite;
}
