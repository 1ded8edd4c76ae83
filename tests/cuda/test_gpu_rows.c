/* test_gpu_rows.c: gpu_softmax.h, gpu_layer_norm.h and gpu_elementwise.h against the
 * CPU's layers. */
#include "tests/cuda/cuda_suites.h"
#include "tests/cuda/device_helpers.h"
#include "chapters/04_encoder_block/dropout.h"
#include "chapters/06_cuda_training/kernels/gpu_elementwise.h"
#include "chapters/06_cuda_training/kernels/gpu_layer_norm.h"
#include "chapters/06_cuda_training/kernels/gpu_softmax.h"
#include "tests/cuda/in_double.h"
#include "tests/naive_layers.h"

static const int sizes[][2] = {{1, 1}, {3, 17}, {5, 50}, {33, 65}, {7, 197}, {2, 1200}};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

/* ---- softmax ----------------------------------------------------------------- */

/* Scores of deviation 30 around `middle`: their exp over- or underflows. */
static void softmax_is_the_cpus(const int *size, SoftmaxVersion version, real middle) {
    Tensor S = random_tensor('S', SHAPE(size[0], size[1]));
    for (long i = 0; i < tensor_count(S); i++) {
        S.data[i] = 30 * S.data[i] + middle;
    }
    double *scaled = doubles_of(S), *want = test_doubles(tensor_count(S));
    for (long i = 0; i < tensor_count(S); i++) {
        scaled[i] *= 0.25;
    }
    naive_softmax(size[0], size[1], scaled, want);
    Tensor A = device_unset_wide(S);
    gpu_softmax_forward(NULL, version, 0.25f, on_device_wide(S), A);
    assert_close_to_naive(from_device(A), want, 1e-5, "[AIAYN eq.1]");
    ck_assert(device_canaries_live(A));
}

START_TEST(every_softmax_is_the_cpus) {
    softmax_is_the_cpus(sizes[_i / SOFTMAX_VERSIONS], _i % SOFTMAX_VERSIONS, 0);
}
END_TEST

START_TEST(every_softmax_is_the_cpus_far_from_0) {
    softmax_is_the_cpus(sizes[_i / SOFTMAX_VERSIONS], _i % SOFTMAX_VERSIONS, -4096);
    softmax_is_the_cpus(sizes[_i / SOFTMAX_VERSIONS], _i % SOFTMAX_VERSIONS, 4096);
}
END_TEST

START_TEST(every_softmax_passes_the_gradient_back) {
    const int *size = sizes[_i / SOFTMAX_VERSIONS];
    const SoftmaxVersion version = _i % SOFTMAX_VERSIONS;
    Tensor A = random_tensor('A', SHAPE(size[0], size[1])), dA = random_tensor('d', A);
    double *want = test_doubles(tensor_count(A));
    naive_softmax_backward(size[0], size[1], doubles_of(A), doubles_of(dA), want);
    for (long i = 0; i < tensor_count(A); i++) {
        want[i] *= 0.5;
    }
    Tensor dS = on_device_wide(dA); /* dS may be dA */
    gpu_softmax_backward(NULL, version, 0.5f, on_device_wide(A), dS, dS);
    assert_close_to_naive(from_device(dS), want, 1e-5,
                          "dS = A o (dA - rowsum(dA o A))");
}
END_TEST

/* ---- layer norm -------------------------------------------------------------- */

typedef struct {
    int rows, D;
    Tensor X, gamma, beta, dY;
    double *mean, *rstd, *Y, *dX, *dgamma, *dbeta;
} Norm;

/* Rows with a mean of 20: sums of squares alone would lose the variance's digits. */
static Norm make_norm(int rows, int D) {
    Norm n = {.rows = rows, .D = D, .X = random_tensor('X', SHAPE(rows, D))};
    for (long i = 0; i < tensor_count(n.X); i++) {
        n.X.data[i] += 20;
    }
    n.gamma = random_tensor('g', SHAPE(D));
    n.beta = random_tensor('b', SHAPE(D));
    n.dY = random_tensor('y', n.X);
    n.mean = test_doubles(rows);
    n.rstd = test_doubles(rows);
    n.Y = test_doubles((long)rows * D);
    n.dX = test_doubles((long)rows * D);
    n.dgamma = test_doubles(D);
    n.dbeta = test_doubles(D);
    for (int j = 0; j < D; j++) {
        n.dgamma[j] = n.dbeta[j] = 1; /* they are added to */
    }
    const double *X = doubles_of(n.X), *gamma = doubles_of(n.gamma);
    naive_norm(&(NaiveNorm){rows, D, X, gamma, doubles_of(n.beta), doubles_of(n.dY),
                            n.mean, n.rstd, n.Y, n.dX, n.dgamma, n.dbeta});
    return n;
}

static Tensor ones(int n) {
    Tensor T = zero_tensor(SHAPE(n));
    tensor_fill(T, 1);
    return on_device(T);
}

START_TEST(every_layer_norm_is_the_cpus_and_so_is_its_gradient) {
    const int *size = sizes[1 + _i / LAYER_NORM_VERSIONS];
    const LayerNormVersion version = _i % LAYER_NORM_VERSIONS;
    Norm n = make_norm(size[0], size[1]);
    Tensor Y = device_unset_wide(n.X);
    Tensor mean = device_unset(SHAPE(n.rows)), rstd = device_unset(SHAPE(n.rows));
    const GpuLayerNorm pass = {on_device_wide(n.X), on_device(n.gamma),
                               on_device(n.beta), mean, rstd};
    gpu_layer_norm_forward(NULL, version, &pass, Y);
    assert_close_to_naive(from_device(mean), n.mean, 1e-6, "mean");
    assert_close_to_naive(from_device(rstd), n.rstd, 1e-5, "rstd");
    assert_close_to_naive(from_device(Y), n.Y, 2e-5, "LN(x)");
    ck_assert(device_canaries_live(Y));

    Tensor dX = on_device_wide(n.dY), dgamma = ones(n.D), dbeta = ones(n.D);
    const GpuLayerNormGradients d = {dgamma, dbeta,
                                     device_unset(SHAPE(LAYER_NORM_PARTS, 2, n.D))};
    gpu_layer_norm_backward(NULL, version, &pass, dX, dX, &d);
    assert_close_to_naive(from_device(dX), n.dX, 5e-5, "dX");
    assert_close_to_naive(from_device(dgamma), n.dgamma, 2e-5, "dgamma");
    assert_close_to_naive(from_device(dbeta), n.dbeta, 1e-5, "dbeta");
    ck_assert(device_canaries_live(dX));
}
END_TEST

/* A variance as small as epsilon: in the root, once. */
START_TEST(epsilon_counts_where_numbers_are_nearly_equal) {
    enum { ROWS = 3, D = 64 };
    Tensor X = random_tensor('X', SHAPE(ROWS, D)), one = ones(D);
    tensor_scale(X, 1e-3f);
    double mean[ROWS], rstd[ROWS], *Y = test_doubles(ROWS * D);
    Tensor zero = zero_tensor(SHAPE(D)), all_one = from_device(one);
    naive_norm(&(NaiveNorm){ROWS, D, doubles_of(X), doubles_of(all_one),
                            doubles_of(zero), .mean = mean, .rstd = rstd, .Y = Y});
    Tensor got_mean = device_unset(SHAPE(ROWS)), got_rstd = device_unset(SHAPE(ROWS));
    Tensor got = device_unset(X);
    const GpuLayerNorm pass = {on_device(X), one, on_device(zero), got_mean, got_rstd};
    gpu_layer_norm_forward(NULL, _i, &pass, got);
    assert_close_to_naive(from_device(got_rstd), rstd, 1e-5, "rstd");
    assert_close_to_naive(from_device(got), Y, 2e-5, "LN(x)");
}
END_TEST

START_TEST(shapes_that_do_not_fit_stop) {
    Tensor X = device_unset(SHAPE(3, 4)), four = device_unset(SHAPE(4));
    Tensor three = device_unset(SHAPE(3));
    const GpuLayerNorm pass = {X, three, four, three, three};
    assert_stops("gamma|(3)", gpu_layer_norm_forward(NULL, LAYER_NORM_BEST, &pass, X));
    assert_stops("A|(3)", gpu_softmax_forward(NULL, SOFTMAX_BEST, 1, X, three));
}
END_TEST

/* ---- sums, dropout -------------------------------------------------------------- */

START_TEST(sums_of_columns_are_added) {
    const int *size = sizes[_i];
    Tensor dY = random_tensor('Y', SHAPE(size[0], size[1]));
    Tensor db = random_tensor('b', SHAPE(size[1])), got = on_device(db);
    double *want = doubles_of(db);
    for (long i = 0; i < tensor_count(dY); i++) {
        want[i % size[1]] += (double)dY.data[i];
    }
    gpu_sum_rows_add(NULL, on_device_wide(dY), got,
                     device_unset(SHAPE(SUM_ROWS_PARTS, size[1])));
    assert_close_to_naive(from_device(got), want, 1e-6, "db");
}
END_TEST

START_TEST(dropout_has_the_cpus_mask_to_the_bit) {
    const Dropout dropout = {.rate = 0.1 * _i, .seed = 77, .step = 5, .image = _i};
    Tensor X = random_tensor('X', SHAPE(3, 7, 11)), R = random_tensor('R', X);
    Tensor got = on_device_wide(X), sum = device_unset_wide(X);
    gpu_dropout_add(NULL, &dropout, 9, got, on_device_wide(R), sum);
    gpu_dropout_apply(NULL, &dropout, 9, got);
    dropout_apply(&dropout, 9, X);
    assert_same_bits(from_device(got), X);
    tensor_add(X, R);
    assert_tensor_close(from_device(sum), X, 1e-6, "[AIAYN 5.4]");
    ck_assert(device_canaries_live(got) && device_canaries_live(sum));
}
END_TEST

Suite *gpu_rows_suite(void) {
    Suite *suite = suite_create("gpu_rows");
    TCase *softmax = device_case(suite, "softmax");
    tcase_add_loop_test(softmax, every_softmax_is_the_cpus, 0,
                        SIZES * SOFTMAX_VERSIONS);
    tcase_add_loop_test(softmax, every_softmax_is_the_cpus_far_from_0, 0,
                        SIZES * SOFTMAX_VERSIONS);
    tcase_add_loop_test(softmax, every_softmax_passes_the_gradient_back, 0,
                        SIZES * SOFTMAX_VERSIONS);
    suite_add_tcase(suite, softmax);
    TCase *norm = device_case(suite, "layer norm");
    tcase_add_loop_test(norm, every_layer_norm_is_the_cpus_and_so_is_its_gradient, 0,
                        (SIZES - 1) * LAYER_NORM_VERSIONS);
    tcase_add_loop_test(norm, epsilon_counts_where_numbers_are_nearly_equal, 0,
                        LAYER_NORM_VERSIONS);
    tcase_add_test(norm, shapes_that_do_not_fit_stop);
    suite_add_tcase(suite, norm);
    TCase *others = device_case(suite, "sums and dropout");
    tcase_add_loop_test(others, sums_of_columns_are_added, 0, SIZES);
    tcase_add_loop_test(others, dropout_has_the_cpus_mask_to_the_bit, 0, 6);
    suite_add_tcase(suite, others);
    return suite;
}
