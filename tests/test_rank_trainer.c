/*
 * test_rank_trainer.c: chapter 8's training step, shared by ranks that are threads
 * here: against chapter 5's trainer in one process, in every way to sum.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/08_many_machines/collectives/threads_group.h"
#include "chapters/08_many_machines/training/buckets.h"
#include "chapters/08_many_machines/training/rank_trainer.h"
#include "chapters/08_many_machines/training/sharded_update.h"
#include "tests/check_helpers.h"
#include "tests/small_run.h"
#include "tests/suites.h"

enum { MAX_RANKS = 8, STEPS = 5, TEST_IMAGES = 37 };

/* After STEPS steps: AdamW divides by the gradient's size, so that where a gradient is
 * hardly more than its rounding, so is the step. */
#ifdef REAL_IS_DOUBLE
#define AFTER_STEPS 1e-9
#else
#define AFTER_STEPS 2e-3
#endif

/* A run of all ranks, and what each of them had in the end. */
typedef struct {
    GradientSum sum;
    int threads, shards;
    long bucket_bytes;
    int save_after; /* this step, as a checkpoint would; 0: never */
    Settings settings;
    Dataset dataset;
    long elements;
    real *weights[MAX_RANKS], *m[MAX_RANKS];
    StepResult last[MAX_RANKS];
    Evaluation evaluation[MAX_RANKS];
    int *predictions[MAX_RANKS];
    RankTimes times[MAX_RANKS];
    long long sent[MAX_RANKS]; /* in all, by the steps */
    double bytes[MAX_RANKS];   /* of memory, between two steps */
    long zeros[MAX_RANKS];     /* in m, after the last step */
    int bucket_count;
} RunOfRanks;

/* Settings with which shares differ in length: 13 images, in slices. M: the MLPs'. */
static RunOfRanks wide_run_of(GradientSum sum, int threads, int M) {
    RunOfRanks run = {.sum = sum, .threads = threads, .shards = 8, .bucket_bytes = 1};
    run.settings = small_settings();
    run.settings.model.block.M = M;
    run.settings.batch = 13;
    run.dataset = small_dataset(80, TEST_IMAGES);
    Trainer one = new_trainer(&run.settings, &run.dataset);
    run.elements = one.list.total;
    trainer_free(&one);
    for (int r = 0; r < MAX_RANKS; r++) {
        run.weights[r] = test_reals(run.elements);
        run.m[r] = test_reals(run.elements);
        run.predictions[r] = malloc(TEST_IMAGES * sizeof(int));
    }
    return run;
}

static RunOfRanks run_of(GradientSum sum, int threads) {
    return wide_run_of(sum, threads, small_settings().model.block.M);
}

static void free_run(RunOfRanks *run) {
    for (int r = 0; r < MAX_RANKS; r++) {
        free(run->predictions[r]);
    }
    dataset_free(&run->dataset);
}

static void keep(RunOfRanks *run, int r, const Trainer *t) {
    const size_t bytes = (size_t)t->list.total * sizeof(real);
    memcpy(run->weights[r], t->weights, bytes);
    memcpy(run->m[r], t->m, bytes);
}

static long zeros_of(const real *x, long n) {
    long zeros = 0;
    for (long i = 0; i < n; i++) {
        zeros += x[i] == 0;
    }
    return zeros;
}

static void train(Group *group, void *data) {
    RunOfRanks *run = data;
    const Engine *engine = &engine_ranks;
    const Ranks ranks = {.group = group,
                         .sum = run->sum,
                         .threads = run->threads,
                         .shards = run->shards,
                         .bucket_bytes = run->bucket_bytes};
    Trainer trainer;
    Error error = {""};
    const int r = group->rank;
    rank_trainer_use(&ranks);
    if (!engine->can_train(&run->settings, &error) ||
        !engine->make(&trainer, &run->settings, run->dataset.train.count, &error)) {
        bug("%s", error.text);
    }
    engine->upload(&trainer);
    for (int s = 0; s < STEPS; s++) {
        engine->steps(&trainer, &run->dataset, 1, &run->last[r]);
        if (run->save_after == s + 1) {
            engine->download(&trainer);
        }
    }
    run->zeros[r] = zeros_of(trainer.m, run->elements);
    run->times[r] = rank_trainer_times(&trainer);
    run->sent[r] = group->sent_bytes;
    run->bytes[r] = rank_trainer_bytes(&trainer);
    engine->evaluate(&trainer, &run->dataset, &run->dataset.test, run->predictions[r],
                     &run->evaluation[r]);
    engine->download(&trainer);
    keep(run, r, &trainer);
    engine->free(&trainer);
}

static void run_ranks(RunOfRanks *run, int P) {
    Error error = {""};
    ck_assert_msg(threads_group_run(P, train, run, &error), "%s", error.text);
}

/* The same in one process, with so many workers: as rank 0 of `run`. */
static void run_alone(RunOfRanks *run, int workers) {
    run->settings.threads = workers;
    Trainer t = new_trainer(&run->settings, &run->dataset);
    run->last[0] = train_to(&t, &run->dataset, STEPS);
    trainer_evaluate(&t, &run->dataset, &run->dataset.test, run->predictions[0],
                     &run->evaluation[0]);
    keep(run, 0, &t);
    trainer_free(&t);
    run->settings.threads = 1;
}

static void assert_same_run(const RunOfRanks *got, int rank, const RunOfRanks *want) {
    const size_t bytes = (size_t)want->elements * sizeof(real);
    ck_assert_mem_eq(got->weights[rank], want->weights[0], bytes);
    ck_assert(got->last[rank].loss == want->last[0].loss);
    ck_assert(got->last[rank].accuracy == want->last[0].accuracy);
    ck_assert(got->last[rank].gradient_norm == want->last[0].gradient_norm);
    ck_assert(got->evaluation[rank].loss == want->evaluation[0].loss);
    ck_assert(got->evaluation[rank].count == TEST_IMAGES);
    ck_assert(got->evaluation[rank].correct == want->evaluation[0].correct);
    ck_assert_mem_eq(got->predictions[rank], want->predictions[0],
                     TEST_IMAGES * sizeof(int));
}

/* ---- the same bits --------------------------------------------------------------- */

START_TEST(in_order_any_ranks_and_threads_have_the_bits_of_one_process) {
    RunOfRanks alone = run_of(SUM_IN_ORDER, 1);
    run_alone(&alone, 8);
    for (int P = 1; P <= MAX_RANKS; P++) {
        for (int threads = 1; threads <= 2; threads++) {
            RunOfRanks ranks = run_of(SUM_IN_ORDER, threads);
            run_ranks(&ranks, P);
            for (int r = 0; r < P; r++) {
                assert_same_run(&ranks, r, &alone);
                ck_assert_mem_eq(ranks.m[r], alone.m[0],
                                 (size_t)alone.elements * sizeof(real));
            }
            free_run(&ranks);
        }
    }
    free_run(&alone);
}
END_TEST

static const GradientSum fast[] = {SUM_RING, SUM_AT_END, SUM_GATHER, SUM_HALVING};
enum { FAST = 4 };

/* a + b = b + a to the bit: with two workers there is one order only. */
START_TEST(two_ranks_have_the_bits_of_two_threads) {
    RunOfRanks alone = run_of(fast[_i], 1), ranks = run_of(fast[_i], 1);
    run_alone(&alone, 2);
    run_ranks(&ranks, 2);
    assert_same_run(&ranks, 0, &alone);
    assert_same_run(&ranks, 1, &alone);
    free_run(&alone);
    free_run(&ranks);
}
END_TEST

START_TEST(other_numbers_of_ranks_agree_with_threads_to_rounding) {
    for (int P = 1; P <= 6; P++) {
        RunOfRanks alone = run_of(fast[_i], 1), ranks = run_of(fast[_i], 2);
        run_alone(&alone, 2 * P);
        run_ranks(&ranks, P);
        for (int r = 0; r < P; r++) {
            assert_tensor_close(tensor1(ranks.weights[r], (int)ranks.elements),
                                tensor1(alone.weights[0], (int)alone.elements),
                                AFTER_STEPS, "weights");
            ck_assert_mem_eq(ranks.weights[r], ranks.weights[0],
                             (size_t)ranks.elements * sizeof(real));
        }
        free_run(&alone);
        free_run(&ranks);
    }
}
END_TEST

START_TEST(buckets_of_any_size_have_the_same_bits) {
    RunOfRanks all = run_of(SUM_RING, 1);
    all.bucket_bytes = 1L << 40;
    run_ranks(&all, 2);
    for (long bytes = 1; bytes < 20000; bytes *= 12) {
        RunOfRanks ranks = run_of(SUM_RING, 1);
        ranks.bucket_bytes = bytes;
        run_ranks(&ranks, 2);
        assert_same_run(&ranks, 0, &all);
        free_run(&ranks);
    }
    free_run(&all);
}
END_TEST

/* ---- bytes ----------------------------------------------------------------------- */

START_TEST(gradients_are_2_P_minus_1_times_the_parameters) {
    for (int P = 2; P <= 8; P *= 2) {
        long long sum = 0;
        RunOfRanks ranks = run_of(fast[_i], 1);
        run_ranks(&ranks, P);
        for (int r = 0; r < P; r++) {
            ck_assert_int_eq((int)ranks.times[r].steps, STEPS);
            sum += ranks.times[r].gradient_bytes;
        }
        ck_assert_int_eq(
            (int)sum, (int)(STEPS * 2 * (P - 1) * ranks.elements * (long)sizeof(real)));
        free_run(&ranks);
    }
}
END_TEST

/* Sharded, half of it is weights; in order, ranks get a chunk of each shard, and the
 * sums. And nothing is sent that isn't counted. */
START_TEST(all_bytes_are_counted) {
    for (int P = 1; P <= 8; P *= 2) {
        RunOfRanks sharded = run_of(SUM_SHARDED, 1), in_order = run_of(SUM_IN_ORDER, 1);
        const RunOfRanks *runs[] = {&sharded, &in_order};
        const long n = sharded.elements * (long)sizeof(real) * STEPS;
        long long gradients[2] = {0}, weights[2] = {0};
        run_ranks(&sharded, P);
        run_ranks(&in_order, P);
        for (int i = 0; i < 2 * P; i++) {
            const RankTimes *times = &runs[i % 2]->times[i / 2];
            gradients[i % 2] += times->gradient_bytes;
            weights[i % 2] += times->weight_bytes;
            ck_assert(times->gradient_bytes + times->weight_bytes +
                          times->other_bytes ==
                      runs[i % 2]->sent[i / 2]);
            ck_assert(P == 1 || times->other_bytes > 0);
        }
        ck_assert(gradients[0] == (P - 1) * n && weights[0] == (P - 1) * n);
        ck_assert(gradients[1] == (8 * (P - 1) / P + P - 1) * n && weights[1] == 0);
        free_run(&sharded);
        free_run(&in_order);
    }
}
END_TEST

/* trainer_bytes of rank 1 of 2, with this many workers in all. */
static double bytes_of_trainer(const RunOfRanks *run, int workers) {
    Settings settings = run->settings;
    Trainer t;
    Error error = {""};
    settings.threads = workers;
    ck_assert(trainer_make_part(&t, &settings, run->dataset.train.count, workers / 2,
                                workers / 2, &error));
    const double bytes = trainer_bytes(&t);
    trainer_free(&t);
    return bytes;
}

/* Room for messages is counted, too: a vector for a ring's buckets, nine chunks for the
 * sum of 8 shards in order; and moments that are given back aren't there. */
START_TEST(memory_is_what_is_held) {
    enum { P = 2, M = 4000, LITTLE = 20000, PAGES = 2 * 16384 };
    RunOfRanks ring = wide_run_of(SUM_RING, 1, M);
    RunOfRanks in_order = wide_run_of(SUM_IN_ORDER, 1, M);
    RunOfRanks sharded = wide_run_of(SUM_SHARDED, 1, M);
    const double n = (double)ring.elements * sizeof(real), saved = 2 * n * (P - 1) / P;
    const double two = bytes_of_trainer(&ring, 2), eight = bytes_of_trainer(&ring, 8);
    ck_assert(saved > 10 * LITTLE && saved > 4 * PAGES);
    run_ranks(&ring, P);
    run_ranks(&in_order, P);
    run_ranks(&sharded, P);
    ck_assert(ring.bytes[1] > two + n && ring.bytes[1] < two + n + LITTLE);
    ck_assert(in_order.bytes[1] > eight + 9 * n / P &&
              in_order.bytes[1] < eight + 9 * n / P + LITTLE);
    ck_assert(sharded.bytes[1] == ring.bytes[1] - sharded.times[1].saved_bytes);
#ifdef __linux__
    ck_assert(sharded.times[1].saved_bytes <= saved &&
              sharded.times[1].saved_bytes > saved - 2 * PAGES);
#endif
    free_run(&ring);
    free_run(&in_order);
    free_run(&sharded);
}
END_TEST

/* ---- shards ---------------------------------------------------------------------- */

START_TEST(sharded_moments_give_the_same_training) {
    for (int P = 1; P <= 5; P++) {
        RunOfRanks alone = run_of(SUM_SHARDED, 1), ranks = run_of(SUM_SHARDED, 1);
        run_alone(&alone, P);
        run_ranks(&ranks, P);
        for (int r = 0; r < P; r++) {
            assert_tensor_close(tensor1(ranks.weights[r], (int)ranks.elements),
                                tensor1(alone.weights[0], (int)alone.elements),
                                AFTER_STEPS, "weights");
            ck_assert_mem_eq(ranks.weights[r], ranks.weights[0],
                             (size_t)ranks.elements * sizeof(real));
            assert_number_close(ranks.last[r].gradient_norm,
                                alone.last[0].gradient_norm, AFTER_STEPS, "norm");
        }
        /* rank 0 has all moments, which it saves; the others have their own only */
        assert_tensor_close(tensor1(ranks.m[0], (int)ranks.elements),
                            tensor1(alone.m[0], (int)alone.elements), AFTER_STEPS, "m");
        const long zeros = zeros_of(ranks.m[P - 1], ranks.elements);
        ck_assert(zeros >= ranks.elements - ranks.elements / P - 1 || P == 1);
        free_run(&alone);
        free_run(&ranks);
    }
}
END_TEST

/* A checkpoint needs all moments at rank 0; afterwards it has its own only, as
 * before. */
START_TEST(saving_changes_nothing_and_keeps_no_moments) {
    RunOfRanks without = run_of(SUM_SHARDED, 1), with = run_of(SUM_SHARDED, 1);
    with.save_after = 2;
    run_ranks(&without, 3);
    run_ranks(&with, 3);
    for (int r = 0; r < 3; r++) {
        ck_assert_mem_eq(with.weights[r], without.weights[r],
                         (size_t)with.elements * sizeof(real));
        ck_assert(with.zeros[r] >= with.elements - with.elements / 3 - 1);
    }
    ck_assert_mem_eq(with.m[0], without.m[0], (size_t)with.elements * sizeof(real));
    free_run(&without);
    free_run(&with);
}
END_TEST

/* ---- buckets --------------------------------------------------------------------- */

START_TEST(buckets_cover_what_is_trained_from_its_end) {
    RunOfRanks run = run_of(SUM_RING, 1);
    run.settings.freeze = _i;
    Trainer t = new_trainer(&run.settings, &run.dataset);
    for (long least = 1; least < 2 * t.list.total; least *= 3) {
        Bucket buckets[MAX_BUCKETS];
        const int count = buckets_cut(&t.trained, least, buckets);
        ck_assert_int_ge(count, 1);
        ck_assert(buckets[0].to == t.list.total);
        ck_assert(buckets[count - 1].from == trainer_first_trained(&t));
        for (int b = 0; b < count; b++) {
            ck_assert(b == 0 || buckets[b].to == buckets[b - 1].from);
            ck_assert(buckets[b].to - buckets[b].from >= least || b == count - 1);
        }
        if (least == 1) { /* head, two blocks or fewer, embedding */
            ck_assert_int_eq(count, _i == 0 ? 4 : 3 - _i);
        }
    }
    trainer_free(&t);
    free_run(&run);
}
END_TEST

START_TEST(impossible_runs_are_refused) {
    Group group = {.rank = 0, .size = 9};
    Ranks ranks = {.group = &group, .sum = SUM_IN_ORDER, .threads = 1, .shards = 8};
    Settings settings = small_settings();
    Error error = {""};
    rank_trainer_use(&ranks);
    settings.batch = 13;
    ck_assert(!engine_ranks.can_train(&settings, &error));
    ck_assert_str_eq(error.text, "9 ranks, but the batch has 8 shards: give as many "
                                 "--shards as ranks, or more");
    Trainer trainer; /* a run that only tests isn't asked whether it can train */
    error.text[0] = '\0';
    ck_assert(!engine_ranks.make(&trainer, &settings, 80, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "9 ranks, but the batch has 8 shards"));
    ranks.sum = SUM_RING;
    ranks.threads = 2;
    ck_assert(!engine_ranks.can_train(&settings, &error));
    ck_assert_str_eq(error.text,
                     "a batch of 13 images can't be shared among 18 workers "
                     "(9 ranks): give a larger --batch");
}
END_TEST

Suite *rank_trainer_suite(void) {
    Suite *suite = suite_create("rank_trainer");
    TCase *bits = add_case(suite, "bits");
    tcase_add_test(bits, in_order_any_ranks_and_threads_have_the_bits_of_one_process);
    tcase_add_loop_test(bits, two_ranks_have_the_bits_of_two_threads, 0, FAST);
    tcase_add_loop_test(bits, other_numbers_of_ranks_agree_with_threads_to_rounding, 0,
                        FAST);
    tcase_add_test(bits, buckets_of_any_size_have_the_same_bits);
    TCase *bytes = add_case(suite, "bytes");
    tcase_add_loop_test(bytes, gradients_are_2_P_minus_1_times_the_parameters, 0, FAST);
    tcase_add_test(bytes, all_bytes_are_counted);
    tcase_add_test(bytes, memory_is_what_is_held);
    TCase *shards = add_case(suite, "shards");
    tcase_add_test(shards, sharded_moments_give_the_same_training);
    tcase_add_test(shards, saving_changes_nothing_and_keeps_no_moments);
    TCase *buckets = add_case(suite, "buckets");
    tcase_add_loop_test(buckets, buckets_cover_what_is_trained_from_its_end, 0, 3);
    tcase_add_test(buckets, impossible_runs_are_refused);
    return suite;
}
