/* test_parameters.c: one block, named views into it (common/parameters.h). */
#include "common/parameters.h"

#include <string.h>

#include "tests/check_helpers.h"
#include "tests/suites.h"

typedef struct {
    Tensor W, b, kernel;
    int extra; /* more parameters than when the list was made */
} Model;

static void layout(ParameterBlock *block, void *model) {
    Model *m = model;
    m->W = parameter2(block, DECAY, 4, 3, "%s.%d.weight", "layer", 7);
    m->b = parameter1(block, NO_DECAY, 4, "%s.%d.bias", "layer", 7);
    m->kernel = parameter_shaped(block, DECAY, SHAPE(2, 1, 3, 3), "kernel");
    for (int i = 0; i < m->extra; i++) {
        parameter1(block, NO_DECAY, 1, "extra");
    }
}

static ParameterList listed(Model *model) {
    ParameterList list;
    Error error;
    ck_assert(parameters_list(&list, layout, model, &error));
    return list;
}

/* ---- errors -------------------------------------------------------------- */

START_TEST(a_layout_that_has_changed_since_it_was_listed_stops) {
    Model model = {0};
    ParameterList list = listed(&model);
    real *data = test_reals(list.total + 1);
    model.extra = 1;
    assert_stops("parameters_view: the layout has 35 numbers, the list 34",
                 parameters_view(&list, layout, &model, data));
    parameters_list_free(&list);
}
END_TEST

/* ---- hand-computed values ------------------------------------------------ */

START_TEST(the_list_has_names_shapes_places_and_who_decays) {
    Model model = {0};
    ParameterList list = listed(&model);
    ck_assert_int_eq(list.count, 3);
    ck_assert_int_eq(list.total, 12 + 4 + 18);
    ck_assert_str_eq(list.items[0].name, "layer.7.weight");
    ck_assert_str_eq(list.items[1].name, "layer.7.bias");
    ck_assert_str_eq(list.items[2].name, "kernel");
    ck_assert(tensor_same_shape(list.items[0].shape, SHAPE(4, 3)));
    ck_assert(tensor_same_shape(list.items[1].shape, SHAPE(4)));
    ck_assert(tensor_same_shape(list.items[2].shape, SHAPE(2, 1, 3, 3)));
    ck_assert_int_eq(list.items[0].offset, 0);
    ck_assert_int_eq(list.items[1].offset, 12);
    ck_assert_int_eq(list.items[2].offset, 16);
    ck_assert(list.items[0].decay == DECAY);
    ck_assert(list.items[1].decay == NO_DECAY);
    ck_assert(list.items[2].decay == DECAY);
    parameters_list_free(&list);
    ck_assert_ptr_null(list.items);
    ck_assert_int_eq(list.count, 0);
}
END_TEST

START_TEST(listing_leaves_the_model_without_data) {
    Model model = {0};
    ParameterList list = listed(&model);
    ck_assert_ptr_null(model.W.data);
    ck_assert_ptr_null(model.kernel.data);
    ck_assert_ptr_null(list.items[1].shape.data);
    parameters_list_free(&list);
}
END_TEST

START_TEST(a_model_laid_over_a_block_has_its_tensors_end_to_end) {
    Model model = {0};
    ParameterList list = listed(&model);
    real *data = test_reals(list.total);
    parameters_view(&list, layout, &model, data);
    ck_assert_ptr_eq(model.W.data, data);
    ck_assert_ptr_eq(model.b.data, data + 12);
    ck_assert_ptr_eq(model.kernel.data, data + 16);
    ck_assert(tensor_same_shape(model.kernel, SHAPE(2, 1, 3, 3)));
    ck_assert_int_eq(model.kernel.ld, 3);
    parameters_list_free(&list);
}
END_TEST

/* ---- properties ---------------------------------------------------------- */

START_TEST(the_list_and_the_model_see_the_same_numbers) {
    Model model = {0}, gradient = {0};
    ParameterList list = listed(&model);
    real *weights = test_reals(list.total), *gradients = test_reals(list.total);
    parameters_view(&list, layout, &model, weights);
    parameters_view(&list, layout, &gradient, gradients);
    for (long i = 0; i < list.total; i++) {
        weights[i] = (real)i;
        gradients[i] = (real)(1000 + i);
    }
    const Tensor in_model[3] = {model.W, model.b, model.kernel};
    const Tensor in_gradient[3] = {gradient.W, gradient.b, gradient.kernel};
    for (int p = 0; p < 3; p++) {
        assert_same_bits(parameter_in(&list.items[p], weights), in_model[p]);
        assert_same_bits(parameter_in(&list.items[p], gradients), in_gradient[p]);
    }
    parameters_list_free(&list);
}
END_TEST

static void no_layout(ParameterBlock *block, void *model) {
    (void)block;
    (void)model;
}

START_TEST(a_model_without_parameters_has_an_empty_list) {
    ParameterList list;
    Error error;
    ck_assert(parameters_list(&list, no_layout, NULL, &error));
    ck_assert_int_eq(list.count, 0);
    ck_assert_int_eq(list.total, 0);
    parameters_list_free(&list);
}
END_TEST

Suite *parameters_suite(void) {
    Suite *suite = suite_create("parameters");
    TCase *errors = add_case(suite, "errors");
    tcase_add_test(errors, a_layout_that_has_changed_since_it_was_listed_stops);
    TCase *values = add_case(suite, "hand-computed values");
    tcase_add_test(values, the_list_has_names_shapes_places_and_who_decays);
    tcase_add_test(values, listing_leaves_the_model_without_data);
    tcase_add_test(values, a_model_laid_over_a_block_has_its_tensors_end_to_end);
    TCase *properties = add_case(suite, "properties");
    tcase_add_test(properties, the_list_and_the_model_see_the_same_numbers);
    tcase_add_test(properties, a_model_without_parameters_has_an_empty_list);
    return suite;
}
