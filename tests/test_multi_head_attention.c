/*
 * test_multi_head_attention.c: h attentions side by side and their projections
 * [AIAYN 3.2.2] [ViT eq.5] to [ViT eq.8] (chapter 3).
 */
#include "chapters/03_multi_head_attention/multi_head_attention.h"

#include <math.h>

#include "chapters/02_scaled_dot_product_attention/attention.h"
#include "tests/check_helpers.h"
#include "tests/naive_layers.h"
#include "tests/suites.h"

#define TAG "[AIAYN 3.2.2]"

typedef struct {
    int B, n, D, heads;
    MultiHeadAttention layer, d;
    MultiHeadAttentionActivations a;
    MultiHeadAttentionScratch s;
    Tensor z, Y, dY, dz;
} Mha;

static void lay_out_activations(Mha *m, Arena *arena, int B) {
    multi_head_attention_activations(&m->a, arena, B, m->n, m->D, m->heads);
    multi_head_attention_scratch(&m->s, arena, B, m->n, m->D);
}

/* Activations made for as many images as `capacity`; B of them are used. */
static Mha make_mha_for(int capacity, int B, int n, int D, int heads) {
    Mha m = {.B = B, .n = n, .D = D, .heads = heads};
    ParameterBlock counted = {0};
    multi_head_attention_parameters(&m.layer, &counted, D, heads, "");
    ParameterBlock weights = test_block(&counted), gradients = test_block(&counted);
    multi_head_attention_parameters(&m.layer, &weights, D, heads, "");
    multi_head_attention_parameters(&m.d, &gradients, D, heads, "");
    tensor_copy(m.layer.W_qkv, random_tensor('W', SHAPE(3 * D, D)));
    tensor_copy(m.layer.b_qkv, random_tensor('b', SHAPE(3 * D)));
    tensor_copy(m.layer.W_O, random_tensor('O', SHAPE(D, D)));
    tensor_copy(m.layer.b_O, random_tensor('o', SHAPE(D)));
    tensor_scale(m.layer.W_qkv, (real)(1 / sqrt(D)));
    Arena plan = {0};
    lay_out_activations(&m, &plan, capacity);
    Arena arena = test_arena(&plan);
    lay_out_activations(&m, &arena, capacity);
    arena_check_full(&arena);
    m.z = random_tensor('z', SHAPE(B, n, D));
    m.Y = unset_tensor(m.z);
    m.dY = random_tensor('C', m.z);
    m.dz = unset_tensor(m.z);
    return m;
}

static Mha make_mha(int B, int n, int D, int heads) {
    return make_mha_for(B, B, n, D, heads);
}

static void forward(Mha *m) {
    multi_head_attention_forward(&m->layer, m->z, &m->a, m->Y);
}

static void backward(Mha *m) {
    multi_head_attention_backward(&m->layer, &m->d, m->z, &m->a, m->dY, m->dz, &m->s);
}

/* ---- shapes and errors --------------------------------------------------- */

START_TEST(heads_that_do_not_divide_the_width_stop) {
    MultiHeadAttention layer;
    ParameterBlock block = {0};
    assert_stops("3 heads don't divide D = 8",
                 multi_head_attention_parameters(&layer, &block, 8, 3, ""));
    assert_stops("0 heads don't divide D = 8",
                 multi_head_attention_parameters(&layer, &block, 8, 0, ""));
}
END_TEST

START_TEST(shapes_that_do_not_fit_stop) {
    Mha m = make_mha(2, 3, 4, 2), wrong = m;
    wrong.z = zero_tensor(SHAPE(2, 3, 6));
    assert_stops("multi_head_attention_forward: z is (2,3,6), want (2,3,4)",
                 forward(&wrong));
    wrong = m, wrong.Y = zero_tensor(SHAPE(2, 4, 4));
    assert_stops("multi_head_attention_forward: Y is (2,4,4), want (2,3,4)",
                 forward(&wrong));
    wrong = m, wrong.z = wrong.Y = zero_tensor(SHAPE(2, 5, 4));
    assert_stops("qkv is (2,3,12), want (2,5,12)|made for other sizes",
                 forward(&wrong));
    wrong = m, wrong.z = wrong.Y = zero_tensor(SHAPE(3, 3, 4));
    assert_stops("tensor_first: can't take 3 slices of (2,3,12)", forward(&wrong));
    forward(&m);
    wrong = m, wrong.dY = zero_tensor(SHAPE(2, 4, 4));
    assert_stops("multi_head_attention_backward: dY is (2,4,4)", backward(&wrong));
    wrong = m, wrong.dz = zero_tensor(SHAPE(2, 4, 4));
    assert_stops("multi_head_attention_backward: dz is (2,4,4)", backward(&wrong));
}
END_TEST

START_TEST(parameters_have_timms_names_and_the_papers_count) {
    ParameterList list = {.items = (Parameter[4]){{.offset = 0}}};
    ParameterBlock block = {.list = &list};
    MultiHeadAttention layer;
    multi_head_attention_parameters(&layer, &block, 6, 2, "blocks.0.attn.");
    const char *names[4] = {"blocks.0.attn.qkv.weight", "blocks.0.attn.qkv.bias",
                            "blocks.0.attn.proj.weight", "blocks.0.attn.proj.bias"};
    for (int p = 0; p < 4; p++) {
        ck_assert_str_eq(list.items[p].name, names[p]);
        ck_assert(list.items[p].decay == (p % 2 == 0 ? DECAY : NO_DECAY));
    }
    ck_assert(tensor_same_shape(layer.W_qkv, SHAPE(18, 6)));
    ck_assert(tensor_same_shape(layer.W_O, SHAPE(6, 6)));
    ck_assert_int_eq(block.used, 4 * 6 * 6 + 4 * 6);
}
END_TEST

/* ---- hand-computed values ------------------------------------------------ */

START_TEST(two_heads_of_one_column_by_hand) {
    /* Two tokens (1,0), (0,1); head 1 has q = k = first column, head 2 = second, and
     * V doubles the columns. Head 1: token 1 scores (1, 0), token 2 (0, 0). */
    Mha m = make_mha(1, 2, 2, 2);
    m.z = tensor_of(SHAPE(1, 2, 2), 1, 0, 0, 1);
    m.layer.W_qkv = tensor_of(SHAPE(6, 2), 1, 0, 0, 1, 1, 0, 0, 1, 2, 0, 0, 2);
    m.layer.b_qkv = zero_tensor(SHAPE(6));
    m.layer.W_O = tensor_of(SHAPE(2, 2), 0, 1, 10, 0); /* swaps, and stretches one */
    m.layer.b_O = tensor_of(SHAPE(2), 0, 100);
    forward(&m);
    double p = 0.7310585786300049;
    assert_values(m.a.A, TOLERANCE, "[ViT eq.6]", p, 1 - p, 0.5, 0.5, 0.5, 0.5, 1 - p,
                  p);
    assert_values(m.a.concat, TOLERANCE, "[ViT eq.7]", 2 * p, 1, 1, 2 * p);
    assert_values(m.Y, TOLERANCE, "[ViT eq.8]", 1, 100 + 20 * p, 2 * p, 110);
}
END_TEST

/* ---- an independent reference -------------------------------------------- */

typedef struct {
    int B, n;
    NaiveMultiHeadAttention layer;
    double *z, *A, *Y, *C;
} Naive;

static Naive naive_of(const Mha *m) {
    return (Naive){m->B,
                   m->n,
                   {m->D, m->heads, doubles_of(m->layer.W_qkv),
                    doubles_of(m->layer.b_qkv), doubles_of(m->layer.W_O),
                    doubles_of(m->layer.b_O)},
                   doubles_of(m->z),
                   test_doubles((long)m->B * m->heads * m->n * m->n),
                   doubles_of(m->Y),
                   doubles_of(m->dY)};
}

static double naive_loss(void *context) {
    const Naive *c = context;
    naive_multi_head_attention(&c->layer, c->B, c->n, c->z, c->A, c->Y);
    double sum = 0;
    for (int i = 0; i < c->B * c->n * c->layer.D; i++) {
        sum += c->C[i] * c->Y[i];
    }
    return sum;
}

/* B, n, D, h: one head, several, heads of one column. */
static const int sizes[][4] = {
    {1, 1, 1, 1}, {1, 4, 6, 1}, {2, 3, 6, 2}, {2, 5, 6, 3}, {1, 3, 4, 4}};
enum { SIZES = 5 };

START_TEST(forward_agrees_with_separate_heads_written_out) {
    for (int s = 0; s < SIZES; s++) {
        Mha m = make_mha(sizes[s][0], sizes[s][1], sizes[s][2], sizes[s][3]);
        forward(&m);
        Naive naive = naive_of(&m);
        naive_loss(&naive);
        assert_close_to_naive(m.a.A, naive.A, TOLERANCE, "[ViT eq.6]");
        assert_close_to_naive(m.Y, naive.Y, TOLERANCE, "[ViT eq.8]");
    }
}
END_TEST

START_TEST(backward_is_the_gradient_of_separate_heads_written_out) {
    for (int s = 1; s < SIZES; s++) {
        Mha m = make_mha(sizes[s][0], sizes[s][1], sizes[s][2], sizes[s][3]);
        forward(&m);
        backward(&m);
        Naive c = naive_of(&m);
        assert_gradient_of_naive(naive_loss, &c, c.z, m.dz, TAG);
        assert_gradient_of_naive(naive_loss, &c, c.layer.W_qkv, m.d.W_qkv, TAG);
        assert_gradient_of_naive(naive_loss, &c, c.layer.b_qkv, m.d.b_qkv, TAG);
        assert_gradient_of_naive(naive_loss, &c, c.layer.W_O, m.d.W_O, TAG);
        assert_gradient_of_naive(naive_loss, &c, c.layer.b_O, m.d.b_O, TAG);
    }
}
END_TEST

START_TEST(one_head_with_projections_of_one_is_plain_attention) {
    Mha m = make_mha(1, 5, 4, 1);
    tensor_fill(m.layer.W_qkv, 0);
    tensor_fill(m.layer.b_qkv, 0);
    tensor_fill(m.layer.W_O, 0);
    tensor_fill(m.layer.b_O, 0);
    for (int i = 0; i < 12; i++) {
        tensor_row(m.layer.W_qkv, i)[i % 4] = 1;
        tensor_row(m.layer.W_O, i % 4)[i % 4] = 1;
    }
    Tensor z = tensor_slice(m.z, 0), A = unset_tensor(SHAPE(5, 5)), O = unset_tensor(z);
    attention_forward(z, z, z, NULL, A, O);
    forward(&m);
    assert_tensor_close(tensor_slice(m.Y, 0), O, TOLERANCE, TAG);
}
END_TEST

/* ---- properties ---------------------------------------------------------- */

START_TEST(each_heads_weights_sum_to_one) {
    Mha m = make_mha(2, 5, 6, 3);
    forward(&m);
    for (int i = 0; i < tensor_rows(m.a.A); i++) {
        double sum = 0;
        for (int j = 0; j < 5; j++) {
            sum += (double)tensor_row(m.a.A, i)[j];
        }
        assert_number_close(sum, 1, TOLERANCE, "[ViT eq.6]");
    }
}
END_TEST

START_TEST(tokens_in_another_order_give_results_in_that_order) {
    const int order[5] = {4, 2, 0, 3, 1};
    Mha m = make_mha(1, 5, 6, 2), other = make_mha(1, 5, 6, 2);
    for (int i = 0; i < 5; i++) {
        tensor_copy(tensor_slice(tensor_slice(other.z, 0), i),
                    tensor_slice(tensor_slice(m.z, 0), order[i]));
    }
    forward(&m);
    forward(&other);
    for (int i = 0; i < 5; i++) {
        assert_tensor_close(tensor_slice(tensor_slice(other.Y, 0), i),
                            tensor_slice(tensor_slice(m.Y, 0), order[i]), TOLERANCE,
                            TAG);
    }
}
END_TEST

START_TEST(images_of_a_batch_do_not_see_each_other) {
    Mha m = make_mha(3, 4, 6, 2), other = make_mha(3, 4, 6, 2);
    tensor_fill(tensor_slice(other.z, 1), (real)NAN);
    forward(&m);
    forward(&other);
    for (int b = 0; b < 3; b += 2) {
        assert_tensor_close(tensor_slice(other.Y, b), tensor_slice(m.Y, b), TOLERANCE,
                            TAG);
    }
    backward(&m);
    backward(&other);
    assert_tensor_close(tensor_slice(other.dz, 2), tensor_slice(m.dz, 2), TOLERANCE,
                        TAG);
    ck_assert(isnan(tensor_slice(other.dz, 1).data[0]));
}
END_TEST

START_TEST(fewer_images_than_planned_give_the_same) {
    Mha m = make_mha(2, 4, 6, 2), roomy = make_mha_for(5, 2, 4, 6, 2);
    forward(&m);
    forward(&roomy);
    backward(&m);
    backward(&roomy);
    assert_tensor_close(roomy.Y, m.Y, TOLERANCE, TAG);
    assert_tensor_close(roomy.dz, m.dz, TOLERANCE, TAG);
    assert_tensor_close(roomy.d.W_qkv, m.d.W_qkv, TOLERANCE, TAG);
    ck_assert(isnan(tensor_slice(roomy.a.qkv, 2).data[0])); /* untouched */
}
END_TEST

START_TEST(a_bias_of_the_keys_changes_nothing) {
    Mha m = make_mha(1, 4, 6, 2), other = make_mha(1, 4, 6, 2);
    for (int j = 6; j < 12; j++) {
        other.layer.b_qkv.data[j] += 1;
    }
    forward(&m);
    forward(&other);
    assert_tensor_close(other.Y, m.Y, TOLERANCE, TAG);
    for (int j = 0; j < 6; j++) { /* but one of the queries does */
        other.layer.b_qkv.data[j] += 1;
    }
    forward(&other);
    ck_assert(tensor_max_abs_difference(other.Y, m.Y) > 1e-3);
}
END_TEST

START_TEST(without_W_O_only_its_bias_is_left) {
    Mha m = make_mha(2, 3, 4, 2);
    tensor_fill(m.layer.W_O, 0);
    forward(&m);
    for (int i = 0; i < 6; i++) {
        assert_same_bits(tensor_slice(tensor_matrix(m.Y), i), m.layer.b_O);
    }
}
END_TEST

START_TEST(weight_gradients_are_added_and_the_inputs_is_written) {
    Mha once = make_mha(2, 4, 6, 2), twice = make_mha(2, 4, 6, 2);
    forward(&once);
    forward(&twice);
    backward(&once);
    backward(&twice);
    backward(&twice);
    assert_tensor_close(twice.dz, once.dz, TOLERANCE, TAG);
    Tensor single[4] = {once.d.W_qkv, once.d.b_qkv, once.d.W_O, once.d.b_O};
    Tensor doubled[4] = {twice.d.W_qkv, twice.d.b_qkv, twice.d.W_O, twice.d.b_O};
    for (int p = 0; p < 4; p++) {
        tensor_scale(single[p], 2);
        assert_tensor_close(doubled[p], single[p], TOLERANCE, TAG);
    }
}
END_TEST

START_TEST(the_inputs_gradient_may_overwrite_dY) {
    Mha m = make_mha(2, 4, 6, 2), in_place = make_mha(2, 4, 6, 2);
    forward(&m);
    forward(&in_place);
    backward(&m);
    in_place.dz = in_place.dY;
    backward(&in_place);
    assert_same_bits(in_place.dz, m.dz);
    assert_same_bits(in_place.d.W_O, m.d.W_O);
}
END_TEST

/* ---- gradients ----------------------------------------------------------- */

#ifdef REAL_IS_DOUBLE
static double loss(void *context) {
    Mha *m = context;
    forward(m);
    return weighted_sum(m->dY, m->Y);
}

START_TEST(every_element_passes_the_gradient_check) {
    Mha m = make_mha(2, 4, 6, 3);
    forward(&m);
    backward(&m);
    assert_gradcheck(loss, &m, m.z, m.dz, TAG);
    assert_gradcheck(loss, &m, m.layer.W_qkv, m.d.W_qkv, TAG);
    assert_gradcheck(loss, &m, m.layer.b_qkv, m.d.b_qkv, TAG);
    assert_gradcheck(loss, &m, m.layer.W_O, m.d.W_O, TAG);
    assert_gradcheck(loss, &m, m.layer.b_O, m.d.b_O, TAG);
}
END_TEST

START_TEST(a_gradient_of_one_image_of_two_fails_the_gradient_check) {
    Mha m = make_mha(2, 4, 6, 3), half = m;
    forward(&m);
    half.z = tensor_first(m.z, 1);
    half.dY = tensor_first(m.dY, 1);
    half.dz = tensor_first(m.dz, 1);
    backward(&half);
    Gradcheck check = gradcheck(loss, &m, m.layer.b_O, m.d.b_O);
    ck_assert(!gradcheck_passed(&check));
}
END_TEST
#endif

/* ---- planted bugs -------------------------------------------------------- */

/* Rows of W_qkv and b_qkv in another order: row i becomes row from(i, D, d_k). */
static Tensor result_with_rows_moved(int (*from)(int row, int D, int d_k)) {
    Mha m = make_mha(1, 4, 6, 3), original = make_mha(1, 4, 6, 3);
    for (int i = 0; i < 18; i++) {
        int source = from(i, 6, 2);
        tensor_copy(tensor_slice(m.layer.W_qkv, i),
                    tensor_slice(original.layer.W_qkv, source));
        m.layer.b_qkv.data[i] = original.layer.b_qkv.data[source];
    }
    forward(&m);
    return m.Y;
}

static int unmoved(int row, int D, int d_k) {
    (void)D, (void)d_k;
    return row;
}

/* Heads interleaved: head i takes columns i, i + h, i + 2h of each part. */
static int interleaved(int row, int D, int d_k) {
    int part = row / D, head = row % D / d_k, column = row % d_k;
    return part * D + column * (D / d_k) + head;
}

/* q, k and v in the order k, v, q. */
static int parts_turned(int row, int D, int d_k) {
    (void)d_k;
    return (row + D) % (3 * D);
}

/* [q k v] of head 1, [q k v] of head 2, ... */
static int head_by_head(int row, int D, int d_k) {
    int part = row / D, head = row % D / d_k, column = row % d_k;
    return head * 3 * d_k + part * d_k + column;
}

START_TEST(another_order_of_heads_or_parts_would_be_seen) {
    Tensor right = result_with_rows_moved(unmoved);
    int (*const wrong_orders[])(int, int, int) = {interleaved, parts_turned,
                                                  head_by_head};
    for (int w = 0; w < 3; w++) {
        Tensor wrong = result_with_rows_moved(wrong_orders[w]);
        ck_assert_ptr_nonnull(tensor_difference(wrong, right, 1e-2, "Y", TAG));
    }
}
END_TEST

Suite *multi_head_attention_suite(void) {
    Suite *suite = suite_create("multi_head_attention");
    TCase *errors = add_case(suite, "shapes and errors");
    tcase_add_test(errors, heads_that_do_not_divide_the_width_stop);
    tcase_add_test(errors, shapes_that_do_not_fit_stop);
    tcase_add_test(errors, parameters_have_timms_names_and_the_papers_count);
    TCase *values = add_case(suite, "hand-computed values");
    tcase_add_test(values, two_heads_of_one_column_by_hand);
    TCase *reference = add_case(suite, "an independent reference");
    tcase_add_test(reference, forward_agrees_with_separate_heads_written_out);
    tcase_add_test(reference, backward_is_the_gradient_of_separate_heads_written_out);
    tcase_add_test(reference, one_head_with_projections_of_one_is_plain_attention);
    TCase *properties = add_case(suite, "properties");
    tcase_add_test(properties, each_heads_weights_sum_to_one);
    tcase_add_test(properties, tokens_in_another_order_give_results_in_that_order);
    tcase_add_test(properties, images_of_a_batch_do_not_see_each_other);
    tcase_add_test(properties, fewer_images_than_planned_give_the_same);
    tcase_add_test(properties, a_bias_of_the_keys_changes_nothing);
    tcase_add_test(properties, without_W_O_only_its_bias_is_left);
    tcase_add_test(properties, weight_gradients_are_added_and_the_inputs_is_written);
    tcase_add_test(properties, the_inputs_gradient_may_overwrite_dY);
#ifdef REAL_IS_DOUBLE
    TCase *gradients = add_case(suite, "gradients");
    tcase_add_test(gradients, every_element_passes_the_gradient_check);
    tcase_add_test(gradients, a_gradient_of_one_image_of_two_fails_the_gradient_check);
#endif
    TCase *planted = add_case(suite, "planted bugs");
    tcase_add_test(planted, another_order_of_heads_or_parts_would_be_seen);
    return suite;
}
