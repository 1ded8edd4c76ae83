/*
 * test_scaling.c: chapter 8's arithmetic of many GPUs (scale.h), by cases worked out on
 * paper, and what its measurements are made of (measure.h), with ranks that are
 * threads.
 */
#include <math.h>

#include "chapters/08_many_machines/collectives/threads_group.h"
#include "chapters/08_many_machines/scaling/measure.h"
#include "chapters/08_many_machines/scaling/scale.h"
#include "tests/check_helpers.h"
#include "tests/small_run.h"
#include "tests/suites.h"

/* A million parameters of 4 bytes; 3 ms of compute per image; 1 ms and 1 GB/s. */
static const ScaleModel model = {"a model", 1e6, 1e9, 4};
static Cluster cluster_of(bool halving, bool overlap) {
    return (Cluster){.network = {1e-3, 1e-9},
                     .flops = 1e12,
                     .element_bytes = 4,
                     .halving = halving,
                     .overlap = overlap};
}

/* ---- overlap --------------------------------------------------------------------- */

START_TEST(overlap_waits_for_the_last_bucket_or_for_all) {
    /* forward 10, backward 20, four buckets, complete at 15, 20, 25, 30 */
    assert_number_close(overlapped_s(10, 20, 4, 3, 12), 33, 1e-12, "short: the last");
    assert_number_close(overlapped_s(10, 20, 4, 8, 32), 15 + 32, 1e-12, "long: all");
    assert_number_close(overlapped_s(10, 20, 4, 5, 20), 35, 1e-12, "just hidden");
    assert_number_close(overlapped_s(10, 20, 1, 7, 7), 37, 1e-12, "one bucket: none");
    assert_number_close(overlapped_s(10, 20, 4, 0, 0), 30, 1e-12, "free");
}
END_TEST

/* ---- a step ---------------------------------------------------------------------- */

START_TEST(a_step_by_hand) {
    const Cluster ring = cluster_of(false, false), halving = cluster_of(true, false);
    Cluster bf16 = ring;
    bf16.element_bytes = 2;
    assert_number_close(scale_compute_s(&model, &ring, 10), 0.03, 1e-12, "compute");
    /* 2 * 3 messages of 1 MB, 1 ms + 1 ms each */
    assert_number_close(scale_sum_s(&model, &ring, 4, 1), 12e-3, 1e-12, "ring");
    assert_number_close(scale_sum_s(&model, &ring, 4, 2), 18e-3, 1e-12, "two buckets");
    assert_number_close(scale_sum_s(&model, &bf16, 4, 1), 9e-3, 1e-12, "bf16");
    /* 4 messages, 1.5 * 4 MB */
    assert_number_close(scale_sum_s(&model, &halving, 4, 1), 10e-3, 1e-12, "halving");
    assert_number_close(scale_step_s(&model, &ring, 4, 40), 42e-3, 1e-12, "step");
    assert_number_close(scale_efficiency(&model, &ring, 4, 40), 30.0 / 42, 1e-12,
                        "efficiency");
    assert_number_close(scale_step_s(&model, &ring, 1, 40), 0.12, 1e-12, "one GPU");
}
END_TEST

/* Buckets of 12, 9, 8 and 7.5 ms: steps of 42, 39, 40.67 and 45. */
START_TEST(the_best_number_of_buckets_by_hand) {
    const Cluster ring = cluster_of(false, true), none = cluster_of(false, false);
    ck_assert_int_eq(scale_buckets(&model, &ring, 4, 40), 2);
    ck_assert_int_eq(scale_buckets(&model, &none, 4, 40), 1);
    assert_number_close(scale_step_s(&model, &ring, 4, 40), 39e-3, 1e-12, "step");
    /* no latency: never fewer than all of them */
    Cluster fast = ring;
    fast.network.alpha = 0;
    ck_assert_int_eq(scale_buckets(&model, &fast, 4, 4000), 4);
}
END_TEST

/* ---- where it stops -------------------------------------------------------------- */

/* 64 GPUs: 187.5 ms of compute, 126 * 1.0625 ms of messages; 128: 93.75 and 261.9. */
START_TEST(the_limit_and_the_batch_by_hand) {
    const Cluster ring = cluster_of(false, false);
    ck_assert_int_eq(scale_limit(&model, &ring, 4000, 0.5), 64);
    ck_assert_int_eq(scale_limit(&model, &ring, 4000, 0.58), 64);
    ck_assert_int_eq(scale_limit(&model, &ring, 4000, 0.59), 32);
    ck_assert_int_eq(scale_limit(&model, &ring, 1, 0.5), 1);
    /* nine times 12 ms of compute: 36 images for each of 4 */
    assert_number_close(scale_batch(&model, &ring, 4, 0.9), 144, 1e-6, "batch");
}
END_TEST

START_TEST(memory_by_hand) {
    assert_number_close(scale_bytes(&model, 4, false), 16e6, 1e-12, "whole");
    assert_number_close(scale_bytes(&model, 4, true), 10e6, 1e-12, "sharded");
}
END_TEST

START_TEST(published_models_have_their_counts) {
    const ScaleModel B = scale_model("B/16"), H = scale_model("H/14");
    ck_assert(B.parameters == 86567656 && H.parameters == 632045800);
    ck_assert_int_eq(B.parts, 14);
    ck_assert_int_eq(H.parts, 34);
    /* [ViT T.6]: 14 epochs of JFT, 1567 and 4262 exaflop */
    const ScaleModel L = scale_model("L/16");
    assert_number_close(3 * L.forward_flops * 14 * 303e6 / 1e18, 1567, 5e-4, "L/16");
    assert_number_close(3 * H.forward_flops * 14 * 303e6 / 1e18, 4262, 2e-3, "H/14");
}
END_TEST

/* ---- measuring, with threads as ranks -------------------------------------------- */

enum { P = 3 };

typedef struct {
    double slowest[P], message[P], sum[P];
    MeasuredStep compute[P], step[P];
    bool ok[P];
} Measured;

static void measure(Group *group, void *data) {
    enum { N = 4096 };
    Measured *m = data;
    const int r = group->rank;
    const Ranks ranks = {
        .group = group, .sum = SUM_RING, .threads = 1, .bucket_bytes = 1};
    Settings settings = small_settings();
    settings.batch = 7; /* unequal shares */
    real *x = test_reals(N), *room = test_reals(N);
    Dataset dataset;
    Error error;
    m->slowest[r] = slowest_s(group, 0.5 + r % 2);
    m->message[r] = measure_message_s(group, N, x, room);
    m->sum[r] = measure_sum_s(group, all_reduce_ring, N, x, room);
    m->ok[r] = made_up_dataset(&settings, &dataset, &error) &&
               measure_compute(&ranks, &settings, &dataset, &m->compute[r], &error) &&
               measure_step(&ranks, &settings, &dataset, &m->step[r], &error);
    dataset_free(&dataset);
}

START_TEST(all_ranks_measure_the_same) {
    Measured m = {0};
    Error error = {""};
    ck_assert_msg(threads_group_run(P, measure, &m, &error), "%s", error.text);
    Settings settings = small_settings();
    for (int r = 0; r < P; r++) {
        ck_assert(m.ok[r]);
        ck_assert(m.slowest[r] == 1.5);
        ck_assert(m.message[r] > 0 && m.message[r] == m.message[0]);
        ck_assert(m.sum[r] > 0 && m.sum[r] == m.sum[0]);
        ck_assert(m.compute[r].step_s > 0);
        ck_assert(m.step[r].step_s == m.step[0].step_s);
        ck_assert(m.step[r].wait_s == m.step[0].wait_s);
        ck_assert(m.step[r].wait_s < m.step[r].step_s);
        ck_assert_int_eq(m.step[r].buckets, 4); /* head, two blocks, embedding */
        ck_assert(m.compute[r].parameters == vit_parameter_formula(&settings.model));
    }
}
END_TEST

Suite *scaling_suite(void) {
    Suite *suite = suite_create("scaling");
    TCase *steps = add_case(suite, "steps");
    tcase_add_test(steps, overlap_waits_for_the_last_bucket_or_for_all);
    tcase_add_test(steps, a_step_by_hand);
    tcase_add_test(steps, the_best_number_of_buckets_by_hand);
    TCase *limits = add_case(suite, "limits");
    tcase_add_test(limits, the_limit_and_the_batch_by_hand);
    tcase_add_test(limits, memory_by_hand);
    tcase_add_test(limits, published_models_have_their_counts);
    TCase *measuring = add_case(suite, "measuring");
    tcase_add_test(measuring, all_ranks_measure_the_same);
    return suite;
}
