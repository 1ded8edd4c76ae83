/* test_rollout.c: where a model looked (chapter 7's rollout.h), [ViT fig.6]. */
#include <math.h>
#include <string.h>

#include "chapters/07_pretrained_weights/model/rollout.h"
#include "tests/check_helpers.h"
#include "tests/suites.h"

static Rollout rollout_for(int n) {
    return (Rollout){unset_tensor(SHAPE(n, n)),
                     {unset_tensor(SHAPE(n, n)), unset_tensor(SHAPE(n, n))}};
}

START_TEST(one_layer_by_hand) {
    /* Row 0 of two heads, (0.2, 0.8) and (0.6, 0.4): mean (0.4, 0.6), with I
     * (1.4, 0.6), halved (0.7, 0.3). Row 1, (1, 0) and (0.5, 0.5): (0.75, 1.25),
     * (0.375, 0.625). */
    Tensor A = tensor_of(SHAPE(2, 2, 2), 0.2, 0.8, 1, 0, 0.6, 0.4, 0.5, 0.5);
    Rollout r = rollout_for(2);
    rollout(&A, 1, &r);
    assert_values(r.R, TOLERANCE, "[ViT fig.6]", 0.7, 0.3, 0.375, 0.625);
}
END_TEST

START_TEST(two_layers_by_hand_and_in_their_order) {
    /* A^_1 = (1 0; 0.5 0.5), A^_2 = (0.5 0.5; 0 1). A^_1 A^_2 would be another one. */
    Tensor A[2] = {tensor_of(SHAPE(1, 2, 2), 1, 0, 1, 0),
                   tensor_of(SHAPE(1, 2, 2), 0, 1, 0, 1)};
    Rollout r = rollout_for(2);
    rollout(A, 2, &r);
    assert_values(r.R, TOLERANCE, "[ViT fig.6]", 0.75, 0.25, 0.5, 0.5);
}
END_TEST

/* Positive weights whose rows need not sum to 1. */
static Tensor some_weights(int letter, int h, int n) {
    Tensor A = random_tensor(letter, SHAPE(h, n, n));
    for (long i = 0; i < tensor_count(A); i++) {
        A.data[i] = (real)fabs((double)A.data[i]);
    }
    return A;
}

enum { LAYERS = 4, HEADS = 3, TOKENS = 7 };

/* The definition once more, in double, from the last layer backwards: each row of the
 * result is a row of I that goes down through the layers. */
static void naive_rollout(double *const *A, double *R) {
    for (int start = 0; start < TOKENS; start++) {
        double flow[TOKENS] = {0};
        flow[start] = 1;
        for (int l = LAYERS - 1; l >= 0; l--) {
            double next[TOKENS] = {0};
            for (int i = 0; i < TOKENS; i++) {
                double row[TOKENS] = {0}, sum = 0;
                for (int j = 0; j < TOKENS; j++) {
                    for (int k = 0; k < HEADS; k++) {
                        row[j] += A[l][(k * TOKENS + i) * TOKENS + j];
                    }
                    row[j] = row[j] / HEADS + (i == j ? 1 : 0);
                    sum += row[j];
                }
                for (int j = 0; j < TOKENS; j++) {
                    next[j] += flow[i] * row[j] / sum;
                }
            }
            memcpy(flow, next, sizeof flow);
        }
        memcpy(R + start * TOKENS, flow, sizeof flow);
    }
}

START_TEST(many_layers_as_the_definition_says) {
    Tensor A[LAYERS];
    double *copy[LAYERS], R[TOKENS * TOKENS];
    for (int l = 0; l < LAYERS; l++) {
        A[l] = some_weights('a' + l, HEADS, TOKENS);
        copy[l] = doubles_of(A[l]);
    }
    Rollout r = rollout_for(TOKENS);
    rollout(A, LAYERS, &r);
    naive_rollout(copy, R);
    assert_close_to_naive(r.R, R, 10 * TOLERANCE, "[ViT fig.6]");
    for (int i = 0; i < TOKENS; i++) {
        double sum = 0;
        for (int j = 0; j < TOKENS; j++) {
            sum += (double)tensor_row(r.R, i)[j];
        }
        assert_number_close(sum, 1, 10 * TOLERANCE, "a row of R");
    }
}
END_TEST

START_TEST(what_is_read_is_not_changed) {
    Tensor A = some_weights('A', HEADS, TOKENS), before = copy_of(A);
    Rollout r = rollout_for(TOKENS);
    rollout(&A, 1, &r);
    assert_same_bits(A, before);
}
END_TEST

START_TEST(layers_of_different_sizes_stop) {
    Tensor A[2] = {some_weights('A', 1, 3), some_weights('B', 1, 4)};
    Rollout r = rollout_for(3), wide = rollout_for(4);
    assert_stops("rollout|(1,4,4)|(1,3,3)", rollout(A, 2, &r));
    assert_stops("rollout|(4,4)|(3,3)", rollout(A, 1, &wide));
}
END_TEST

START_TEST(rows_of_the_tokens_in_front_or_of_all) {
    Tensor A = tensor_of(SHAPE(3, 3), 1, 2, 3, 3, 4, 5, 8, 9, 13);
    Tensor row = unset_tensor(SHAPE(3));
    rollout_rows(A, 1, row.data);
    assert_values(row, TOLERANCE, "the class token's", 1, 2, 3);
    rollout_rows(A, 2, row.data);
    assert_values(row, TOLERANCE, "both tokens'", 2, 3, 4);
    rollout_rows(A, 0, row.data);
    assert_values(row, TOLERANCE, "all patches'", 4, 5, 7);
}
END_TEST

START_TEST(patches_come_last_and_their_largest_is_1) {
    const real row[] = {9, 7, 1, 4, 2};
    Tensor weights = unset_tensor(SHAPE(3)), nothing = unset_tensor(SHAPE(2));
    rollout_of_patches(row, 5, weights);
    assert_values(weights, TOLERANCE, "patches", 0.25, 1, 0.5);
    const real none[] = {1, 0, 0};
    rollout_of_patches(none, 3, nothing);
    assert_values(nothing, TOLERANCE, "patches", 0, 0);
    assert_stops("rollout_of_patches|3 patches of 2",
                 rollout_of_patches(row, 2, weights));
}
END_TEST

Suite *rollout_suite(void) {
    Suite *suite = suite_create("rollout");
    TCase *layers = add_case(suite, "layers");
    tcase_add_test(layers, one_layer_by_hand);
    tcase_add_test(layers, two_layers_by_hand_and_in_their_order);
    tcase_add_test(layers, many_layers_as_the_definition_says);
    tcase_add_test(layers, what_is_read_is_not_changed);
    tcase_add_test(layers, layers_of_different_sizes_stop);
    TCase *rows = add_case(suite, "rows");
    tcase_add_test(rows, rows_of_the_tokens_in_front_or_of_all);
    tcase_add_test(rows, patches_come_last_and_their_largest_is_1);
    return suite;
}
