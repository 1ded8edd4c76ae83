/*
 * test_gpu_trainer.c: the model and the training of chapter 6 compared with chapter
 * 5's: the same settings, seed and images.
 */
#include <stdio.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/05_vision_transformer/training/checkpoint_file.h"
#include "tests/cuda/cuda_suites.h"
#include "tests/cuda/device_helpers.h"
#include "chapters/06_cuda_training/measuring/measuring.h"
#include "chapters/06_cuda_training/gpu_trainer.h"
#include "tests/scratch.h"
#include "tests/small_run.h"

START_TEST(logits_loss_and_every_gradient_are_the_cpus) {
    capture_begin();
    const int failures = gpu_parity();
    const char *printed = capture_end();
    ck_assert_msg(failures == 0, "%s", printed);
    ck_assert_msg(strstr(printed, "PASS") != NULL, "nothing was compared");
}
END_TEST

static Trainer gpu_trainer(const Settings *settings, const Dataset *dataset) {
    Trainer t;
    Error error = {""};
    ck_assert_msg(gpu_engine.make(&t, settings, dataset->train.count, &error), "%s",
                  error.text);
    gpu_engine.upload(&t);
    return t;
}

/* Steps until `step` are done, at most `at_once` in one call. */
static void gpu_train_to(Trainer *t, const Dataset *dataset, long step, int at_once,
                         StepResult *results) {
    while (t->step < step) {
        const long left = step - t->step, before = t->step;
        const int n = gpu_engine.steps(t, dataset, left < at_once ? (int)left : at_once,
                                       results + before);
        ck_assert_int_ge(n, 1);
        ck_assert_int_eq(t->step, before + n);
    }
}

enum { STEPS = 50 };

static void compare_losses(const Settings *s) {
    Dataset data = small_dataset(64, 20);
    Trainer cpu = new_trainer(s, &data), gpu = gpu_trainer(s, &data);
    static StepResult results[STEPS];
    gpu_train_to(&gpu, &data, STEPS, 7, results);
    for (int i = 0; i < STEPS; i++) {
        const StepResult want = trainer_step(&cpu, &data), got = results[i];
        ck_assert_int_eq(got.step, want.step);
        assert_number_close(got.loss / want.loss, 1, 1e-4, "loss, step by step");
        assert_number_close(got.gradient_norm / want.gradient_norm, 1, 1e-3, "norm");
        assert_number_close(got.lr, want.lr, 1e-12, "learning rate");
        assert_number_close(got.accuracy, want.accuracy, 1e-6, "accuracy");
    }
    gpu_engine.download(&gpu);
    Evaluation want, got;
    int predictions[20];
    long right = 0;
    trainer_evaluate(&cpu, &data, &data.test, NULL, &want);
    gpu_engine.evaluate(&gpu, &data, &data.test, predictions, &got);
    ck_assert_int_eq(got.count, 20);
    for (int i = 0; i < 20; i++) {
        right += predictions[i] == data.test.labels[i];
    }
    ck_assert_int_eq(got.correct, right);
    assert_number_close(got.loss / want.loss, 1, 1e-3, "test loss");
    trainer_free(&cpu);
    gpu_engine.free(&gpu);
    dataset_free(&data);
}

START_TEST(fifty_losses_are_chapter_5s_to_1e_4) {
    Settings s = small_settings();
    s.epochs = 8;
    compare_losses(&s);
}
END_TEST

START_TEST(and_without_dropout_and_with_another_norm) {
    Settings s = small_settings();
    s.epochs = 8;
    s.dropout = 0;
    s.shift = 0;
    s.model.block.norm = POST_NORM;
    s.model.block.activation = ACTIVATION_RELU;
    compare_losses(&s);
}
END_TEST

START_TEST(how_many_steps_are_asked_at_once_changes_no_bit) {
    const Settings s = small_settings();
    Dataset data = small_dataset(32, 10);
    Trainer a = gpu_trainer(&s, &data), b = gpu_trainer(&s, &data);
    StepResult results[16];
    gpu_train_to(&a, &data, 12, 1, results);
    gpu_train_to(&b, &data, 12, 16, results);
    gpu_engine.download(&a);
    gpu_engine.download(&b);
    assert_same_bits(weights_of(&a), weights_of(&b));
    gpu_engine.free(&a);
    gpu_engine.free(&b);
    dataset_free(&data);
}
END_TEST

/* A run of 6 steps, saved, goes on to 12 elsewhere: as if it had not been cut. */
START_TEST(a_checkpoint_continues_on_the_device_and_back) {
    const Settings s = small_settings();
    Dataset data = small_dataset(32, 10);
    Trainer cpu = new_trainer(&s, &data), whole = new_trainer(&s, &data);
    Error error;
    StepResult results[16];
    char path[256];
    snprintf(path, sizeof path, "%s", in_scratch("run.safetensors"));
    train_to(&cpu, &data, 6);
    ck_assert_msg(checkpoint_save(path, &cpu, &data, &error), "%s", error.text);
    Trainer gpu = gpu_trainer(&s, &data);
    ck_assert_msg(checkpoint_load(path, &gpu, &error), "%s", error.text);
    gpu_engine.upload(&gpu);
    ck_assert_int_eq(gpu.step, 6);
    gpu_train_to(&gpu, &data, 9, 16, results);
    gpu_engine.download(&gpu);
    ck_assert_msg(checkpoint_save(path, &gpu, &data, &error), "%s", error.text);
    ck_assert_msg(checkpoint_load(path, &cpu, &error), "%s", error.text);
    ck_assert_int_eq(cpu.step, 9);
    const StepResult got = train_to(&cpu, &data, 12),
                     want = train_to(&whole, &data, 12);
    assert_number_close(got.loss / want.loss, 1, 1e-4, "loss of step 12");
    trainer_free(&cpu);
    trainer_free(&whole);
    gpu_engine.free(&gpu);
    dataset_free(&data);
}
END_TEST

/* Free memory before and after; a GPU gives in pieces of 2 MB. */
START_TEST(the_memory_that_is_stated_is_what_is_taken) {
    const Settings s = small_settings();
    Trainer t;
    GpuInfo before, after;
    Error error;
    ck_assert(gpu_open(&before, &error));
    ck_assert_msg(gpu_engine.make(&t, &s, 64, &error), "%s", error.text);
    ck_assert(gpu_open(&after, &error));
    const double taken = before.free_bytes - after.free_bytes;
    const double stated = gpu_trainer_bytes(&s, t.list.total, s.batch);
    const double pieces = before.emulated ? 0.01e6 : 64e6;
    ck_assert_msg(taken <= stated + pieces && taken >= 0.99 * stated,
                  "%.3f MB taken, %.3f MB stated", taken / 1e6, stated / 1e6);
    gpu_engine.free(&t);
    ck_assert(gpu_open(&after, &error));
    ck_assert_msg(!before.emulated || after.free_bytes >= before.free_bytes,
                  "%.0f bytes are not given back",
                  before.free_bytes - after.free_bytes);
}
END_TEST

START_TEST(a_batch_that_does_not_fit_is_told_the_size_that_does) {
    Settings s = small_settings();
    Trainer t;
    Error error = {""};
    s.model.block.D = 64;
    s.model.block.M = 256;
    s.model.height = s.model.width = 128;
    s.batch = 100000;
    ck_assert(!gpu_engine.make(&t, &s, 200000, &error));
    assert_error_line(error,
                      "a batch of 100000 images|MB|the largest that fits is --batch");
}
END_TEST

/* Hundreds of launches, each with all the memory there is: one order is enough, where
 * the kernels' own suites run in several. */
static void in_one_order(void) {
    unsetenv("CUDA_ON_CPU_ORDERS");
}

Suite *gpu_trainer_suite(void) {
    Suite *suite = suite_create("gpu_trainer");
    TCase *model = device_case(suite, "the whole model");
    tcase_add_checked_fixture(model, in_one_order, NULL);
    tcase_add_test(model, logits_loss_and_every_gradient_are_the_cpus);
    suite_add_tcase(suite, model);
    TCase *training = device_case(suite, "training");
    tcase_add_checked_fixture(training, in_one_order, NULL);
    tcase_add_test(training, fifty_losses_are_chapter_5s_to_1e_4);
    tcase_add_test(training, and_without_dropout_and_with_another_norm);
    tcase_add_test(training, how_many_steps_are_asked_at_once_changes_no_bit);
    tcase_add_test(training, the_memory_that_is_stated_is_what_is_taken);
    tcase_add_test(training, a_batch_that_does_not_fit_is_told_the_size_that_does);
    suite_add_tcase(suite, training);
    TCase *files = add_scratch_case(suite, "checkpoints");
    tcase_add_checked_fixture(files, in_one_order, NULL);
    tcase_add_test(files, a_checkpoint_continues_on_the_device_and_back);
    suite_add_tcase(suite, files);
    return suite;
}
