/*
 * test_gpu_ranks.c: chapter 8's training on several devices, which are cuda_on_cpu's
 * here, each with a thread: against chapter 6's on one device.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chapters/06_cuda_training/gpu_trainer.h"
#include "chapters/08_many_machines/gpus/emulated_ranks.h"
#include "chapters/08_many_machines/gpus/gpu_rank_trainer.h"
#include "chapters/08_many_machines/gpus/ranks_on_cpu.h"
#include "tests/check_helpers.h"
#include "tests/cuda/cuda_suites.h"
#include "tests/scratch.h"
#include "tests/small_run.h"

enum { MAX_RANKS = 4, STEPS = 5, TEST_IMAGES = 37 };

/* After STEPS steps: AdamW divides by the gradient's size, so that where a gradient is
 * hardly more than its rounding, so is the step. */
#define AFTER_STEPS 2e-3

/* A run of all ranks, and what each of them had in the end. */
typedef struct {
    int size, at_once;
    GpuSum sum;
    long bucket_bytes;
    GpuRanksId id;
    Settings settings;
    Dataset dataset;
    long elements;
    float *weights[MAX_RANKS], *m[MAX_RANKS];
    StepResult steps[MAX_RANKS][STEPS];
    Evaluation evaluation[MAX_RANKS];
    int predictions[MAX_RANKS][TEST_IMAGES];
    int stop_by[MAX_RANKS], stopped[MAX_RANKS];
} RunOfRanks;

/* Settings with which shares differ in length: 13 images. */
static RunOfRanks *run_of(int size) {
    static RunOfRanks runs[8];
    static int made;
    RunOfRanks *run = &runs[made++ % 8];
    Error error;
    *run = (RunOfRanks){.size = size, .at_once = 1, .bucket_bytes = 1};
    run->settings = small_settings();
    run->settings.batch = 13;
    run->dataset = small_dataset(80, TEST_IMAGES);
    Trainer one = new_trainer(&run->settings, &run->dataset);
    run->elements = one.list.total;
    trainer_free(&one);
    for (int r = 0; r < MAX_RANKS; r++) {
        run->weights[r] = test_reals(run->elements);
        run->m[r] = test_reals(run->elements);
    }
    ck_assert(gpu_ranks_id(&run->id, &error));
    return run;
}

static void keep(RunOfRanks *run, int r, const Engine *engine, Trainer *t) {
    const size_t bytes = (size_t)t->list.total * sizeof(float);
    engine->evaluate(t, &run->dataset, &run->dataset.test, run->predictions[r],
                     &run->evaluation[r]);
    engine->download(t);
    memcpy(run->weights[r], t->weights, bytes);
    memcpy(run->m[r], t->m, bytes);
}

static void steps_of(RunOfRanks *run, int r, const Engine *engine, Trainer *t) {
    engine->upload(t);
    while (t->step < STEPS) {
        const long left = STEPS - t->step, before = t->step;
        const int n = engine->steps(t, &run->dataset,
                                    left < run->at_once ? (int)left : run->at_once,
                                    run->steps[r] + before);
        ck_assert_int_eq((int)(t->step - before), n);
    }
}

static void train(int rank, void *data) {
    RunOfRanks *run = data;
    const Engine *engine = &gpu_rank_engine;
    Trainer trainer;
    Error error = {""};
    GpuRanks *ranks = gpu_ranks_open(&run->id, rank, run->size, &error);
    if (!ranks) {
        bug("%s", error.text);
    }
    const GpuRanksRun mine = {
        .ranks = ranks, .sum = run->sum, .bucket_bytes = run->bucket_bytes};
    gpu_rank_trainer_use(&mine);
    if (!engine->can_train(&run->settings, &error) ||
        !engine->make(&trainer, &run->settings, run->dataset.train.count, &error)) {
        bug("%s", error.text);
    }
    steps_of(run, rank, engine, &trainer);
    keep(run, rank, engine, &trainer);
    engine->free(&trainer);
    gpu_ranks_close(ranks);
}

static void run_ranks(RunOfRanks *run) {
    Error error = {""};
    ck_assert_msg(ranks_on_cpu(run->size, train, run, &error), "%s", error.text);
}

/* The same on one device, by chapter 6: as rank 0 of the run. */
static void run_alone(RunOfRanks *run) {
    Trainer t;
    Error error = {""};
    ck_assert_msg(gpu_engine.make(&t, &run->settings, run->dataset.train.count, &error),
                  "%s", error.text);
    steps_of(run, 0, &gpu_engine, &t);
    keep(run, 0, &gpu_engine, &t);
    gpu_engine.free(&t);
}

static void assert_same_bits_as(const RunOfRanks *got, int rank,
                                const RunOfRanks *want) {
    const size_t bytes = (size_t)want->elements * sizeof(float);
    ck_assert_mem_eq(got->weights[rank], want->weights[0], bytes);
    ck_assert_mem_eq(got->m[rank], want->m[0], bytes);
    ck_assert_mem_eq(got->steps[rank], want->steps[0], sizeof got->steps[rank]);
    ck_assert_mem_eq(got->predictions[rank], want->predictions[0],
                     sizeof got->predictions[rank]);
    ck_assert(got->evaluation[rank].loss == want->evaluation[0].loss);
    ck_assert_int_eq(got->evaluation[rank].count, want->evaluation[0].count);
    ck_assert_int_eq(got->evaluation[rank].correct, want->evaluation[0].correct);
}

START_TEST(ranks_agree_with_one_device_to_rounding) {
    RunOfRanks *alone = run_of(1), *ranks = run_of(_i);
    run_alone(alone);
    run_ranks(ranks);
    assert_tensor_close(tensor1(ranks->weights[0], (int)ranks->elements),
                        tensor1(alone->weights[0], (int)alone->elements), AFTER_STEPS,
                        "weights");
    for (int s = 0; s < STEPS; s++) {
        const StepResult got = ranks->steps[0][s], want = alone->steps[0][s];
        ck_assert_int_eq((int)got.step, s + 1);
        assert_number_close(got.loss / want.loss, 1, 1e-4, "loss");
        assert_number_close(got.gradient_norm / want.gradient_norm, 1, 1e-3, "norm");
        assert_number_close(got.accuracy, want.accuracy, 1e-6, "accuracy");
        assert_number_close(got.lr, want.lr, 1e-12, "learning rate");
    }
    dataset_free(&alone->dataset);
    dataset_free(&ranks->dataset);
}
END_TEST

START_TEST(all_ranks_have_the_same_bits) {
    RunOfRanks *ranks = run_of(_i);
    run_ranks(ranks);
    for (int r = 1; r < ranks->size; r++) {
        assert_same_bits_as(ranks, r, ranks);
    }
    dataset_free(&ranks->dataset);
}
END_TEST

START_TEST(one_rank_has_the_bits_of_chapter_6) {
    RunOfRanks *alone = run_of(1), *ranks = run_of(1);
    run_alone(alone);
    run_ranks(ranks);
    assert_same_bits_as(ranks, 0, alone);
    dataset_free(&alone->dataset);
    dataset_free(&ranks->dataset);
}
END_TEST

/* The same sum of two or three, cut in other places. */
START_TEST(neither_buckets_nor_steps_at_once_change_a_bit) {
    RunOfRanks *small = run_of(_i), *large = run_of(_i), *at_end = run_of(_i);
    run_ranks(small);
    large->bucket_bytes = 3000;
    large->at_once = STEPS;
    run_ranks(large);
    at_end->sum = GPU_SUM_AT_END;
    at_end->at_once = 2;
    run_ranks(at_end);
    for (int r = 0; r < _i; r++) {
        assert_same_bits_as(large, r, small);
        assert_same_bits_as(at_end, r, small);
    }
    dataset_free(&small->dataset);
    dataset_free(&large->dataset);
    dataset_free(&at_end->dataset);
}
END_TEST

START_TEST(an_evaluation_counts_every_image_once) {
    RunOfRanks *ranks = run_of(_i);
    run_ranks(ranks);
    long right = 0;
    for (int i = 0; i < TEST_IMAGES; i++) {
        right += ranks->predictions[0][i] == ranks->dataset.test.labels[i];
    }
    ck_assert_int_eq(ranks->evaluation[0].count, TEST_IMAGES);
    ck_assert_int_eq(ranks->evaluation[0].correct, right);
    /* and they are the predictions of these weights */
    Trainer cpu = new_trainer(&ranks->settings, &ranks->dataset);
    memcpy(cpu.weights, ranks->weights[0], (size_t)ranks->elements * sizeof(float));
    Evaluation want;
    int predictions[TEST_IMAGES];
    trainer_evaluate(&cpu, &ranks->dataset, &ranks->dataset.test, predictions, &want);
    ck_assert_mem_eq(predictions, ranks->predictions[0], sizeof predictions);
    assert_number_close(ranks->evaluation[0].loss / want.loss, 1, 1e-5, "loss");
    trainer_free(&cpu);
    dataset_free(&ranks->dataset);
}
END_TEST

/* ---- what ranks disagree about --------------------------------------------------- */

static void train_with_another_rate(int rank, void *data) {
    RunOfRanks mine = *(RunOfRanks *)data;
    mine.settings.lr += rank == 1 ? 1e-4 : 0;
    train(rank, &mine);
}

/* What a process of its own says on stderr, and its exit status. */
static const char *said_by(void (*body)(int rank, void *data), int size, void *data,
                           int *status) {
    static char text[600];
    Error error;
    const pid_t child = fork();
    if (child == 0) {
        if (freopen(in_scratch("stderr"), "w", stderr)) {
            (void)ranks_on_cpu(size, body, data, &error);
        }
        exit(7);
    }
    waitpid(child, status, 0);
    Bytes bytes = read_bytes_of(in_scratch("stderr"));
    const size_t count = bytes.count < sizeof text - 1 ? bytes.count : sizeof text - 1;
    memcpy(text, bytes.bytes, count);
    text[count] = '\0';
    return text;
}

START_TEST(a_rank_with_other_settings_is_named) {
    int status;
    RunOfRanks *run = run_of(3);
    const char *said = said_by(train_with_another_rate, 3, run, &status);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    ck_assert_str_eq(said, "chapter8: rank 1 has other settings, weights or "
                           "training images than rank 0: all ranks need the same "
                           "words and files\n");
    dataset_free(&run->dataset);
}
END_TEST

START_TEST(a_batch_has_an_image_for_each_rank) {
    RunOfRanks *run = run_of(3);
    Error error = {""};
    emulated_ranks_use(3, 1);
    run->settings.batch = 2;
    ck_assert(!emulated_ranks_engine.can_train(&run->settings, &error));
    assert_error_line(error, "a batch of 2 images can't be shared among 3 ranks");
    dataset_free(&run->dataset);
}
END_TEST

/* ---- sums ------------------------------------------------------------------------ */

enum { N = 3 };

typedef struct {
    GpuRanksId id;
    float before[MAX_RANKS][N], sum[MAX_RANKS][N], scattered[MAX_RANKS][MAX_RANKS * N],
        gathered[MAX_RANKS][MAX_RANKS * N];
} Sums;

/* Rank r has r + 1, r + 2, ... */
static float *some_floats(int rank, int count) {
    float host[MAX_RANKS * N];
    Error error;
    float *x = gpu_allocate((size_t)count * sizeof *x, "a sum", &error);
    for (int i = 0; i < count; i++) {
        host[i] = (float)(rank + 1 + i);
    }
    gpu_upload(NULL, x, host, (size_t)count * sizeof *x);
    gpu_wait(NULL);
    return x;
}

static void sum_three_ways(int rank, void *data) {
    Sums *sums = data;
    Error error;
    GpuRanks *r = gpu_ranks_open(&sums->id, rank, 3, &error);
    GpuStream stream = gpu_ranks_stream(r);
    float *x = some_floats(rank, N), *y = some_floats(rank, 3 * N);
    gpu_ranks_sum(r, x, N);
    gpu_download(NULL, sums->before[rank], x, N * sizeof(float)); /* nobody waited */
    gpu_wait(stream);
    gpu_download(stream, sums->sum[rank], x, N * sizeof(float));
    gpu_ranks_reduce_scatter(r, y, N);
    gpu_download(stream, sums->scattered[rank], y, 3 * N * sizeof(float));
    gpu_ranks_gather(r, y, N);
    gpu_download(stream, sums->gathered[rank], y, 3 * N * sizeof(float));
    gpu_wait(stream);
    gpu_free(x);
    gpu_free(y);
    gpu_ranks_close(r);
}

START_TEST(sums_are_there_when_their_stream_was_waited_for) {
    static Sums sums;
    Error error;
    ck_assert(gpu_ranks_id(&sums.id, &error));
    ck_assert(ranks_on_cpu(3, sum_three_ways, &sums, &error));
    for (int r = 0; r < 3; r++) {
        for (int i = 0; i < N; i++) {
            ck_assert_int_eq((int)sums.before[r][i], r + 1 + i);
            ck_assert_int_eq((int)sums.sum[r][i], 6 + 3 * i);
            ck_assert_int_eq((int)sums.scattered[r][r * N + i], 6 + 3 * (r * N + i));
        }
        for (int i = 0; i < 3 * N; i++) { /* the other ranks' places are untouched */
            ck_assert(i / N == r || sums.scattered[r][i] == (float)(r + 1 + i));
            ck_assert_int_eq((int)sums.gathered[r][i], 6 + 3 * i);
        }
    }
}
END_TEST

static void sum_other_counts(int rank, void *data) {
    Sums *sums = data;
    Error error;
    GpuRanks *r = gpu_ranks_open(&sums->id, rank, 2, &error);
    float *x = some_floats(rank, N);
    gpu_ranks_sum(r, x, N - rank);
    gpu_wait(gpu_ranks_stream(r));
    if (gpu_ranks_failed(r, &error)) {
        fprintf(stderr, "rank %d was told: %s\n", rank, error.text);
    }
    gpu_free(x);
    gpu_ranks_close(r);
}

START_TEST(ranks_that_sum_different_things_are_told) {
    int status;
    static Sums sums;
    Error error;
    ck_assert(gpu_ranks_id(&sums.id, &error));
    const char *said = said_by(sum_other_counts, 2, &sums, &status);
    ck_assert_ptr_nonnull(strstr(said, "rank 0 calls ncclAllReduce of 3 elements, rank "
                                       "1 ncclAllReduce of 2: all ranks must do the "
                                       "same"));
    ck_assert_ptr_nonnull(strstr(said, "rank 0 was told: NCCL: "));
    ck_assert_ptr_nonnull(strstr(said, "rank 1 was told: NCCL: "));
}
END_TEST

static void use_another_device(int rank, void *data) {
    static float *of_0;
    static GpuRanks *kept[2]; /* nobody closes them: the program ends */
    Sums *sums = data;
    Error error;
    GpuRanks *r = kept[rank] = gpu_ranks_open(&sums->id, rank, 2, &error);
    if (rank == 0) {
        of_0 = some_floats(0, N);
    }
    gpu_ranks_sum_ints(r, gpu_allocate(4, "a turn", &error), 1);
    gpu_wait(gpu_ranks_stream(r));
    if (rank == 1) {
        gpu_ranks_sum(r, of_0, N); /* it has no such memory */
    }
}

START_TEST(a_device_has_memory_of_its_own) {
    int status;
    static Sums sums;
    Error error;
    ck_assert(gpu_ranks_id(&sums.id, &error));
    const char *said = said_by(use_another_device, 2, &sums, &status);
    ck_assert_int_eq(WEXITSTATUS(status), 1);
    ck_assert_ptr_nonnull(strstr(said, "failed: invalid argument"));
}
END_TEST

/* ---- one program of several ranks ------------------------------------------------ */

START_TEST(run_c_drives_them_all_through_rank_0) {
    const Engine *engine = &emulated_ranks_engine;
    RunOfRanks *ranks = run_of(3), *whole = run_of(3);
    Trainer t;
    Error error = {""};
    run_ranks(ranks);
    emulated_ranks_use(3, 1);
    ck_assert_msg(
        engine->make(&t, &whole->settings, whole->dataset.train.count, &error), "%s",
        error.text);
    engine->upload(&t);
    engine->steps(&t, &whole->dataset, 2, whole->steps[0]);
    /* as after a checkpoint: from the host's memory everywhere */
    engine->download(&t);
    engine->upload(&t);
    engine->steps(&t, &whole->dataset, STEPS - 2, whole->steps[0] + 2);
    keep(whole, 0, engine, &t);
    engine->free(&t);
    assert_same_bits_as(whole, 0, ranks);
    dataset_free(&ranks->dataset);
    dataset_free(&whole->dataset);
}
END_TEST

/* Hundreds of launches: one order is enough, as in test_gpu_trainer.c. */
static void in_one_order(void) {
    unsetenv("CUDA_ON_CPU_ORDERS");
}

Suite *gpu_ranks_suite(void) {
    Suite *suite = suite_create("gpu_ranks");
    TCase *training = add_case(suite, "training");
    tcase_add_checked_fixture(training, in_one_order, NULL);
    tcase_add_loop_test(training, ranks_agree_with_one_device_to_rounding, 1,
                        MAX_RANKS);
    tcase_add_loop_test(training, all_ranks_have_the_same_bits, 2, MAX_RANKS + 1);
    tcase_add_test(training, one_rank_has_the_bits_of_chapter_6);
    tcase_add_loop_test(training, neither_buckets_nor_steps_at_once_change_a_bit, 2, 4);
    tcase_add_loop_test(training, an_evaluation_counts_every_image_once, 1, MAX_RANKS);
    tcase_add_test(training, run_c_drives_them_all_through_rank_0);
    tcase_add_test(training, a_batch_has_an_image_for_each_rank);
    TCase *sums = add_case(suite, "sums");
    tcase_add_test(sums, sums_are_there_when_their_stream_was_waited_for);
    TCase *apart = add_scratch_case(suite, "apart");
    tcase_add_checked_fixture(apart, in_one_order, NULL);
    tcase_add_test(apart, a_rank_with_other_settings_is_named);
    tcase_add_test(apart, ranks_that_sum_different_things_are_told);
    tcase_add_test(apart, a_device_has_memory_of_its_own);
    return suite;
}
