/*
 * test_reference.c: our layers against PyTorch's, forward and every gradient.
 *
 * A gradient check proves that backward is the derivative of forward, not that
 * forward is the paper's: with 1/sqrt(d_k) left out it still passes. These vectors
 * come from an implementation that shares nothing with ours (its own attention,
 * encoder layer and AdamW, derivatives by autograd), made by
 * tests/reference/make_reference.py; tests/reference/README.md describes them.
 *
 * Run from the repository's root: paths are relative to it.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "chapters/05_vision_transformer/training/adamw.h"
#include "chapters/02_scaled_dot_product_attention/attention.h"
#include "tests/check_helpers.h"
#include "chapters/05_vision_transformer/model/cross_entropy.h"
#include "chapters/04_encoder_block/encoder_block.h"
#include "common/gelu.h"
#include "chapters/04_encoder_block/layer_norm.h"
#include "chapters/03_multi_head_attention/multi_head_attention.h"
#include "common/files/safetensors_file.h"
#include "common/softmax.h"
#include "tests/suites.h"
#include "chapters/05_vision_transformer/model/vit.h"

/* ---- reading the vectors ------------------------------------------------- */

static Safetensors open_reference(const char *name) {
    char path[128];
    Error error;
    Safetensors file;
    snprintf(path, sizeof path, "tests/reference/%s.safetensors", name);
    if (!safetensors_open(&file, path, &error)) {
        ck_abort_msg("%s. Run the tests from the repository's root. To make the file "
                     "(needs PyTorch): python3 tests/reference/make_reference.py",
                     error.text);
    }
    return file;
}

static Tensor wanted(Safetensors *file, const char *name, Tensor shape) {
    Error error;
    Tensor T = zero_tensor(shape);
    if (!safetensors_read(file, name, T, &error)) {
        ck_abort_msg("%s. To make it anew (needs PyTorch): "
                     "python3 tests/reference/make_reference.py",
                     error.text);
    }
    return T;
}

/* The file's tensor called prefix + the parameter's name. */
static Tensor wanted_parameter(Safetensors *file, const char *prefix,
                               const Parameter *p) {
    char name[128];
    snprintf(name, sizeof name, "%s%s", prefix, p->name);
    return wanted(file, name, p->shape);
}

/* ---- models: a list of parameters, and blocks of that layout -------------- */

typedef struct {
    ParameterList list;
    real *weights, *gradients;
} Blocks;

/* Weights from the file, gradients zero. */
static Blocks read_blocks(Safetensors *file, ParameterLayout *layout, void *model,
                          void *gradient) {
    Blocks b;
    Error error;
    if (!parameters_list(&b.list, layout, model, &error)) {
        ck_abort_msg("%s", error.text);
    }
    b.weights = test_reals(b.list.total);
    b.gradients = test_reals(b.list.total);
    for (int i = 0; i < b.list.count; i++) {
        const Parameter *p = &b.list.items[i];
        tensor_copy(parameter_in(p, b.weights), wanted_parameter(file, "", p));
    }
    parameters_view(&b.list, layout, model, b.weights);
    parameters_view(&b.list, layout, gradient, b.gradients);
    return b;
}

/* Every parameter's gradient is the file's. */
static void assert_gradients(const Blocks *b, Safetensors *file, const char *tag) {
    ck_assert_int_gt(b->list.count, 0);
    for (int i = 0; i < b->list.count; i++) {
        const Parameter *p = &b->list.items[i];
        char name[80];
        snprintf(name, sizeof name, "d %s", p->name);
        assert_no_message(tensor_difference(parameter_in(p, b->gradients),
                                            wanted_parameter(file, "gradient.", p),
                                            TOLERANCE, name, tag));
    }
}

/* ---- one operation each --------------------------------------------------- */

START_TEST(softmax_agrees_with_pytorch) {
    const Tensor shape = SHAPE(7, 9);
    Safetensors file = open_reference("softmax");
    Tensor S = wanted(&file, "X", shape), dA = wanted(&file, "dY", shape);
    Tensor A = unset_tensor(shape), dS = unset_tensor(shape);
    softmax_forward(S, A);
    softmax_backward(A, dA, dS);
    assert_tensor_close(A, wanted(&file, "Y", shape), TOLERANCE, "[softmax]");
    assert_tensor_close(dS, wanted(&file, "dX", shape), TOLERANCE, "[softmax]");
    safetensors_close(&file);
}
END_TEST

START_TEST(gelu_agrees_with_pytorch_from_minus_10_to_10) {
    const Tensor shape = SHAPE(2, 211);
    Safetensors file = open_reference("gelu");
    Tensor X = wanted(&file, "X", shape), dY = wanted(&file, "dY", shape);
    Tensor Y = unset_tensor(shape), dX = unset_tensor(shape);
    gelu_forward(X, Y);
    gelu_backward(X, dY, dX);
    assert_tensor_close(Y, wanted(&file, "Y", shape), TOLERANCE, "[GELU]");
    assert_tensor_close(dX, wanted(&file, "dX", shape), TOLERANCE, "[GELU]");
    safetensors_close(&file);
}
END_TEST

/* Case 0: variance 1. Case 1: variance 1e-6, as small as epsilon. */
static const char *const layer_norm_cases[] = {"ordinary", "tiny"};

static Tensor wanted_of(Safetensors *file, const char *of, const char *name,
                        Tensor shape) {
    char full[64];
    snprintf(full, sizeof full, "%s.%s", of, name);
    return wanted(file, full, shape);
}

START_TEST(layer_norm_agrees_with_pytorch) {
    enum { ROWS = 5, D = 12 };
    const Tensor shape = SHAPE(ROWS, D), vector = SHAPE(D);
    const char *of = layer_norm_cases[_i];
    Safetensors file = open_reference("layer_norm");
    LayerNorm layer = {.gamma = wanted_of(&file, of, "gamma", vector),
                       .beta = wanted_of(&file, of, "beta", vector),
                       .epsilon = (real)LAYER_NORM_EPSILON};
    LayerNorm d = {.gamma = zero_tensor(vector), .beta = zero_tensor(vector)};
    LayerNormActivations a = {.mean = unset_tensor(SHAPE(ROWS)),
                              .rstd = unset_tensor(SHAPE(ROWS))};
    Tensor X = wanted_of(&file, of, "X", shape), dY = wanted_of(&file, of, "dY", shape);
    Tensor Y = unset_tensor(shape), dX = unset_tensor(shape);
    layer_norm_forward(&layer, X, &a, Y);
    layer_norm_backward(&layer, &d, X, &a, dY, dX);
    const char *tag = "[layer norm]";
    assert_tensor_close(Y, wanted_of(&file, of, "Y", shape), TOLERANCE, tag);
    assert_tensor_close(dX, wanted_of(&file, of, "dX", shape), TOLERANCE, tag);
    Tensor dgamma = wanted_of(&file, of, "dgamma", vector);
    assert_tensor_close(d.gamma, dgamma, TOLERANCE, tag);
    assert_tensor_close(d.beta, wanted_of(&file, of, "dbeta", vector), TOLERANCE, tag);
    safetensors_close(&file);
}
END_TEST

/* ---- attention ------------------------------------------------------------ */

static void check_attention(const char *name, int n, int m, int d_k, int d_v,
                            const Tensor *mask) {
    const Tensor scores = SHAPE(n, m), q = SHAPE(n, d_k), k = SHAPE(m, d_k),
                 v = SHAPE(m, d_v), o = SHAPE(n, d_v);
    const char *tag = "[AIAYN eq.1]";
    Safetensors file = open_reference(name);
    Tensor Q = wanted(&file, "Q", q), K = wanted(&file, "K", k);
    Tensor V = wanted(&file, "V", v), dO = wanted(&file, "dO", o);
    Tensor A = unset_tensor(scores), O = unset_tensor(o), dS = unset_tensor(scores);
    Tensor dQ = unset_tensor(q), dK = unset_tensor(k), dV = unset_tensor(v);
    attention_forward(Q, K, V, mask, A, O);
    attention_backward(Q, K, V, A, dO, (AttentionGradients){dQ, dK, dV, dS, dS});
    assert_tensor_close(A, wanted(&file, "A", scores), TOLERANCE, tag);
    assert_tensor_close(O, wanted(&file, "O", o), TOLERANCE, tag);
    assert_tensor_close(dQ, wanted(&file, "dQ", q), TOLERANCE, tag);
    assert_tensor_close(dK, wanted(&file, "dK", k), TOLERANCE, tag);
    assert_tensor_close(dV, wanted(&file, "dV", v), TOLERANCE, tag);
    safetensors_close(&file);
}

START_TEST(attention_with_n_m_d_k_d_v_all_different_agrees_with_pytorch) {
    check_attention("attention", 5, 7, 4, 6, NULL);
}
END_TEST

START_TEST(attention_with_a_causal_mask_agrees_with_pytorch) {
    Tensor mask = zero_tensor(SHAPE(6, 6));
    for (int i = 0; i < 6; i++) {
        for (int j = i + 1; j < 6; j++) { /* query i must not see later keys */
            tensor_row(mask, i)[j] = -(real)INFINITY;
        }
    }
    check_attention("attention_causal", 6, 6, 8, 3, &mask);
}
END_TEST

enum { MHA_B = 2, MHA_N = 5, MHA_D = 12, MHA_HEADS = 3 };

static void mha_layout(ParameterBlock *block, void *layer) {
    multi_head_attention_parameters(layer, block, MHA_D, MHA_HEADS, "attn.");
}

static void mha_memory(MultiHeadAttentionActivations *a, MultiHeadAttentionScratch *s,
                       Arena *arena) {
    multi_head_attention_activations(a, arena, MHA_B, MHA_N, MHA_D, MHA_HEADS);
    multi_head_attention_scratch(s, arena, MHA_B, MHA_N, MHA_D);
}

START_TEST(multi_head_attention_agrees_with_pytorch) {
    const Tensor shape = SHAPE(MHA_B, MHA_N, MHA_D);
    const char *tag = "[AIAYN 3.2.2] [ViT eq.8]";
    Safetensors file = open_reference("multi_head_attention");
    MultiHeadAttention layer, d;
    MultiHeadAttentionActivations a;
    MultiHeadAttentionScratch s;
    Blocks blocks = read_blocks(&file, mha_layout, &layer, &d);
    Arena plan = {0};
    mha_memory(&a, &s, &plan);
    Arena arena = test_arena(&plan);
    mha_memory(&a, &s, &arena);

    Tensor z = wanted(&file, "z", shape), dY = wanted(&file, "dY", shape);
    Tensor Y = unset_tensor(shape), dz = unset_tensor(shape);
    multi_head_attention_forward(&layer, z, &a, Y);
    multi_head_attention_backward(&layer, &d, z, &a, dY, dz, &s);
    assert_tensor_close(a.A, wanted(&file, "A", a.A), TOLERANCE, tag);
    assert_tensor_close(Y, wanted(&file, "Y", shape), TOLERANCE, tag);
    assert_tensor_close(dz, wanted(&file, "dz", shape), TOLERANCE, tag);
    assert_gradients(&blocks, &file, tag);
    parameters_list_free(&blocks.list);
    safetensors_close(&file);
}
END_TEST

/* ---- the encoder block ----------------------------------------------------- */

typedef struct {
    BlockConfig config;
    EncoderBlock block;
} BlockModel;

static void block_layout(ParameterBlock *parameters, void *model) {
    BlockModel *m = model;
    encoder_block_parameters(&m->block, parameters, &m->config, 0);
}

static void block_memory(EncoderBlockActivations *a, EncoderBlockScratch *s,
                         Arena *arena, int B, int n, const BlockConfig *config) {
    encoder_block_activations(a, arena, B, n, config);
    encoder_block_scratch(s, arena, B, n, config);
}

static void check_block(const char *name, NormPlace norm, Activation activation,
                        const char *tag) {
    enum { B = 2, N = 7, D = 12 };
    const BlockConfig config = {
        .D = D, .heads = 3, .M = 20, .norm = norm, .activation = activation};
    const Tensor shape = SHAPE(B, N, D);
    const Dropout none = {.rate = 0};
    Safetensors file = open_reference(name);
    BlockModel model = {.config = config}, d = {.config = config};
    EncoderBlockActivations a;
    EncoderBlockScratch s;
    Blocks blocks = read_blocks(&file, block_layout, &model, &d);
    Arena plan = {0};
    block_memory(&a, &s, &plan, B, N, &config);
    Arena arena = test_arena(&plan);
    block_memory(&a, &s, &arena, B, N, &config);

    Tensor z = wanted(&file, "z", shape), dz = wanted(&file, "dy", shape);
    Tensor y = encoder_block_forward(&model.block, z, &a, &none);
    encoder_block_backward(&model.block, &d.block, z, &a, &none, dz, &s);
    assert_tensor_close(y, wanted(&file, "y", shape), TOLERANCE, tag);
    assert_tensor_close(dz, wanted(&file, "dz", shape), TOLERANCE, tag);
    assert_gradients(&blocks, &file, tag);
    parameters_list_free(&blocks.list);
    safetensors_close(&file);
}

START_TEST(pre_norm_block_with_gelu_agrees_with_pytorch) {
    check_block("encoder_block_pre_norm_gelu", PRE_NORM, ACTIVATION_GELU,
                "[ViT eq.2] [ViT eq.3]");
}
END_TEST

START_TEST(post_norm_block_with_gelu_agrees_with_pytorch) {
    check_block("encoder_block_post_norm_gelu", POST_NORM, ACTIVATION_GELU,
                "[AIAYN 3.1]");
}
END_TEST

START_TEST(pre_norm_block_with_relu_agrees_with_pytorch) {
    check_block("encoder_block_pre_norm_relu", PRE_NORM, ACTIVATION_RELU,
                "[AIAYN eq.2]");
}
END_TEST

/* ---- the whole model -------------------------------------------------------- */

enum { IMAGES = 3, CLASSES = 5 };
static const double smoothing = 0.1;

/* The model of make_reference.py's make_vit. */
static const VitConfig vit_config = {
    .height = 8,
    .width = 12,
    .channels = 2,
    .patch = 4,
    .depth = 2,
    .block =
        {.D = 12, .heads = 3, .M = 20, .norm = PRE_NORM, .activation = ACTIVATION_GELU},
    .classes = CLASSES,
};

typedef struct {
    Vit vit, d;
    Blocks blocks;
    VitActivations activations;
    Tensor images, logits, dlogits;
    int labels[IMAGES];
} Model;

/* Weights from vit.safetensors, images and labels from vit_results.safetensors. */
static void model_make(Model *m, Safetensors *results) {
    Error error;
    Safetensors file = open_reference("vit");
    *m = (Model){.vit.config = vit_config, .d.config = vit_config};
    m->blocks = read_blocks(&file, vit_parameters, &m->vit, &m->d);
    safetensors_close(&file);
    if (!vit_activations_make(&m->activations, &vit_config, IMAGES, &error)) {
        ck_abort_msg("%s", error.text);
    }
    m->images =
        wanted(results, "images",
               SHAPE(IMAGES, vit_config.channels, vit_config.height, vit_config.width));
    m->dlogits = unset_tensor(SHAPE(IMAGES, CLASSES));
    Tensor labels = wanted(results, "labels", SHAPE(IMAGES));
    for (int i = 0; i < IMAGES; i++) {
        m->labels[i] = (int)labels.data[i];
    }
}

static void model_free(Model *m) {
    vit_activations_free(&m->activations);
    parameters_list_free(&m->blocks.list);
}

/* Forward and backward of the batch; the mean loss. */
static double model_loss_and_gradients(Model *m) {
    const Dropout none = {.rate = 0};
    memset(m->blocks.gradients, 0, (size_t)m->blocks.list.total * sizeof(real));
    m->logits = vit_forward(&m->vit, m->images, &m->activations, &none);
    double sum =
        cross_entropy(m->logits, m->labels, smoothing, 1.0 / IMAGES, m->dlogits);
    vit_backward(&m->vit, &m->d, &m->activations, &none, m->dlogits);
    return sum / IMAGES;
}

START_TEST(vit_agrees_with_pytorch_in_logits_loss_and_all_gradients) {
    const char *tag = "[ViT eq.1] to [ViT eq.4]";
    const Tensor shape = SHAPE(IMAGES, CLASSES);
    static Model m;
    Safetensors results = open_reference("vit_results");
    model_make(&m, &results);
    double loss = model_loss_and_gradients(&m);
    double want_loss = (double)wanted(&results, "loss", SHAPE(1)).data[0];
    assert_tensor_close(m.logits, wanted(&results, "logits", shape), TOLERANCE, tag);
    assert_number_close(loss, want_loss, TOLERANCE, "[AIAYN 5.4]");
    assert_tensor_close(m.dlogits, wanted(&results, "dlogits", shape), TOLERANCE,
                        "[AIAYN 5.4]");
    assert_gradients(&m.blocks, &results, tag);
    model_free(&m);
    safetensors_close(&results);
}
END_TEST

static const Parameter *find_parameter(const ParameterList *list, const char *name) {
    for (int i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].name, name) == 0) {
            return &list->items[i];
        }
    }
    return NULL;
}

START_TEST(parameters_have_the_names_and_shapes_that_timm_gives_them) {
    Error error;
    ParameterList list;
    Vit vit = {.config = vit_config};
    Safetensors file = open_reference("vit");
    ck_assert_msg(parameters_list(&list, vit_parameters, &vit, &error), "%s",
                  error.text);
    int tensors = 0;
    for (int i = 0; i < file.count; i++) {
        const char *name = file.tensors[i].name;
        const Parameter *p = find_parameter(&list, name);
        ck_assert_msg(p != NULL, "the file's %s is none of our parameters", name);
        wanted(&file, name, p->shape); /* fails when the shape is another */
        tensors++;
    }
    ck_assert_msg(tensors == list.count, "the file has %d tensors, we have %d", tensors,
                  list.count);
    ck_assert_int_eq(list.total, vit_parameter_formula(&vit.config));
    parameters_list_free(&list);
    safetensors_close(&file);
}
END_TEST

/* ---- the optimiser ----------------------------------------------------------- */

enum { STEPS = 3 };

static bool is_qkv_bias(const Parameter *p) {
    return strstr(p->name, "attn.qkv.bias") != NULL;
}

/*
 * A key's bias adds the same number to all scores of a query, which softmax takes
 * away again: its gradient is 0. What is computed is rounding, and Adam divides
 * rounding by its own size: in float it walks up to lr a step in a direction that
 * means nothing. So float looks at the q and v parts only; in double the rounding
 * is far below Adam's epsilon, and all is compared.
 */
static Tensor without_key_bias(const Parameter *p, Tensor T) {
    if (sizeof(real) == sizeof(double) || !is_qkv_bias(p)) {
        return T;
    }
    const int D = tensor_cols(T) / 3;
    Tensor q_and_v = zero_tensor(SHAPE(2, D));
    tensor_copy(tensor_slice(q_and_v, 0), tensor1(T.data, D));
    tensor_copy(tensor_slice(q_and_v, 1), tensor1(T.data + 2 * D, D));
    return q_and_v;
}

static void assert_weights_after(const Blocks *b, Safetensors *file, int step) {
    char prefix[32];
    snprintf(prefix, sizeof prefix, "step%d.", step);
    for (int i = 0; i < b->list.count; i++) {
        const Parameter *p = &b->list.items[i];
        char name[96];
        snprintf(name, sizeof name, "%s%s", prefix, p->name);
        Tensor got = without_key_bias(p, parameter_in(p, b->weights));
        Tensor want = without_key_bias(p, wanted_parameter(file, prefix, p));
        assert_no_message(tensor_difference(got, want, TOLERANCE, name, "[AdamW]"));
    }
}

START_TEST(three_steps_of_adamw_agree_with_pytorch) {
    const AdamW adamw = {
        .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .weight_decay = 0.05};
    static Model model;
    Safetensors results = open_reference("vit_results"), file = open_reference("adamw");
    model_make(&model, &results);
    Blocks *b = &model.blocks;
    real *m = test_reals(b->list.total), *v = test_reals(b->list.total);
    Tensor rates = wanted(&file, "rates", SHAPE(STEPS));
    Tensor norms = wanted(&file, "norms", SHAPE(STEPS));
    Tensor losses = wanted(&file, "losses", SHAPE(STEPS));
    for (int t = 1; t <= STEPS; t++) {
        double loss = model_loss_and_gradients(&model);
        double norm = gradient_clip(b->gradients, b->list.total, 1.0);
        adamw_step(&(AdamWStep){&adamw, (double)rates.data[t - 1], t, b->weights,
                                b->gradients, m, v},
                   &b->list);
        assert_number_close(loss, (double)losses.data[t - 1], TOLERANCE, "[AdamW]");
        assert_number_close(norm, (double)norms.data[t - 1], TOLERANCE, "[ViT T.3]");
        ck_assert_double_gt(norm, 1.0); /* so that clipping had something to do */
        assert_weights_after(b, &file, t);
    }
    model_free(&model);
    safetensors_close(&file);
    safetensors_close(&results);
}
END_TEST

/* ---- the suite ----------------------------------------------------------------- */

Suite *reference_suite(void) {
    Suite *suite = suite_create("reference");
    const int cases = (int)(sizeof layer_norm_cases / sizeof layer_norm_cases[0]);

    TCase *operations = add_case(suite, "operations");
    tcase_add_test(operations, softmax_agrees_with_pytorch);
    tcase_add_test(operations, gelu_agrees_with_pytorch_from_minus_10_to_10);
    tcase_add_loop_test(operations, layer_norm_agrees_with_pytorch, 0, cases);

    TCase *attention = add_case(suite, "attention");
    tcase_add_test(attention,
                   attention_with_n_m_d_k_d_v_all_different_agrees_with_pytorch);
    tcase_add_test(attention, attention_with_a_causal_mask_agrees_with_pytorch);
    tcase_add_test(attention, multi_head_attention_agrees_with_pytorch);

    TCase *block = add_case(suite, "encoder block");
    tcase_add_test(block, pre_norm_block_with_gelu_agrees_with_pytorch);
    tcase_add_test(block, post_norm_block_with_gelu_agrees_with_pytorch);
    tcase_add_test(block, pre_norm_block_with_relu_agrees_with_pytorch);

    TCase *model = add_case(suite, "model");
    tcase_add_test(model, vit_agrees_with_pytorch_in_logits_loss_and_all_gradients);
    tcase_add_test(model, parameters_have_the_names_and_shapes_that_timm_gives_them);
    tcase_add_test(model, three_steps_of_adamw_agree_with_pytorch);
    return suite;
}
