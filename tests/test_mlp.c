/*
 * test_mlp.c: two dense layers and a nonlinearity [ViT eq.3] [AIAYN eq.2] (chapter 4).
 */
#include "chapters/04_encoder_block/mlp.h"

#include <math.h>

#include "tests/check_helpers.h"
#include "tests/naive_layers.h"
#include "tests/suites.h"

#define TAG "[ViT eq.3]"

enum { PLACE = 5 };

typedef struct {
    int B, n, D, M;
    Mlp layer, d;
    MlpActivations a;
    Dropout dropout;
    Tensor X, Y, dY, dX, dpre;
} Bench;

static void lay_out(Bench *m, Arena *arena, int B) {
    mlp_activations(&m->a, arena, B, m->n, m->M);
    m->dpre = arena_tensor3(arena, B, m->n, m->M);
}

/* Activations made for as many images as `capacity`; B of them are used. */
static Bench make_mlp_for(int capacity, int B, int n, int D, int M, Activation act) {
    Bench m = {.B = B, .n = n, .D = D, .M = M, .dropout.seed = 3};
    ParameterBlock counted = {0};
    mlp_parameters(&m.layer, &counted, D, M, act, "");
    ParameterBlock weights = test_block(&counted), gradients = test_block(&counted);
    mlp_parameters(&m.layer, &weights, D, M, act, "");
    mlp_parameters(&m.d, &gradients, D, M, act, "");
    tensor_copy(m.layer.W_1, random_tensor('W', SHAPE(M, D)));
    tensor_copy(m.layer.b_1, random_tensor('b', SHAPE(M)));
    tensor_copy(m.layer.W_2, random_tensor('V', SHAPE(D, M)));
    tensor_copy(m.layer.b_2, random_tensor('c', SHAPE(D)));
    Arena plan = {0};
    lay_out(&m, &plan, capacity);
    Arena arena = test_arena(&plan);
    lay_out(&m, &arena, capacity);
    arena_check_full(&arena);
    m.X = random_tensor('X', SHAPE(B, n, D));
    m.Y = unset_tensor(m.X);
    m.dY = random_tensor('C', m.X);
    m.dX = unset_tensor(m.X);
    return m;
}

static Bench make_mlp(Activation act) {
    return make_mlp_for(2, 2, 3, 4, 7, act);
}

static void forward(Bench *m) {
    mlp_forward(&m->layer, m->X, &m->a, &m->dropout, PLACE, m->Y);
}

static void backward(Bench *m) {
    mlp_backward(&m->layer, &m->d, m->X, &m->a, &m->dropout, PLACE, m->dY, m->dX,
                 m->dpre);
}

/* ---- shapes and errors --------------------------------------------------- */

START_TEST(shapes_that_do_not_fit_stop) {
    Bench m = make_mlp(ACTIVATION_GELU), wrong = m;
    wrong.X = zero_tensor(SHAPE(2, 5, 4));
    assert_stops("mlp_forward: pre is (2,3,7), want (2,5,7)|made for other sizes",
                 forward(&wrong));
    wrong.X = zero_tensor(SHAPE(3, 3, 4));
    assert_stops("tensor_first: can't take 3 slices of (2,3,7)", forward(&wrong));
    wrong.X = zero_tensor(SHAPE(2, 3, 5));
    assert_stops("A is (2,3,5), B is (7,4)", forward(&wrong));
    wrong = m, wrong.Y = zero_tensor(SHAPE(2, 3, 5));
    assert_stops("C is (2,3,5)", forward(&wrong));
    forward(&m);
    wrong = m, wrong.dY = zero_tensor(SHAPE(2, 3, 5));
    assert_stops("matmul_tn_add: sizes don't fit: A is (2,3,5)", backward(&wrong));
    wrong = m, wrong.dX = zero_tensor(SHAPE(2, 3, 5));
    assert_stops("C is (2,3,5)", backward(&wrong));
}
END_TEST

START_TEST(parameters_have_timms_names_and_the_papers_count) {
    ParameterList list = {.items = (Parameter[4]){{.offset = 0}}};
    ParameterBlock block = {.list = &list};
    Mlp layer;
    mlp_parameters(&layer, &block, 4, 7, ACTIVATION_RELU, "blocks.2.mlp.");
    const char *names[4] = {"blocks.2.mlp.fc1.weight", "blocks.2.mlp.fc1.bias",
                            "blocks.2.mlp.fc2.weight", "blocks.2.mlp.fc2.bias"};
    for (int p = 0; p < 4; p++) {
        ck_assert_str_eq(list.items[p].name, names[p]);
        ck_assert(list.items[p].decay == (p % 2 == 0 ? DECAY : NO_DECAY));
    }
    ck_assert(tensor_same_shape(layer.W_1, SHAPE(7, 4)));
    ck_assert(tensor_same_shape(layer.W_2, SHAPE(4, 7)));
    ck_assert(layer.activation == ACTIVATION_RELU);
    ck_assert_int_eq(block.used, 2 * 4 * 7 + 7 + 4);
}
END_TEST

/* ---- hand-computed values ------------------------------------------------ */

static Bench make_hand_mlp(Activation act) {
    Bench m = make_mlp_for(1, 1, 1, 1, 2, act);
    m.X = tensor_of(SHAPE(1, 1, 1), 2);
    m.layer.W_1 = tensor_of(SHAPE(2, 1), 1, -1); /* pre = (2 - 1, -2 + 1) = (1, -1) */
    m.layer.b_1 = tensor_of(SHAPE(2), -1, 1);
    m.layer.W_2 = tensor_of(SHAPE(1, 2), 10, 100);
    m.layer.b_2 = tensor_of(SHAPE(1), 7);
    return m;
}

START_TEST(gelu_and_relu_by_hand) {
    Bench m = make_hand_mlp(ACTIVATION_GELU);
    forward(&m);
    assert_values(m.Y, TOLERANCE, TAG,
                  7 + 10 * 0.8413447460685429 - 100 * 0.15865525393145707);
    m = make_hand_mlp(ACTIVATION_RELU);
    forward(&m);
    assert_values(m.Y, TOLERANCE, "[AIAYN eq.2]", 17);
}
END_TEST

START_TEST(relu_backward_by_hand) {
    Bench m = make_hand_mlp(ACTIVATION_RELU);
    m.dY = tensor_of(SHAPE(1, 1, 1), 3);
    forward(&m);
    backward(&m);
    assert_values(m.d.b_2, 0, "[AIAYN eq.2]", 3);
    assert_values(m.d.W_2, 0, "[AIAYN eq.2]", 3, 0);
    assert_values(m.d.b_1, 0, "[AIAYN eq.2]", 30, 0);
    assert_values(m.d.W_1, 0, "[AIAYN eq.2]", 60, 0);
    assert_values(m.dX, 0, "[AIAYN eq.2]", 30);
}
END_TEST

/* ---- an independent reference -------------------------------------------- */

typedef struct {
    int rows;
    NaiveMlp layer;
    double *X, *Y, *C;
} Naive;

static Naive naive_of(const Bench *m) {
    Tensor factors = zero_tensor(SHAPE(m->B, m->n, m->M));
    tensor_fill(factors, 1);
    dropout_apply(&m->dropout, PLACE, factors);
    return (Naive){m->B * m->n,
                   {m->D, m->M, m->layer.activation == ACTIVATION_RELU,
                    doubles_of(m->layer.W_1), doubles_of(m->layer.b_1),
                    doubles_of(m->layer.W_2), doubles_of(m->layer.b_2),
                    m->dropout.rate > 0 ? doubles_of(factors) : NULL},
                   doubles_of(m->X),
                   doubles_of(m->Y),
                   doubles_of(m->dY)};
}

static double naive_loss(void *context) {
    const Naive *c = context;
    naive_mlp(&c->layer, c->rows, c->X, c->Y);
    double sum = 0;
    for (int i = 0; i < c->rows * c->layer.D; i++) {
        sum += c->C[i] * c->Y[i];
    }
    return sum;
}

static void assert_agrees_with_naive(Bench *m, const char *tag) {
    forward(m);
    backward(m);
    Naive c = naive_of(m);
    naive_loss(&c);
    assert_close_to_naive(m->Y, c.Y, TOLERANCE, tag);
    assert_gradient_of_naive(naive_loss, &c, c.X, m->dX, tag);
    assert_gradient_of_naive(naive_loss, &c, c.layer.W_1, m->d.W_1, tag);
    assert_gradient_of_naive(naive_loss, &c, c.layer.b_1, m->d.b_1, tag);
    assert_gradient_of_naive(naive_loss, &c, c.layer.W_2, m->d.W_2, tag);
    assert_gradient_of_naive(naive_loss, &c, c.layer.b_2, m->d.b_2, tag);
}

START_TEST(with_gelu_forward_and_backward_agree_with_the_formula) {
    Bench m = make_mlp(ACTIVATION_GELU);
    assert_agrees_with_naive(&m, TAG);
}
END_TEST

START_TEST(with_relu_forward_and_backward_agree_with_the_formula) {
    Bench m = make_mlp(ACTIVATION_RELU);
    assert_agrees_with_naive(&m, "[AIAYN eq.2]");
}
END_TEST

START_TEST(with_dropout_forward_and_backward_agree_with_the_formula) {
    Bench m = make_mlp(ACTIVATION_GELU);
    m.dropout = (Dropout){.rate = 0.4, .seed = 8, .step = 2, .image = 1};
    assert_agrees_with_naive(&m, "[AIAYN 5.4]");
}
END_TEST

/* ---- properties ---------------------------------------------------------- */

START_TEST(every_token_goes_through_the_same_layers_alone) {
    Bench m = make_mlp(ACTIVATION_GELU);
    for (int i = 1; i < 6; i++) { /* every token like the first, but for one */
        tensor_copy(tensor_slice(tensor_matrix(m.X), i),
                    tensor_slice(tensor_matrix(m.X), 0));
    }
    tensor_fill(tensor_slice(tensor_matrix(m.X), 3), (real)NAN);
    forward(&m);
    for (int i = 1; i < 6; i++) {
        if (i != 3) {
            assert_tensor_close(tensor_slice(tensor_matrix(m.Y), i),
                                tensor_slice(tensor_matrix(m.Y), 0), TOLERANCE, TAG);
        }
    }
}
END_TEST

START_TEST(fewer_images_than_planned_give_the_same) {
    Bench m = make_mlp(ACTIVATION_GELU);
    Bench roomy = make_mlp_for(5, 2, 3, 4, 7, ACTIVATION_GELU);
    forward(&m);
    forward(&roomy);
    backward(&m);
    backward(&roomy);
    assert_tensor_close(roomy.Y, m.Y, TOLERANCE, TAG);
    assert_tensor_close(roomy.dX, m.dX, TOLERANCE, TAG);
    assert_tensor_close(roomy.d.W_1, m.d.W_1, TOLERANCE, TAG);
    ck_assert(isnan(tensor_slice(roomy.a.hidden, 2).data[0])); /* untouched */
}
END_TEST

START_TEST(dropped_hidden_numbers_are_kept_at_zero_for_backward) {
    Bench m = make_mlp(ACTIVATION_GELU);
    m.dropout.rate = 0.5;
    forward(&m);
    int dropped = 0;
    for (int i = 0; i < 42; i++) {
        dropped += m.a.hidden.data[i] == 0;
    }
    ck_assert(dropped > 8 && dropped < 34);
}
END_TEST

START_TEST(weight_gradients_are_added_and_the_inputs_is_written) {
    Bench once = make_mlp(ACTIVATION_GELU), twice = make_mlp(ACTIVATION_GELU);
    forward(&once);
    forward(&twice);
    backward(&once);
    backward(&twice);
    backward(&twice);
    assert_tensor_close(twice.dX, once.dX, TOLERANCE, TAG);
    Tensor single[4] = {once.d.W_1, once.d.b_1, once.d.W_2, once.d.b_2};
    Tensor doubled[4] = {twice.d.W_1, twice.d.b_1, twice.d.W_2, twice.d.b_2};
    for (int p = 0; p < 4; p++) {
        tensor_scale(single[p], 2);
        assert_tensor_close(doubled[p], single[p], TOLERANCE, TAG);
    }
}
END_TEST

START_TEST(the_inputs_gradient_may_overwrite_dY) {
    Bench m = make_mlp(ACTIVATION_GELU), in_place = make_mlp(ACTIVATION_GELU);
    forward(&m);
    forward(&in_place);
    backward(&m);
    in_place.dX = in_place.dY;
    backward(&in_place);
    assert_same_bits(in_place.dX, m.dX);
    assert_same_bits(in_place.d.W_2, m.d.W_2);
}
END_TEST

/* ---- gradients ----------------------------------------------------------- */

#ifdef REAL_IS_DOUBLE
static double loss(void *context) {
    Bench *m = context;
    forward(m);
    return weighted_sum(m->dY, m->Y);
}

static void assert_gradients(Bench *m, const char *tag) {
    forward(m);
    backward(m);
    assert_gradcheck(loss, m, m->X, m->dX, tag);
    assert_gradcheck(loss, m, m->layer.W_1, m->d.W_1, tag);
    assert_gradcheck(loss, m, m->layer.b_1, m->d.b_1, tag);
    assert_gradcheck(loss, m, m->layer.W_2, m->d.W_2, tag);
    assert_gradcheck(loss, m, m->layer.b_2, m->d.b_2, tag);
}

START_TEST(every_element_passes_the_gradient_check) {
    Bench m = make_mlp(ACTIVATION_GELU);
    assert_gradients(&m, TAG);
    m = make_mlp(ACTIVATION_RELU);
    assert_gradients(&m, "[AIAYN eq.2]");
    m = make_mlp(ACTIVATION_GELU);
    m.dropout = (Dropout){.rate = 0.4, .seed = 8, .step = 2, .image = 1};
    assert_gradients(&m, "[AIAYN 5.4]");
}
END_TEST

START_TEST(another_mask_in_backward_fails_the_gradient_check) {
    Bench m = make_mlp(ACTIVATION_GELU);
    m.dropout = (Dropout){.rate = 0.4, .seed = 8};
    forward(&m);
    Dropout other = {.rate = 0.4, .seed = 8, .step = 1};
    mlp_backward(&m.layer, &m.d, m.X, &m.a, &other, PLACE, m.dY, m.dX, m.dpre);
    Gradcheck check = gradcheck(loss, &m, m.layer.b_1, m.d.b_1);
    ck_assert(!gradcheck_passed(&check));
}
END_TEST
#endif

Suite *mlp_suite(void) {
    Suite *suite = suite_create("mlp");
    TCase *errors = add_case(suite, "shapes and errors");
    tcase_add_test(errors, shapes_that_do_not_fit_stop);
    tcase_add_test(errors, parameters_have_timms_names_and_the_papers_count);
    TCase *values = add_case(suite, "hand-computed values");
    tcase_add_test(values, gelu_and_relu_by_hand);
    tcase_add_test(values, relu_backward_by_hand);
    TCase *reference = add_case(suite, "an independent reference");
    tcase_add_test(reference, with_gelu_forward_and_backward_agree_with_the_formula);
    tcase_add_test(reference, with_relu_forward_and_backward_agree_with_the_formula);
    tcase_add_test(reference, with_dropout_forward_and_backward_agree_with_the_formula);
    TCase *properties = add_case(suite, "properties");
    tcase_add_test(properties, every_token_goes_through_the_same_layers_alone);
    tcase_add_test(properties, fewer_images_than_planned_give_the_same);
    tcase_add_test(properties, dropped_hidden_numbers_are_kept_at_zero_for_backward);
    tcase_add_test(properties, weight_gradients_are_added_and_the_inputs_is_written);
    tcase_add_test(properties, the_inputs_gradient_may_overwrite_dY);
#ifdef REAL_IS_DOUBLE
    TCase *gradients = add_case(suite, "gradients");
    tcase_add_test(gradients, every_element_passes_the_gradient_check);
    tcase_add_test(gradients, another_mask_in_backward_fails_the_gradient_check);
#endif
    return suite;
}
