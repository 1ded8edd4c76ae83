/*
 * test_encoder_block.c: one layer of the encoder [AIAYN fig.1], pre-norm [ViT eq.2]
 * [ViT eq.3] and post-norm [AIAYN 3.1] (chapter 4).
 */
#include "chapters/04_encoder_block/encoder_block.h"

#include <math.h>
#include <stdio.h>

#include "tests/check_helpers.h"
#include "tests/naive_layers.h"
#include "tests/suites.h"

/* ---- a block with everything it needs ------------------------------------ */

typedef struct {
    int B, n, index;
    BlockConfig config;
    EncoderBlock block, d;
    Tensor weights, gradients; /* all of them, in one row */
    EncoderBlockActivations a;
    EncoderBlockScratch s;
    Dropout dropout;
    Tensor z, dy, dz;
} Bench;

static const BlockConfig vit = {
    .D = 6, .heads = 2, .M = 10, .norm = PRE_NORM, .activation = ACTIVATION_GELU};
static const BlockConfig transformer = {
    .D = 6, .heads = 2, .M = 10, .norm = POST_NORM, .activation = ACTIVATION_RELU};

static void lay_out(Bench *b, Arena *arena, int B) {
    encoder_block_activations(&b->a, arena, B, b->n, &b->config);
    encoder_block_scratch(&b->s, arena, B, b->n, &b->config);
}

static void make_weights(Bench *b) {
    ParameterBlock counted = {0};
    encoder_block_parameters(&b->block, &counted, &b->config, b->index);
    ParameterBlock weights = test_block(&counted), gradients = test_block(&counted);
    b->weights = tensor1(weights.data, (int)counted.used);
    b->gradients = tensor1(gradients.data, (int)counted.used);
    encoder_block_parameters(&b->block, &weights, &b->config, b->index);
    encoder_block_parameters(&b->d, &gradients, &b->config, b->index);
    tensor_copy(b->weights, random_tensor('W', b->weights));
    tensor_scale(b->weights, (real)0.5);
}

/* Activations made for as many images as `capacity`; B of them are used. */
static Bench make_block_with(int capacity, int B, int n, const BlockConfig *config,
                             int index) {
    Bench b = {.B = B, .n = n, .index = index, .config = *config};
    make_weights(&b);
    Arena plan = {0};
    lay_out(&b, &plan, capacity);
    Arena arena = test_arena(&plan);
    lay_out(&b, &arena, capacity);
    arena_check_full(&arena);
    b.z = random_tensor('z', SHAPE(B, b.n, config->D));
    b.dy = random_tensor('C', b.z);
    b.dz = copy_of(b.dy);
    return b;
}

static Bench make_block_for(int capacity, int B, const BlockConfig *config, int index) {
    return make_block_with(capacity, B, 3, config, index);
}

static Bench make_block(const BlockConfig *config) {
    return make_block_for(2, 2, config, 0);
}

static Tensor forward(Bench *b) {
    return encoder_block_forward(&b->block, b->z, &b->a, &b->dropout);
}

/* dz = the gradient with respect to z, from dy. */
static void backward(Bench *b) {
    tensor_copy(b->dz, b->dy);
    encoder_block_backward(&b->block, &b->d, b->z, &b->a, &b->dropout, b->dz, &b->s);
}

static const Dropout some_dropout = {.rate = 0.3, .seed = 4, .step = 6, .image = 2};

/* ---- shapes and errors --------------------------------------------------- */

START_TEST(shapes_that_do_not_fit_stop) {
    Bench b = make_block(&vit), wrong = b;
    wrong.z = zero_tensor(SHAPE(3, 3, 6));
    assert_stops("tensor_first: can't take 3 slices of (2,3,6)", forward(&wrong));
    wrong.z = zero_tensor(SHAPE(2, 3, 8));
    assert_stops("is (2,3,6), want (2,3,8)", forward(&wrong));
    wrong.z = zero_tensor(SHAPE(2, 2, 6));
    assert_stops("is (2,3,6), want (2,2,6)", forward(&wrong));
    forward(&b);
    wrong = b, wrong.dy = wrong.dz = zero_tensor(SHAPE(1, 3, 6));
    assert_stops("encoder_block_backward: dz is (1,3,6), want (2,3,6)",
                 backward(&wrong));
}
END_TEST

START_TEST(parameters_have_timms_names_in_timms_order_and_the_papers_count) {
    ParameterList list = {.items = (Parameter[12]){{.offset = 0}}};
    ParameterBlock block = {.list = &list};
    EncoderBlock layer;
    encoder_block_parameters(&layer, &block, &vit, 11);
    const char *names[12] = {"norm1.weight",  "norm1.bias",       "attn.qkv.weight",
                             "attn.qkv.bias", "attn.proj.weight", "attn.proj.bias",
                             "norm2.weight",  "norm2.bias",       "mlp.fc1.weight",
                             "mlp.fc1.bias",  "mlp.fc2.weight",   "mlp.fc2.bias"};
    ck_assert_int_eq(block.count, 12);
    for (int p = 0; p < 12; p++) {
        char name[64];
        snprintf(name, sizeof name, "blocks.11.%s", names[p]);
        ck_assert_str_eq(list.items[p].name, name);
    }
    const int D = 6, M = 10;
    ck_assert_int_eq(block.used, 4 * D * D + 4 * D + 2 * D * M + D + M +
                                     4 * D); /* as in the notes */
}
END_TEST

/*
 * [AIAYN T.3]: 65 million parameters (base), 213 (big). An encoder layer is our block;
 * a decoder layer has one more attention, with its norm; and there is one embedding, of
 * some 37,000 tokens (byte pairs, section 5.1). The counts agree within 4%, because the
 * paper does not say which biases it counts.
 */
START_TEST(six_layers_each_way_are_the_transformers_of_the_paper) {
    static const struct {
        int D, M, heads;
        double millions;
    } papers[] = {{512, 2048, 8, 65}, {1024, 4096, 16, 213}};
    const int D = papers[_i].D, M = papers[_i].M;
    ParameterList list = {.items = (Parameter[12]){{.offset = 0}}};
    ParameterBlock block = {.list = &list};
    EncoderBlock layer;
    const BlockConfig config = {.D = D, .heads = papers[_i].heads, .M = M};
    encoder_block_parameters(&layer, &block, &config, 0);
    const double encoder = (double)block.used, cross = 4.0 * D * D + 4.0 * D + 2.0 * D;
    const double all = 6 * (encoder + encoder + cross) + 37000.0 * D;
    ck_assert_msg(fabs(all * 1e-6 / papers[_i].millions - 1) < 0.04,
                  "%.1f million, not %.0f", all * 1e-6, papers[_i].millions);
}
END_TEST

/* ---- hand-computed values ------------------------------------------------ */

/* Both sublayers give zero: W_O, b_O, W_2 and b_2 are zero. */
static Bench make_silent_block(const BlockConfig *config) {
    Bench b = make_block(config);
    tensor_fill(b.block.attn.W_O, 0);
    tensor_fill(b.block.attn.b_O, 0);
    tensor_fill(b.block.mlp.W_2, 0);
    tensor_fill(b.block.mlp.b_2, 0);
    tensor_fill(b.block.norm1.gamma, 1);
    tensor_fill(b.block.norm1.beta, 0);
    tensor_fill(b.block.norm2.gamma, 1);
    tensor_fill(b.block.norm2.beta, 0);
    return b;
}

START_TEST(a_pre_norm_block_whose_sublayers_are_silent_is_the_identity) {
    Bench b = make_silent_block(&vit);
    assert_same_bits(forward(&b), b.z);
    backward(&b);
    assert_same_bits(b.dz, b.dy);
}
END_TEST

START_TEST(a_post_norm_block_whose_sublayers_are_silent_is_two_layer_norms) {
    Bench b = make_silent_block(&transformer);
    Tensor y = forward(&b);
    double ones[6] = {1, 1, 1, 1, 1, 1}, zeros[6] = {0}, once[36], twice[36];
    NaiveLayerNorm norm = {6, ones, zeros};
    naive_layer_norm(&norm, 6, doubles_of(b.z), once);
    naive_layer_norm(&norm, 6, once, twice);
    assert_close_to_naive(y, twice, TOLERANCE, "[AIAYN 3.1]");
}
END_TEST

/* The lesson's block, worked with a pencil: one token, D = 4, one head, M = 2, ReLU.
 * A = 1, W^Q = W^K = 0, W^V = I; all gamma are 1 and all biases 0. */
static Bench make_lessons_block(void) {
    const BlockConfig config = {4, 1, 2, PRE_NORM, ACTIVATION_RELU};
    Bench b = make_block_with(1, 1, 1, &config, 0);
    tensor_fill(b.weights, 0);
    tensor_fill(b.block.norm1.gamma, 1);
    tensor_fill(b.block.norm2.gamma, 1);
    for (int j = 0; j < 4; j++) {
        tensor_row(b.block.attn.W_qkv, 8 + j)[j] = 1;
    }
    tensor_copy(b.block.attn.W_O,
                tensor_of(SHAPE(4, 4), 0, 0, 1, 2, 0, 0, 1, 0, 0, 1, 0, 0, 1, 2, 0, 0));
    tensor_copy(b.block.mlp.W_1, tensor_of(SHAPE(2, 4), 1, 0, 0, -1, 0, 1, 0, 1));
    tensor_copy(b.block.mlp.W_2, tensor_of(SHAPE(4, 2), 1, 0, 0, 2, -1, 0, 1, 1));
    b.z = tensor_of(SHAPE(1, 1, 4), 0, 0, 4, 4);
    b.dy = tensor_of(SHAPE(1, 1, 4), 1, 0, 0, 2);
    return b;
}

START_TEST(the_lessons_block_forward_and_backward_by_hand) {
    const double near = 1e-5; /* by hand epsilon is 0 */
    Bench b = make_lessons_block();
    Tensor y = forward(&b);
    assert_values(b.a.x1, near, "[ViT eq.2]", -1, -1, 1, 1);
    assert_values(b.a.z_prime, near, "[ViT eq.2]", 3, 1, 3, 1);
    assert_values(b.a.x2, near, "[ViT eq.3]", 1, -1, 1, -1);
    assert_values(b.a.mlp.pre, near, "[ViT eq.3]", 2, -2);
    assert_values(y, near, "[ViT eq.3]", 5, 1, 1, 3);
    backward(&b);
    assert_values(b.dz, near, "[ViT eq.2]", 2.75, 1.25, -1.75, 0.75);
    assert_values(b.d.norm2.gamma, near, "[ViT eq.3]", 3, 0, 0, 3);
    assert_values(b.d.mlp.W_2, near, "[ViT eq.3]", 2, 0, 0, 0, 0, 0, 4, 0);
    assert_values(b.d.mlp.W_1, near, "[ViT eq.3]", 3, -3, 3, -3, 0, 0, 0, 0);
}
END_TEST

START_TEST(each_sublayers_result_is_added_once) {
    /* Sublayers that give their bias whatever they see: y = z + b_O + b_2. */
    Bench b = make_silent_block(&vit);
    tensor_fill(b.block.attn.b_O, 10);
    tensor_fill(b.block.mlp.b_2, 100);
    Tensor want = copy_of(b.z);
    for (int i = 0; i < 36; i++) {
        want.data[i] += 110;
    }
    assert_tensor_close(forward(&b), want, TOLERANCE, "[ViT eq.2] [ViT eq.3]");
}
END_TEST

/* ---- an independent reference -------------------------------------------- */

typedef struct {
    int B, n;
    NaiveBlock block;
    double *z, *y, *C;
} Naive;

/* dropout's factors for (B, n, cols) elements; NULL when there is none. */
static double *factors(const Bench *b, int place, int cols) {
    if (b->dropout.rate == 0) {
        return NULL;
    }
    Tensor ones = zero_tensor(SHAPE(b->B, b->n, cols));
    tensor_fill(ones, 1);
    dropout_apply(&b->dropout, place, ones);
    return doubles_of(ones);
}

static Naive naive_of(const Bench *b) {
    const EncoderBlock *k = &b->block;
    const int D = b->config.D, M = b->config.M, first_place = 1 + 3 * b->index;
    return (Naive){
        .B = b->B,
        .n = b->n,
        .block = {.post_norm = b->config.norm == POST_NORM,
                  .norm1 = {D, doubles_of(k->norm1.gamma), doubles_of(k->norm1.beta)},
                  .norm2 = {D, doubles_of(k->norm2.gamma), doubles_of(k->norm2.beta)},
                  .attn = {D, b->config.heads, doubles_of(k->attn.W_qkv),
                           doubles_of(k->attn.b_qkv), doubles_of(k->attn.W_O),
                           doubles_of(k->attn.b_O)},
                  .mlp = {D, M, b->config.activation == ACTIVATION_RELU,
                          doubles_of(k->mlp.W_1), doubles_of(k->mlp.b_1),
                          doubles_of(k->mlp.W_2), doubles_of(k->mlp.b_2),
                          factors(b, first_place + 1, M)},
                  .dropout_attn = factors(b, first_place, D),
                  .dropout_mlp = factors(b, first_place + 2, D)},
        .z = doubles_of(b->z),
        .y = doubles_of(b->z),
        .C = doubles_of(b->dy)};
}

static double naive_loss(void *context) {
    const Naive *c = context;
    naive_block(&c->block, c->B, c->n, c->z, c->y);
    double sum = 0;
    for (int i = 0; i < c->B * c->n * c->block.attn.D; i++) {
        sum += c->C[i] * c->y[i];
    }
    return sum;
}

static void assert_agrees_with_naive(Bench *b, const char *tag) {
    Tensor y = forward(b);
    Naive c = naive_of(b);
    naive_loss(&c);
    assert_close_to_naive(y, c.y, TOLERANCE, tag);
    backward(b);
    NaiveBlock *k = &c.block;
    const EncoderBlock *d = &b->d;
    assert_gradient_of_naive(naive_loss, &c, c.z, b->dz, tag);
    assert_gradient_of_naive(naive_loss, &c, k->norm1.gamma, d->norm1.gamma, tag);
    assert_gradient_of_naive(naive_loss, &c, k->norm1.beta, d->norm1.beta, tag);
    assert_gradient_of_naive(naive_loss, &c, k->attn.W_qkv, d->attn.W_qkv, tag);
    assert_gradient_of_naive(naive_loss, &c, k->attn.b_qkv, d->attn.b_qkv, tag);
    assert_gradient_of_naive(naive_loss, &c, k->attn.W_O, d->attn.W_O, tag);
    assert_gradient_of_naive(naive_loss, &c, k->attn.b_O, d->attn.b_O, tag);
    assert_gradient_of_naive(naive_loss, &c, k->norm2.gamma, d->norm2.gamma, tag);
    assert_gradient_of_naive(naive_loss, &c, k->norm2.beta, d->norm2.beta, tag);
    assert_gradient_of_naive(naive_loss, &c, k->mlp.W_1, d->mlp.W_1, tag);
    assert_gradient_of_naive(naive_loss, &c, k->mlp.b_1, d->mlp.b_1, tag);
    assert_gradient_of_naive(naive_loss, &c, k->mlp.W_2, d->mlp.W_2, tag);
    assert_gradient_of_naive(naive_loss, &c, k->mlp.b_2, d->mlp.b_2, tag);
}

START_TEST(a_pre_norm_block_agrees_with_vits_equations) {
    Bench b = make_block(&vit);
    assert_agrees_with_naive(&b, "[ViT eq.2] [ViT eq.3]");
}
END_TEST

START_TEST(a_post_norm_block_agrees_with_the_transformers) {
    Bench b = make_block(&transformer);
    assert_agrees_with_naive(&b, "[AIAYN 3.1]");
}
END_TEST

START_TEST(a_pre_norm_block_with_dropout_agrees_in_forward_and_backward) {
    Bench b = make_block_for(2, 2, &vit, 3);
    b.dropout = some_dropout;
    assert_agrees_with_naive(&b, "[AIAYN 5.4] pre-norm");
}
END_TEST

START_TEST(a_post_norm_block_with_dropout_agrees_in_forward_and_backward) {
    Bench b = make_block_for(2, 2, &transformer, 3);
    b.dropout = some_dropout;
    assert_agrees_with_naive(&b, "[AIAYN 5.4] post-norm");
}
END_TEST

/* ---- properties ---------------------------------------------------------- */

START_TEST(images_of_a_batch_do_not_see_each_other) {
    const BlockConfig *configs[2] = {&vit, &transformer};
    for (int c = 0; c < 2; c++) {
        Bench both = make_block_for(2, 2, configs[c], 0);
        Bench one = make_block_for(1, 1, configs[c], 0);
        both.dropout = one.dropout = (Dropout){.rate = 0.3, .seed = 4};
        Tensor y = forward(&both);
        assert_tensor_close(forward(&one), tensor_first(y, 1), TOLERANCE, "[ViT eq.3]");
        backward(&both);
        backward(&one);
        assert_tensor_close(one.dz, tensor_first(both.dz, 1), TOLERANCE, "[ViT eq.3]");
    }
}
END_TEST

START_TEST(a_batch_in_two_slices_gives_the_same_results_and_gradients) {
    Bench whole = make_block_for(3, 3, &vit, 1), cut = make_block_for(3, 3, &vit, 1);
    whole.dropout = (Dropout){.rate = 0.3, .seed = 4, .step = 1};
    Tensor y = forward(&whole);
    backward(&whole);
    const int first[2] = {0, 1}, count[2] = {1, 2};
    for (int s = 0; s < 2; s++) {
        Bench slice = cut;
        const long offset = first[s] * 18L;
        slice.z = tensor3(cut.z.data + offset, count[s], 3, 6);
        slice.dy = tensor3(cut.dy.data + offset, count[s], 3, 6);
        slice.dz = tensor3(cut.dz.data + offset, count[s], 3, 6);
        slice.dropout = whole.dropout;
        slice.dropout.image = first[s];
        Tensor part = tensor3(y.data + offset, count[s], 3, 6);
        assert_tensor_close(forward(&slice), part, TOLERANCE, "[AIAYN 5.4]");
        backward(&slice);
    }
    assert_tensor_close(cut.dz, whole.dz, TOLERANCE, "[AIAYN 5.4]");
    assert_tensor_close(cut.gradients, whole.gradients, TOLERANCE, "[AIAYN 5.4]");
}
END_TEST

START_TEST(fewer_images_than_planned_give_the_same) {
    Bench b = make_block(&vit), roomy = make_block_for(5, 2, &vit, 0);
    assert_tensor_close(forward(&roomy), forward(&b), TOLERANCE, "[ViT eq.3]");
    backward(&b);
    backward(&roomy);
    assert_tensor_close(roomy.dz, b.dz, TOLERANCE, "[ViT eq.3]");
    assert_tensor_close(roomy.gradients, b.gradients, TOLERANCE, "[ViT eq.3]");
    ck_assert(isnan(tensor_slice(roomy.a.y, 2).data[0])); /* untouched */
}
END_TEST

START_TEST(weight_gradients_are_added) {
    const BlockConfig *configs[2] = {&vit, &transformer};
    for (int c = 0; c < 2; c++) {
        Bench once = make_block(configs[c]), twice = make_block(configs[c]);
        forward(&once);
        forward(&twice);
        backward(&once);
        backward(&twice);
        backward(&twice);
        assert_tensor_close(twice.dz, once.dz, TOLERANCE, "[ViT eq.3]");
        tensor_scale(once.gradients, 2);
        assert_tensor_close(twice.gradients, once.gradients, TOLERANCE, "[ViT eq.3]");
    }
}
END_TEST

START_TEST(post_norm_results_are_normalised_and_pre_norm_results_are_not) {
    Bench post = make_block(&transformer), pre = make_block(&vit);
    tensor_fill(post.block.norm2.gamma, 1);
    tensor_fill(post.block.norm2.beta, 0);
    tensor_scale(pre.z, 100);
    tensor_scale(post.z, 100);
    Tensor y_post = forward(&post), y_pre = forward(&pre);
    assert_number_close(weighted_sum(y_post, y_post) / 36, 1, 1e-4, "[AIAYN 3.1]");
    ck_assert(weighted_sum(y_pre, y_pre) / 36 > 1000);
}
END_TEST

START_TEST(blocks_of_a_stack_have_different_dropout_masks) {
    Bench first = make_block_for(2, 2, &vit, 0), second = make_block_for(2, 2, &vit, 1);
    first.dropout = second.dropout = some_dropout;
    ck_assert(tensor_max_abs_difference(forward(&first), forward(&second)) > 1e-2);
    second.dropout.rate = first.dropout.rate = 0;
    assert_same_bits(forward(&first), forward(&second));
}
END_TEST

START_TEST(forward_leaves_its_input_alone) {
    const BlockConfig *configs[2] = {&vit, &transformer};
    for (int c = 0; c < 2; c++) {
        Bench b = make_block(configs[c]);
        b.dropout = some_dropout;
        Tensor before = copy_of(b.z);
        forward(&b);
        backward(&b);
        assert_same_bits(b.z, before);
    }
}
END_TEST

/* ---- gradients ----------------------------------------------------------- */

#ifdef REAL_IS_DOUBLE
static double loss(void *context) {
    Bench *b = context;
    return weighted_sum(b->dy, forward(b));
}

static void assert_gradients(Bench *b, const char *tag) {
    forward(b);
    backward(b);
    assert_gradcheck(loss, b, b->z, b->dz, tag);
    assert_gradcheck(loss, b, b->weights, b->gradients, tag);
}

START_TEST(every_element_of_a_pre_norm_block_passes_the_gradient_check) {
    Bench b = make_block(&vit);
    assert_gradients(&b, "[ViT eq.2] [ViT eq.3]");
}
END_TEST

START_TEST(every_element_of_a_post_norm_block_passes_the_gradient_check) {
    Bench b = make_block(&transformer);
    assert_gradients(&b, "[AIAYN 3.1]");
}
END_TEST

START_TEST(every_element_passes_the_gradient_check_with_dropout) {
    Bench pre = make_block_for(2, 2, &vit, 2);
    Bench post = make_block_for(2, 2, &transformer, 2);
    pre.dropout = post.dropout = some_dropout;
    assert_gradients(&pre, "[AIAYN 5.4] pre-norm");
    assert_gradients(&post, "[AIAYN 5.4] post-norm");
}
END_TEST

START_TEST(a_residual_forgotten_in_backward_fails_the_gradient_check) {
    Bench b = make_block(&vit);
    forward(&b);
    backward(&b);
    Tensor minus_dy = copy_of(b.dy);
    tensor_scale(minus_dy, -1);
    tensor_add(b.dz, minus_dy);
    Gradcheck check = gradcheck(loss, &b, b.z, b.dz);
    ck_assert(!gradcheck_passed(&check));
}
END_TEST

START_TEST(another_mask_in_backward_fails_the_gradient_check) {
    Bench b = make_block(&vit);
    b.dropout = some_dropout;
    forward(&b);
    b.dropout.step++;
    backward(&b);
    b.dropout.step--;
    Gradcheck check = gradcheck(loss, &b, b.z, b.dz);
    ck_assert(!gradcheck_passed(&check));
}
END_TEST
#endif

/* ---- planted bugs -------------------------------------------------------- */

START_TEST(pre_norm_and_post_norm_are_told_apart) {
    BlockConfig post_gelu = vit;
    post_gelu.norm = POST_NORM;
    Bench pre = make_block(&vit), post = make_block(&post_gelu);
    ck_assert_ptr_nonnull(
        tensor_difference(forward(&post), forward(&pre), 1e-2, "y", "[AIAYN 3.1]"));
}
END_TEST

/* y of a pre-norm block whose second layer norm is fed `from` in place of z'. */
static double *with_second_norm_of(const Bench *b, const double *from) {
    Naive c = naive_of(b);
    double *x = test_doubles(36), *y = test_doubles(36);
    naive_layer_norm(&c.block.norm2, 6, from, x);
    naive_mlp(&c.block.mlp, 6, x, y);
    const double *z_prime = doubles_of(b->a.z_prime);
    for (int i = 0; i < 36; i++) {
        y[i] += z_prime[i];
    }
    return y;
}

START_TEST(a_second_norm_of_z_in_place_of_z_prime_would_be_seen) {
    Bench b = make_block(&vit);
    Tensor y = forward(&b);
    double *right = with_second_norm_of(&b, doubles_of(b.a.z_prime));
    double *wrong = with_second_norm_of(&b, doubles_of(b.z));
    assert_close_to_naive(y, right, TOLERANCE, "[ViT eq.3]");
    ck_assert_ptr_nonnull(doubles_difference(y, wrong, 1e-2, "y", "[ViT eq.3]"));
}
END_TEST

static void add_checks_in_double(Suite *suite) {
#ifdef REAL_IS_DOUBLE
    TCase *gradients = add_case(suite, "gradients");
    tcase_add_test(gradients,
                   every_element_of_a_pre_norm_block_passes_the_gradient_check);
    tcase_add_test(gradients,
                   every_element_of_a_post_norm_block_passes_the_gradient_check);
    tcase_add_test(gradients, every_element_passes_the_gradient_check_with_dropout);
    tcase_add_test(gradients,
                   a_residual_forgotten_in_backward_fails_the_gradient_check);
    tcase_add_test(gradients, another_mask_in_backward_fails_the_gradient_check);
#else
    (void)suite;
#endif
}

Suite *encoder_block_suite(void) {
    Suite *suite = suite_create("encoder_block");
    TCase *errors = add_case(suite, "shapes and errors");
    tcase_add_test(errors, shapes_that_do_not_fit_stop);
    tcase_add_test(errors,
                   parameters_have_timms_names_in_timms_order_and_the_papers_count);
    tcase_add_loop_test(errors, six_layers_each_way_are_the_transformers_of_the_paper,
                        0, 2);
    TCase *values = add_case(suite, "hand-computed values");
    tcase_add_test(values, a_pre_norm_block_whose_sublayers_are_silent_is_the_identity);
    tcase_add_test(values,
                   a_post_norm_block_whose_sublayers_are_silent_is_two_layer_norms);
    tcase_add_test(values, each_sublayers_result_is_added_once);
    tcase_add_test(values, the_lessons_block_forward_and_backward_by_hand);
    TCase *reference = add_case(suite, "an independent reference");
    tcase_add_test(reference, a_pre_norm_block_agrees_with_vits_equations);
    tcase_add_test(reference, a_post_norm_block_agrees_with_the_transformers);
    tcase_add_test(reference,
                   a_pre_norm_block_with_dropout_agrees_in_forward_and_backward);
    tcase_add_test(reference,
                   a_post_norm_block_with_dropout_agrees_in_forward_and_backward);
    TCase *properties = add_case(suite, "properties");
    tcase_add_test(properties, images_of_a_batch_do_not_see_each_other);
    tcase_add_test(properties,
                   a_batch_in_two_slices_gives_the_same_results_and_gradients);
    tcase_add_test(properties, fewer_images_than_planned_give_the_same);
    tcase_add_test(properties, weight_gradients_are_added);
    tcase_add_test(properties,
                   post_norm_results_are_normalised_and_pre_norm_results_are_not);
    tcase_add_test(properties, blocks_of_a_stack_have_different_dropout_masks);
    tcase_add_test(properties, forward_leaves_its_input_alone);
    add_checks_in_double(suite);
    TCase *planted = add_case(suite, "planted bugs");
    tcase_add_test(planted, pre_norm_and_post_norm_are_told_apart);
    tcase_add_test(planted, a_second_norm_of_z_in_place_of_z_prime_would_be_seen);
    return suite;
}
