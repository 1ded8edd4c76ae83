/* test_tensor.c: views, shapes, whole-tensor operations (common/tensor.h). */
#include <math.h>

#include "tests/check_helpers.h"
#include "tests/suites.h"

/* 0, 1, 2, ...: element i of the block. */
static Tensor counting_tensor(Tensor shape) {
    Tensor T = zero_tensor(shape);
    for (long i = 0; i < tensor_count(T); i++) {
        T.data[i] = (real)i;
    }
    return T;
}

/* ---- shapes and errors --------------------------------------------------- */

START_TEST(a_tensor_knows_its_shape_rows_and_columns) {
    real data[24];
    Tensor T = tensor4(data, 2, 3, 1, 4);
    ck_assert_int_eq(T.ndim, 4);
    ck_assert_int_eq(tensor_rows(T), 6);
    ck_assert_int_eq(tensor_cols(T), 4);
    ck_assert_int_eq(tensor_count(T), 24);
    ck_assert_int_eq(tensor_rows(tensor1(data, 7)), 1);
    ck_assert_int_eq(tensor_cols(tensor1(data, 7)), 7);
    ck_assert_int_eq(tensor_rows(tensor2(data, 3, 5)), 3);
    ck_assert_int_eq(tensor_rows(tensor3(data, 2, 3, 4)), 6);
    char text[TENSOR_SHAPE_TEXT];
    ck_assert_str_eq(tensor_shape_text(T, text), "(2,3,1,4)");
}
END_TEST

START_TEST(same_shape_compares_dimensions_not_counts) {
    ck_assert(tensor_same_shape(SHAPE(2, 3), SHAPE(2, 3)));
    ck_assert(!tensor_same_shape(SHAPE(2, 3), SHAPE(3, 2)));
    ck_assert(!tensor_same_shape(SHAPE(2, 3), SHAPE(6)));
    ck_assert(!tensor_same_shape(SHAPE(2, 3), SHAPE(2, 3, 1)));
}
END_TEST

START_TEST(the_longest_shape_fits_its_text) {
    char text[TENSOR_SHAPE_TEXT];
    Tensor T = SHAPE(2147483647, 2147483647, 2147483647, 2147483647);
    ck_assert_str_eq(tensor_shape_text(T, text),
                     "(2147483647,2147483647,2147483647,2147483647)");
}
END_TEST

START_TEST(a_tensor_that_is_not_there_has_a_shape_text_too) {
    char text[TENSOR_SHAPE_TEXT];
    ck_assert_str_eq(tensor_shape_text((Tensor){.data = NULL}, text), "()");
}
END_TEST

START_TEST(an_index_is_counted_row_by_row) {
    char text[TENSOR_SHAPE_TEXT];
    ck_assert_str_eq(tensor_index_text(SHAPE(2, 3, 4), 0, text), "[0][0][0]");
    ck_assert_str_eq(tensor_index_text(SHAPE(2, 3, 4), 23, text), "[1][2][3]");
    ck_assert_str_eq(tensor_index_text(SHAPE(2, 3, 4), 12 + 4 + 2, text), "[1][1][2]");
    ck_assert_str_eq(tensor_index_text(SHAPE(7), 5, text), "[5]");
}
END_TEST

static void wants_3_by_4(Tensor K) {
    expect_shape(K, "K has one row for each key.", 3, 4);
}

START_TEST(a_wrong_shape_stops_with_what_where_got_wanted_and_a_hint) {
    wants_3_by_4(SHAPE(3, 4));
    assert_stops("wants_3_by_4: K is (4,3), want (3,4).|K has one row for each key.",
                 wants_3_by_4(SHAPE(4, 3)));
    assert_stops("K is (3,4,1), want (3,4)", wants_3_by_4(SHAPE(3, 4, 1)));
}
END_TEST

START_TEST(operations_on_different_shapes_stop) {
    Tensor A = zero_tensor(SHAPE(2, 3)), B = zero_tensor(SHAPE(3, 2));
    Tensor b = zero_tensor(SHAPE(2));
    assert_stops("tensor_add: A is (2,3), want (3,2)", tensor_add(A, B));
    assert_stops("tensor_copy: A is (2,3), want (3,2)", tensor_copy(A, B));
    assert_stops("tensor_add_bias: b is (2), want (3)", tensor_add_bias(A, b));
    assert_stops("tensor_sum_rows_add: db is (2), want (3)", tensor_sum_rows_add(A, b));
    assert_stops("tensor_transpose: AT is (2,3), want (3,2)", tensor_transpose(A, A));
    assert_stops("tensor_max_abs_difference", tensor_max_abs_difference(A, B));
}
END_TEST

START_TEST(views_outside_of_a_tensor_stop) {
    Tensor T = zero_tensor(SHAPE(3, 4));
    assert_stops("tensor_slice: no slice 3 of (3,4)", tensor_slice(T, 3));
    assert_stops("tensor_slice: no slice -1", tensor_slice(T, -1));
    assert_stops("tensor_slice: no slice 0 of (5)",
                 tensor_slice(zero_tensor(SHAPE(5)), 0));
    assert_stops("tensor_first: can't take 4 slices of (3,4)", tensor_first(T, 4));
    assert_stops("tensor_first", tensor_first(T, -1));
    assert_stops("tensor_columns: no columns 2 to 4 in (3,4)", tensor_columns(T, 2, 3));
    assert_stops("tensor_columns", tensor_columns(T, -1, 2));
    assert_stops("tensor_columns", tensor_columns(T, 1, 0));
}
END_TEST

static void wants_contiguous(Tensor X) {
    expect_contiguous(X);
}

START_TEST(a_view_stops_where_contiguous_numbers_are_needed) {
    Tensor T = zero_tensor(SHAPE(3, 4));
    wants_contiguous(T);
    assert_stops("wants_contiguous: X is a view: (3,2) with 4 numbers from row to row",
                 wants_contiguous(tensor_columns(T, 1, 2)));
}
END_TEST

/* ---- hand-computed values ------------------------------------------------ */

START_TEST(a_slice_is_one_step_along_the_first_dimension) {
    Tensor T = counting_tensor(SHAPE(2, 3, 4));
    Tensor second = tensor_slice(T, 1);
    ck_assert(tensor_same_shape(second, SHAPE(3, 4)));
    ck_assert_ptr_eq(second.data, T.data + 12);
    Tensor row = tensor_slice(second, 2);
    ck_assert(tensor_same_shape(row, SHAPE(4)));
    assert_values(row, 0, "[slice]", 20, 21, 22, 23);
}
END_TEST

START_TEST(a_slice_of_some_columns_keeps_their_distance) {
    Tensor T = counting_tensor(SHAPE(3, 4));
    Tensor row = tensor_slice(tensor_columns(T, 1, 2), 2);
    assert_values(row, 0, "[slice of columns]", 9, 10);
    Tensor wide = counting_tensor(SHAPE(4, 5));
    Tensor view = tensor3(wide.data, 2, 2, 3);
    view.ld = 5;
    assert_values(tensor_slice(view, 1), 0, "[slice of columns]", 10, 11, 12, 15, 16,
                  17);
}
END_TEST

START_TEST(first_takes_the_first_slices_only) {
    Tensor T = counting_tensor(SHAPE(3, 2));
    assert_values(tensor_first(T, 2), 0, "[first]", 0, 1, 2, 3);
    ck_assert_int_eq(tensor_count(tensor_first(T, 0)), 0);
}
END_TEST

START_TEST(columns_are_a_view_into_the_wider_tensor) {
    Tensor T = counting_tensor(SHAPE(2, 2, 4));
    Tensor view = tensor_columns(T, 1, 2);
    ck_assert(tensor_same_shape(view, SHAPE(4, 2)));
    assert_values(view, 0, "[columns]", 1, 2, 5, 6, 9, 10, 13, 14);
    assert_values(tensor_columns(view, 1, 1), 0, "[columns]", 2, 6, 10, 14);
    tensor_row(view, 3)[1] = -1;
    ck_assert(T.data[14] == -1);
}
END_TEST

START_TEST(a_tensor_seen_as_a_matrix_keeps_its_numbers) {
    Tensor T = counting_tensor(SHAPE(2, 3, 4));
    Tensor M = tensor_matrix(T);
    ck_assert(tensor_same_shape(M, SHAPE(6, 4)));
    ck_assert_ptr_eq(M.data, T.data);
    Tensor view = tensor_matrix(tensor_columns(T, 1, 2));
    ck_assert_int_eq(view.ld, 4);
}
END_TEST

START_TEST(whole_tensor_operations_by_hand) {
    Tensor A = tensor_of(SHAPE(2, 3), 1, 2, 3, 4, 5, 6);
    Tensor B = tensor_of(SHAPE(2, 3), 10, 20, 30, 40, 50, 60);
    tensor_add(A, B);
    assert_values(A, 0, "[add]", 11, 22, 33, 44, 55, 66);
    tensor_scale(A, 2);
    assert_values(A, 0, "[scale]", 22, 44, 66, 88, 110, 132);
    tensor_add_bias(A, tensor_of(SHAPE(3), 1, 2, 3));
    assert_values(A, 0, "[add bias]", 23, 46, 69, 89, 112, 135);
    tensor_copy(A, B);
    assert_values(A, 0, "[copy]", 10, 20, 30, 40, 50, 60);
    tensor_fill(A, 7);
    assert_values(A, 0, "[fill]", 7, 7, 7, 7, 7, 7);
    Tensor BT = unset_tensor(SHAPE(3, 2));
    tensor_transpose(B, BT);
    assert_values(BT, 0, "[transpose]", 10, 40, 20, 50, 30, 60);
}
END_TEST

START_TEST(the_sum_of_rows_is_added_to_what_was_there) {
    Tensor dA = tensor_of(SHAPE(3, 2), 1, 2, 3, 4, 5, 6);
    Tensor db = tensor_of(SHAPE(2), 100, 200);
    tensor_sum_rows_add(dA, db);
    assert_values(db, 0, "[sum of rows]", 109, 212);
    Tensor of_images = tensor_of(SHAPE(2, 2, 1), 1, 2, 3, 4);
    Tensor sum = zero_tensor(SHAPE(1));
    tensor_sum_rows_add(of_images, sum);
    assert_values(sum, 0, "[sum over images and tokens]", 10);
}
END_TEST

START_TEST(operations_on_a_view_leave_the_other_columns_alone) {
    Tensor view = wide_view(SHAPE(3, 4));
    Tensor B = random_tensor('B', SHAPE(3, 4));
    tensor_copy(view, B);
    assert_same_bits(copy_of(view), B);
    tensor_add(view, B);
    tensor_scale(view, (real)0.5);
    assert_same_bits(copy_of(view), B);
    tensor_add_bias(view, zero_tensor(SHAPE(4)));
    tensor_fill(view, 0);
    assert_same_bits(copy_of(view), zero_tensor(SHAPE(3, 4)));
    Tensor BT = zero_tensor(SHAPE(4, 3));
    tensor_transpose(B, BT);
    tensor_transpose(BT, view);
    assert_same_bits(copy_of(view), B);
    ck_assert(canaries_live(view));
}
END_TEST

/* ---- properties ---------------------------------------------------------- */

START_TEST(the_largest_difference_is_found_wherever_it_is) {
    for (int i = 0; i < 6; i++) {
        Tensor A = random_tensor('A', SHAPE(2, 3)), B = copy_of(A);
        ck_assert(tensor_max_abs_difference(A, B) == 0);
        B.data[i] = A.data[i] - 3;
        B.data[(i + 1) % 6] += 1;
        assert_number_close(tensor_max_abs_difference(A, B), 3, 1e-6, "[difference]");
    }
}
END_TEST

START_TEST(a_difference_with_a_nan_anywhere_is_nan) {
    for (int i = 0; i < 6; i++) {
        Tensor A = random_tensor('A', SHAPE(2, 3)), B = copy_of(A);
        B.data[i] = (real)NAN;
        B.data[(i + 3) % 6] += 1;
        ck_assert_msg(isnan(tensor_max_abs_difference(A, B)), "NaN at %d is lost", i);
        ck_assert_msg(isnan(tensor_max_abs_difference(B, A)), "NaN at %d is lost", i);
    }
}
END_TEST

/* ---- the tests' own comparisons ------------------------------------------ */

START_TEST(comparisons_fail_on_nan_on_a_wrong_number_and_on_a_wrong_shape) {
    Tensor want = tensor_of(SHAPE(2, 2), 1, 2, 3, 4), got = copy_of(want);
    ck_assert_ptr_null(tensor_difference(got, want, 1e-6, "got", "[tag]"));
    for (int i = 0; i < 4; i++) {
        Tensor wrong = copy_of(want);
        wrong.data[i] *= (real)1.001;
        ck_assert_ptr_nonnull(tensor_difference(wrong, want, 1e-4, "wrong", "[tag]"));
        ck_assert_ptr_null(tensor_difference(wrong, want, 1e-2, "wrong", "[tag]"));
        wrong.data[i] = (real)NAN;
        wrong.data[3 - i] += 1;
        ck_assert_ptr_nonnull(tensor_difference(wrong, want, 1e9, "wrong", "[tag]"));
        ck_assert_ptr_nonnull(tensor_difference(want, wrong, 1e9, "want", "[tag]"));
        ck_assert_ptr_nonnull(bits_difference(wrong, want, "wrong"));
    }
    Tensor flat = tensor_of(SHAPE(4), 1, 2, 3, 4);
    ck_assert_ptr_nonnull(tensor_difference(flat, want, 1e9, "flat", "[tag]"));
    ck_assert_ptr_nonnull(number_difference((double)NAN, 1, 1e9, "x", "[tag]"));
    ck_assert_ptr_nonnull(number_difference(1, (double)NAN, 1e9, "x", "[tag]"));
    ck_assert_ptr_null(number_difference(HUGE_VAL, HUGE_VAL, 0, "x", "[tag]"));
    ck_assert_ptr_nonnull(number_difference(HUGE_VAL, 1, 1e9, "x", "[tag]"));
}
END_TEST

START_TEST(a_failed_comparison_says_where_got_wanted_and_the_equation) {
    Tensor want = tensor_of(SHAPE(2, 2), 1, 2, 3, 4), got = copy_of(want);
    got.data[2] = 5;
    ck_assert_str_eq(tensor_difference(got, want, 1e-5, "O", "[AIAYN eq.1]"),
                     "[AIAYN eq.1] O (2,2) is wrong, worst at row 1, column 0: got 5, "
                     "want 3, relative error 6.67e-01, tolerance 1e-05");
}
END_TEST

Suite *tensor_suite(void) {
    Suite *suite = suite_create("tensor");
    TCase *errors = add_case(suite, "shapes and errors");
    tcase_add_test(errors, a_tensor_knows_its_shape_rows_and_columns);
    tcase_add_test(errors, same_shape_compares_dimensions_not_counts);
    tcase_add_test(errors, the_longest_shape_fits_its_text);
    tcase_add_test(errors, a_tensor_that_is_not_there_has_a_shape_text_too);
    tcase_add_test(errors, an_index_is_counted_row_by_row);
    tcase_add_test(errors, a_wrong_shape_stops_with_what_where_got_wanted_and_a_hint);
    tcase_add_test(errors, operations_on_different_shapes_stop);
    tcase_add_test(errors, views_outside_of_a_tensor_stop);
    tcase_add_test(errors, a_view_stops_where_contiguous_numbers_are_needed);
    TCase *values = add_case(suite, "hand-computed values");
    tcase_add_test(values, a_slice_is_one_step_along_the_first_dimension);
    tcase_add_test(values, a_slice_of_some_columns_keeps_their_distance);
    tcase_add_test(values, first_takes_the_first_slices_only);
    tcase_add_test(values, columns_are_a_view_into_the_wider_tensor);
    tcase_add_test(values, a_tensor_seen_as_a_matrix_keeps_its_numbers);
    tcase_add_test(values, whole_tensor_operations_by_hand);
    tcase_add_test(values, the_sum_of_rows_is_added_to_what_was_there);
    tcase_add_test(values, operations_on_a_view_leave_the_other_columns_alone);
    TCase *properties = add_case(suite, "properties");
    tcase_add_test(properties, the_largest_difference_is_found_wherever_it_is);
    tcase_add_test(properties, a_difference_with_a_nan_anywhere_is_nan);
    TCase *own = add_case(suite, "the tests' own comparisons");
    tcase_add_test(own, comparisons_fail_on_nan_on_a_wrong_number_and_on_a_wrong_shape);
    tcase_add_test(own, a_failed_comparison_says_where_got_wanted_and_the_equation);
    return suite;
}
