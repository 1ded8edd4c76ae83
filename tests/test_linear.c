/* test_linear.c: the dense layer, forward and backward (common/linear.h). */
#include "common/linear.h"

#include "tests/check_helpers.h"
#include "tests/naive_layers.h"
#include "tests/suites.h"

#define TAG "[linear]"

typedef struct {
    Tensor X, W, b, Y, dY, dX, dW, db;
} Layer;

static Layer make_layer(int rows, int in, int out) {
    return (Layer){.X = random_tensor('X', SHAPE(rows, in)),
                   .W = random_tensor('W', SHAPE(out, in)),
                   .b = random_tensor('b', SHAPE(out)),
                   .Y = unset_tensor(SHAPE(rows, out)),
                   .dY = random_tensor('C', SHAPE(rows, out)),
                   .dX = unset_tensor(SHAPE(rows, in)),
                   .dW = zero_tensor(SHAPE(out, in)),
                   .db = zero_tensor(SHAPE(out))};
}

static void backward(Layer *l) {
    linear_backward(l->X, l->W, l->dY, l->dX, l->dW, l->db);
}

/* ---- shapes and errors --------------------------------------------------- */

START_TEST(shapes_that_do_not_fit_stop) {
    Layer l = make_layer(2, 3, 4);
    Tensor wrong = zero_tensor(SHAPE(3, 3)), short_b = zero_tensor(SHAPE(3));
    assert_stops("A is (2,3), B is (4,3), C is (3,3)",
                 linear_forward(l.X, l.W, l.b, wrong));
    assert_stops(
        "A is (3,4), B is (4,4)",
        linear_forward(zero_tensor(SHAPE(3, 4)), zero_tensor(SHAPE(4, 4)), l.b, wrong));
    assert_stops("b is (3), want (4)", linear_forward(l.X, l.W, short_b, l.Y));
    assert_stops("linear_backward: dW is (3,3), want (4,3)",
                 linear_backward(l.X, l.W, l.dY, l.dX, wrong, l.db));
    assert_stops("db is (3), want (4)",
                 linear_backward(l.X, l.W, l.dY, l.dX, l.dW, short_b));
    assert_stops("C is (3,3)", linear_backward(l.X, l.W, l.dY, wrong, l.dW, l.db));
}
END_TEST

/* ---- hand-computed values ------------------------------------------------ */

START_TEST(forward_by_hand) {
    Tensor X = tensor_of(SHAPE(2, 2), 1, 2, 3, 4), Y = unset_tensor(SHAPE(2, 3));
    Tensor W = tensor_of(SHAPE(3, 2), 1, 0, 0, 1, 2, -1);
    linear_forward(X, W, tensor_of(SHAPE(3), 10, 20, 30), Y);
    assert_values(Y, 0, TAG, 11, 22, 30, 13, 24, 32);
}
END_TEST

START_TEST(backward_by_hand) {
    Tensor X = tensor_of(SHAPE(2, 2), 1, 2, 3, 4), dX = unset_tensor(SHAPE(2, 2));
    Tensor W = tensor_of(SHAPE(3, 2), 1, 0, 0, 1, 2, -1);
    Tensor dY = tensor_of(SHAPE(2, 3), 1, 1, 1, 0, 2, 1);
    Tensor dW = zero_tensor(W), db = zero_tensor(SHAPE(3));
    linear_backward(X, W, dY, dX, dW, db);
    assert_values(dX, 0, TAG, 3, 0, 2, 1);
    assert_values(dW, 0, TAG, 1, 2, 7, 10, 4, 6);
    assert_values(db, 0, TAG, 1, 3, 2);
}
END_TEST

/* ---- an independent reference -------------------------------------------- */

typedef struct {
    int rows, in, out;
    double *X, *W, *b, *C;
} NaiveLoss;

static double naive_loss(void *context) {
    const NaiveLoss *c = context;
    double Y[256], sum = 0;
    naive_linear(c->rows, c->in, c->out, c->X, c->W, c->b, Y);
    for (int i = 0; i < c->rows * c->out; i++) {
        sum += c->C[i] * Y[i];
    }
    return sum;
}

START_TEST(forward_and_backward_agree_with_the_formula) {
    const int sizes[][3] = {{1, 1, 1}, {5, 3, 4}, {7, 17, 2}, {3, 2, 33}};
    for (int s = 0; s < 4; s++) {
        const int rows = sizes[s][0], in = sizes[s][1], out = sizes[s][2];
        Layer l = make_layer(rows, in, out);
        linear_forward(l.X, l.W, l.b, l.Y);
        backward(&l);
        NaiveLoss c = {.rows = rows,
                       .in = in,
                       .out = out,
                       .X = doubles_of(l.X),
                       .W = doubles_of(l.W),
                       .b = doubles_of(l.b),
                       .C = doubles_of(l.dY)};
        double *want = test_doubles((long)rows * out);
        naive_linear(rows, in, out, c.X, c.W, c.b, want);
        assert_close_to_naive(l.Y, want, TOLERANCE, TAG);
        assert_gradient_of_naive(naive_loss, &c, c.X, l.dX, TAG);
        assert_gradient_of_naive(naive_loss, &c, c.W, l.dW, TAG);
        assert_gradient_of_naive(naive_loss, &c, c.b, l.db, TAG);
    }
}
END_TEST

/* ---- properties ---------------------------------------------------------- */

START_TEST(weight_and_bias_gradients_are_added_to_what_was_there) {
    Layer once = make_layer(5, 3, 4), l = make_layer(5, 3, 4);
    backward(&once);
    l.dW = random_tensor('w', l.dW);
    l.db = random_tensor('v', l.db);
    Tensor want_dW = copy_of(l.dW), want_db = copy_of(l.db);
    backward(&l);
    tensor_add(want_dW, once.dW);
    tensor_add(want_db, once.db);
    assert_tensor_close(l.dW, want_dW, TOLERANCE, TAG);
    assert_tensor_close(l.db, want_db, TOLERANCE, TAG);
}
END_TEST

START_TEST(two_halves_of_the_rows_give_the_gradient_of_the_whole) {
    Layer whole = make_layer(6, 3, 4), halves = make_layer(6, 3, 4);
    backward(&whole);
    for (int half = 0; half < 2; half++) {
        Tensor X = tensor2(halves.X.data + half * 9, 3, 3);
        Tensor dY = tensor2(halves.dY.data + half * 12, 3, 4);
        Tensor dX = tensor2(halves.dX.data + half * 9, 3, 3);
        linear_backward(X, halves.W, dY, dX, halves.dW, halves.db);
    }
    assert_tensor_close(halves.dX, whole.dX, TOLERANCE, TAG);
    assert_tensor_close(halves.dW, whole.dW, TOLERANCE, TAG);
    assert_tensor_close(halves.db, whole.db, TOLERANCE, TAG);
}
END_TEST

START_TEST(the_inputs_gradient_is_written_not_added) {
    Layer l = make_layer(5, 3, 4), other = make_layer(5, 3, 4);
    backward(&l);
    tensor_fill(other.dX, 1000);
    backward(&other);
    assert_same_bits(other.dX, l.dX);
}
END_TEST

START_TEST(an_unwanted_input_gradient_is_left_out) {
    Layer l = make_layer(5, 3, 4), without = make_layer(5, 3, 4);
    backward(&l);
    without.dX.data = NULL;
    backward(&without);
    assert_same_bits(without.dW, l.dW);
    assert_same_bits(without.db, l.db);
}
END_TEST

START_TEST(images_of_tokens_are_rows) {
    Layer l = make_layer(6, 3, 4), images = make_layer(6, 3, 4);
    images.X = random_tensor('X', SHAPE(2, 3, 3));
    images.Y = unset_tensor(SHAPE(2, 3, 4));
    images.dY = random_tensor('C', SHAPE(2, 3, 4));
    images.dX = unset_tensor(SHAPE(2, 3, 3));
    linear_forward(l.X, l.W, l.b, l.Y);
    linear_forward(images.X, images.W, images.b, images.Y);
    assert_same_bits(tensor_matrix(images.Y), l.Y);
    backward(&l);
    backward(&images);
    assert_same_bits(tensor_matrix(images.dX), l.dX);
    assert_same_bits(images.dW, l.dW);
}
END_TEST

/* ---- gradients ----------------------------------------------------------- */

#ifdef REAL_IS_DOUBLE
static double loss(void *context) {
    const Layer *l = context;
    linear_forward(l->X, l->W, l->b, l->Y);
    return weighted_sum(l->dY, l->Y);
}

START_TEST(every_element_passes_the_gradient_check) {
    Layer l = make_layer(5, 7, 3);
    backward(&l);
    assert_gradcheck(loss, &l, l.X, l.dX, TAG);
    assert_gradcheck(loss, &l, l.W, l.dW, TAG);
    assert_gradcheck(loss, &l, l.b, l.db, TAG);
}
END_TEST

START_TEST(a_bias_gradient_of_the_last_row_only_fails_the_gradient_check) {
    Layer l = make_layer(5, 7, 3);
    backward(&l);
    tensor_copy(l.db, tensor_slice(l.dY, 4));
    Gradcheck check = gradcheck(loss, &l, l.b, l.db);
    ck_assert(!gradcheck_passed(&check));
}
END_TEST
#endif

Suite *linear_suite(void) {
    Suite *suite = suite_create("linear");
    TCase *errors = add_case(suite, "shapes and errors");
    tcase_add_test(errors, shapes_that_do_not_fit_stop);
    TCase *values = add_case(suite, "hand-computed values");
    tcase_add_test(values, forward_by_hand);
    tcase_add_test(values, backward_by_hand);
    TCase *reference = add_case(suite, "an independent reference");
    tcase_add_test(reference, forward_and_backward_agree_with_the_formula);
    TCase *properties = add_case(suite, "properties");
    tcase_add_test(properties, weight_and_bias_gradients_are_added_to_what_was_there);
    tcase_add_test(properties, two_halves_of_the_rows_give_the_gradient_of_the_whole);
    tcase_add_test(properties, the_inputs_gradient_is_written_not_added);
    tcase_add_test(properties, an_unwanted_input_gradient_is_left_out);
    tcase_add_test(properties, images_of_tokens_are_rows);
#ifdef REAL_IS_DOUBLE
    TCase *gradients = add_case(suite, "gradients");
    tcase_add_test(gradients, every_element_passes_the_gradient_check);
    tcase_add_test(gradients,
                   a_bias_gradient_of_the_last_row_only_fails_the_gradient_check);
#endif
    return suite;
}
