/* test_arena.c: counting, handing out, and checking (common/arena.h). */
#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "tests/check_helpers.h"
#include "tests/suites.h"

typedef struct {
    Tensor a, b, c, d;
} Layout;

static void lay_out(Arena *arena, void *owner) {
    Layout *layout = owner;
    layout->a = arena_tensor1(arena, 5);
    layout->b = arena_tensor2(arena, 3, 7);
    layout->c = arena_tensor3(arena, 2, 3, 4);
    layout->d = arena_tensor4(arena, 2, 1, 3, 5);
}

/* The arena of that layout, counted, made and laid out. */
static Arena laid_out(Layout *layout) {
    Arena arena;
    Error error;
    ck_assert(arena_make(&arena, lay_out, layout, "a layout", &error));
    return arena;
}

START_TEST(while_counting_tensors_have_shapes_but_no_data) {
    Arena plan = {0};
    Layout layout;
    lay_out(&plan, &layout);
    ck_assert_ptr_null(layout.a.data);
    ck_assert_ptr_null(layout.d.data);
    ck_assert(tensor_same_shape(layout.a, SHAPE(5)));
    ck_assert(tensor_same_shape(layout.b, SHAPE(3, 7)));
    ck_assert(tensor_same_shape(layout.c, SHAPE(2, 3, 4)));
    ck_assert(tensor_same_shape(layout.d, SHAPE(2, 1, 3, 5)));
    ck_assert_int_ge(plan.used, 5 + 21 + 24 + 30);
}
END_TEST

START_TEST(the_second_walk_uses_exactly_what_the_first_counted) {
    Layout layout;
    Arena arena = laid_out(&layout);
    ck_assert_int_eq(arena.used, arena.capacity);
    arena_check_full(&arena);
    arena_free(&arena);
}
END_TEST

START_TEST(tensors_are_zero_aligned_and_do_not_overlap) {
    Layout layout;
    Arena arena = laid_out(&layout);
    const Tensor all[4] = {layout.a, layout.b, layout.c, layout.d};
    for (int i = 0; i < 4; i++) {
        ck_assert_uint_eq((uintptr_t)all[i].data % 64, 0);
        assert_same_bits(all[i], zero_tensor(all[i]));
    }
    for (int i = 0; i < 4; i++) {
        tensor_fill(all[i], (real)(i + 1));
    }
    for (int i = 0; i < 4; i++) {
        Tensor want = zero_tensor(all[i]);
        tensor_fill(want, (real)(i + 1));
        assert_same_bits(all[i], want);
    }
    arena_free(&arena);
}
END_TEST

START_TEST(a_freed_arena_is_empty) {
    Layout layout;
    Arena arena = laid_out(&layout);
    arena_free(&arena);
    ck_assert_ptr_null(arena.block);
    ck_assert_int_eq(arena.used, 0);
    ck_assert_int_eq(arena.capacity, 0);
}
END_TEST

START_TEST(asking_for_more_than_was_planned_stops) {
    Layout layout;
    Arena arena = laid_out(&layout);
    assert_stops("arena: planned for |more than when it was counted",
                 arena_tensor1(&arena, 1));
    arena_free(&arena);
}
END_TEST

/* Less in the second walk than in the first. */
static void lay_out_less(Arena *arena, void *times) {
    int *before = times;
    arena_tensor1(arena, (*before)++ == 0 ? 50 : 5);
}

START_TEST(using_less_than_was_planned_stops) {
    Arena arena;
    Error error;
    int times = 0;
    assert_stops("arena: planned for |handed out",
                 arena_make(&arena, lay_out_less, &times, "a layout", &error));
}
END_TEST

static void lay_out_all_there_is(Arena *arena, void *none) {
    (void)none;
    arena->used = LONG_MAX;
}

START_TEST(no_memory_for_an_arena_is_an_error_that_names_it) {
    Arena arena;
    Error error = {""};
    ck_assert(!arena_make(&arena, lay_out_all_there_is, NULL, "activations", &error));
    ck_assert_ptr_nonnull(strstr(error.text, "no memory for activations"));
    arena_free(&arena);
}
END_TEST

/* 3e20 elements, more than a long counts, and a few more: never less than before. */
static void lay_out_too_much(Arena *plan, void *none) {
    const int n = 4096 * 4096 + 1;
    (void)none;
    arena_tensor4(plan, 4096, 256, n, n);
    const long limit = plan->used;
    ck_assert_int_gt(limit, INT_MAX);
    arena_tensor3(plan, n, n, n);
    arena_tensor2(plan, n, n);
    arena_tensor1(plan, 7);
    ck_assert_int_eq(plan->used, limit);
}

START_TEST(a_layout_that_no_memory_holds_is_an_error) {
    Arena arena;
    Error error = {""};
    ck_assert(!arena_make(&arena, lay_out_too_much, NULL, "activations", &error));
    ck_assert_ptr_nonnull(strstr(error.text, "no memory for activations"));
    arena_free(&arena);
}
END_TEST

Suite *arena_suite(void) {
    Suite *suite = suite_create("arena");
    TCase *errors = add_case(suite, "errors");
    tcase_add_test(errors, asking_for_more_than_was_planned_stops);
    tcase_add_test(errors, using_less_than_was_planned_stops);
    tcase_add_test(errors, no_memory_for_an_arena_is_an_error_that_names_it);
    tcase_add_test(errors, a_layout_that_no_memory_holds_is_an_error);
    TCase *layout = add_case(suite, "layout");
    tcase_add_test(layout, while_counting_tensors_have_shapes_but_no_data);
    tcase_add_test(layout, the_second_walk_uses_exactly_what_the_first_counted);
    tcase_add_test(layout, tensors_are_zero_aligned_and_do_not_overlap);
    tcase_add_test(layout, a_freed_arena_is_empty);
    return suite;
}
