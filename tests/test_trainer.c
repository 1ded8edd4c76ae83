/*
 * test_trainer.c: steps, threads, epochs, evaluation (trainer.h).
 *
 * Trainers use OpenMP. Check runs each test in a child, whose parent never does.
 */
#include <math.h>
#include <string.h>
#include <time.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "tests/check_helpers.h"
#include "chapters/05_vision_transformer/model/cross_entropy.h"
#include "tests/small_run.h"
#include "tests/suites.h"

/* No chance, no clipping, no decay: what a step does can be worked out by hand. A
 * large epsilon keeps AdamW's first step in proportion to the gradient, instead of
 * blowing up what is only rounding. */
static Settings plain_settings(void) {
    Settings s = small_settings();
    s.dropout = 0;
    s.shift = 0;
    s.flip = 0;
    s.clip = 0;
    s.warmup = 0;
    s.adamw.weight_decay = 0;
    s.adamw.epsilon = 0.1;
    return s;
}

/* ---- making -------------------------------------------------------------- */

START_TEST(a_batch_larger_than_the_data_set_stops_the_program) {
    Settings s = small_settings();
    Trainer t;
    Error error = {""};
    s.batch = 21;
    assert_stops("trainer_make|batch of 21|20", trainer_make(&t, &s, 20, &error));
    s.batch = 20;
    ck_assert_msg(trainer_make(&t, &s, 20, &error), "%s", error.text);
    trainer_free(&t);
}
END_TEST

START_TEST(what_does_not_fill_a_batch_is_no_step) {
    Dataset data = small_dataset(23, 10);
    const Settings s = small_settings(); /* batches of 4, 4 epochs */
    Trainer t = new_trainer(&s, &data);
    ck_assert_int_eq(trainer_steps_per_epoch(&t), 5);
    ck_assert_int_eq(trainer_total_steps(&t), 20);
    ck_assert_double_gt(trainer_bytes(&t), 4.0 * (double)t.list.total * sizeof(real));
    trainer_free(&t);
    dataset_free(&data);
}
END_TEST

/* ---- one step, worked out ------------------------------------------------ */

typedef struct {
    double loss, norm, accuracy;
    Tensor weights; /* after the step */
} Expected;

/* The gradient of the mean loss over the whole data set, in one piece. */
static Tensor gradient_of_all(Trainer *t, const Dataset *data, Expected *e) {
    static Vit d;
    static VitActivations a;
    const int count = data->train.count;
    const Augmentation none = {0};
    const Dropout off = {0};
    Error error;
    Tensor gradient = zero_tensor(SHAPE((int)t->list.total));
    Tensor images = zero_tensor(SHAPE(count, 1, SMALL_SIDE, SMALL_SIDE));
    d.config = t->settings.model;
    ck_assert(vit_activations_make(&a, &d.config, count, &error));
    parameters_view(&t->list, vit_parameters, &d, gradient.data);
    for (int i = 0; i < count; i++) {
        dataset_image(data, &data->train, i, &none, tensor_slice(images, i));
    }
    Tensor logits = vit_forward(&t->vit, images, &a, &off);
    for (int i = 0; i < count; i++) {
        e->accuracy += (double)(argmax_row(logits, i) == data->train.labels[i]) / count;
    }
    e->loss = cross_entropy(logits, data->train.labels, t->settings.label_smoothing,
                            1.0 / count, logits) /
              count;
    vit_backward(&t->vit, &d, &a, &off, logits);
    vit_activations_free(&a);
    return gradient;
}

/* What the first step should do when the batch is the whole data set. */
static Expected expected_step(Trainer *t, const Dataset *data, double lr) {
    Expected e = {.weights = copy_of(weights_of(t))};
    const Settings *s = &t->settings;
    Tensor gradient = gradient_of_all(t, data, &e);
    real *m = test_reals(t->list.total), *v = test_reals(t->list.total);
    e.norm = gradient_clip(gradient.data, t->list.total, s->clip);
    adamw_step(&(AdamWStep){&s->adamw, lr, 1, e.weights.data, gradient.data, m, v},
               &t->list);
    return e;
}

/* Weights that no longer have the head's zeros, with gradients everywhere. */
static void shake_weights(Trainer *t) {
    Tensor noise = random_tensor('w', SHAPE((int)t->list.total));
    tensor_scale(noise, (real)0.2);
    tensor_add(weights_of(t), noise);
}

static void check_first_step(Settings s, double lr) {
    Dataset data = small_dataset(s.batch, 10);
    Trainer t = new_trainer(&s, &data);
    shake_weights(&t);
    const Expected want = expected_step(&t, &data, lr);
    const StepResult got = trainer_step(&t, &data);
    assert_number_close(got.loss, want.loss, TOLERANCE, "loss");
    assert_number_close(got.accuracy, want.accuracy, 1e-12, "accuracy");
    assert_number_close(got.gradient_norm, want.norm, TOLERANCE, "norm");
    assert_number_close(got.lr / lr, 1, 1e-12, "lr");
    assert_tensor_close(weights_of(&t), want.weights, TOLERANCE, "a step");
    ck_assert_int_eq(t.step, 1);
    trainer_free(&t);
    dataset_free(&data);
}

START_TEST(a_step_follows_the_mean_gradient_of_its_batch) {
    Settings s = plain_settings();
    const int batches[] = {1, 7, 8, 9, 20, 21}; /* around SLICE_IMAGES */
    for (int i = 0; i < 6; i++) {
        for (int threads = 1; threads <= 3; threads++) {
            s.batch = batches[i];
            s.epochs = 10;
            s.warmup = 1; /* so that the first step has the full rate */
            s.threads = threads;
            check_first_step(s, s.lr);
        }
    }
}
END_TEST

START_TEST(a_step_clips_the_gradient_and_decays_the_weights) {
    Settings s = plain_settings();
    s.batch = 20;
    s.warmup = 1;
    s.threads = 2;
    s.clip = 0.05; /* far below the norm */
    s.adamw.weight_decay = 3;
    check_first_step(s, s.lr);
}
END_TEST

START_TEST(more_threads_than_images_do_no_harm) {
    Settings s = plain_settings();
    s.batch = 2;
    s.warmup = 1;
    s.threads = 5;
    check_first_step(s, s.lr);
}
END_TEST

#ifdef _OPENMP
static double cpu_seconds(clockid_t whose) {
    struct timespec t;
    clock_gettime(whose, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

START_TEST(one_thread_is_one_thread) {
    /* Products of 4 million flops, which use all threads outside a step. */
    Dataset data = small_dataset(20, 10);
    Settings s = small_settings();
    s.model.block.D = 128;
    s.batch = 20;
    omp_set_num_threads(4);
    Trainer t = new_trainer(&s, &data);
    Evaluation e;
    const double all = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID);
    const double own = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
    train_to(&t, &data, 4);
    trainer_evaluate(&t, &data, &data.train, NULL, &e);
    const double own_took = cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - own;
    const double all_took = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - all;
    ck_assert_msg(all_took < 1.01 * own_took + 0.0005,
                  "of %.4f s, other threads took %.4f", all_took, all_took - own_took);
    trainer_free(&t);
    dataset_free(&data);
}
END_TEST
#endif

START_TEST(the_first_loss_is_log_K) {
    Dataset data = small_dataset(20, 10);
    const Settings s = small_settings();
    Trainer t = new_trainer(&s, &data);
    assert_number_close(trainer_step(&t, &data).loss, log(10), 1e-6, "loss");
    trainer_free(&t);
    dataset_free(&data);
}
END_TEST

/* ---- the schedule -------------------------------------------------------- */

START_TEST(rates_warm_up_and_end_at_0) {
    Dataset data = small_dataset(20, 10);
    Settings s = small_settings(); /* 5 steps per epoch, 4 epochs; 3 of warm-up */
    s.lr = 0.006;
    Trainer t = new_trainer(&s, &data);
    assert_number_close(train_to(&t, &data, 1).lr / 0.002, 1, 1e-12, "[ViT T.3]");
    assert_number_close(train_to(&t, &data, 2).lr / 0.004, 1, 1e-12, "[ViT T.3]");
    assert_number_close(train_to(&t, &data, 3).lr / 0.006, 1, 1e-12, "[ViT T.3]");
    ck_assert_double_lt(train_to(&t, &data, 4).lr, 0.006);
    ck_assert_double_gt(train_to(&t, &data, 19).lr, 0);
    ck_assert_double_eq(train_to(&t, &data, 20).lr, 0);
    trainer_free(&t);
    dataset_free(&data);
}
END_TEST

START_TEST(warm_up_is_a_tenth_of_the_run_unless_given) {
    Dataset data = small_dataset(20, 10);
    Settings s = small_settings();
    s.warmup = -1;
    s.epochs = 8; /* 40 steps: 4 of warm-up */
    s.lr = 0.004;
    Trainer t = new_trainer(&s, &data);
    assert_number_close(train_to(&t, &data, 1).lr / 0.001, 1, 1e-12, "warm-up");
    assert_number_close(train_to(&t, &data, 4).lr / 0.004, 1, 1e-12, "warm-up");
    trainer_free(&t);
    dataset_free(&data);
}
END_TEST

START_TEST(noam_knows_the_width_of_the_model) {
    Dataset data = small_dataset(20, 10);
    Settings s = small_settings();
    s.schedule = SCHEDULE_NOAM;
    s.warmup = 4;
    s.lr = 0.1;
    Trainer t = new_trainer(&s, &data);
    const double want = 0.1 / sqrt(8.0) / sqrt(4.0);
    assert_number_close(train_to(&t, &data, 4).lr / want, 1, 1e-12, "[AIAYN eq.3]");
    trainer_free(&t);
    dataset_free(&data);
}
END_TEST

/* ---- chance -------------------------------------------------------------- */

/* The weights after 12 steps, which cross two ends of an epoch. */
static Tensor trained_weights(Settings s) {
    Dataset data = small_dataset(21, 10);
    Trainer t = new_trainer(&s, &data);
    train_to(&t, &data, 12);
    Tensor weights = copy_of(weights_of(&t));
    trainer_free(&t);
    dataset_free(&data);
    return weights;
}

START_TEST(the_same_seed_and_threads_give_the_same_bits) {
    Settings s = small_settings();
    for (s.threads = 1; s.threads <= 3; s.threads++) {
        Tensor first = trained_weights(s);
        assert_same_bits(trained_weights(s), first);
    }
}
END_TEST

START_TEST(another_seed_gives_other_weights) {
    Settings s = small_settings(), other = s;
    other.seed++;
    ck_assert_double_gt(
        tensor_max_abs_difference(trained_weights(s), trained_weights(other)), 0.01);
}
END_TEST

START_TEST(each_kind_of_chance_is_used) {
    const Settings s = small_settings();
    Settings other[4] = {s, s, s, s};
    other[0].dropout = 0;
    other[1].shift = 0;
    other[2].flip = 0;
    other[3].label_smoothing = 0;
    for (int i = 0; i < 4; i++) {
        ck_assert_msg(tensor_max_abs_difference(trained_weights(s),
                                                trained_weights(other[i])) > 1e-6,
                      "setting %d changes nothing", i);
    }
}
END_TEST

/* The losses of one image, step after step, at a rate of nearly nothing: how many of
 * the nine later ones differ from the first. An epoch is a step. */
static int changing_losses(Settings s) {
    Dataset data = small_dataset(1, 1);
    s.batch = 1;
    s.epochs = 10;
    s.lr = 1e-12;
    Trainer t = new_trainer(&s, &data);
    shake_weights(&t);
    const double first = trainer_step(&t, &data).loss;
    int changed = 0;
    while (t.step < 10) {
        const double loss = trainer_step(&t, &data).loss;
        changed += fabs(loss - first) > 1e-6;
    }
    trainer_free(&t);
    dataset_free(&data);
    return changed;
}

START_TEST(masks_and_changes_are_new_in_every_epoch) {
    Settings masks = plain_settings(), shifts = masks, flips = masks;
    masks.dropout = 0.2;
    shifts.shift = 3;
    flips.flip = 1;
    ck_assert_int_eq(changing_losses(plain_settings()), 0);
    ck_assert_int_ge(changing_losses(masks), 8);
    ck_assert_int_ge(changing_losses(shifts), 7);
    const int flipped = changing_losses(flips);
    ck_assert_msg(flipped >= 1 && flipped <= 8, "%d of 9", flipped);
}
END_TEST

START_TEST(images_are_flipped_by_default_only_when_classes_have_names) {
    Settings by_default = small_settings(), yes = by_default, no = by_default;
    by_default.flip = -1;
    yes.flip = 1;
    no.flip = 0;
    assert_same_bits(trained_weights(by_default), trained_weights(yes));
    Dataset digits = small_dataset(21, 10);
    digits.has_class_names = false;
    Trainer a = new_trainer(&by_default, &digits), b = new_trainer(&no, &digits);
    train_to(&a, &digits, 12);
    train_to(&b, &digits, 12);
    assert_same_bits(weights_of(&a), weights_of(&b));
    trainer_free(&a);
    trainer_free(&b);
    dataset_free(&digits);
}
END_TEST

START_TEST(threads_share_a_batch_without_changing_what_is_learned) {
    /* Masks and changes go by the image's place in the batch, not by the thread. */
    Settings s = small_settings();
    s.batch = 10;
    s.adamw.epsilon = 0.01;
    s.threads = 1;
    Tensor alone = trained_weights(s);
    for (s.threads = 2; s.threads <= 4; s.threads++) {
        assert_tensor_close(trained_weights(s), alone, 10 * TOLERANCE, "threads");
    }
}
END_TEST

/* ---- epochs -------------------------------------------------------------- */

START_TEST(every_epoch_has_every_image_once_in_an_order_of_its_own) {
    enum { IMAGES = 20 };
    Dataset data = small_dataset(IMAGES, 10);
    const Settings s = small_settings();
    Trainer t = new_trainer(&s, &data);
    int order[3][IMAGES];
    for (int epoch = 0; epoch < 3; epoch++) {
        int seen[IMAGES] = {0};
        train_to(&t, &data, 5 * epoch + 1);
        memcpy(order[epoch], t.order, sizeof order[epoch]);
        train_to(&t, &data, 5 * epoch + 5);
        ck_assert_mem_eq(order[epoch], t.order, sizeof order[epoch]);
        for (int i = 0; i < IMAGES; i++) {
            seen[t.order[i]]++;
        }
        for (int i = 0; i < IMAGES; i++) {
            ck_assert_int_eq(seen[i], 1);
        }
    }
    ck_assert_mem_ne(order[0], order[1], sizeof order[0]);
    ck_assert_mem_ne(order[0], order[2], sizeof order[0]);
    ck_assert_mem_ne(order[1], order[2], sizeof order[0]);
    trainer_free(&t);
    dataset_free(&data);
}
END_TEST

START_TEST(an_epoch_shows_every_label_as_often_as_it_is_there) {
    /* A rate of nearly nothing: the accuracies of an epoch's steps then add up to
     * that of the whole set. */
    Dataset data = small_dataset(20, 10);
    Settings s = plain_settings();
    s.lr = 1e-12;
    Trainer t = new_trainer(&s, &data);
    shake_weights(&t);
    Evaluation e;
    trainer_evaluate(&t, &data, &data.train, NULL, &e);
    for (int epoch = 0; epoch < 2; epoch++) {
        double right = 0;
        for (int i = 0; i < 5; i++) {
            right += trainer_step(&t, &data).accuracy * 4;
        }
        assert_number_close(right, (double)e.correct, 1e-9, "images right");
    }
    trainer_free(&t);
    dataset_free(&data);
}
END_TEST

/* ---- evaluation ---------------------------------------------------------- */

START_TEST(untrained_everything_is_class_0_at_a_loss_of_log_K) {
    Dataset data = small_dataset(20, 37);
    const Settings s = small_settings();
    Trainer t = new_trainer(&s, &data);
    Evaluation e;
    int predictions[37];
    memset(predictions, 1, sizeof predictions);
    trainer_evaluate(&t, &data, &data.test, predictions, &e);
    ck_assert_int_eq(e.count, 37);
    ck_assert_int_eq(e.correct, 4); /* images 0, 10, 20, 30 */
    assert_number_close(e.loss, log(10), 1e-6, "loss");
    for (int i = 0; i < 37; i++) {
        ck_assert_int_eq(predictions[i], 0);
    }
    trainer_free(&t);
    dataset_free(&data);
}
END_TEST

static void check_evaluation(const Evaluation *e, const int *predictions, int count) {
    long right = 0;
    for (int i = 0; i < count; i++) {
        ck_assert_int_ge(predictions[i], 0);
        ck_assert_int_lt(predictions[i], SMALL_CLASSES);
        right += predictions[i] == i % SMALL_CLASSES;
    }
    ck_assert_int_eq(e->count, count);
    ck_assert_int_eq(e->correct, right);
    ck_assert(isfinite(e->loss));
}

START_TEST(evaluation_adds_up_and_does_not_depend_on_threads_or_batch) {
    Dataset data = small_dataset(40, 37);
    Settings s = small_settings();
    Evaluation first = {0};
    int predictions[2][37];
    for (int run = 0; run < 6; run++) {
        Evaluation e;
        int *these = predictions[run > 0];
        s.threads = 1 + run % 3;
        s.batch = run < 3 ? 3 : 30;
        Trainer t = new_trainer(&s, &data);
        shake_weights(&t);
        memset(these, -1, sizeof predictions[0]);
        trainer_evaluate(&t, &data, &data.test, these, &e);
        check_evaluation(&e, these, 37);
        first = run == 0 ? e : first;
        assert_number_close(e.loss, first.loss, TOLERANCE, "loss");
        ck_assert_mem_eq(these, predictions[0], sizeof predictions[0]);
        trainer_free(&t);
    }
    dataset_free(&data);
}
END_TEST

START_TEST(evaluation_leaves_chance_and_smoothing_out_and_changes_nothing) {
    Dataset data = small_dataset(20, 20);
    Settings s = small_settings(), plain = plain_settings();
    plain.label_smoothing = 0;
    plain.batch = s.batch = 20;
    Trainer a = new_trainer(&s, &data), b = new_trainer(&plain, &data);
    shake_weights(&a);
    shake_weights(&b);
    Evaluation with, without, again;
    trainer_evaluate(&a, &data, &data.train, NULL, &with);
    trainer_evaluate(&b, &data, &data.train, NULL, &without);
    trainer_evaluate(&a, &data, &data.train, NULL, &again);
    ck_assert_mem_eq(&with, &again, sizeof with);
    ck_assert_int_eq(with.correct, without.correct);
    ck_assert_double_eq(with.loss, without.loss);
    assert_same_bits(weights_of(&a), weights_of(&b));
    ck_assert_int_eq(a.step, 0);
    /* Without chance, the loss of a step over everything is that of the set. */
    assert_number_close(trainer_step(&b, &data).loss, with.loss, TOLERANCE, "loss");
    trainer_free(&a);
    trainer_free(&b);
    dataset_free(&data);
}
END_TEST

/* ---- learning ------------------------------------------------------------ */

START_TEST(twenty_images_are_learned_by_heart) {
    Dataset data = small_dataset(20, 10);
    Settings s = plain_settings();
    s.model.block = (BlockConfig){.D = 16, .heads = 2, .M = 32};
    s.adamw.epsilon = 1e-8;
    s.lr = 0.01;
    s.batch = 10;
    s.epochs = 60;
    s.warmup = 10;
    s.label_smoothing = 0;
    s.clip = 1;
    s.threads = 2;
    Trainer t = new_trainer(&s, &data);
    train_to(&t, &data, trainer_total_steps(&t));
    Evaluation e;
    trainer_evaluate(&t, &data, &data.train, NULL, &e);
    ck_assert_int_eq(e.correct, 20);
    ck_assert_double_lt(e.loss, 0.1);
    trainer_free(&t);
    dataset_free(&data);
}
END_TEST

Suite *trainer_suite(void) {
    Suite *suite = suite_create("trainer");
    TCase *steps = add_case(suite, "a step");
    tcase_add_test(steps, a_batch_larger_than_the_data_set_stops_the_program);
    tcase_add_test(steps, what_does_not_fill_a_batch_is_no_step);
    tcase_add_test(steps, a_step_follows_the_mean_gradient_of_its_batch);
    tcase_add_test(steps, a_step_clips_the_gradient_and_decays_the_weights);
    tcase_add_test(steps, more_threads_than_images_do_no_harm);
#ifdef _OPENMP
    tcase_add_test(steps, one_thread_is_one_thread);
#endif
    tcase_add_test(steps, the_first_loss_is_log_K);
    TCase *schedule = add_case(suite, "the schedule");
    tcase_add_test(schedule, rates_warm_up_and_end_at_0);
    tcase_add_test(schedule, warm_up_is_a_tenth_of_the_run_unless_given);
    tcase_add_test(schedule, noam_knows_the_width_of_the_model);
    TCase *chance = add_case(suite, "chance");
    tcase_add_test(chance, the_same_seed_and_threads_give_the_same_bits);
    tcase_add_test(chance, another_seed_gives_other_weights);
    tcase_add_test(chance, each_kind_of_chance_is_used);
    tcase_add_test(chance, masks_and_changes_are_new_in_every_epoch);
    tcase_add_test(chance, images_are_flipped_by_default_only_when_classes_have_names);
    tcase_add_test(chance, threads_share_a_batch_without_changing_what_is_learned);
    TCase *epochs = add_case(suite, "epochs");
    tcase_add_test(epochs, every_epoch_has_every_image_once_in_an_order_of_its_own);
    tcase_add_test(epochs, an_epoch_shows_every_label_as_often_as_it_is_there);
    TCase *evaluation = add_case(suite, "evaluation");
    tcase_add_test(evaluation, untrained_everything_is_class_0_at_a_loss_of_log_K);
    tcase_add_test(evaluation,
                   evaluation_adds_up_and_does_not_depend_on_threads_or_batch);
    tcase_add_test(evaluation,
                   evaluation_leaves_chance_and_smoothing_out_and_changes_nothing);
    TCase *learning = add_case(suite, "learning");
    tcase_add_test(learning, twenty_images_are_learned_by_heart);
    return suite;
}
