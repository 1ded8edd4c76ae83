/*
 * test_positions.c: where a token is: sinusoids [AIAYN 3.5] and learned positions
 * [ViT eq.1] (chapter 3).
 */
#include "chapters/03_multi_head_attention/positions.h"

#include <math.h>

#include "tests/check_helpers.h"
#include "tests/suites.h"

#define TAG "[AIAYN 3.5]"

/* ---- shapes and errors ----------------------------------------------------------- */

START_TEST(shapes_that_do_not_fit_stop) {
    Tensor odd = zero_tensor(SHAPE(3, 5)), even = zero_tensor(SHAPE(3, 4));
    assert_stops("sinusoid_positions|(3,5)|D even", sinusoid_positions(odd));
    assert_stops("sinusoid_shift|D even", sinusoid_shift(odd, 1, odd));
    assert_stops("shifted", sinusoid_shift(even, 1, zero_tensor(SHAPE(4, 4))));
    assert_stops("z|(images, tokens, D)",
                 positions_add(zero_tensor(SHAPE(2, 4, 4)), even));
    assert_stops("dz|(images, tokens, D)",
                 positions_add_backward(zero_tensor(SHAPE(2, 3, 2)), even));
}
END_TEST

/* ---- hand-computed values -------------------------------------------------------- */

START_TEST(the_first_positions_by_hand) {
    Tensor PE = unset_tensor(SHAPE(3, 4));
    sinusoid_positions(PE);
    /* D = 4: the angles are pos and pos / 100 */
    assert_values(PE, TOLERANCE, TAG, 0, 1, 0, 1,                           /* pos 0 */
                  0.8414709848, 0.5403023059, 0.00999983333, 0.99995000042, /* pos 1 */
                  0.9092974268, -0.4161468365, 0.01999866669, 0.99980000667);
}
END_TEST

/* ---- an independent reference ---------------------------------------------------- */

START_TEST(every_element_is_the_papers_formula) {
    static const int sizes[][2] = {{1, 2}, {50, 64}, {197, 768}, {1000, 6}};
    const int n = sizes[_i][0], D = sizes[_i][1];
    Tensor PE = wide_view(SHAPE(n, D));
    double *want = test_doubles((long)n * D);
    for (int pos = 0; pos < n; pos++) {
        for (int column = 0; column < D; column++) {
            const double angle = pos / pow(10000, (double)(column / 2 * 2) / D);
            want[pos * D + column] = column % 2 ? cos(angle) : sin(angle);
        }
    }
    sinusoid_positions(PE);
    assert_close_to_naive(copy_of(PE), want, TOLERANCE, TAG);
    ck_assert(canaries_live(PE));
}
END_TEST

/* ---- properties ------------------------------------------------------------------ */

START_TEST(a_shift_needs_no_position) {
    static const int shifts[] = {0, 1, 7, -3, -40};
    enum { N = 90, D = 32, FROM = 40 };
    Tensor all = unset_tensor(SHAPE(N, D)), some = zero_tensor(SHAPE(9, D));
    Tensor want = zero_tensor(SHAPE(9, D));
    const int k = shifts[_i];
    sinusoid_positions(all);
    for (int i = 0; i < 9; i++) {
        for (int j = 0; j < D; j++) {
            tensor_row(some, i)[j] = tensor_row(all, FROM + i)[j];
            tensor_row(want, i)[j] = tensor_row(all, FROM + i + k)[j];
        }
    }
    sinusoid_shift(some, k, some); /* in place */
    assert_tensor_close(some, want, TOLERANCE, TAG);
}
END_TEST

START_TEST(how_alike_two_positions_are_depends_on_their_distance_alone) {
    enum { N = 60, D = 64 };
    Tensor PE = unset_tensor(SHAPE(N, D));
    sinusoid_positions(PE);
    for (int distance = 0; distance < 20; distance += 3) {
        double first = 0;
        for (int pos = 0; pos + distance < N; pos += 13) {
            double dot = 0;
            for (int j = 0; j < D; j++) {
                dot += (double)tensor_row(PE, pos)[j] *
                       (double)tensor_row(PE, pos + distance)[j];
            }
            first = pos == 0 ? dot : first;
            assert_number_close(dot, first, TOLERANCE, "PE(pos) . PE(pos + k)");
        }
        if (distance == 0) { /* sin^2 + cos^2, for each pair of columns */
            assert_number_close(first, D / 2, TOLERANCE, "|PE(pos)|^2");
        }
    }
}
END_TEST

START_TEST(every_image_gets_the_same_positions) {
    Tensor z = random_tensor('z', SHAPE(3, 5, 4)),
           E_pos = random_tensor('E', SHAPE(5, 4));
    double *want = doubles_of(z), *E = doubles_of(E_pos);
    for (int i = 0; i < 3 * 5 * 4; i++) {
        want[i] += E[i % (5 * 4)];
    }
    positions_add(z, E_pos);
    assert_close_to_naive(z, want, TOLERANCE, "[ViT eq.1]");
}
END_TEST

START_TEST(their_gradient_is_summed_over_the_images_and_added) {
    Tensor dz = random_tensor('z', SHAPE(3, 5, 4)),
           dE = random_tensor('E', SHAPE(5, 4));
    double *want = doubles_of(dE), *each = doubles_of(dz);
    for (int i = 0; i < 3 * 5 * 4; i++) {
        want[i % (5 * 4)] += each[i];
    }
    positions_add_backward(dz, dE);
    assert_close_to_naive(dE, want, TOLERANCE, "[ViT eq.1]");
}
END_TEST

Suite *positions_suite(void) {
    Suite *suite = suite_create("positions");
    TCase *errors = add_case(suite, "shapes and errors");
    tcase_add_test(errors, shapes_that_do_not_fit_stop);
    TCase *values = add_case(suite, "values");
    tcase_add_test(values, the_first_positions_by_hand);
    tcase_add_loop_test(values, every_element_is_the_papers_formula, 0, 4);
    TCase *properties = add_case(suite, "properties");
    tcase_add_loop_test(properties, a_shift_needs_no_position, 0, 5);
    tcase_add_test(properties,
                   how_alike_two_positions_are_depends_on_their_distance_alone);
    tcase_add_test(properties, every_image_gets_the_same_positions);
    tcase_add_test(properties, their_gradient_is_summed_over_the_images_and_added);
    return suite;
}
