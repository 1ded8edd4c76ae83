/* test_pretrained.c: chapter 5's model, and what others add (pretrained.h). */
#include <math.h>
#include <string.h>

#include "chapters/07_pretrained_weights/model/block_on_threads.h"
#include "chapters/07_pretrained_weights/model/pretrained.h"
#include "common/matmul.h"
#include "common/real_math.h"
#include "tests/check_helpers.h"
#include "tests/suites.h"

enum { D = 8, HEADS = 2, DEPTH = 3, K = 5, PATCHES = 4, B = 2 };

static const PretrainedConfig small = {
    .vit = {.height = 8,
            .width = 8,
            .channels = 3,
            .patch = 4,
            .depth = DEPTH,
            .block = {.D = D, .heads = HEADS, .M = 16},
            .classes = K},
    .reading = READ_CLASS,
    .class_token = true,
    .head = true,
    .head_bias = true,
    .epsilon = 1e-6,
};

/* A model of this config, with chapter 5's layout of weights, all random. */
static void make_model(Pretrained *model, const PretrainedConfig *config) {
    *model = (Pretrained){.config = *config, .vit.config = config->vit};
    ParameterBlock counted = {0};
    vit_parameters(&counted, &model->vit);
    ParameterBlock block = test_block(&counted);
    Tensor all = random_tensor('w', SHAPE((int)counted.used));
    tensor_scale(all, R(0.3));
    memcpy(block.data, all.data, (size_t)counted.used * sizeof(real));
    vit_parameters(&block, &model->vit);
}

static PretrainedActivations run(const Pretrained *model, Tensor images) {
    PretrainedActivations a;
    Error error;
    ck_assert(pretrained_activations_make(&a, &model->config, B, &error));
    pretrained_forward(model, images, &a);
    return a;
}

static Tensor some_images(void) {
    return random_tensor('x', SHAPE(B, 3, 8, 8));
}

/* What chapter 5 makes of the same weights: its activations, to be freed. */
static VitActivations run_vit(const Vit *vit, Tensor images) {
    const Dropout none = {0};
    VitActivations a;
    Error error;
    ck_assert(vit_activations_make(&a, &vit->config, B, &error));
    vit_forward(vit, images, &a, &none);
    return a;
}

START_TEST(chapter_5s_model_to_the_bit_with_all_its_attention) {
    Pretrained model;
    make_model(&model, &small);
    Tensor images = some_images();
    PretrainedActivations a = run(&model, images);
    VitActivations v = run_vit(&model.vit, images);
    assert_same_bits(a.logits, v.logits);
    assert_same_bits(a.y, v.y);
    for (int l = 0; l < DEPTH; l++) {
        assert_same_bits(a.A[l], v.blocks[l].attn.A);
    }
    pretrained_activations_free(&a);
    vit_activations_free(&v);
}
END_TEST

START_TEST(prepacked_weights_change_no_bit) {
    Pretrained model;
    make_model(&model, &small);
    Tensor images = some_images();
    PretrainedActivations before = run(&model, images);
    ck_assert(pretrained_prepack(&model));
    PretrainedActivations after = run(&model, images);
    matmul_forget_prepacked();
    assert_same_bits(after.logits, before.logits);
    assert_same_bits(after.A[DEPTH - 1], before.A[DEPTH - 1]);
    pretrained_activations_free(&before);
    pretrained_activations_free(&after);
}
END_TEST

static void make_block(EncoderBlock *block, const BlockConfig *config) {
    ParameterBlock counted = {0};
    encoder_block_parameters(block, &counted, config, 0);
    ParameterBlock weights = test_block(&counted);
    Tensor all = random_tensor('w', SHAPE((int)counted.used));
    memcpy(weights.data, all.data, (size_t)counted.used * sizeof(real));
    encoder_block_parameters(block, &weights, config, 0);
}

static void make_block_activations(EncoderBlockActivations *a, int images, int n,
                                   const BlockConfig *config) {
    Arena plan = {0};
    encoder_block_activations(a, &plan, images, n, config);
    Arena arena = test_arena(&plan);
    encoder_block_activations(a, &arena, images, n, config);
}

/* A few rows on many threads: some of the parts that rows are given out in are empty.
 */
START_TEST(a_block_on_threads_is_chapter_4s_to_the_bit) {
    const BlockConfig config = {.D = 12, .heads = 3, .M = 20};
    for (int i = 0; i < 4; i++) {
        const int images = 1 + i / 2, n = i % 2 ? 5 : 23;
        BlockConfig kind = config;
        kind.norm = i == 3 ? POST_NORM : PRE_NORM;
        EncoderBlock block;
        Tensor z = random_tensor('z', SHAPE(images, n, config.D));
        EncoderBlockActivations plain, threads;
        const Dropout none = {0};
        make_block(&block, &kind);
        make_block_activations(&plain, images, n, &kind);
        make_block_activations(&threads, images, n, &kind);
        Tensor want = encoder_block_forward(&block, z, &plain, &none);
        assert_same_bits(block_forward_on_threads(&block, z, &threads), want);
        assert_same_bits(threads.attn.A, plain.attn.A);
    }
}
END_TEST

START_TEST(fewer_images_than_there_is_memory_for) {
    Pretrained model;
    make_model(&model, &small);
    Tensor images = some_images();
    PretrainedActivations both = run(&model, images);
    Tensor second = copy_of(tensor_slice(both.logits, 1));
    Tensor one = tensor4(images.data + 3 * 8 * 8, 1, 3, 8, 8);
    pretrained_forward(&model, one, &both);
    assert_tensor_close(tensor_slice(both.logits, 0), second, TOLERANCE, "one image");
    pretrained_activations_free(&both);
}
END_TEST

/* Patch tokens of the last layer, without and with its norm: means over them. */
static void mean_over(Tensor z, int from, double *mean) {
    const int n = z.shape[1];
    for (int b = 0; b < B; b++) {
        for (int j = 0; j < D; j++) {
            mean[b * D + j] = 0;
            for (int i = from; i < n; i++) {
                mean[b * D + j] +=
                    (double)tensor_row(tensor_slice(z, b), i)[j] / (n - from);
            }
        }
    }
}

START_TEST(the_mean_of_normed_patches_leaves_the_class_token_out) {
    Pretrained model;
    PretrainedConfig config = small;
    config.reading = READ_MEAN_OF_NORMED;
    make_model(&model, &config);
    Tensor images = some_images();
    PretrainedActivations a = run(&model, images);
    VitActivations v = run_vit(&model.vit, images);
    Tensor z = v.blocks[DEPTH - 1].y, normed = unset_tensor(z);
    LayerNormActivations rows = {unset_tensor(SHAPE(B * (PATCHES + 1))),
                                 unset_tensor(SHAPE(B * (PATCHES + 1)))};
    double mean[B * D];
    layer_norm_forward(&model.vit.norm, z, &rows, normed);
    mean_over(normed, 1, mean);
    assert_close_to_naive(a.y, mean, TOLERANCE, "[ViT fig.9]");
    pretrained_activations_free(&a);
    vit_activations_free(&v);
}
END_TEST

START_TEST(the_norm_of_the_mean_is_another_norm) {
    Pretrained model;
    PretrainedConfig config = small;
    config.reading = READ_NORM_OF_MEAN;
    make_model(&model, &config);
    model.fc_norm = (LayerNorm){random_tensor('g', SHAPE(D)),
                                random_tensor('b', SHAPE(D)), R(1e-3)};
    Tensor images = some_images();
    PretrainedActivations a = run(&model, images);
    VitActivations v = run_vit(&model.vit, images);
    double mean[B * D], want[B * D];
    mean_over(v.blocks[DEPTH - 1].y, 1, mean);
    for (int b = 0; b < B; b++) {
        const double *x = mean + b * D;
        double m = 0, variance = 0;
        for (int j = 0; j < D; j++) {
            m += x[j] / D;
        }
        for (int j = 0; j < D; j++) {
            variance += (x[j] - m) * (x[j] - m) / D;
        }
        for (int j = 0; j < D; j++) {
            want[b * D + j] = (double)model.fc_norm.gamma.data[j] * (x[j] - m) /
                                  sqrt(variance + 1e-3) +
                              (double)model.fc_norm.beta.data[j];
        }
    }
    assert_close_to_naive(a.y, want, 10 * TOLERANCE, "fc_norm");
    pretrained_activations_free(&a);
    vit_activations_free(&v);
}
END_TEST

/* W x + b, b NULL: without */
static void naive_dense(Tensor W, const real *b, const double *x, double *y) {
    for (int o = 0; o < W.shape[0]; o++) {
        y[o] = b ? (double)b[o] : 0;
        for (int i = 0; i < W.shape[1]; i++) {
            y[o] += (double)tensor_row(W, o)[i] * x[i];
        }
    }
}

START_TEST(the_hidden_layer_before_the_head_and_a_head_without_bias) {
    enum { WIDTH = 6 };
    Pretrained model;
    PretrainedConfig config = small;
    config.pre_logits = WIDTH;
    config.head_bias = false;
    make_model(&model, &config);
    model.W_pre = random_tensor('p', SHAPE(WIDTH, D));
    model.b_pre = random_tensor('q', SHAPE(WIDTH));
    model.vit.W_head = random_tensor('h', SHAPE(K, WIDTH));
    model.vit.b_head = (Tensor){.data = NULL};
    PretrainedActivations a = run(&model, some_images());
    double want[B * K];
    const double *y = doubles_of(a.y);
    for (int b = 0; b < B; b++) {
        double hidden[WIDTH];
        naive_dense(model.W_pre, model.b_pre.data, y + b * D, hidden);
        for (int i = 0; i < WIDTH; i++) {
            hidden[i] = tanh(hidden[i]);
        }
        naive_dense(model.vit.W_head, NULL, hidden, want + b * K);
    }
    assert_close_to_naive(a.logits, want, 10 * TOLERANCE, "pre_logits");
    pretrained_activations_free(&a);
}
END_TEST

/*
 * A distilled model has one token more, which has its position and its head. With the
 * class token's own vector, position and head in its place, both tokens are one: the
 * logits don't change when the two are exchanged; and with another head they do.
 */
START_TEST(the_distillation_token_is_the_second_and_has_its_head) {
    Pretrained model;
    PretrainedConfig config = small;
    config.reading = READ_CLASS_AND_DISTIL;
    config.distil_token = true;
    make_model(&model, &config);
    Tensor pos = random_tensor('e', SHAPE(1, PATCHES + 2, D));
    model.vit.embedding.pos_embed = pos;
    model.dist_token = random_tensor('t', SHAPE(1, 1, D));
    model.W_dist = random_tensor('V', SHAPE(K, D));
    model.b_dist = random_tensor('v', SHAPE(K));
    Tensor images = some_images();
    PretrainedActivations a = run(&model, images);

    Pretrained swapped = model;
    Tensor other = copy_of(pos), cls = copy_of(model.vit.embedding.cls_token);
    memcpy(tensor_row(other, 0), tensor_row(pos, 1), D * sizeof(real));
    memcpy(tensor_row(other, 1), tensor_row(pos, 0), D * sizeof(real));
    swapped.vit.embedding.pos_embed = other;
    swapped.vit.embedding.cls_token = model.dist_token;
    swapped.dist_token = cls;
    swapped.vit.W_head = model.W_dist;
    swapped.vit.b_head = model.b_dist;
    swapped.W_dist = model.vit.W_head;
    swapped.b_dist = model.vit.b_head;
    PretrainedActivations s = run(&swapped, images);
    assert_tensor_close(s.logits, a.logits, 20 * TOLERANCE, "exchanged");
    ck_assert_double_gt(tensor_max_abs_difference(s.y, a.y), 1e-3);

    /* the mean of both heads, of both tokens' y */
    double want[B * K];
    const double *y = doubles_of(a.y), *y_distil = doubles_of(s.y);
    for (int b = 0; b < B; b++) {
        double first[K], second[K];
        naive_dense(model.vit.W_head, model.vit.b_head.data, y + b * D, first);
        naive_dense(model.W_dist, model.b_dist.data, y_distil + b * D, second);
        for (int k = 0; k < K; k++) {
            want[b * K + k] = (first[k] + second[k]) / 2;
        }
    }
    assert_close_to_naive(a.logits, want, 20 * TOLERANCE, "two heads");
    pretrained_activations_free(&a);
    pretrained_activations_free(&s);
}
END_TEST

START_TEST(tokens_before_the_patches_are_counted) {
    PretrainedConfig c = small;
    ck_assert_int_eq(pretrained_tokens(&c), PATCHES + 1);
    ck_assert_int_eq(pretrained_first_patch(&c), 1);
    c.distil_token = true;
    ck_assert_int_eq(pretrained_tokens(&c), PATCHES + 2);
    c.class_token = c.distil_token = false;
    ck_assert_int_eq(pretrained_first_patch(&c), 0);
}
END_TEST

START_TEST(a_model_without_a_head_has_features) {
    Pretrained model, with;
    PretrainedConfig config = small;
    make_model(&with, &config);
    config.head = false;
    make_model(&model, &config);
    Tensor images = some_images();
    PretrainedActivations a = run(&model, images), b = run(&with, images);
    assert_same_bits(a.y, b.y);
    ck_assert_int_eq(a.logits.ndim, 0);
    pretrained_activations_free(&a);
    pretrained_activations_free(&b);
}
END_TEST

START_TEST(base_16_fits_into_60_megabytes) {
    const PretrainedConfig base = {.vit = {.height = 224,
                                           .width = 224,
                                           .channels = 3,
                                           .patch = 16,
                                           .depth = 12,
                                           .block = {.D = 768, .heads = 12, .M = 3072},
                                           .classes = 1000},
                                   .class_token = true,
                                   .head = true};
    PretrainedActivations a;
    Error error;
    ck_assert(pretrained_activations_make(&a, &base, 1, &error));
    ck_assert_int_lt(a.arena.capacity, 15000000); /* elements of 4 bytes in float */
    pretrained_activations_free(&a);
}
END_TEST

START_TEST(images_of_another_size_stop) {
    Pretrained model;
    make_model(&model, &small);
    PretrainedActivations a;
    Error error;
    ck_assert(pretrained_activations_make(&a, &small, B, &error));
    Tensor wrong = zero_tensor(SHAPE(1, 3, 8, 12));
    assert_stops("pretrained_forward|(1,3,8,12)",
                 pretrained_forward(&model, wrong, &a));
    pretrained_activations_free(&a);
}
END_TEST

Suite *pretrained_suite(void) {
    Suite *suite = suite_create("pretrained");
    TCase *forward = add_case(suite, "forward");
    tcase_add_test(forward, chapter_5s_model_to_the_bit_with_all_its_attention);
    tcase_add_test(forward, prepacked_weights_change_no_bit);
    tcase_add_test(forward, a_block_on_threads_is_chapter_4s_to_the_bit);
    tcase_add_test(forward, fewer_images_than_there_is_memory_for);
    tcase_add_test(forward, images_of_another_size_stop);
    TCase *reading = add_case(suite, "reading");
    tcase_add_test(reading, the_mean_of_normed_patches_leaves_the_class_token_out);
    tcase_add_test(reading, the_norm_of_the_mean_is_another_norm);
    tcase_add_test(reading, the_hidden_layer_before_the_head_and_a_head_without_bias);
    tcase_add_test(reading, the_distillation_token_is_the_second_and_has_its_head);
    tcase_add_test(reading, a_model_without_a_head_has_features);
    TCase *sizes = add_case(suite, "sizes");
    tcase_add_test(sizes, tokens_before_the_patches_are_counted);
    tcase_add_test(sizes, base_16_fits_into_60_megabytes);
    return suite;
}
