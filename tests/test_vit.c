/* test_vit.c: the whole Vision Transformer (vit.h) [ViT fig.1]. */
#include <math.h>

#include "tests/check_helpers.h"
#include "chapters/05_vision_transformer/model/cross_entropy.h"
#include "tests/naive_vit.h"
#include "tests/scratch.h"
#include "tests/suites.h"
#include "chapters/05_vision_transformer/looking_inside/inspect.h"
#include "chapters/05_vision_transformer/model/vit.h"

/* 3 x 2 patches of 2 x 2 pixels in 2 channels. */
static VitConfig small_config(void) {
    return (VitConfig){.height = 6,
                       .width = 4,
                       .channels = 2,
                       .patch = 2,
                       .depth = 2,
                       .block = {.D = 4, .heads = 2, .M = 6},
                       .classes = 3};
}

static VitConfig small_post_norm_config(void) {
    VitConfig c = small_config();
    c.block.norm = POST_NORM;
    c.block.activation = ACTIVATION_RELU;
    return c;
}

/* ---- a model with all its memory, which each test frees ------------------ */

typedef struct {
    Vit vit, d;
    ParameterList list;
    Tensor weights, gradients;
    VitActivations a;
    Dropout dropout;
} Model;

/* Activations for B images; all weights random, no gradient vanishes. */
static Model *model_of(VitConfig config, int B) {
    static Model model;
    Model *m = &model;
    Error error;
    *m = (Model){.vit = {.config = config}, .d = {.config = config}};
    ck_assert(parameters_list(&m->list, vit_parameters, &m->vit, &error));
    ck_assert(vit_activations_make(&m->a, &config, B, &error));
    m->weights = random_tensor('w', SHAPE((int)m->list.total));
    tensor_scale(m->weights, (real)0.5);
    m->gradients = zero_tensor(m->weights);
    parameters_view(&m->list, vit_parameters, &m->vit, m->weights.data);
    parameters_view(&m->list, vit_parameters, &m->d, m->gradients.data);
    return m;
}

static void model_free(Model *m) {
    vit_activations_free(&m->a);
    parameters_list_free(&m->list);
}

static Tensor images_for(VitConfig c, int B) {
    return random_tensor('x', SHAPE(B, c.channels, c.height, c.width));
}

/* ---- sizes --------------------------------------------------------------- */

static const struct {
    const char *name;
    int patch, D, depth, M, heads;
    long parameters;
} published[] = {
    {"Ti/16", 16, 192, 12, 768, 3, 5717416},
    {"S/16", 16, 384, 12, 1536, 6, 22050664},
    {"B/16", 16, 768, 12, 3072, 12, 86567656},
    {"B/32", 32, 768, 12, 3072, 12, 88224232},
    {"L/16", 16, 1024, 24, 4096, 16, 304326632},
    {"L/32", 32, 1024, 24, 4096, 16, 306535400},
    {"H/14", 14, 1280, 32, 5120, 16, 632045800},
};

enum { PUBLISHED = sizeof published / sizeof published[0] };

/* [ViT T.1]; Ti and S are DeiT's. */
START_TEST(a_published_model_has_its_published_number_of_parameters) {
    static Vit vit;
    ParameterList list;
    Error error;
    vit.config = (VitConfig){.height = 224,
                             .width = 224,
                             .channels = 3,
                             .patch = published[_i].patch,
                             .depth = published[_i].depth,
                             .block = {.D = published[_i].D,
                                       .heads = published[_i].heads,
                                       .M = published[_i].M},
                             .classes = 1000};
    ck_assert(vit_config_check(&vit.config, &error));
    ck_assert(parameters_list(&list, vit_parameters, &vit, &error));
    ck_assert_msg(list.total == published[_i].parameters, "%s: the list has %ld",
                  published[_i].name, list.total);
    const long formula = vit_parameter_formula(&vit.config);
    ck_assert_msg(formula == published[_i].parameters, "%s: the formula gives %ld",
                  published[_i].name, formula);
    parameters_list_free(&list);
}
END_TEST

START_TEST(parameters_have_timms_names_and_shapes_in_order) {
    static const struct {
        const char *name;
        int ndim, shape[4];
        Decay decay;
    } want[] = {
        {"cls_token", 3, {1, 1, 4}, NO_DECAY},
        {"pos_embed", 3, {1, 7, 4}, NO_DECAY},
        {"patch_embed.proj.weight", 4, {4, 2, 2, 2}, DECAY},
        {"patch_embed.proj.bias", 1, {4}, NO_DECAY},
        {"blocks.0.norm1.weight", 1, {4}, NO_DECAY},
        {"blocks.0.norm1.bias", 1, {4}, NO_DECAY},
        {"blocks.0.attn.qkv.weight", 2, {12, 4}, DECAY},
        {"blocks.0.attn.qkv.bias", 1, {12}, NO_DECAY},
        {"blocks.0.attn.proj.weight", 2, {4, 4}, DECAY},
        {"blocks.0.attn.proj.bias", 1, {4}, NO_DECAY},
        {"blocks.0.norm2.weight", 1, {4}, NO_DECAY},
        {"blocks.0.norm2.bias", 1, {4}, NO_DECAY},
        {"blocks.0.mlp.fc1.weight", 2, {6, 4}, DECAY},
        {"blocks.0.mlp.fc1.bias", 1, {6}, NO_DECAY},
        {"blocks.0.mlp.fc2.weight", 2, {4, 6}, DECAY},
        {"blocks.0.mlp.fc2.bias", 1, {4}, NO_DECAY},
        {"norm.weight", 1, {4}, NO_DECAY},
        {"norm.bias", 1, {4}, NO_DECAY},
        {"head.weight", 2, {3, 4}, DECAY},
        {"head.bias", 1, {3}, NO_DECAY},
    };
    VitConfig config = small_config();
    config.depth = 1;
    Model *m = model_of(config, 1);
    ck_assert_int_eq(m->list.count, (int)(sizeof want / sizeof want[0]));
    for (int i = 0; i < m->list.count; i++) {
        const Parameter *p = &m->list.items[i];
        ck_assert_str_eq(p->name, want[i].name);
        ck_assert_msg(
            tensor_same_shape(p->shape, test_shape(want[i].ndim, want[i].shape)),
            "%s has a wrong shape", p->name);
        ck_assert_msg(p->decay == want[i].decay, "%s: wrong decay", p->name);
    }
    model_free(m);
}
END_TEST

START_TEST(a_second_block_has_its_number_in_its_names) {
    Model *m = model_of(small_config(), 1);
    ck_assert_int_eq(m->list.count, 20 + 12);
    ck_assert_str_eq(m->list.items[16].name, "blocks.1.norm1.weight");
    ck_assert_str_eq(m->list.items[27].name, "blocks.1.mlp.fc2.bias");
    model_free(m);
}
END_TEST

START_TEST(flops_are_counted_as_the_formula_says) {
    /* By hand: 6 patches of 8 elements to D = 4; 2 blocks of 7 tokens; 3 classes. */
    const VitConfig c = small_config();
    const double block = 8 * 7 * 16 + 4 * 49 * 4 + 4 * 7 * 4 * 6;
    ck_assert_double_eq(vit_forward_flops(&c), 2 * 6 * 8 * 4 + 2 * block + 2 * 4 * 3);
}
END_TEST

/* [AIAYN T.1]: self-attention's work is of order n^2 d, every other layer's of order n:
 * so the second difference of the flops in n is that of 4 n^2 D for each block. */
START_TEST(only_attention_grows_with_the_square_of_the_tokens) {
    double flops[3];
    for (int i = 0; i < 3; i++) {
        VitConfig c = small_config();
        c.height = c.patch;
        c.width = (20 + i) * c.patch; /* 21, 22, 23 tokens */
        flops[i] = vit_forward_flops(&c);
    }
    const VitConfig c = small_config();
    ck_assert_double_eq(flops[2] - 2 * flops[1] + flops[0], 8.0 * c.block.D * c.depth);
}
END_TEST

/* Each of these, alone, makes a good config impossible. */
static VitConfig spoiled_config(int how) {
    VitConfig c = small_config();
    switch (how) {
    case 0: c.patch = 0; break;
    case 1: c.patch = 4; break; /* divides the width of 4, not the height of 6 */
    case 2: c.width = 5; break;
    case 3: c.block.D = 0; break;
    case 4: c.block.heads = 3; break;
    case 5: c.block.heads = 0; break;
    case 6: c.block.heads = -2; break;
    case 7: c.block.M = 0; break;
    case 8: c.depth = 0; break;
    case 9: c.depth = VIT_MAX_DEPTH + 1; break;
    case 10: c.classes = 0; break;
    case 11: c.channels = -1; break;
    case 12: c.height = 0; break;
    default: c.block.D = 1 << 30; break;
    }
    return c;
}

static const char *spoiled_words[] = {
    "patch|0",   "patch of 4|6x4", "patch of 2|6x5", "dim|0",          "3 heads|4",
    "heads|0",   "heads|-2",       "mlp|0",          "depth|0",        "depth|65",
    "classes|0", "channels|-1",    "height|0",       "dim|1073741824",
};

START_TEST(an_impossible_config_gives_a_line) {
    const VitConfig good = small_config(), bad = spoiled_config(_i);
    Error error = {""};
    ck_assert(vit_config_check(&good, &error));
    ck_assert(!vit_config_check(&bad, &error));
    assert_error_line(error, spoiled_words[_i]);
}
END_TEST

START_TEST(images_and_gradients_of_another_shape_stop_the_program) {
    Model *m = model_of(small_config(), 2);
    Tensor images = zero_tensor(SHAPE(2, 2, 4, 6)); /* height and width exchanged */
    Tensor dlogits = zero_tensor(SHAPE(2, 4));
    assert_stops("vit_forward|images is (2,2,4,6), want (2,2,6,4)",
                 vit_forward(&m->vit, images, &m->a, &m->dropout));
    assert_stops("vit_backward|dlogits is (2,4), want (2,3)",
                 vit_backward(&m->vit, &m->d, &m->a, &m->dropout, dlogits));
    model_free(m);
}
END_TEST

/* ---- forward ------------------------------------------------------------- */

START_TEST(the_first_loss_is_log_K) {
    const int labels[] = {2, 0};
    const Tensor not_wanted = {.data = NULL};
    Model *m = model_of(small_config(), 2);
    vit_initialise(&m->list, m->weights.data, 1);
    Tensor logits =
        vit_forward(&m->vit, images_for(small_config(), 2), &m->a, &m->dropout);
    const double loss = cross_entropy(logits, labels, 0.1, 1, not_wanted) / 2;
    assert_number_close(loss, log(3), 1e-12, "loss");
    model_free(m);
}
END_TEST

static void compare_with_naive(VitConfig config) {
    const int B = 3;
    Model *m = model_of(config, B);
    Tensor images = images_for(config, B);
    double *want = test_doubles(B * config.classes);
    naive_vit(&config, &m->list, doubles_of(m->weights), B, doubles_of(images), want);
    Tensor logits = vit_forward(&m->vit, images, &m->a, &m->dropout);
    assert_close_to_naive(logits, want, 10 * TOLERANCE, "[ViT eq.1] to [ViT eq.4]");
    model_free(m);
}

START_TEST(logits_equal_the_naive_formula) {
    compare_with_naive(small_config());
    compare_with_naive(small_post_norm_config());
    VitConfig deep = small_config();
    deep.depth = 4;
    deep.block = (BlockConfig){.D = 12, .heads = 3, .M = 20};
    compare_with_naive(deep);
}
END_TEST

START_TEST(only_the_class_token_reaches_the_head) {
    /* [ViT eq.4]: y is the final norm of token 0, of no other. */
    Model *m = model_of(small_config(), 2);
    vit_forward(&m->vit, images_for(small_config(), 2), &m->a, &m->dropout);
    for (int b = 0; b < 2; b++) {
        Tensor last = tensor_slice(m->a.blocks[1].y, b);
        assert_same_bits(tensor_slice(m->a.cls, b), tensor_slice(last, 0));
    }
    model_free(m);
}
END_TEST

START_TEST(a_batch_gives_what_its_images_give_one_at_a_time) {
    Model *m = model_of(small_config(), 5);
    Tensor images = images_for(small_config(), 5);
    Tensor together = copy_of(vit_forward(&m->vit, images, &m->a, &m->dropout));
    for (int b = 0; b < 5; b++) {
        Tensor one = tensor4(tensor_slice(images, b).data, 1, 2, 6, 4);
        Tensor alone = vit_forward(&m->vit, one, &m->a, &m->dropout);
        assert_tensor_close(tensor_slice(alone, 0), tensor_slice(together, b),
                            TOLERANCE, "[ViT eq.1] to [ViT eq.4]");
    }
    model_free(m);
}
END_TEST

/* Gradients of a forward and backward pass over B images. */
static Tensor gradients_of(Model *m, int B) {
    const int labels[] = {2, 0, 1, 1, 2};
    const VitConfig c = m->vit.config;
    Tensor logits = vit_forward(&m->vit, images_for(c, B), &m->a, &m->dropout);
    cross_entropy(logits, labels, 0.1, 1.0 / B, logits);
    vit_backward(&m->vit, &m->d, &m->a, &m->dropout, logits);
    return m->gradients;
}

START_TEST(room_for_more_images_than_there_are_changes_nothing) {
    Model *m = model_of(small_config(), 2);
    Tensor want = copy_of(gradients_of(m, 2));
    model_free(m);
    m = model_of(small_config(), 5);
    gradients_of(m, 5); /* leaves its elements everywhere */
    tensor_fill(m->gradients, 0);
    assert_same_bits(gradients_of(m, 2), want);
    model_free(m);
}
END_TEST

START_TEST(dropout_changes_the_logits_by_step_and_image_and_is_off_at_rate_0) {
    Model *m = model_of(small_config(), 1);
    Tensor images = images_for(small_config(), 1);
    Tensor without = copy_of(vit_forward(&m->vit, images, &m->a, &m->dropout));
    const Dropout four[] = {{.rate = 0.3, .seed = 1},
                            {.rate = 0.3, .seed = 2},
                            {.rate = 0.3, .seed = 1, .step = 1},
                            {.rate = 0.3, .seed = 1, .image = 1}};
    Tensor logits[5] = {without};
    for (int i = 0; i < 4; i++) {
        logits[i + 1] = copy_of(vit_forward(&m->vit, images, &m->a, &four[i]));
        for (int j = 0; j <= i; j++) {
            ck_assert_double_gt(tensor_max_abs_difference(logits[i + 1], logits[j]), 0);
        }
    }
    assert_same_bits(vit_forward(&m->vit, images, &m->a, &four[0]), logits[1]);
    const Dropout off = {.rate = 0, .seed = 9, .step = 9};
    assert_same_bits(vit_forward(&m->vit, images, &m->a, &off), without);
    model_free(m);
}
END_TEST

/* ---- attention ----------------------------------------------------------- */

START_TEST(the_class_token_looks_at_the_patches_with_what_it_leaves_itself) {
    Model *m = model_of(small_config(), 2);
    vit_forward(&m->vit, images_for(small_config(), 2), &m->a, &m->dropout);
    for (int l = 0; l < 2; l++) {
        Tensor A = tensor_slice(m->a.blocks[l].attn.A, 1); /* (heads, n, n) */
        Tensor weights = unset_tensor(SHAPE(6));
        inspect_patches(&m->a, l, 1, 1, weights);
        double sum = 0, itself = 0;
        for (int i = 0; i < 2; i++) {
            itself += (double)tensor_slice(A, i).data[0] / 2;
        }
        for (int j = 0; j < 6; j++) {
            const double want = ((double)tensor_slice(A, 0).data[j + 1] +
                                 (double)tensor_slice(A, 1).data[j + 1]) /
                                2;
            assert_number_close((double)weights.data[j], want, 1e-6, "[ViT eq.6]");
            sum += (double)weights.data[j];
        }
        ck_assert_double_le(sum, 1);
        assert_number_close(sum, 1 - itself, 1e-5, "[ViT eq.6]");
    }
    model_free(m);
}
END_TEST

START_TEST(class_attention_into_another_shape_stops_the_program) {
    Model *m = model_of(small_config(), 1);
    Tensor weights = zero_tensor(SHAPE(7));
    assert_stops("inspect_patches|weights is (7), want (6)",
                 inspect_patches(&m->a, 0, 0, 1, weights));
    model_free(m);
}
END_TEST

/* ---- gradients ----------------------------------------------------------- */

enum { IMAGES = 2 };
static const int gradient_labels[IMAGES] = {2, 0};

typedef struct {
    VitConfig config;
    const ParameterList *list;
    double *weights, *images;
} Naive;

static double naive_loss(void *context) {
    const Naive *n = context;
    double logits[IMAGES * 3];
    naive_vit(&n->config, n->list, n->weights, IMAGES, n->images, logits);
    return naive_cross_entropy(IMAGES, 3, logits, gradient_labels, 0.1);
}

static void check_against_naive(VitConfig config) {
    Model *m = model_of(config, IMAGES);
    gradients_of(m, IMAGES);
    Naive naive = {config, &m->list, doubles_of(m->weights),
                   doubles_of(images_for(config, IMAGES))};
    for (int i = 0; i < m->list.count; i++) {
        const Parameter *p = &m->list.items[i];
        Tensor gradient = parameter_in(p, m->gradients.data);
        double *at = naive.weights + p->offset;
        assert_gradient_of_naive(naive_loss, &naive, at, gradient, p->name);
    }
    model_free(m);
}

START_TEST(gradients_are_those_of_the_naive_formula) {
    check_against_naive(small_config());
    check_against_naive(small_post_norm_config());
}
END_TEST

START_TEST(gradients_add_to_what_is_there) {
    Model *m = model_of(small_config(), IMAGES);
    Tensor twice = copy_of(gradients_of(m, IMAGES));
    tensor_scale(twice, 2);
    gradients_of(m, IMAGES);
    assert_tensor_close(m->gradients, twice, TOLERANCE, "+=");
    model_free(m);
}
END_TEST

#ifdef REAL_IS_DOUBLE
typedef struct {
    Model *m;
    Tensor images;
} Check;

static double own_loss(void *context) {
    const Check *c = context;
    const Tensor not_wanted = {.data = NULL};
    Tensor logits = vit_forward(&c->m->vit, c->images, &c->m->a, &c->m->dropout);
    return cross_entropy(logits, gradient_labels, 0.1, 1, not_wanted) / IMAGES;
}

static void check_every_gradient(VitConfig config, double rate) {
    Model *m = model_of(config, IMAGES);
    m->dropout = (Dropout){.rate = rate, .seed = 7, .step = 3, .image = 5};
    Check check = {m, images_for(config, IMAGES)};
    gradients_of(m, IMAGES);
    for (int i = 0; i < m->list.count; i++) {
        const Parameter *p = &m->list.items[i];
        Tensor weight = parameter_in(p, m->weights.data);
        Tensor gradient = parameter_in(p, m->gradients.data);
        assert_gradcheck(own_loss, &check, weight, gradient, p->name);
    }
    model_free(m);
}

START_TEST(every_gradient_with_dropout_pre_norm_and_gelu) {
    check_every_gradient(small_config(), 0.2);
}
END_TEST

START_TEST(every_gradient_with_dropout_post_norm_and_relu) {
    check_every_gradient(small_post_norm_config(), 0.2);
}
END_TEST

START_TEST(every_gradient_without_dropout) {
    check_every_gradient(small_config(), 0);
}
END_TEST
#endif

Suite *vit_suite(void) {
    Suite *suite = suite_create("vit");
    TCase *sizes = add_case(suite, "sizes");
    tcase_add_loop_test(sizes, a_published_model_has_its_published_number_of_parameters,
                        0, PUBLISHED);
    tcase_add_test(sizes, parameters_have_timms_names_and_shapes_in_order);
    tcase_add_test(sizes, a_second_block_has_its_number_in_its_names);
    tcase_add_test(sizes, flops_are_counted_as_the_formula_says);
    tcase_add_test(sizes, only_attention_grows_with_the_square_of_the_tokens);
    tcase_add_loop_test(sizes, an_impossible_config_gives_a_line, 0,
                        (int)(sizeof spoiled_words / sizeof spoiled_words[0]));
    tcase_add_test(sizes, images_and_gradients_of_another_shape_stop_the_program);
    TCase *forward = add_case(suite, "forward");
    tcase_add_test(forward, the_first_loss_is_log_K);
    tcase_add_test(forward, logits_equal_the_naive_formula);
    tcase_add_test(forward, only_the_class_token_reaches_the_head);
    tcase_add_test(forward, a_batch_gives_what_its_images_give_one_at_a_time);
    tcase_add_test(forward, room_for_more_images_than_there_are_changes_nothing);
    tcase_add_test(forward,
                   dropout_changes_the_logits_by_step_and_image_and_is_off_at_rate_0);
    TCase *attention = add_case(suite, "attention");
    tcase_add_test(attention,
                   the_class_token_looks_at_the_patches_with_what_it_leaves_itself);
    tcase_add_test(attention, class_attention_into_another_shape_stops_the_program);
    TCase *gradients = add_case(suite, "gradients");
    tcase_add_test(gradients, gradients_are_those_of_the_naive_formula);
    tcase_add_test(gradients, gradients_add_to_what_is_there);
#ifdef REAL_IS_DOUBLE
    tcase_add_test(gradients, every_gradient_with_dropout_pre_norm_and_gelu);
    tcase_add_test(gradients, every_gradient_with_dropout_post_norm_and_relu);
    tcase_add_test(gradients, every_gradient_without_dropout);
#endif
    return suite;
}
