/* test_dropout.c: a mask that is a function of its place (chapter 4, dropout.h). */
#include "chapters/04_encoder_block/dropout.h"

#include <math.h>

#include "tests/check_helpers.h"
#include "tests/suites.h"

#define TAG "[AIAYN 5.4]"

/* The mask, divided by 1 - rate, of B images of n tokens of D elements. */
static Tensor mask_of(const Dropout *dropout, int site, int B, int n, int D) {
    Tensor mask = zero_tensor(SHAPE(B, n, D));
    tensor_fill(mask, 1);
    dropout_apply(dropout, site, mask);
    return mask;
}

/* How many elements differ. */
static int differences(Tensor A, Tensor B) {
    int count = 0;
    for (long i = 0; i < tensor_count(A); i++) {
        count += A.data[i] != B.data[i];
    }
    return count;
}

/* ---- views ---------------------------------------------------------------- */

START_TEST(a_view_gets_the_mask_that_its_copy_would) {
    Dropout dropout = {.rate = 0.5, .seed = 5, .step = 1, .image = 1};
    Tensor view = wide_view(SHAPE(6, 4)), copy = zero_tensor(SHAPE(6, 4));
    tensor_fill(view, 3);
    tensor_fill(copy, 3);
    dropout_apply(&dropout, 2, view);
    dropout_apply(&dropout, 2, copy);
    ck_assert_double_eq(tensor_max_abs_difference(view, copy), 0);
    tensor_fill(copy, 3);
    ck_assert_double_gt(tensor_max_abs_difference(view, copy), 0);
    ck_assert(canaries_live(view));
}
END_TEST

/* ---- hand-computed values ------------------------------------------------ */

START_TEST(an_element_stays_when_its_random_number_is_at_least_the_rate) {
    Dropout dropout = {.rate = 0.25, .seed = 11, .step = 3, .image = 2};
    Tensor mask = mask_of(&dropout, 5, 2, 3, 4);
    Random random = {.seed = 11, .use = RANDOM_DROPOUT, .sequence = 3 * 1024 + 5};
    for (uint64_t i = 0; i < 24; i++) {
        /* Counted from the batch's first image: two images of 12 elements before. */
        double want = random_uniform(random, 24 + i) < 0.25 ? 0 : 1 / 0.75;
        assert_number_close((double)mask.data[i], want, TOLERANCE, TAG);
    }
}
END_TEST

START_TEST(the_lessons_four_numbers) {
    Dropout dropout = {.rate = 0.5, .seed = 1};
    const Random random = {.seed = 1, .use = RANDOM_DROPOUT, .sequence = 1};
    const uint32_t want[4] = {1982511783, 2314731628, 25581997, 2706213629};
    uint32_t bits[4];
    random_bits4(random, 0, bits);
    for (int i = 0; i < 4; i++) {
        ck_assert_uint_eq(bits[i], want[i]);
    }
    Tensor X = tensor_of(SHAPE(1, 1, 4), 3, 1, 3, 1);
    dropout_apply(&dropout, 1, X);
    assert_values(X, 0, TAG, 0, 2, 0, 2);
}
END_TEST

/* ---- properties ---------------------------------------------------------- */

START_TEST(a_rate_of_zero_changes_nothing) {
    Dropout none = {.rate = 0, .seed = 1};
    Tensor X = random_tensor('X', SHAPE(2, 5, 7)), before = copy_of(X);
    dropout_apply(&none, 3, X);
    assert_same_bits(X, before);
}
END_TEST

START_TEST(each_number_is_zero_or_itself_over_one_minus_rate) {
    Dropout dropout = {.rate = 0.3, .seed = 1};
    Tensor X = random_tensor('X', SHAPE(2, 50, 20)), before = copy_of(X);
    Tensor mask = mask_of(&dropout, 3, 2, 50, 20);
    dropout_apply(&dropout, 3, X);
    for (int i = 0; i < 2000; i++) {
        if (mask.data[i] == 0) {
            ck_assert(X.data[i] == 0);
        } else {
            assert_number_close((double)X.data[i], (double)before.data[i] / 0.7,
                                TOLERANCE, TAG);
        }
    }
}
END_TEST

START_TEST(the_share_that_is_dropped_is_the_rate_and_the_mean_is_kept) {
    const double rates[] = {0.1, 0.3, 0.5, 0.9};
    const int count = 20 * 50 * 40;
    for (int r = 0; r < 4; r++) {
        Dropout dropout = {.rate = rates[r], .seed = 5};
        Tensor mask = mask_of(&dropout, 1, 20, 50, 40);
        double dropped = 0, mean = 0;
        for (int i = 0; i < count; i++) {
            dropped += mask.data[i] == 0;
            mean += (double)mask.data[i] / count;
        }
        double sigma = sqrt(rates[r] * (1 - rates[r]) / count);
        ck_assert(fabs(dropped / count - rates[r]) < 5 * sigma);
        ck_assert(fabs(mean - 1) < 5 * sigma / (1 - rates[r]));
    }
}
END_TEST

START_TEST(the_same_place_gives_the_same_mask_again) {
    Dropout dropout = {.rate = 0.5, .seed = 5, .step = 17};
    assert_same_bits(mask_of(&dropout, 4, 3, 5, 6), mask_of(&dropout, 4, 3, 5, 6));
}
END_TEST

START_TEST(another_place_step_seed_or_image_gives_another_mask) {
    const Dropout dropout = {.rate = 0.5, .seed = 5, .step = 17};
    Tensor mask = mask_of(&dropout, 4, 10, 10, 10);
    Dropout other = dropout;
    /* 1000 coins: 500 differ, give or take 16. */
    ck_assert_int_gt(differences(mask_of(&other, 5, 10, 10, 10), mask), 400);
    other.step++;
    ck_assert_int_gt(differences(mask_of(&other, 4, 10, 10, 10), mask), 400);
    other = dropout, other.seed++;
    ck_assert_int_gt(differences(mask_of(&other, 4, 10, 10, 10), mask), 400);
    other = dropout, other.image++;
    ck_assert_int_gt(differences(mask_of(&other, 4, 10, 10, 10), mask), 400);
}
END_TEST

START_TEST(images_of_a_batch_have_different_masks) {
    Dropout dropout = {.rate = 0.5, .seed = 5};
    Tensor mask = mask_of(&dropout, 4, 2, 50, 20);
    ck_assert_int_gt(differences(tensor_slice(mask, 0), tensor_slice(mask, 1)), 400);
}
END_TEST

START_TEST(a_batch_cut_into_slices_has_the_same_masks) {
    Dropout dropout = {.rate = 0.4, .seed = 9, .step = 2};
    Tensor whole = mask_of(&dropout, 7, 6, 4, 5);
    const int cuts[][2] = {{0, 1}, {1, 3}, {4, 2}};
    for (int c = 0; c < 3; c++) {
        dropout.image = cuts[c][0];
        Tensor slice = mask_of(&dropout, 7, cuts[c][1], 4, 5);
        for (int i = 0; i < cuts[c][1]; i++) {
            assert_same_bits(tensor_slice(slice, i),
                             tensor_slice(whole, cuts[c][0] + i));
        }
    }
}
END_TEST

START_TEST(backward_uses_forwards_mask) {
    /* y = m x / (1 - rate): where y is 0 dx is 0, and elsewhere dx / dy = y / x. */
    Dropout dropout = {.rate = 0.5, .seed = 9, .step = 2, .image = 3};
    Tensor x = random_tensor('X', SHAPE(2, 5, 6)), y = copy_of(x);
    Tensor dy = random_tensor('C', SHAPE(2, 5, 6)), dx = copy_of(dy);
    dropout_apply(&dropout, 7, y);
    dropout_apply(&dropout, 7, dx);
    for (int i = 0; i < 60; i++) {
        double factor = (double)y.data[i] / (double)x.data[i];
        assert_number_close((double)dx.data[i], factor * (double)dy.data[i], TOLERANCE,
                            TAG);
    }
}
END_TEST

Suite *dropout_suite(void) {
    Suite *suite = suite_create("dropout");
    TCase *views = add_case(suite, "views");
    tcase_add_test(views, a_view_gets_the_mask_that_its_copy_would);
    TCase *values = add_case(suite, "hand-computed values");
    tcase_add_test(values,
                   an_element_stays_when_its_random_number_is_at_least_the_rate);
    tcase_add_test(values, the_lessons_four_numbers);
    TCase *properties = add_case(suite, "properties");
    tcase_add_test(properties, a_rate_of_zero_changes_nothing);
    tcase_add_test(properties, each_number_is_zero_or_itself_over_one_minus_rate);
    tcase_add_test(properties,
                   the_share_that_is_dropped_is_the_rate_and_the_mean_is_kept);
    tcase_add_test(properties, the_same_place_gives_the_same_mask_again);
    tcase_add_test(properties, another_place_step_seed_or_image_gives_another_mask);
    tcase_add_test(properties, images_of_a_batch_have_different_masks);
    tcase_add_test(properties, a_batch_cut_into_slices_has_the_same_masks);
    tcase_add_test(properties, backward_uses_forwards_mask);
    return suite;
}
