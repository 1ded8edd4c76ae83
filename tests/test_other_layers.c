/* test_other_layers.c: the recurrence and the convolution that attention is compared
 * with (other_layers.h). */
#include <math.h>

#include "tests/check_helpers.h"
#include "chapters/02_scaled_dot_product_attention/other_layers.h"
#include "tests/suites.h"

/* ---- recurrence [AIAYN T.1] ------------------------------------------------- */

START_TEST(recurrence_by_hand) {
    /* d = 1: h_1 = tanh(2 * 0.5), h_2 = tanh(2 * (-1) + 3 h_1), and so on. */
    Tensor X = tensor_of(SHAPE(3, 1), 0.5, -1, 0.25), H = unset_tensor(SHAPE(3, 1));
    Tensor W_x = tensor_of(SHAPE(1, 1), 2), W_hT = tensor_of(SHAPE(1, 1), 3);
    recurrence_forward(X, W_x, W_hT, H);
    const double h_1 = tanh(1), h_2 = tanh(-2 + 3 * h_1), h_3 = tanh(0.5 + 3 * h_2);
    assert_values(H, TOLERANCE, "[AIAYN T.1]", h_1, h_2, h_3);
}
END_TEST

/* W_h itself, not its transpose: h_2 = tanh(W_h h_1), where x_2 = 0. */
START_TEST(recurrence_takes_the_past_through_w_h) {
    Tensor X = tensor_of(SHAPE(2, 2), 1, 0, 0, 0), H = unset_tensor(SHAPE(2, 2));
    Tensor I = tensor_of(SHAPE(2, 2), 1, 0, 0, 1);
    Tensor W_h = tensor_of(SHAPE(2, 2), 0, 0, 2, 0), W_hT = zero_tensor(SHAPE(2, 2));
    tensor_transpose(W_h, W_hT);
    recurrence_forward(X, I, W_hT, H);
    assert_values(H, TOLERANCE, "[AIAYN T.1]", tanh(1), 0, 0, tanh(2 * tanh(1)));
}
END_TEST

START_TEST(recurrence_as_two_plain_loops) {
    enum { N = 19, D = 21 };
    Tensor X = random_tensor('X', SHAPE(N, D)), W_x = random_tensor('x', SHAPE(D, D));
    Tensor W_hT = random_tensor('h', SHAPE(D, D)), H = unset_tensor(SHAPE(N, D));
    tensor_scale(W_x, (real)0.2);
    tensor_scale(W_hT, (real)0.2); /* not chaotic: rounding doesn't grow */
    double want[N * D] = {0};
    for (int t = 0; t < N; t++) {
        for (int j = 0; j < D; j++) {
            double sum = 0;
            for (int i = 0; i < D; i++) {
                sum += (double)W_x.data[j * D + i] * (double)X.data[t * D + i];
                sum +=
                    t == 0 ? 0 : (double)W_hT.data[i * D + j] * want[(t - 1) * D + i];
            }
            want[t * D + j] = tanh(sum);
        }
    }
    recurrence_forward(X, W_x, W_hT, H);
    assert_close_to_naive(H, want, 10 * TOLERANCE, "[AIAYN T.1]");
}
END_TEST

START_TEST(large_sums_are_one_not_nan) {
    Tensor X = tensor_of(SHAPE(1, 2), 1000, -1000), H = unset_tensor(SHAPE(1, 2));
    Tensor I = tensor_of(SHAPE(2, 2), 1, 0, 0, 1);
    recurrence_forward(X, I, I, H);
    assert_values(H, TOLERANCE, "tanh", 1, -1);
}
END_TEST

START_TEST(recurrence_of_wrong_shapes_stops) {
    Tensor X = zero_tensor(SHAPE(3, 2)), W = zero_tensor(SHAPE(2, 2));
    Tensor wide = zero_tensor(SHAPE(2, 3)), H = zero_tensor(SHAPE(3, 2));
    assert_stops("recurrence_forward|W_x is (2,3)", recurrence_forward(X, wide, W, H));
    assert_stops("recurrence_forward|W_hT is (2,3)", recurrence_forward(X, W, wide, H));
    assert_stops("recurrence_forward|H is (2,2)", recurrence_forward(X, W, W, W));
}
END_TEST

/* ---- convolution [AIAYN T.1] ------------------------------------------------- */

START_TEST(convolution_by_hand) {
    /* d = 1, kernel (1, 10, 100): y_t = x_{t-1} + 10 x_t + 100 x_{t+1}. */
    Tensor X = tensor_of(SHAPE(4, 1), 1, 2, 3, 4), Y = unset_tensor(SHAPE(4, 1));
    Tensor W = tensor_of(SHAPE(3, 1, 1), 1, 10, 100);
    convolution_forward(X, W, Y);
    assert_values(Y, TOLERANCE, "[AIAYN T.1]", 210, 321, 432, 43);
}
END_TEST

START_TEST(convolution_as_plain_loops) {
    const int kernels[] = {1, 3, 5};
    enum { N = 7, D = 9 };
    for (int c = 0; c < 3; c++) {
        const int k = kernels[c], half = (k - 1) / 2;
        Tensor X = random_tensor('X', SHAPE(N, D)), Y = unset_tensor(SHAPE(N, D));
        Tensor W = random_tensor('W', SHAPE(k, D, D));
        double want[N * D] = {0};
        for (int t = 0; t < N; t++) {
            for (int i = 0; i < k; i++) {
                const int from = t + i - half;
                for (int e = 0; e < D * D && from >= 0 && from < N; e++) {
                    want[t * D + e / D] += (double)W.data[i * D * D + e] *
                                           (double)X.data[from * D + e % D];
                }
            }
        }
        convolution_forward(X, W, Y);
        assert_close_to_naive(Y, want, TOLERANCE, "[AIAYN T.1]");
    }
}
END_TEST

START_TEST(convolution_of_wrong_shapes_stops) {
    Tensor X = zero_tensor(SHAPE(4, 2)), Y = zero_tensor(SHAPE(4, 2));
    Tensor even = zero_tensor(SHAPE(2, 2, 2)), big = zero_tensor(SHAPE(5, 2, 2));
    Tensor wide = zero_tensor(SHAPE(3, 2, 3));
    assert_stops("convolution_forward|kernel of 2", convolution_forward(X, even, Y));
    assert_stops("convolution_forward|kernel of 5", convolution_forward(X, big, Y));
    assert_stops("convolution_forward|(3,2,3)", convolution_forward(X, wide, Y));
}
END_TEST

Suite *other_layers_suite(void) {
    Suite *suite = suite_create("other_layers");
    TCase *recurrence = add_case(suite, "recurrence");
    tcase_add_test(recurrence, recurrence_of_wrong_shapes_stops);
    tcase_add_test(recurrence, recurrence_by_hand);
    tcase_add_test(recurrence, recurrence_takes_the_past_through_w_h);
    tcase_add_test(recurrence, recurrence_as_two_plain_loops);
    tcase_add_test(recurrence, large_sums_are_one_not_nan);
    TCase *convolution = add_case(suite, "convolution");
    tcase_add_test(convolution, convolution_of_wrong_shapes_stops);
    tcase_add_test(convolution, convolution_by_hand);
    tcase_add_test(convolution, convolution_as_plain_loops);
    return suite;
}
