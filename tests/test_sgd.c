/*
 * test_sgd.c: what fine-tuning adds to a training step: SGD with momentum (sgd.h),
 * frozen blocks (freeze.h), and a number of steps instead of epochs (trainer.h).
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/check_helpers.h"
#include "chapters/05_vision_transformer/training/freeze.h"
#include "common/files/safetensors_file.h"
#include "chapters/05_vision_transformer/training/sgd.h"
#include "tests/small_run.h"
#include "tests/suites.h"

/* ---- the step -------------------------------------------------------------- */

/* A list of one parameter of `count` elements, from `offset` on. */
static ParameterList list_of_one(int offset, int count) {
    static Parameter one;
    one = (Parameter){.decay = DECAY, .shape = SHAPE(count), .offset = offset};
    return (ParameterList){.items = &one, .count = 1, .total = offset + count};
}

START_TEST(two_steps_by_hand) {
    /* m = 2, then 2/2 + 3 = 4; w = 10 - 0.5 * 2 = 9, then 9 - 0.25 * 4 = 8 */
    Tensor w = tensor_of(SHAPE(1), 10), m = zero_tensor(SHAPE(1));
    Tensor g = tensor_of(SHAPE(1), 2);
    const ParameterList list = list_of_one(0, 1);
    sgd_step(&(SgdStep){0.5, 0.5, w.data, g.data, m.data}, &list);
    ck_assert_double_eq((double)w.data[0], 9);
    g.data[0] = 3;
    sgd_step(&(SgdStep){0.5, 0.25, w.data, g.data, m.data}, &list);
    ck_assert_double_eq((double)m.data[0], 4);
    ck_assert_double_eq((double)w.data[0], 8);
}
END_TEST

START_TEST(a_constant_gradient_is_soon_worth_ten_of_it) {
    Tensor w = zero_tensor(SHAPE(1)), m = zero_tensor(SHAPE(1));
    Tensor g = tensor_of(SHAPE(1), 3);
    const ParameterList list = list_of_one(0, 1);
    for (int t = 0; t < 400; t++) {
        sgd_step(&(SgdStep){0.9, 1e-3, w.data, g.data, m.data}, &list);
    }
    assert_number_close((double)m.data[0], 30, TOLERANCE, "[ViT T.4] g / (1 - mu)");
}
END_TEST

START_TEST(only_the_lists_parameters_are_touched) {
    Tensor w = random_tensor('w', SHAPE(9)), g = random_tensor('g', SHAPE(9));
    Tensor before = copy_of(w), m = zero_tensor(SHAPE(9));
    const ParameterList list = list_of_one(3, 4);
    sgd_step(&(SgdStep){0.9, 0.1, w.data, g.data, m.data}, &list);
    for (int i = 0; i < 9; i++) {
        const bool in_list = i >= 3 && i < 7;
        ck_assert(in_list == (w.data[i] != before.data[i]));
        ck_assert(in_list == (m.data[i] != 0));
    }
}
END_TEST

START_TEST(many_elements_on_threads_equal_one_after_the_other) {
    enum { MANY = 120003 };
    Tensor w = random_tensor('w', SHAPE(MANY)), g = random_tensor('g', SHAPE(MANY));
    Tensor m = random_tensor('m', SHAPE(MANY));
    double *want = doubles_of(w);
    for (int i = 0; i < MANY; i++) {
        want[i] -= 0.1 * (0.9 * (double)m.data[i] + (double)g.data[i]);
    }
    const ParameterList list = list_of_one(0, MANY);
    sgd_step(&(SgdStep){0.9, 0.1, w.data, g.data, m.data}, &list);
    assert_close_to_naive(w, want, TOLERANCE, "[ViT T.4] SGD");
}
END_TEST

static Tensor wanted(const Safetensors *file, Tensor shape, const char *format,
                     int step, const char *name) {
    char key[64];
    Error error = {""};
    Tensor T = zero_tensor(shape);
    snprintf(key, sizeof key, format, step, name);
    ck_assert_msg(safetensors_read(file, key, T, &error), "%s", error.text);
    return T;
}

START_TEST(five_steps_equal_pytorchs) {
    const struct {
        const char *name;
        Tensor shape;
    } parameters[] = {{"W", SHAPE(3, 4)}, {"b", SHAPE(5)}};
    Safetensors file;
    Error error = {""};
    ck_assert_msg(
        safetensors_open(&file, "tests/reference/sgd.safetensors", &error),
        "%s. To make it (needs PyTorch, timm): tests/reference/make_fine_tuning.py",
        error.text);
    Tensor rates = wanted(&file, SHAPE(5), "rates%.0d%s", 0, "");
    for (int k = 0; k < 2; k++) {
        const Tensor shape = parameters[k].shape;
        const char *name = parameters[k].name;
        Tensor w = wanted(&file, shape, "start%.0d.%s", 0, name),
               m = zero_tensor(shape);
        const ParameterList list = list_of_one(0, (int)tensor_count(shape));
        for (int t = 0; t < 5; t++) {
            Tensor g = wanted(&file, shape, "gradient%d.%s", t, name);
            const double lr = (double)rates.data[t];
            sgd_step(&(SgdStep){0.9, lr, w.data, g.data, m.data}, &list);
            Tensor want = wanted(&file, shape, "step%d.%s", t, name);
            Tensor momentum = wanted(&file, shape, "momentum%d.%s", t, name);
            assert_tensor_close(m, momentum, TOLERANCE, "[ViT T.4] momentum");
            assert_tensor_close(w, want, TOLERANCE, "[ViT T.4] SGD");
        }
    }
    safetensors_close(&file);
}
END_TEST

/* ---- in a run ---------------------------------------------------------------- */

/* A run that changes every weight at once: small_settings() without chance, with a head
 * that isn't zero. */
static Settings sgd_settings(void) {
    Settings s = small_settings();
    s.dropout = 0;
    s.shift = s.flip = 0;
    s.warmup = 1;
    s.optimiser = OPTIMISER_SGD;
    s.lr = 0.05;
    s.clip = 0;
    s.adamw.weight_decay = 0.5; /* AdamW's alone */
    return s;
}

static Trainer shaken_trainer(const Settings *s, const Dataset *data) {
    Trainer t = new_trainer(s, data);
    Tensor noise = random_tensor('w', SHAPE((int)t.list.total));
    tensor_scale(noise, (real)0.2);
    tensor_add(weights_of(&t), noise);
    return t;
}

/* Step 1 has the full rate: w - lr g, where step 2 adds mu of the first g. */
START_TEST(a_run_by_sgd_moves_along_the_gradient_and_keeps_its_speed) {
    Dataset data = small_dataset(4, 10); /* one batch: the same images each step */
    Settings s = sgd_settings();
    s.epochs = 100;
    Trainer t = shaken_trainer(&s, &data);
    Tensor w = copy_of(weights_of(&t));
    const StepResult first = trainer_step(&t, &data);
    Tensor g = tensor1(t.workers[0].gradients, (int)t.list.total);
    Tensor m = copy_of(g), want = copy_of(w);
    for (long i = 0; i < t.list.total; i++) {
        want.data[i] -= (real)first.lr * g.data[i];
    }
    assert_tensor_close(weights_of(&t), want, TOLERANCE, "[ViT T.4] w - lr g");
    assert_number_close(first.gradient_norm, gradient_norm(g.data, t.list.total),
                        TOLERANCE, "norm");
    const StepResult second = trainer_step(&t, &data); /* g is new now */
    for (long i = 0; i < t.list.total; i++) {
        m.data[i] = (real)0.9 * m.data[i] + g.data[i];
        want.data[i] -= (real)second.lr * m.data[i];
    }
    assert_tensor_close(weights_of(&t), want, TOLERANCE, "[ViT T.4] w - lr m");
    Tensor v = tensor1(t.v, (int)t.list.total);
    assert_same_bits(v, zero_tensor(SHAPE((int)t.list.total)));
    trainer_free(&t);
    dataset_free(&data);
}
END_TEST

START_TEST(momentum_is_what_the_settings_say) {
    Dataset data = small_dataset(4, 10);
    Settings s = sgd_settings();
    s.momentum = 0;
    Trainer t = shaken_trainer(&s, &data);
    train_to(&t, &data, 2);
    Tensor m = tensor1(t.m, (int)t.list.total);
    assert_same_bits(m, tensor1(t.workers[0].gradients, (int)t.list.total));
    trainer_free(&t);
    dataset_free(&data);
}
END_TEST

/* ---- freezing ------------------------------------------------------------------ */

/* Which parameters of the small model (two blocks) are trained, by their names. */
START_TEST(what_is_frozen_is_the_embedding_and_the_first_blocks) {
    Dataset data = small_dataset(20, 10);
    const Settings s = small_settings();
    Trainer t = new_trainer(&s, &data);
    const char *first[] = {"cls_token", "blocks.1.norm1.weight", "norm.weight"};
    for (int freeze = 0; freeze <= 2; freeze++) {
        const ParameterList trained = not_frozen(&t.list, freeze);
        const Parameter *end = t.list.items + t.list.count;
        ck_assert_str_eq(trained.items[0].name, first[freeze]);
        ck_assert_ptr_eq(trained.items + trained.count, end);
        ck_assert_int_eq(trained.total, t.list.total);
        for (const Parameter *p = t.list.items; p < end; p++) {
            const bool embedding = strncmp(p->name, "blocks.", 7) != 0 &&
                                   !strstr(p->name, "norm") && !strstr(p->name, "head");
            const bool frozen = (embedding && freeze > 0) ||
                                (strstr(p->name, "blocks.0.") && freeze > 0) ||
                                (strstr(p->name, "blocks.1.") && freeze > 1);
            ck_assert_msg(frozen == (p < trained.items), "%d: %s", freeze, p->name);
        }
    }
    trainer_free(&t);
    dataset_free(&data);
}
END_TEST

START_TEST(block_10_comes_after_block_9) {
    Dataset data = small_dataset(20, 10);
    Settings s = small_settings();
    s.model.depth = 12;
    Trainer t = new_trainer(&s, &data);
    ck_assert_str_eq(not_frozen(&t.list, 2).items[0].name, "blocks.2.norm1.weight");
    ck_assert_str_eq(not_frozen(&t.list, 10).items[0].name, "blocks.10.norm1.weight");
    trainer_free(&t);
    dataset_free(&data);
}
END_TEST

/* Three steps: what is frozen has its bits and no moments; every other tensor moves. */
static void check_freezing(Settings s, int freeze) {
    Dataset data = small_dataset(20, 10);
    s.freeze = freeze;
    Trainer t = shaken_trainer(&s, &data);
    Tensor before = copy_of(weights_of(&t));
    train_to(&t, &data, 3);
    for (int i = 0; i < t.list.count; i++) {
        const Parameter *p = &t.list.items[i];
        const bool frozen = p < t.trained.items;
        Tensor is = parameter_in(p, t.weights), was = parameter_in(p, before.data);
        Tensor m = parameter_in(p, t.m);
        if (frozen) {
            assert_same_bits(is, was);
            assert_same_bits(m, zero_tensor(p->shape));
        }
        ck_assert_msg(frozen == (tensor_max_abs_difference(is, was) == 0), "%s",
                      p->name);
    }
    trainer_free(&t);
    dataset_free(&data);
}

START_TEST(frozen_weights_keep_their_bits_and_only_they) {
    for (int freeze = 0; freeze <= 2; freeze++) {
        Settings s = sgd_settings();
        check_freezing(s, freeze);
        s.clip = 1e-3;
        s.threads = 2;
        check_freezing(s, freeze);
        s.model.positions = POSITIONS_2D;
        s.model.pool = POOL_MEAN;
        check_freezing(s, freeze);
        s = small_settings(); /* AdamW, with its decay */
        s.warmup = 1;
        check_freezing(s, freeze);
    }
}
END_TEST

START_TEST(the_norm_is_of_what_is_trained) {
    Dataset data = small_dataset(4, 10);
    Settings s = sgd_settings();
    s.freeze = 1;
    Trainer t = shaken_trainer(&s, &data);
    real *g = t.workers[0].gradients;
    g[0] = 1000; /* of a frozen weight: it has no part in the norm, nor is it computed */
    const StepResult result = trainer_step(&t, &data);
    const long from = t.trained.items[0].offset;
    const double norm = gradient_norm(g + from, t.list.total - from);
    assert_number_close(result.gradient_norm, norm, TOLERANCE, "norm");
    ck_assert_double_gt(gradient_norm(g, t.list.total), 999);
    trainer_free(&t);
    s.clip = norm / 4; /* clipped to it: by sgd's first step m is the gradient */
    t = shaken_trainer(&s, &data);
    trainer_step(&t, &data);
    assert_number_close(gradient_norm(t.m, t.list.total), norm / 4, TOLERANCE, "m");
    trainer_free(&t);
    dataset_free(&data);
}
END_TEST

/* ---- so many steps --------------------------------------------------------------- */

START_TEST(a_run_of_so_many_steps_ends_its_schedule_with_them) {
    Dataset data = small_dataset(20, 10); /* 5 steps an epoch */
    Settings s = sgd_settings();
    s.warmup = 0;
    s.total_steps = 7;
    Trainer t = new_trainer(&s, &data);
    ck_assert_int_eq(trainer_total_steps(&t), 7);
    ck_assert_int_eq(trainer_epochs(&t), 2);
    ck_assert_double_eq(trainer_rate(&t, 7), 0);
    ck_assert_double_gt(trainer_rate(&t, 6), 0);
    train_to(&t, &data, 6);
    Tensor before = copy_of(weights_of(&t));
    train_to(&t, &data, 7); /* the rate is 0 */
    assert_same_bits(weights_of(&t), before);
    trainer_free(&t);
    s.total_steps = 0;
    t = new_trainer(&s, &data);
    ck_assert_int_eq(trainer_total_steps(&t), 20);
    ck_assert_int_eq(trainer_epochs(&t), 4);
    trainer_free(&t);
    dataset_free(&data);
}
END_TEST

Suite *sgd_suite(void) {
    Suite *suite = suite_create("sgd");
    TCase *steps = add_case(suite, "the step");
    tcase_add_test(steps, two_steps_by_hand);
    tcase_add_test(steps, a_constant_gradient_is_soon_worth_ten_of_it);
    tcase_add_test(steps, only_the_lists_parameters_are_touched);
    tcase_add_test(steps, many_elements_on_threads_equal_one_after_the_other);
    tcase_add_test(steps, five_steps_equal_pytorchs);
    TCase *run = add_case(suite, "in a run");
    tcase_add_test(run, a_run_by_sgd_moves_along_the_gradient_and_keeps_its_speed);
    tcase_add_test(run, momentum_is_what_the_settings_say);
    TCase *freezing = add_case(suite, "freezing");
    tcase_add_test(freezing, what_is_frozen_is_the_embedding_and_the_first_blocks);
    tcase_add_test(freezing, block_10_comes_after_block_9);
    tcase_add_test(freezing, frozen_weights_keep_their_bits_and_only_they);
    tcase_add_test(freezing, the_norm_is_of_what_is_trained);
    TCase *lasting = add_case(suite, "so many steps");
    tcase_add_test(lasting, a_run_of_so_many_steps_ends_its_schedule_with_them);
    return suite;
}
