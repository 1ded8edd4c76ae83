/* test_interpolate.c: position embeddings on another grid (interpolate.h), and the
 * weights that a fine-tuning begins with (fine_tune.h). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/check_helpers.h"
#include "chapters/07_pretrained_weights/fine_tuning/fine_tune.h"
#include "common/files/safetensors_file.h"
#include "tests/scratch.h"
#include "tests/small_run.h"
#include "tests/suites.h"

static const Interpolation all_kinds[] = {INTERPOLATE_BICUBIC, INTERPOLATE_BILINEAR,
                                          INTERPOLATE_CORNERS};
static const char *const kind_names[] = {"bicubic", "bilinear", "corners"};
enum { KINDS = 3 };

/* `from` with t tokens before the grid `old`, over the grid `new`. */
static Tensor interpolated(Tensor from, PatchGrid old, PatchGrid new,
                           Interpolation kind) {
    const int t = from.shape[1] - old.down * old.across;
    Tensor to = unset_tensor(SHAPE(1, t + new.down *new.across, from.shape[2]));
    Error error = {""};
    ck_assert_msg(positions_interpolate(from, old, to, new, kind, &error), "%s",
                  error.text);
    return to;
}

/* ---- against PyTorch and timm ---------------------------------------------- */

/* As tests/reference/make_fine_tuning.py has them. */
static const struct {
    int before;
    PatchGrid old, new;
    int D;
} grids[] = {
    {1, {7, 7}, {14, 14}, 8}, {2, {4, 6}, {9, 5}, 3},  {0, {3, 2}, {7, 10}, 5},
    {1, {14, 14}, {6, 6}, 4}, {1, {8, 5}, {3, 11}, 2}, {1, {1, 1}, {2, 3}, 4},
    {1, {1, 4}, {1, 7}, 2},   {0, {5, 5}, {5, 5}, 3},
};
enum { GRIDS = sizeof grids / sizeof grids[0] };

static Tensor wanted(const Safetensors *file, int grid, const char *name,
                     Tensor shape) {
    char key[40];
    Error error = {""};
    Tensor T = zero_tensor(shape);
    snprintf(key, sizeof key, "%d.%s", grid, name);
    ck_assert_msg(safetensors_read(file, key, T, &error), "%s", error.text);
    return T;
}

START_TEST(positions_equal_pytorchs_and_timms) {
    const int n = grids[_i].before + grids[_i].old.down * grids[_i].old.across;
    const int m = grids[_i].before + grids[_i].new.down *grids[_i].new.across;
    const char *path = "tests/reference/positions.safetensors";
    Safetensors file;
    Error error = {""};
    ck_assert_msg(safetensors_open(&file, path, &error),
                  "%s. To make it (needs PyTorch, timm): "
                  "tests/reference/make_fine_tuning.py",
                  error.text);
    Tensor from = wanted(&file, _i, "from", SHAPE(1, n, grids[_i].D));
    for (int k = 0; k < KINDS; k++) {
        Tensor want = wanted(&file, _i, kind_names[k], SHAPE(1, m, grids[_i].D));
        Tensor got = interpolated(from, grids[_i].old, grids[_i].new, all_kinds[k]);
        assert_tensor_close(got, want, TOLERANCE, "[ViT 3.2] positions");
    }
    Tensor want = wanted(&file, _i, "timm", SHAPE(1, m, grids[_i].D)); /* in float */
    Tensor got = interpolated(from, grids[_i].old, grids[_i].new, INTERPOLATE_BICUBIC);
    assert_tensor_close(got, want, 1e-5, "[ViT 3.2] timm's positions");
    safetensors_close(&file);
}
END_TEST

/* ---- what must be so ------------------------------------------------------- */

START_TEST(a_constant_stays_constant) {
    for (int k = 0; k < KINDS; k++) {
        for (int size = 1; size <= 12; size++) {
            Tensor from = zero_tensor(SHAPE(1, 21, 2));
            tensor_fill(from, (real)0.7);
            Tensor to = interpolated(from, (PatchGrid){4, 5},
                                     (PatchGrid){size, 13 - size}, all_kinds[k]);
            Tensor want = copy_of(to);
            tensor_fill(want, (real)0.7);
            assert_tensor_close(to, want, TOLERANCE, kind_names[k]);
        }
    }
}
END_TEST

START_TEST(the_same_grid_is_the_same_to_the_bit) {
    Tensor from = random_tensor('p', SHAPE(1, 2 + 5 * 3, 7));
    for (int k = 0; k < KINDS; k++) {
        const PatchGrid grid = {5, 3};
        assert_same_bits(interpolated(from, grid, grid, all_kinds[k]), from);
    }
}
END_TEST

START_TEST(tokens_before_the_patches_are_copied) {
    for (int t = 0; t <= 3; t++) {
        Tensor from = random_tensor('p', SHAPE(1, t + 4, 3));
        Tensor to = interpolated(from, (PatchGrid){2, 2}, (PatchGrid){3, 5},
                                 INTERPOLATE_BICUBIC);
        ck_assert_int_eq(to.shape[1], t + 15);
        if (t > 0) {
            assert_same_bits(tensor_first(tensor_slice(to, 0), t),
                             tensor_first(tensor_slice(from, 0), t));
        }
    }
}
END_TEST

/* A ramp over x stays one inside the image; its ends tell what meets: the corners of
 * the image, or the centres of the patches in its corners. */
START_TEST(a_ramp_tells_one_convention_from_another) {
    Tensor from = tensor_of(SHAPE(1, 4, 1), 0, 1, 2, 3);
    const PatchGrid old = {1, 4}, new = {1, 8};
    assert_values(interpolated(from, old, new, INTERPOLATE_BILINEAR), 1e-6, "bilinear",
                  0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3);
    assert_values(interpolated(from, old, new, INTERPOLATE_CORNERS), 1e-6, "corners", 0,
                  3. / 7, 6. / 7, 9. / 7, 12. / 7, 15. / 7, 18. / 7, 3);
}
END_TEST

START_TEST(down_and_across_are_not_mixed_up) {
    Tensor from = tensor_of(SHAPE(1, 6, 1), 0, 1, 2, 10, 11, 12); /* 2 x 3 */
    assert_values(
        interpolated(from, (PatchGrid){2, 3}, (PatchGrid){3, 5}, INTERPOLATE_CORNERS),
        1e-6, "corners", 0, 0.5, 1, 1.5, 2, 5, 5.5, 6, 6.5, 7, 10, 10.5, 11, 11.5, 12);
}
END_TEST

START_TEST(there_and_back_is_nearly_where_it_was) {
    Tensor from = zero_tensor(SHAPE(1, 49, 1)); /* smooth, as learned positions are */
    for (int i = 0; i < 49; i++) {
        from.data[i] = (real)sin(0.3 * (i % 7) + 0.2 * (i / 7));
    }
    const PatchGrid small = {7, 7}, large = {14, 14};
    Tensor there = interpolated(from, small, large, INTERPOLATE_BICUBIC);
    Tensor back = interpolated(there, large, small, INTERPOLATE_BICUBIC);
    ck_assert_double_lt(tensor_max_abs_difference(back, from), 0.05);
}
END_TEST

START_TEST(grids_that_do_not_fit_stop_the_program) {
    Tensor from = zero_tensor(SHAPE(1, 5, 2)), to = zero_tensor(SHAPE(1, 10, 2));
    const PatchGrid two = {2, 2}, three = {3, 3};
    Error error;
    assert_stops(
        "positions_interpolate|5 rows|3x3",
        positions_interpolate(from, three, to, three, INTERPOLATE_BICUBIC, &error));
    assert_stops(
        "positions_interpolate|to is (1,10,2), want (1,5,2)",
        positions_interpolate(from, two, to, two, INTERPOLATE_BICUBIC, &error));
}
END_TEST

/* ---- what a fine-tuning begins with ---------------------------------------- */

/* The small model, with weights that aren't what a new one has. */
static Trainer old_trainer(Settings s, const Dataset *data) {
    Trainer t = new_trainer(&s, data);
    Tensor w = weights_of(&t);
    tensor_copy(w, random_tensor('o', SHAPE((int)t.list.total)));
    return t;
}

/* For images of 12 x 16 in place of 8 x 8: 3 x 4 patches, not 2 x 2; and 7 classes. */
static Trainer wider_trainer(Settings s, const Dataset *data) {
    s.model.height = 12;
    s.model.width = 16;
    s.model.classes = 7;
    s.seed = 77;
    return new_trainer(&s, data);
}

/* It, as weights that were read from a file. */
static Pretrained weights_in(const Trainer *t) {
    const VitConfig *c = &t->settings.model;
    return (Pretrained){
        .config = {.vit = *c, .class_token = c->pool == POOL_CLASS, .head = true},
        .vit = t->vit};
}

static Tensor named(const Trainer *t, const char *name) {
    for (int i = 0; i < t->list.count; i++) {
        if (strcmp(t->list.items[i].name, name) == 0) {
            return parameter_in(&t->list.items[i], t->weights);
        }
    }
    ck_abort_msg("there is no %s", name);
}

/* What isn't positions or head is the old one's; the head is zero. */
static void check_begin(Settings s) {
    Dataset data = small_dataset(20, 10);
    Trainer from = old_trainer(s, &data), to = wider_trainer(s, &data);
    Pretrained old = weights_in(&from);
    Error error = {""};
    tensor_fill(named(&to, "head.weight"), 1);
    ck_assert_msg(fine_tune_begin(&to, &old, INTERPOLATE_BICUBIC, &error), "%s",
                  error.text);
    for (int i = 0; i < to.list.count; i++) {
        const char *name = to.list.items[i].name;
        Tensor T = parameter_in(&to.list.items[i], to.weights);
        if (strncmp(name, "head.", 5) == 0) {
            assert_same_bits(T, zero_tensor(to.list.items[i].shape));
        } else if (strncmp(name, "pos_embed", 9) != 0 ||
                   strcmp(name, "pos_embed_cls") == 0) {
            assert_same_bits(T, named(&from, name));
        }
    }
    if (s.model.positions == POSITIONS_1D) {
        assert_same_bits(named(&to, "pos_embed"),
                         interpolated(named(&from, "pos_embed"), (PatchGrid){2, 2},
                                      (PatchGrid){3, 4}, INTERPOLATE_BICUBIC));
    } else if (s.model.positions == POSITIONS_2D) {
        assert_same_bits(named(&to, "pos_embed_x"),
                         interpolated(named(&from, "pos_embed_x"), (PatchGrid){1, 2},
                                      (PatchGrid){1, 4}, INTERPOLATE_BICUBIC));
        assert_same_bits(named(&to, "pos_embed_y"),
                         interpolated(named(&from, "pos_embed_y"), (PatchGrid){1, 2},
                                      (PatchGrid){1, 3}, INTERPOLATE_BICUBIC));
    }
    trainer_free(&from);
    trainer_free(&to);
    dataset_free(&data);
}

START_TEST(everything_but_positions_and_head_is_the_old_models) {
    Settings s = small_settings();
    const Positions positions[] = {POSITIONS_1D, POSITIONS_2D, POSITIONS_NONE,
                                   POSITIONS_SINUSOIDAL};
    for (int i = 0; i < 4; i++) {
        s.model.positions = positions[i];
        s.model.pool = POOL_CLASS;
        check_begin(s);
        s.model.pool = POOL_MEAN;
        check_begin(s);
    }
}
END_TEST

START_TEST(weights_of_another_shape_give_a_line) {
    Dataset data = small_dataset(20, 10);
    const Settings s = small_settings();
    Trainer from = old_trainer(s, &data);
    Pretrained old = weights_in(&from);
    Settings colour = s, deeper = s;
    Error error = {""};
    colour.model.channels = 3;
    Trainer to = new_trainer(&colour, &data);
    ck_assert(!fine_tune_begin(&to, &old, INTERPOLATE_BICUBIC, &error));
    assert_error_line(error, "patch_embed.proj.weight|(8,1,4,4)|(8,3,4,4)");
    trainer_free(&to);
    deeper.model.depth = 3;
    to = new_trainer(&deeper, &data);
    ck_assert(!fine_tune_begin(&to, &old, INTERPOLATE_BICUBIC, &error));
    assert_error_line(error, "no blocks.2.norm1.weight");
    trainer_free(&to);
    trainer_free(&from);
    dataset_free(&data);
}
END_TEST

Suite *interpolate_suite(void) {
    Suite *suite = suite_create("interpolate");
    TCase *reference = add_case(suite, "against PyTorch and timm");
    tcase_add_loop_test(reference, positions_equal_pytorchs_and_timms, 0, GRIDS);
    TCase *properties = add_case(suite, "what must be so");
    tcase_add_test(properties, a_constant_stays_constant);
    tcase_add_test(properties, the_same_grid_is_the_same_to_the_bit);
    tcase_add_test(properties, tokens_before_the_patches_are_copied);
    tcase_add_test(properties, a_ramp_tells_one_convention_from_another);
    tcase_add_test(properties, down_and_across_are_not_mixed_up);
    tcase_add_test(properties, there_and_back_is_nearly_where_it_was);
    tcase_add_test(properties, grids_that_do_not_fit_stop_the_program);
    TCase *beginning = add_case(suite, "what a fine-tuning begins with");
    tcase_add_test(beginning, everything_but_positions_and_head_is_the_old_models);
    tcase_add_test(beginning, weights_of_another_shape_give_a_line);
    return suite;
}
