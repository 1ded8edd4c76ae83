/* test_inspect.c: what the figures of a trained model are computed with (inspect.h),
 * and the eigenvectors that they need (eigen.h). */
#include <math.h>

#include "tests/check_helpers.h"
#include "chapters/05_vision_transformer/looking_inside/eigen.h"
#include "chapters/05_vision_transformer/looking_inside/inspect.h"
#include "tests/naive_layers.h"
#include "common/real_math.h"
#include "tests/small_run.h"
#include "tests/suites.h"

/* ---- eigenvectors -------------------------------------------------------- */

START_TEST(a_matrix_of_two_by_hand) {
    /* (2 1; 1 2): 3 for (1, 1), 1 for (1, -1) */
    double A[] = {2, 1, 1, 2}, values[2], V[4];
    eigen_symmetric(A, 2, values, V);
    assert_number_close(values[0], 3, 1e-14, "eigenvalue");
    assert_number_close(values[1], 1, 1e-14, "eigenvalue");
    for (int i = 0; i < 4; i++) {
        assert_number_close(fabs(V[i]), sqrt(0.5), 1e-14, "eigenvector");
    }
    ck_assert(V[0] > 0 && V[1] > 0 && V[2] * V[3] < 0);
}
END_TEST

START_TEST(a_diagonal_is_sorted_and_its_vectors_are_the_axes) {
    double A[] = {1, 0, 0, 0, 5, 0, 0, 0, -2}, values[3], V[9];
    eigen_symmetric(A, 3, values, V);
    ck_assert(values[0] == 5 && values[1] == 1 && values[2] == -2);
    ck_assert(V[0 * 3 + 1] == 1 && V[1 * 3 + 0] == 1 && V[2 * 3 + 2] == 1);
    double zero[9] = {0};
    eigen_symmetric(zero, 3, values, V);
    ck_assert(values[0] == 0 && V[0] == 1 && V[4] == 1 && V[8] == 1);
}
END_TEST

/* A random symmetric matrix of n; twice an eigenvalue if asked. */
static double *symmetric(int n, bool repeated) {
    double *A = test_doubles((long)n * n);
    const Random random = {9, RANDOM_DEMO, (uint32_t)n};
    for (int i = 0; i < n; i++) {
        for (int j = 0; j <= i; j++) {
            const double x = random_normal(random, (uint64_t)(i * n + j));
            A[i * n + j] = A[j * n + i] = repeated ? (i == j ? 2.5 : 0.5) : x;
        }
    }
    return A;
}

static void check_decomposition(int n, bool repeated) {
    double *A = symmetric(n, repeated), *kept = symmetric(n, repeated);
    double *values = test_doubles(n), *V = test_doubles((long)n * n);
    eigen_symmetric(A, n, values, V);
    for (int i = 0; i < n; i++) {
        double largest = 0;
        for (int j = 0; j < n; j++) {
            double product = 0, element = 0;
            for (int k = 0; k < n; k++) {
                product += V[i * n + k] * V[j * n + k];
                element += values[k] * V[k * n + i] * V[k * n + j];
            }
            assert_number_close(product, i == j, 1e-13, "V V^T = I");
            assert_number_close(element, kept[i * n + j], 1e-12, "V^T diag V = A");
            largest = fabs(V[i * n + j]) > fabs(largest) ? V[i * n + j] : largest;
        }
        ck_assert_double_gt(largest, 0);
        ck_assert(i == 0 || values[i - 1] >= values[i]);
    }
}

START_TEST(vectors_are_orthonormal_and_give_the_matrix_back) {
    const int sizes[] = {1, 2, 3, 16, 49};
    for (int i = 0; i < 5; i++) {
        check_decomposition(sizes[i], false);
        check_decomposition(sizes[i], true);
    }
}
END_TEST

START_TEST(what_is_not_symmetric_stops) {
    double A[] = {1, 2, 3, 4}, values[2], V[4];
    assert_stops("eigen_symmetric|not symmetric", eigen_symmetric(A, 2, values, V));
    A[1] = (double)NAN;
    assert_stops("eigen_symmetric|not symmetric", eigen_symmetric(A, 2, values, V));
}
END_TEST

/* ---- filters [ViT fig.7] ------------------------------------------------------ */

START_TEST(components_of_filters_on_a_line_by_hand) {
    /* Four filters of 1x1x2: (1, 2) + t (3, 4) / 5 for t = -3, -1, 1, 3. Their mean is
     * (1, 2), their variance (9 + 1 + 1 + 9) / 4 = 5 along (0.6, 0.8), 0 across. */
    Tensor E = zero_tensor(SHAPE(4, 1, 1, 2));
    for (int d = 0; d < 4; d++) {
        E.data[2 * d] = (real)(1 + 0.6 * (2 * d - 3));
        E.data[2 * d + 1] = (real)(2 + 0.8 * (2 * d - 3));
    }
    double scratch[4], variance[2], v[4];
    inspect_filters(E, scratch, variance, v);
    assert_number_close(variance[0], 5, TOLERANCE, "[ViT fig.7]");
    assert_number_close(variance[1], 0, TOLERANCE, "[ViT fig.7]");
    assert_number_close(v[0], 0.6, TOLERANCE, "[ViT fig.7]");
    assert_number_close(v[1], 0.8, TOLERANCE, "[ViT fig.7]");
}
END_TEST

START_TEST(components_carry_all_of_the_variance) {
    Tensor E = random_tensor('E', SHAPE(12, 2, 3, 3));
    enum { N = 18 };
    double scratch[N * N], variance[N], v[N * N], sum = 0, direct = 0;
    inspect_filters(E, scratch, variance, v);
    for (int i = 0; i < N; i++) {
        double mean = 0;
        for (int d = 0; d < 12; d++) {
            mean += (double)E.data[d * N + i] / 12;
        }
        for (int d = 0; d < 12; d++) {
            direct += pow((double)E.data[d * N + i] - mean, 2) / 12;
        }
        sum += variance[i];
        ck_assert(variance[i] > -1e-12);
        ck_assert(i < 11 || variance[i] < 1e-12); /* 12 points span 11 dimensions */
    }
    assert_number_close(sum, direct, 1e-12, "[ViT fig.7]");
}
END_TEST

START_TEST(filters_of_another_shape_stop) {
    double scratch[4], variance[2], v[4];
    Tensor E = zero_tensor(SHAPE(4, 2));
    assert_stops("inspect_filters|2 dimensions|(D, C, P, P)",
                 inspect_filters(E, scratch, variance, v));
}
END_TEST

/* ---- positions [ViT fig.7] ----------------------------------------------------- */

START_TEST(similarities_of_positions_by_hand) {
    /* The class token's, then (3, 4), (6, 8), (-4, 3), (0, 0), (1, 0). */
    Tensor P = tensor_of(SHAPE(1, 6, 2), 9, 9, 3, 4, 6, 8, -4, 3, 0, 0, 1, 0);
    double S[25];
    inspect_positions(P, S);
    const double want[25] = {1, 1,    0, 0, 0.6, 1, 1, 0,   0,   0.6,  0, 0, 1,
                             0, -0.8, 0, 0, 0,   0, 0, 0.6, 0.6, -0.8, 0, 1};
    for (int i = 0; i < 25; i++) {
        assert_number_close(S[i], want[i], 1e-12, "[ViT fig.7]");
    }
    Tensor flat = zero_tensor(SHAPE(6, 2));
    assert_stops("inspect_positions|(6,2)", inspect_positions(flat, S));
}
END_TEST

/* ---- attention distance [ViT fig.7] ---------------------------------------------- */

/* A grid of 2 x 3 patches and a class token. */
enum { GRID = 6, COLUMNS = 3, PATCH = 4 };

START_TEST(a_head_that_looks_at_one_patch_has_the_distance_to_it) {
    /* All look at patch 5, row 1 and column 2: from row 0 the distances in patches are
     * sqrt 5, sqrt 2 and 1; from row 1 they are 2, 1, 0. */
    Tensor A = zero_tensor(SHAPE(GRID + 1, GRID + 1));
    for (int i = 0; i <= GRID; i++) {
        tensor_row(A, i)[1 + 5] = 1;
    }
    const double mean = (sqrt(5) + sqrt(2) + 1 + 2 + 1 + 0) / 6;
    assert_number_close(inspect_distance(A, COLUMNS, PATCH), PATCH * mean, TOLERANCE,
                        "[ViT fig.7]");
}
END_TEST

START_TEST(a_head_that_looks_at_its_own_patch_has_distance_0) {
    Tensor A = zero_tensor(SHAPE(GRID + 1, GRID + 1));
    for (int i = 0; i <= GRID; i++) {
        tensor_row(A, i)[i] = 1;
    }
    ck_assert_double_eq(inspect_distance(A, COLUMNS, PATCH), 0);
}
END_TEST

START_TEST(equal_weights_give_the_mean_of_all_distances) {
    /* In a row of three: 0 1 2, 1 0 1, 2 1 0; the mean is 8/9. */
    Tensor A = zero_tensor(SHAPE(4, 4));
    tensor_fill(A, R(0.25));
    assert_number_close(inspect_distance(A, 3, 1), 8.0 / 9, TOLERANCE, "[ViT fig.7]");
    /* In a column it is the same; and a patch of 7 is 7 times as wide. */
    assert_number_close(inspect_distance(A, 1, 7), 56.0 / 9, TOLERANCE, "[ViT fig.7]");
}
END_TEST

START_TEST(what_goes_to_the_class_token_has_no_distance) {
    Tensor A = zero_tensor(SHAPE(4, 4));
    for (int i = 1; i < 4; i++) {
        tensor_row(A, i)[0] = R(0.75);
        tensor_row(A, i)[1] = R(0.25); /* the first patch: 0, 1 and 2 away */
    }
    assert_number_close(inspect_distance(A, 3, 1), 1, TOLERANCE, "[ViT fig.7]");
    tensor_fill(A, 0);
    ck_assert_double_eq(inspect_distance(A, 3, 1), 0);
}
END_TEST

START_TEST(a_grid_that_does_not_fit_stops) {
    Tensor A = zero_tensor(SHAPE(7, 7)), wide = zero_tensor(SHAPE(6, 7));
    assert_stops("inspect_distance|6 patches|rows of 4", inspect_distance(A, 4, 1));
    assert_stops("inspect_distance|(6,7)", inspect_distance(wide, 3, 1));
}
END_TEST

/* ---- breadth [AIAYN fig.3] ------------------------------------------------------- */

START_TEST(breadth_counts_the_tokens_that_are_looked_at) {
    /* One; three alike; a half and two quarters: entropy 3/2 log 2, so 2^(3/2). */
    const real one[] = {0, 1, 0, 0}, three[] = {R(1.0 / 3), R(1.0 / 3), 0, R(1.0 / 3)};
    const real half[] = {R(0.25), R(0.5), R(0.25)};
    ck_assert_double_eq(inspect_breadth(one, 4), 1);
    assert_number_close(inspect_breadth(three, 4), 3, TOLERANCE, "[AIAYN fig.3]");
    assert_number_close(inspect_breadth(half, 3), 2 * sqrt(2), TOLERANCE,
                        "[AIAYN fig.3]");
}
END_TEST

START_TEST(breadth_is_at_most_the_number_of_tokens) {
    /* A mixture of equal weights and others is broader than the others. */
    enum { N = 50 };
    real equal[N], a[N], mixed[N];
    double sum = 0;
    for (int j = 0; j < N; j++) {
        equal[j] = R(1.0 / N);
        a[j] = (real)exp(2 * random_normal((Random){5, RANDOM_DEMO, 0}, (uint64_t)j));
        sum += (double)a[j];
    }
    for (int j = 0; j < N; j++) {
        a[j] = (real)((double)a[j] / sum);
        mixed[j] = (a[j] + equal[j]) / 2;
    }
    assert_number_close(inspect_breadth(equal, N), N, TOLERANCE, "[AIAYN fig.3]");
    ck_assert_double_lt(inspect_breadth(a, N), inspect_breadth(mixed, N));
    ck_assert_double_lt(inspect_breadth(mixed, N), N);
    ck_assert_double_gt(inspect_breadth(a, N), 1);
}
END_TEST

/* ---- rollout [ViT fig.6] ------------------------------------------------------- */

START_TEST(rollout_of_one_layer_by_hand) {
    /* Two heads, (0.2, 0.8) and (0.6, 0.4) in row 0: mean (0.4, 0.6), with I
     * (1.4, 0.6), halved (0.7, 0.3). The other row doesn't matter. */
    const double nan = (double)NAN;
    Tensor A = tensor_of(SHAPE(2, 2, 2), 0.2, 0.8, nan, nan, 0.6, 0.4, nan, nan);
    double row[2], other[2];
    inspect_rollout(&A, 1, row, other);
    assert_number_close(row[0], 0.7, TOLERANCE, "[ViT fig.6]");
    assert_number_close(row[1], 0.3, TOLERANCE, "[ViT fig.6]");
}
END_TEST

START_TEST(rollout_of_two_layers_by_hand_and_in_their_order) {
    /* A^_1 = (1 0; 0.5 0.5): token 1 looks at 0. A^_2 = (0.5 0.5; 0 1): token 0 at 1.
     * A^_2 A^_1 has row 0 (0.75, 0.25); A^_1 A^_2 would have (0.5, 0.5). */
    Tensor A[2] = {tensor_of(SHAPE(1, 2, 2), 1, 0, 1, 0),
                   tensor_of(SHAPE(1, 2, 2), 0, 1, 0, 1)};
    double row[2], other[2];
    inspect_rollout(A, 2, row, other);
    assert_number_close(row[0], 0.75, TOLERANCE, "[ViT fig.6]");
    assert_number_close(row[1], 0.25, TOLERANCE, "[ViT fig.6]");
}
END_TEST

START_TEST(uniform_attention_halves_what_the_class_token_keeps) {
    /* ((U + I) / 2)^L = I / 2^L + (1 - 1 / 2^L) U for U = 1/n everywhere: U U = U. */
    enum { N = 5, LAYERS = 4 };
    Tensor A[LAYERS];
    double row[N], other[N];
    for (int l = 0; l < LAYERS; l++) {
        A[l] = zero_tensor(SHAPE(3, N, N));
        tensor_fill(A[l], R(1.0 / N));
        inspect_rollout(A, l + 1, row, other);
        const double kept = pow(0.5, l + 1), shared = (1 - kept) / N;
        for (int j = 0; j < N; j++) {
            assert_number_close(row[j], shared + (j == 0 ? kept : 0), TOLERANCE,
                                "[ViT fig.6]");
        }
    }
}
END_TEST

START_TEST(rows_that_do_not_sum_to_one_are_divided_by_their_sum) {
    Tensor A = tensor_of(SHAPE(1, 2, 2), 1, 2, 0, 1);
    double row[2], other[2];
    inspect_rollout(&A, 1, row, other);
    assert_number_close(row[0], 0.5, TOLERANCE, "[ViT fig.6]");
    assert_number_close(row[1], 0.5, TOLERANCE, "[ViT fig.6]");
}
END_TEST

START_TEST(layers_of_different_sizes_stop) {
    Tensor A[2] = {zero_tensor(SHAPE(1, 2, 2)), zero_tensor(SHAPE(1, 3, 3))};
    double row[3], other[3];
    assert_stops("inspect_rollout|(1,3,3)", inspect_rollout(A, 2, row, other));
}
END_TEST

/* ---- the forward pass -------------------------------------------------------- */

/* What is drawn are the weights of the equations, each block's from its input
 * [AIAYN fig.3] [AIAYN fig.4] [AIAYN fig.5]. */
START_TEST(every_blocks_weights_are_those_of_the_equations) {
    enum { B = 2, HEADS = 2, TOKENS = 5, DEPTH = 3, D = 8 };
    Dataset data = small_dataset(8, 8);
    Settings s = small_settings();
    s.model.depth = DEPTH;
    Trainer t = new_trainer(&s, &data);
    VitActivations *a = &t.workers[0].activations;
    for (int l = 0; l < DEPTH; l++) { /* large enough that weights aren't all alike */
        tensor_scale(t.vit.blocks[l].attn.W_qkv, 20);
    }
    const Dropout off = {0};
    vit_forward(&t.vit, random_tensor('x', SHAPE(B, 1, SMALL_SIDE, SMALL_SIDE)), a,
                &off);
    for (int l = 0; l < DEPTH; l++) {
        const EncoderBlock *block = &t.vit.blocks[l];
        Tensor z = tensor_first(l > 0 ? a->blocks[l - 1].y : a->z_0, B);
        double *normed = test_doubles((long)B * TOKENS * D);
        double *A = test_doubles((long)B * HEADS * TOKENS * TOKENS);
        const NaiveLayerNorm norm = {D, doubles_of(block->norm1.gamma),
                                     doubles_of(block->norm1.beta)};
        const NaiveMultiHeadAttention attn = {
            D,
            HEADS,
            doubles_of(block->attn.W_qkv),
            doubles_of(block->attn.b_qkv),
            doubles_of(block->attn.W_O),
            doubles_of(block->attn.b_O),
        };
        naive_layer_norm(&norm, B * TOKENS, doubles_of(z), normed);
        naive_multi_head_attention(&attn, B, TOKENS, normed, A,
                                   test_doubles((long)B * TOKENS * D));
        assert_no_message(doubles_difference(tensor_first(a->blocks[l].attn.A, B), A,
                                             50 * TOLERANCE, "A", "[AIAYN fig.3]"));
    }
    trainer_free(&t);
    dataset_free(&data);
}
END_TEST

Suite *inspect_suite(void) {
    Suite *suite = suite_create("inspect");
    TCase *eigen = add_case(suite, "eigenvectors");
    tcase_add_test(eigen, what_is_not_symmetric_stops);
    tcase_add_test(eigen, a_matrix_of_two_by_hand);
    tcase_add_test(eigen, a_diagonal_is_sorted_and_its_vectors_are_the_axes);
    tcase_add_test(eigen, vectors_are_orthonormal_and_give_the_matrix_back);
    TCase *weights = add_case(suite, "weights");
    tcase_add_test(weights, filters_of_another_shape_stop);
    tcase_add_test(weights, components_of_filters_on_a_line_by_hand);
    tcase_add_test(weights, components_carry_all_of_the_variance);
    tcase_add_test(weights, similarities_of_positions_by_hand);
    TCase *distance = add_case(suite, "distance");
    tcase_add_test(distance, a_grid_that_does_not_fit_stops);
    tcase_add_test(distance, a_head_that_looks_at_one_patch_has_the_distance_to_it);
    tcase_add_test(distance, a_head_that_looks_at_its_own_patch_has_distance_0);
    tcase_add_test(distance, equal_weights_give_the_mean_of_all_distances);
    tcase_add_test(distance, what_goes_to_the_class_token_has_no_distance);
    TCase *breadth = add_case(suite, "breadth");
    tcase_add_test(breadth, breadth_counts_the_tokens_that_are_looked_at);
    tcase_add_test(breadth, breadth_is_at_most_the_number_of_tokens);
    TCase *rollout = add_case(suite, "rollout");
    tcase_add_test(rollout, layers_of_different_sizes_stop);
    tcase_add_test(rollout, rollout_of_one_layer_by_hand);
    tcase_add_test(rollout, rollout_of_two_layers_by_hand_and_in_their_order);
    tcase_add_test(rollout, uniform_attention_halves_what_the_class_token_keeps);
    tcase_add_test(rollout, rows_that_do_not_sum_to_one_are_divided_by_their_sum);
    TCase *forward = add_case(suite, "forward");
    tcase_add_test(forward, every_blocks_weights_are_those_of_the_equations);
    return suite;
}
