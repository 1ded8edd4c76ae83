/*
 * test_vit_variants.c: the Vision Transformer with each kind of positions, and pooled
 * by the class token or by the mean (patch_embedding.h, vit.h): [ViT T.8] and
 * [ViT fig.9]. The default, 1d and the class token, has two suites of its own:
 * test_patch_embedding.c, test_vit.c.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/check_helpers.h"
#include "chapters/05_vision_transformer/training/checkpoint_file.h"
#include "chapters/05_vision_transformer/model/cross_entropy.h"
#include "tests/naive_vit.h"
#include "chapters/03_multi_head_attention/positions.h"
#include "common/random.h"
#include "tests/scratch.h"
#include "tests/small_run.h"
#include "tests/suites.h"
#include "chapters/05_vision_transformer/looking_inside/inspect.h"
#include "chapters/05_vision_transformer/model/vit.h"

enum { KINDS = 4, VARIANTS = 2 * KINDS, IMAGES = 2, DOWN = 3, ACROSS = 2, D = 4 };
enum { PATCHES = DOWN * ACROSS };

/* Variant 0 to 7: each kind with the class token, then each with the mean. */
static VitConfig variant(int i) {
    return (VitConfig){.height = 2 * DOWN,
                       .width = 2 * ACROSS,
                       .channels = 2,
                       .patch = 2,
                       .depth = 2,
                       .block = {.D = D, .heads = 2, .M = 6},
                       .classes = 3,
                       .positions = (Positions)(i % KINDS),
                       .pool = (Pool)(i / KINDS)};
}

static VitConfig config_of(Positions positions, Pool pool) {
    return variant((int)positions + KINDS * (int)pool);
}

static VitConfig post_norm(VitConfig c) {
    c.block.norm = POST_NORM;
    c.block.activation = ACTIVATION_RELU;
    return c;
}

/* ---- a model with all its memory, which each test frees ------------------ */

typedef struct {
    Vit vit, d;
    ParameterList list;
    Tensor weights, gradients, images;
    VitActivations a;
    Dropout dropout;
} Model;

/* Activations for one image more than there are; all weights random. */
static Model *model_of(VitConfig config) {
    static Model model;
    Model *m = &model;
    Error error;
    *m = (Model){.vit = {.config = config}, .d = {.config = config}};
    ck_assert_msg(vit_config_check(&config, &error), "%s", error.text);
    ck_assert(parameters_list(&m->list, vit_parameters, &m->vit, &error));
    ck_assert(vit_activations_make(&m->a, &config, IMAGES + 1, &error));
    m->weights = random_tensor('w', SHAPE((int)m->list.total));
    tensor_scale(m->weights, (real)0.5);
    m->gradients = zero_tensor(m->weights);
    parameters_view(&m->list, vit_parameters, &m->vit, m->weights.data);
    parameters_view(&m->list, vit_parameters, &m->d, m->gradients.data);
    m->images =
        random_tensor('x', SHAPE(IMAGES, config.channels, config.height, config.width));
    return m;
}

static void model_free(Model *m) {
    vit_activations_free(&m->a);
    parameters_list_free(&m->list);
}

static Tensor logits_of(Model *m) {
    return vit_forward(&m->vit, m->images, &m->a, &m->dropout);
}

static const int labels[IMAGES] = {2, 0};

static Tensor gradients_of(Model *m) {
    Tensor logits = logits_of(m);
    cross_entropy(logits, labels, 0.1, 1.0 / IMAGES, logits);
    vit_backward(&m->vit, &m->d, &m->a, &m->dropout, logits);
    return m->gradients;
}

static const Parameter *named(const Model *m, const char *name) {
    for (int i = 0; i < m->list.count; i++) {
        if (strcmp(m->list.items[i].name, name) == 0) {
            return &m->list.items[i];
        }
    }
    return NULL;
}

/* ---- shapes and errors ---------------------------------------------------- */

static const struct {
    const char *name;
    int shape[3];
    bool in[VARIANTS]; /* 1d none 2d sinusoidal; the same with the mean */
} own[] = {
    {"cls_token", {1, 1, D}, {1, 1, 1, 1, 0, 0, 0, 0}},
    {"pos_embed_x", {1, ACROSS, D / 2}, {0, 0, 1, 0, 0, 0, 1, 0}},
    {"pos_embed_y", {1, DOWN, D / 2}, {0, 0, 1, 0, 0, 0, 1, 0}},
    {"pos_embed_cls", {1, 1, D}, {0, 0, 1, 0, 0, 0, 0, 0}},
};

START_TEST(a_variant_has_its_own_parameters_and_no_other) {
    const VitConfig c = variant(_i);
    Model *m = model_of(c);
    int expected = 2 + 2 * 12 + 4; /* E, its bias; two blocks; norm, head */
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        const Parameter *p = named(m, own[i].name);
        ck_assert_msg((p != NULL) == own[i].in[_i], "%s", own[i].name);
        expected += p != NULL;
        if (p) {
            ck_assert_int_eq(p->decay, NO_DECAY);
            ck_assert(tensor_same_shape(p->shape, test_shape(3, own[i].shape)));
        }
    }
    const Parameter *p = named(m, "pos_embed");
    ck_assert((p != NULL) == (c.positions == POSITIONS_1D));
    expected += p != NULL;
    if (p) { /* no class token, no position for it */
        const int shape[] = {1, PATCHES + (c.pool == POOL_CLASS), D};
        ck_assert(tensor_same_shape(p->shape, test_shape(3, shape)));
    }
    ck_assert_int_eq(m->list.count, expected);
    ck_assert_int_eq(vit_tokens(&c), PATCHES + (c.pool == POOL_CLASS));
    model_free(m);
}
END_TEST

/* By hand: E 8 * 4 + 4; two blocks of 64 + 16 + 48 + 4 + 6 + 16; norm 8, head 15. */
static const long rest = 36 + 2 * 154 + 8 + 15;
static const long own_count[VARIANTS] = {
    D + 7 * D,  D, D + (2 + 3) * D / 2 + D, D, /* class token; its position */
    PATCHES *D, 0, (2 + 3) * D / 2,         0};

START_TEST(the_formula_counts_a_variants_parameters_to_the_unit) {
    const VitConfig c = variant(_i);
    Model *m = model_of(c);
    ck_assert_int_eq(vit_parameter_formula(&c), m->list.total);
    ck_assert_int_eq(m->list.total, rest + own_count[_i]);
    model_free(m);
}
END_TEST

START_TEST(pairs_of_numbers_need_an_even_width) {
    Error error = {""};
    for (int i = 0; i < VARIANTS; i++) {
        VitConfig c = variant(i);
        c.block.D = 5;
        c.block.heads = 1;
        const bool pairs =
            c.positions == POSITIONS_2D || c.positions == POSITIONS_SINUSOIDAL;
        ck_assert_int_eq(vit_config_check(&c, &error), !pairs);
        if (pairs) {
            assert_error_line(error, "even width|not 5");
        }
    }
}
END_TEST

START_TEST(the_mean_has_fewer_tokens_and_flops) {
    /* By hand: 6 patches of 8 elements to 4; 2 blocks of 6 tokens; 3 classes. */
    const VitConfig c = config_of(POSITIONS_1D, POOL_MEAN);
    const double block = 8 * 6 * 16 + 4 * 36 * 4 + 4 * 6 * 4 * 6;
    ck_assert_double_eq(vit_forward_flops(&c), 2 * 6 * 8 * 4 + 2 * block + 2 * 4 * 3);
}
END_TEST

START_TEST(learned_positions_begin_normal_whatever_their_kind) {
    for (int i = 0; i < 2; i++) {
        VitConfig c = config_of(POSITIONS_2D, i == 0 ? POOL_CLASS : POOL_MEAN);
        c.block.D = 512;
        Model *m = model_of(c);
        vit_initialise(&m->list, m->weights.data, 1);
        const char *names[] = {"pos_embed_x", "pos_embed_y", "pos_embed_cls"};
        for (int k = 0; k < 3 - i; k++) {
            Tensor T = parameter_in(named(m, names[k]), m->weights.data);
            double sum = 0, squares = 0, count = (double)tensor_count(T);
            for (long j = 0; j < tensor_count(T); j++) {
                sum += (double)T.data[j] / VIT_POSITION_SIGMA;
                squares += pow((double)T.data[j] / VIT_POSITION_SIGMA, 2);
            }
            ck_assert_double_lt(fabs(sum / count), 5 / sqrt(count));
            ck_assert_double_lt(fabs(squares / count - 1), 5 * sqrt(2 / count));
        }
        model_free(m);
    }
}
END_TEST

/* ---- by hand --------------------------------------------------------------- */

/* z_0 of one image of zeros, with E's bias and the class token 0: E_pos alone. */
static Tensor table_of(Model *m) {
    tensor_fill(m->images, 0);
    tensor_fill(m->vit.embedding.b_E, 0);
    if (m->vit.config.pool == POOL_CLASS) {
        tensor_fill(m->vit.embedding.cls_token, 0);
    }
    logits_of(m);
    return tensor_slice(m->a.z_0, 0);
}

START_TEST(a_patch_has_its_columns_vector_and_its_rows) {
    /* [ViT T.8] 2-D; the grid has 3 rows of 2. */
    for (int pool = 0; pool < 2; pool++) {
        Model *m = model_of(config_of(POSITIONS_2D, (Pool)pool));
        PatchEmbedding *e = &m->vit.embedding;
        tensor_copy(e->pos_embed_x, tensor_of(SHAPE(1, 2, 2), 1, 2, 3, 4));
        tensor_copy(e->pos_embed_y, tensor_of(SHAPE(1, 3, 2), 10, 20, 30, 40, 50, 60));
        Tensor table;
        if (pool == POOL_CLASS) {
            tensor_copy(e->pos_embed_cls, tensor_of(SHAPE(1, 1, 4), 7, 8, 9, 6));
            table = table_of(m);
            assert_values(tensor2(table.data, 1, D), 0, "[ViT T.8]", 7, 8, 9, 6);
            table = tensor2(tensor_row(table, 1), PATCHES, D);
        } else {
            table = table_of(m);
        }
        assert_values(table, 0, "[ViT T.8]", 1, 2, 10, 20, /* row 0, column 0 */
                      3, 4, 10, 20,                        /* row 0, column 1 */
                      1, 2, 30, 40, 3, 4, 30, 40,          /* row 1 */
                      1, 2, 50, 60, 3, 4, 50, 60);
        model_free(m);
    }
}
END_TEST

START_TEST(gradients_of_rows_and_columns_are_summed_over_their_places) {
    Model *m = model_of(config_of(POSITIONS_2D, POOL_CLASS));
    logits_of(m);
    /* Element d of token i of both images: 10 i + d. */
    Tensor dz = zero_tensor(SHAPE(IMAGES, PATCHES + 1, D));
    for (long i = 0; i < tensor_count(dz); i++) {
        dz.data[i] = (real)(10 * (i / D % (PATCHES + 1)) + i % D);
    }
    patch_embedding_backward(&m->vit.embedding, &m->d.embedding, &m->a.embedding, dz);
    const PatchEmbedding *d = &m->d.embedding;
    assert_values(d->pos_embed_cls, 0, "[ViT T.8]", 0, 2, 4, 6); /* two images */
    /* Column 0: tokens 1, 3, 5; column 1: 2, 4, 6; elements 0 and 1. */
    assert_values(d->pos_embed_x, 0, "[ViT T.8]", 180, 186, 240, 246);
    /* Row 0: tokens 1, 2; row 1: 3, 4; row 2: 5, 6; elements 2 and 3. */
    assert_values(d->pos_embed_y, 0, "[ViT T.8]", 68, 72, 148, 152, 228, 232);
    model_free(m);
}
END_TEST

START_TEST(sinusoidal_positions_are_chapter_3s_and_stay) {
    for (int pool = 0; pool < 2; pool++) {
        const VitConfig c = config_of(POSITIONS_SINUSOIDAL, (Pool)pool);
        Model *m = model_of(c);
        Tensor want = unset_tensor(SHAPE(vit_tokens(&c), D));
        sinusoid_positions(want);
        gradients_of(m); /* which must leave the table alone */
        assert_same_bits(m->a.embedding.E_pos, want);
        assert_tensor_close(table_of(m), want, TOLERANCE, "[AIAYN 3.5]");
        model_free(m);
    }
}
END_TEST

START_TEST(the_mean_is_taken_over_normed_patches) {
    /* y = mean over p of LN(z_L^p), here from the last layer's tokens, in double. */
    Model *m = model_of(config_of(POSITIONS_1D, POOL_MEAN));
    logits_of(m);
    const double *gamma = doubles_of(m->vit.norm.gamma),
                 *beta = doubles_of(m->vit.norm.beta);
    for (int b = 0; b < IMAGES; b++) {
        double y[D] = {0};
        for (int p = 0; p < PATCHES; p++) {
            const real *z = tensor_row(tensor_slice(m->a.blocks[1].y, b), p);
            double mean = 0, variance = 0;
            for (int d = 0; d < D; d++) {
                mean += (double)z[d] / D;
            }
            for (int d = 0; d < D; d++) {
                variance += ((double)z[d] - mean) * ((double)z[d] - mean) / D;
            }
            for (int d = 0; d < D; d++) {
                const double x = ((double)z[d] - mean) / sqrt(variance + 1e-6);
                y[d] += (x * gamma[d] + beta[d]) / PATCHES;
            }
        }
        assert_close_to_naive(tensor_slice(m->a.y, b), y, 10 * TOLERANCE,
                              "the mean of LN(z_L)");
    }
    model_free(m);
}
END_TEST

/* ---- against the naive formula ------------------------------------------- */

static void compare_with_naive(VitConfig config) {
    Model *m = model_of(config);
    double want[IMAGES * 3];
    naive_vit(&config, &m->list, doubles_of(m->weights), IMAGES, doubles_of(m->images),
              want);
    assert_close_to_naive(logits_of(m), want, 10 * TOLERANCE, "[ViT T.8]");
    model_free(m);
}

START_TEST(logits_equal_the_naive_formula) {
    compare_with_naive(variant(_i));
    compare_with_naive(post_norm(variant(_i)));
}
END_TEST

typedef struct {
    VitConfig config;
    const ParameterList *list;
    double *weights, *images;
} Naive;

static double naive_loss(void *context) {
    const Naive *n = context;
    double logits[IMAGES * 3];
    naive_vit(&n->config, n->list, n->weights, IMAGES, n->images, logits);
    return naive_cross_entropy(IMAGES, 3, logits, labels, 0.1);
}

START_TEST(gradients_are_those_of_the_naive_formula) {
    Model *m = model_of(variant(_i));
    gradients_of(m);
    Naive naive = {m->vit.config, &m->list, doubles_of(m->weights),
                   doubles_of(m->images)};
    for (int i = 0; i < m->list.count; i++) {
        const Parameter *p = &m->list.items[i];
        Tensor gradient = parameter_in(p, m->gradients.data);
        double *at = naive.weights + p->offset;
        assert_gradient_of_naive(naive_loss, &naive, at, gradient, p->name);
    }
    model_free(m);
}
END_TEST

/* ---- properties ------------------------------------------------------------ */

/* Patch p of each image becomes patch PATCHES - 1 - p. */
static void reverse_patches(Model *m) {
    Tensor from = copy_of(m->images);
    const int C = from.shape[1], H = from.shape[2], W = from.shape[3];
    for (int i = 0; i < tensor_count(from); i++) {
        const int x = i % W, y = i / W % H, row = DOWN - 1 - y / 2,
                  column = ACROSS - 1 - x / 2;
        const int to = (i / W / H * H + 2 * row + y % 2) * W + 2 * column + x % 2;
        m->images.data[to] = from.data[i];
    }
    ck_assert_int_eq(C, 2);
}

START_TEST(without_positions_the_order_of_the_patches_is_invisible) {
    /* What "none" means: a bag of patches; every other kind can tell. */
    Model *m = model_of(variant(_i));
    Tensor before = copy_of(logits_of(m));
    reverse_patches(m);
    Tensor after = logits_of(m);
    if (m->vit.config.positions == POSITIONS_NONE) {
        assert_tensor_close(after, before, 10 * TOLERANCE, "[ViT T.8] none");
    } else {
        ck_assert_double_gt(tensor_max_abs_difference(after, before), 1e-3);
    }
    model_free(m);
}
END_TEST

START_TEST(with_the_mean_every_patch_of_the_last_layer_reaches_the_head) {
    Model *m = model_of(config_of(POSITIONS_1D, POOL_MEAN));
    gradients_of(m);
    Tensor weights = unset_tensor(SHAPE(PATCHES));
    inspect_patches(&m->a, 1, 0, m->a.blocks[1].attn.A.shape[2], weights);
    double sum = 0;
    for (int p = 0; p < PATCHES; p++) {
        sum += (double)weights.data[p];
    }
    assert_number_close(sum, 1, 1e-5, "[ViT eq.6]"); /* there is no class token */
    assert_stops("inspect_patches|weights is (7), want (6)",
                 inspect_patches(&m->a, 1, 0, 1, zero_tensor(SHAPE(7))));
    model_free(m);
}
END_TEST

START_TEST(gradients_add_and_room_for_more_images_changes_nothing) {
    Model *m = model_of(variant(_i));
    Tensor once = copy_of(gradients_of(m));
    tensor_fill(m->a.z_0, 1); /* what others leave behind */
    tensor_fill(m->a.dz, 1);
    tensor_scale(once, 2);
    assert_tensor_close(gradients_of(m), once, TOLERANCE, "+=");
    model_free(m);
}
END_TEST

/* ---- a run in a file ----------------------------------------------------- */

static const char *saved(const Settings *s, Dataset *data) {
    Trainer t = new_trainer(s, data);
    train_to(&t, data, 3);
    const char *path = in_scratch("variant.safetensors");
    Error error = {""};
    ck_assert_msg(checkpoint_save(path, &t, data, &error), "%s", error.text);
    trainer_free(&t);
    return path;
}

START_TEST(a_variant_is_saved_and_loaded) {
    Dataset data = small_dataset(20, 10);
    Settings s = small_settings();
    s.model.positions = variant(_i).positions;
    s.model.pool = variant(_i).pool;
    Trainer whole = new_trainer(&s, &data);
    train_to(&whole, &data, 5);
    const char *path = saved(&s, &data);
    CheckpointInfo info;
    Error error = {""};
    ck_assert_msg(checkpoint_info(path, &info, &error), "%s", error.text);
    ck_assert_int_eq((int)info.settings.model.positions, (int)s.model.positions);
    ck_assert_int_eq((int)info.settings.model.pool, (int)s.model.pool);
    Trainer back = new_trainer(&info.settings, &data);
    ck_assert_msg(checkpoint_load(path, &back, &error), "%s", error.text);
    train_to(&back, &data, 5);
    assert_same_bits(weights_of(&back), weights_of(&whole));
    trainer_free(&whole);
    trainer_free(&back);
    dataset_free(&data);
}
END_TEST

/* Checkpoints from before there were variants lack both settings: they are 1d with
 * the class token. One of another kind can't pass for such a one. */
START_TEST(an_old_checkpoint_is_1d_with_the_class_token) {
    Dataset data = small_dataset(20, 10);
    Settings s = small_settings();
    for (int kind = 0; kind < KINDS; kind++) {
        char setting[32];
        s.model.positions = (Positions)kind;
        const char *path = saved(&s, &data);
        snprintf(setting, sizeof setting, "\"positions\":\"%d\"", kind);
        replace_in(path, setting, "\"pasitions\":\"0\"");
        replace_in(path, "\"pool\":\"0\"", "\"look\":\"0\"");
        CheckpointInfo info;
        Error error = {""};
        if (!checkpoint_info(path, &info, &error)) {
            ck_assert_int_ne(kind, POSITIONS_1D); /* too short for 1d's parameters */
            continue;
        }
        ck_assert_int_eq((int)info.settings.model.positions, POSITIONS_1D);
        ck_assert_int_eq((int)info.settings.model.pool, POOL_CLASS);
        Trainer back = new_trainer(&info.settings, &data);
        const bool loaded = checkpoint_load(path, &back, &error);
        ck_assert_int_eq(loaded, kind == POSITIONS_1D);
        if (!loaded) {
            assert_error_line(error, "variant.safetensors|pos_embed");
        }
        trainer_free(&back);
    }
    dataset_free(&data);
}
END_TEST

/* ---- gradients ----------------------------------------------------------- */

#ifdef REAL_IS_DOUBLE
typedef struct {
    Model *m;
} Check;

static double own_loss(void *context) {
    const Check *c = context;
    const Tensor not_wanted = {.data = NULL};
    return cross_entropy(logits_of(c->m), labels, 0.1, 1, not_wanted) / IMAGES;
}

static void check_every_gradient(VitConfig config) {
    Model *m = model_of(config);
    m->dropout = (Dropout){.rate = 0.2, .seed = 7, .step = 3, .image = 5};
    Check check = {m};
    gradients_of(m);
    for (int i = 0; i < m->list.count; i++) {
        const Parameter *p = &m->list.items[i];
        assert_gradcheck(own_loss, &check, parameter_in(p, m->weights.data),
                         parameter_in(p, m->gradients.data), p->name);
    }
    model_free(m);
}

START_TEST(every_gradient_with_dropout_pre_norm_and_gelu) {
    check_every_gradient(variant(_i));
}
END_TEST

START_TEST(every_gradient_with_dropout_post_norm_and_relu) {
    check_every_gradient(post_norm(variant(_i)));
}
END_TEST
#endif

Suite *vit_variants_suite(void) {
    Suite *suite = suite_create("vit_variants");
    TCase *sizes = add_case(suite, "sizes");
    tcase_add_loop_test(sizes, a_variant_has_its_own_parameters_and_no_other, 0,
                        VARIANTS);
    tcase_add_loop_test(sizes, the_formula_counts_a_variants_parameters_to_the_unit, 0,
                        VARIANTS);
    tcase_add_test(sizes, pairs_of_numbers_need_an_even_width);
    tcase_add_test(sizes, the_mean_has_fewer_tokens_and_flops);
    tcase_add_test(sizes, learned_positions_begin_normal_whatever_their_kind);
    TCase *by_hand = add_case(suite, "by hand");
    tcase_add_test(by_hand, a_patch_has_its_columns_vector_and_its_rows);
    tcase_add_test(by_hand, gradients_of_rows_and_columns_are_summed_over_their_places);
    tcase_add_test(by_hand, sinusoidal_positions_are_chapter_3s_and_stay);
    tcase_add_test(by_hand, the_mean_is_taken_over_normed_patches);
    TCase *naive = add_case(suite, "against the naive formula");
    tcase_add_loop_test(naive, logits_equal_the_naive_formula, 0, VARIANTS);
    tcase_add_loop_test(naive, gradients_are_those_of_the_naive_formula, 0, VARIANTS);
    TCase *properties = add_case(suite, "properties");
    tcase_add_loop_test(properties,
                        without_positions_the_order_of_the_patches_is_invisible, 0,
                        VARIANTS);
    tcase_add_test(properties,
                   with_the_mean_every_patch_of_the_last_layer_reaches_the_head);
    tcase_add_loop_test(properties,
                        gradients_add_and_room_for_more_images_changes_nothing, 0,
                        VARIANTS);
    TCase *file = add_scratch_case(suite, "in a file");
    tcase_add_loop_test(file, a_variant_is_saved_and_loaded, 0, VARIANTS);
    tcase_add_test(file, an_old_checkpoint_is_1d_with_the_class_token);
#ifdef REAL_IS_DOUBLE
    TCase *gradients = add_case(suite, "gradients");
    tcase_add_loop_test(gradients, every_gradient_with_dropout_pre_norm_and_gelu, 0,
                        VARIANTS);
    tcase_add_loop_test(gradients, every_gradient_with_dropout_post_norm_and_relu, 0,
                        VARIANTS);
#endif
    return suite;
}
