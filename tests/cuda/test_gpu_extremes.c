/*
 * test_gpu_extremes.c: kernels that work by rows or by elements, on values at the ends
 * of float: scores near 200, 10000 and 3e38, infinity, NaN; at sizes around a warp's
 * and a block's. Each result is finite where the same in double is, and close to it
 * there; a NaN comes out as NaN, and stays in its row.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>

#include "tests/cuda/cuda_suites.h"
#include "tests/cuda/device_helpers.h"
#include "tests/cuda/extremes.h"
#include "chapters/06_cuda_training/kernels/gpu_adamw.h"
#include "chapters/06_cuda_training/kernels/gpu_elementwise.h"
#include "chapters/06_cuda_training/kernels/gpu_gelu.h"
#include "chapters/06_cuda_training/kernels/gpu_layer_norm.h"
#include "chapters/06_cuda_training/kernels/gpu_loss.h"
#include "chapters/06_cuda_training/kernels/gpu_softmax.h"
#include "tests/cuda/in_double.h"
#include "tests/naive_layers.h"

const int extreme_sizes[EXTREME_SIZES] = {1,  2,  15, 16,  17,  31,  32, 33,
                                          63, 64, 65, 127, 128, 129, 197};

const char *extreme_difference(Tensor got, const double *want, double tolerance,
                               double at_least, const char *what) {
    static char text[200];
    const int rows = tensor_rows(got), cols = tensor_cols(got);
    for (int j = 0; j < cols; j++) {
        double squares = 0; /* a column's elements are of one size; others may not be */
        for (int i = 0; i < rows; i++) {
            const double w = want[(long)i * cols + j];
            squares += isfinite(w) ? w * w / rows : 0;
        }
        for (int i = 0; i < rows; i++) {
            const double w = want[(long)i * cols + j],
                         g = (double)tensor_row(got, i)[j];
            const double size = fmax(fabs(w), sqrt(squares));
            const double room = tolerance * fmax(size, at_least) + 1e-37;
            if (isfinite(w) ? !(fabs(g - w) <= room) : isfinite(g)) {
                snprintf(text, sizeof text,
                         "%s: (%d,%d) of %d x %d is %g, should be %g", what, i, j, rows,
                         cols, g, w);
                return text;
            }
        }
    }
    return NULL;
}

/* ---- rows of scores -------------------------------------------------------------- */

/* What a row is, one of each. */
typedef enum {
    NEAR_MINUS_200,
    NEAR_200,
    NEAR_MINUS_10000,
    NEAR_10000,
    ENDS_OF_FLOAT,    /* 3e38 and -3e38 in turn */
    DENORMAL,         /* near 1e-40 */
    BEGINS_WITH_NONE, /* -infinity, all but the last */
    EVERY_OTHER_NONE,
    ALL_NONE, /* -infinity alone: no softmax, NaN */
    ONE_INFINITE,
    NAN_FIRST,
    NAN_LAST,
    ALL_NAN,
    USUAL, /* after them: nothing of theirs may come here */
    KINDS
} Kind;

static float score(Kind kind, int j, int n, float x) {
    switch (kind) {
    case NEAR_MINUS_200: return -200 + x;
    case NEAR_200: return 200 + x;
    case NEAR_MINUS_10000: return -10000 + x;
    case NEAR_10000: return 10000 + x;
    case ENDS_OF_FLOAT: return j % 2 ? -3e38f : 3e38f;
    case DENORMAL: return x * 1e-40f;
    case BEGINS_WITH_NONE: return j < n - 1 ? -INFINITY : x;
    case EVERY_OTHER_NONE: return j % 2 ? x : -INFINITY;
    case ALL_NONE: return -INFINITY;
    case ONE_INFINITE: return j == n / 2 ? INFINITY : x;
    case NAN_FIRST: return j == 0 ? NAN : x;
    case NAN_LAST: return j == n - 1 ? NAN : x;
    case ALL_NAN: return NAN;
    default: return x;
    }
}

static Tensor scores(int n) {
    Tensor S = random_tensor('S', SHAPE(KINDS, n));
    for (int i = 0; i < KINDS; i++) {
        for (int j = 0; j < n; j++) {
            tensor_row(S, i)[j] = score((Kind)i, j, n, tensor_row(S, i)[j]);
        }
    }
    return S;
}

START_TEST(softmax_forward_and_backward) {
    const int n = extreme_sizes[_i];
    Tensor S = scores(n), dA = random_tensor('d', S), A = zero_tensor(S);
    double *want = test_doubles(tensor_count(S)), *dS = test_doubles(tensor_count(S));
    naive_softmax(KINDS, n, doubles_of(S), want);
    for (long i = 0; i < tensor_count(S); i++) {
        A.data[i] = (float)want[i];
    }
    naive_softmax_backward(KINDS, n, want, doubles_of(dA), dS);
    for (int version = 0; version < SOFTMAX_VERSIONS; version++) {
        Tensor got = device_unset_wide(S), on_dA = on_device_wide(dA);
        gpu_softmax_forward(NULL, version, 1, on_device_wide(S), got);
        assert_no_message(extreme_difference(from_device(got), want, 1e-5, 0,
                                             gpu_softmax_names[version]));
        gpu_softmax_backward(NULL, version, 1, on_device_wide(A), on_dA, on_dA);
        assert_no_message(extreme_difference(from_device(on_dA), dS, 1e-5, 0, "dS"));
        ck_assert(device_canaries_live(got) && device_canaries_live(on_dA));
    }
}
END_TEST

/* A row of -infinity has no softmax. */
START_TEST(rows_without_a_softmax_are_nan) {
    Tensor S = scores(65);
    for (int version = 0; version < SOFTMAX_VERSIONS; version++) {
        Tensor A = device_unset(S);
        gpu_softmax_forward(NULL, version, 0.25f, on_device(S), A);
        A = from_device(A);
        for (int i = 0; i < KINDS; i++) {
            const bool none = i >= ALL_NONE && i <= ALL_NAN;
            for (int j = 0; j < 65; j++) {
                const float a = tensor_row(A, i)[j];
                ck_assert_msg(none == (isnan(a) != 0), "row %d: %g", i, (double)a);
            }
        }
    }
}
END_TEST

/* ---- the loss -------------------------------------------------------------------- */

/* The label is a class whose logit is finite, where there is one. */
START_TEST(the_loss_and_its_gradient) {
    const int K = extreme_sizes[_i];
    Tensor logits = scores(K);
    for (int k = 1; k < K;
         k++) { /* one is the largest, even where 1 counts for nothing */
        tensor_row(logits, ENDS_OF_FLOAT)[k] = -3e38f;
    }
    int labels[KINDS];
    double *d = test_doubles(tensor_count(logits)), losses[KINDS];
    const double *z = doubles_of(logits), smoothing = _i % 2 ? (double)0.1f : 0;
    int undecided = 0, classes[KINDS];
    for (int b = 0; b < KINDS; b++) {
        labels[b] = b == EVERY_OTHER_NONE ? (K > 1) : K - 1;
        losses[b] = naive_loss(&(NaiveLoss){K, labels[b], smoothing, 0.5}, z + b * K,
                               d + b * K);
        undecided += naive_argmax(K, z + b * K) < 0;
    }
    ck_assert_int_ge(undecided, ALL_NAN - ALL_NONE + 1);
    Tensor dlogits = device_unset(logits), loss = device_unset(SHAPE(KINDS, 1));
    loss.ndim = 1;
    loss.shape[0] = KINDS;
    Tensor right = device_unset(loss);
    GpuStepResult *result = device_bytes(sizeof *result, NULL), got;
    int *predictions = device_bytes(sizeof classes, NULL);
    const GpuLoss o = {device_bytes(sizeof labels, labels),
                       (float)smoothing,
                       0.5f,
                       loss,
                       right,
                       predictions,
                       result};
    gpu_cross_entropy(NULL, &o, on_device(logits), dlogits);
    bytes_from_device(classes, predictions, sizeof classes);
    bytes_from_device(&got, result, sizeof got);
    Tensor each = from_device(loss);
    for (int b = 0; b < KINDS; b++) {
        const double room = 2e-6 * fmax(fabs(losses[b]), 100), l = (double)each.data[b];
        const bool fits = fabs(losses[b]) < (double)FLT_MAX;
        ck_assert_msg(fits ? fabs(l - losses[b]) <= room : !isfinite(l),
                      "row %d of %d: loss %g, should be %g", b, K, l, losses[b]);
        ck_assert_int_eq(classes[b], naive_argmax(K, z + b * K));
    }
    assert_no_message(extreme_difference(from_device(dlogits), d, 1e-5, 0, "dlogits"));
    ck_assert(isnan(got.loss));
    ck_assert_int_le((int)got.correct, KINDS - undecided);
}
END_TEST

/* Class 10 of 10, -1 of 37: nothing outside the row is read, and it can't be
 * missed. */
START_TEST(a_label_that_is_no_class_makes_the_loss_nan) {
    static const int K[] = {1, 10, 37};
    static const int labels[][3] = {{0, 1, 0}, {9, 10, 0}, {36, -1, 1}};
    Tensor logits = random_tensor('l', SHAPE(3, K[_i])), dlogits = device_unset(logits);
    Tensor losses = device_unset(SHAPE(3)), right = device_unset(SHAPE(3));
    GpuStepResult *result = device_bytes(sizeof *result, NULL), got;
    const GpuLoss loss = {device_bytes(sizeof labels[_i], labels[_i]),
                          0.1f,
                          1,
                          losses,
                          right,
                          NULL,
                          result};
    gpu_cross_entropy(NULL, &loss, on_device(logits), dlogits);
    bytes_from_device(&got, result, sizeof got);
    losses = from_device(losses);
    dlogits = from_device(dlogits);
    for (int b = 0; b < 3; b++) {
        ck_assert_int_eq(isnan(losses.data[b]) != 0, b == 1);
        ck_assert_int_eq(isnan(tensor_row(dlogits, b)[K[_i] - 1]) != 0, b == 1);
    }
    ck_assert(isnan(got.loss) && from_device(right).data[1] == 0);
}
END_TEST

/* ---- layer norm ------------------------------------------------------------------ */

enum { LARGE, TINY, FAR_FROM_0, EQUAL, WITH_NAN, WITH_INFINITY, ROW, NORM_ROWS };

static Tensor norm_rows(int D) {
    static const float scale[] = {3e17f, 1e-30f, 1, 0, 1, 1, 1};
    static const float middle[] = {0, 0, 1000, 7, 0, 0, 0};
    Tensor X = random_tensor('X', SHAPE(NORM_ROWS, D));
    for (int i = 0; i < NORM_ROWS; i++) {
        for (int j = 0; j < D; j++) {
            tensor_row(X, i)[j] = scale[i] * tensor_row(X, i)[j] + middle[i];
        }
    }
    tensor_row(X, WITH_NAN)[D - 1] = NAN;
    tensor_row(X, WITH_INFINITY)[D / 2] = -INFINITY;
    return X;
}

/* Squares beyond float have no root: not zeros that look like a row's norm. */
START_TEST(a_variance_beyond_float_is_nan) {
    const int D = extreme_sizes[1 + _i];
    Tensor X = random_tensor('X', SHAPE(3, D)), one = zero_tensor(SHAPE(D));
    tensor_fill(one, 1);
    for (int j = 0; j < D; j++) {
        tensor_row(X, 1)[j] = j % 2 ? -1e25f : 1e25f;
    }
    for (int version = 0; version < LAYER_NORM_VERSIONS; version++) {
        Tensor Y = device_unset(X), m = device_unset(SHAPE(3)), r = device_unset(m);
        const GpuLayerNorm pass = {on_device(X), on_device(one), on_device(one), m, r};
        gpu_layer_norm_forward(NULL, version, &pass, Y);
        Y = from_device(Y);
        for (int i = 0; i < 3 * D; i++) {
            ck_assert_int_eq(isnan(Y.data[i]) != 0, i / D == 1);
        }
    }
}
END_TEST

static Tensor small_row(int letter, int D) {
    return random_tensor(letter, SHAPE(D));
}

START_TEST(layer_norm_forward_and_backward) {
    const int D = extreme_sizes[_i];
    Tensor X = norm_rows(D), gamma = small_row('g', D), beta = small_row('b', D);
    Tensor dY = random_tensor('y', X), no_sums = zero_tensor(SHAPE(D));
    if (D > 1) {
        tensor_row(dY, LARGE)[1] = 1e22f; /* times x it is beyond float */
    }
    double mean[NORM_ROWS], rstd[NORM_ROWS], *Y = test_doubles(tensor_count(X)),
                                             *dX = test_doubles(tensor_count(X));
    double *dgamma = test_doubles(D), *dbeta = test_doubles(D);
    naive_norm(&(NaiveNorm){NORM_ROWS, D, doubles_of(X), doubles_of(gamma),
                            doubles_of(beta), doubles_of(dY), mean, rstd, Y, dX, dgamma,
                            dbeta});
    for (int version = 0; version < LAYER_NORM_VERSIONS; version++) {
        Tensor got = device_unset_wide(X), dx = on_device_wide(dY);
        Tensor m = device_unset(SHAPE(NORM_ROWS)), r = device_unset(m);
        Tensor sums[2] = {on_device(no_sums), on_device(no_sums)};
        const GpuLayerNorm pass = {on_device_wide(X), on_device(gamma), on_device(beta),
                                   m, r};
        const GpuLayerNormGradients d = {sums[0], sums[1],
                                         device_unset(SHAPE(LAYER_NORM_PARTS, 2, D))};
        gpu_layer_norm_forward(NULL, version, &pass, got);
        assert_no_message(extreme_difference(from_device(got), Y, 2e-3, 0,
                                             gpu_layer_norm_names[version]));
        gpu_layer_norm_backward(NULL, version, &pass, dx, dx, &d);
        assert_no_message(extreme_difference(from_device(dx), dX, 2e-3, 1, "dX"));
        assert_no_message(
            extreme_difference(from_device(sums[0]), dgamma, 1e-3, 1, "dgamma"));
        assert_no_message(
            extreme_difference(from_device(sums[1]), dbeta, 1e-5, 1, "dbeta"));
    }
}
END_TEST

/* ---- one element at a time ------------------------------------------------------- */

static const float values[] = {0,     1e-40f, -1e-40f, 1,   -1,       -5,
                               5,     -12,    12,      200, -200,     1e4f,
                               -1e4f, 3e38f,  -3e38f,  NAN, INFINITY, -INFINITY};
enum { VALUES = sizeof values / sizeof values[0] };

/* Each value with each other, in rows of a multiple of four, and others. */
START_TEST(gelu_and_relu) {
    const int cols = _i ? VALUES : VALUES - VALUES % 4;
    Tensor X = zero_tensor(SHAPE(VALUES, cols)), dY = zero_tensor(X);
    double *y = test_doubles(tensor_count(X)), *dx = test_doubles(tensor_count(X));
    double *relu = test_doubles(tensor_count(X)),
           *drelu = test_doubles(tensor_count(X));
    for (int i = 0; i < tensor_count(X); i++) {
        X.data[i] = values[i % VALUES];
        dY.data[i] = values[i / VALUES % VALUES];
        const double x = (double)X.data[i], dy = (double)dY.data[i];
        relu[i] = x < 0 ? 0 : x;
        drelu[i] = isnan(x) ? x : x > 0 ? dy : 0;
        y[i] = naive_gelu(x);
        dx[i] = dy * naive_gelu_derivative(x);
    }
    const Tensor b = on_device(zero_tensor(SHAPE(cols)));
    for (int version = 0; version <= GELU_VERSIONS; version++) {
        const bool is_relu = version == GELU_VERSIONS;
        Tensor pre = on_device(X), got = device_unset(X), d = on_device(dY);
        if (is_relu) {
            gpu_bias_relu_forward(NULL, pre, b, got);
            gpu_relu_backward(NULL, pre, d, d);
        } else {
            gpu_bias_gelu_forward(NULL, version, pre, b, got);
            gpu_gelu_backward(NULL, version, pre, d, d);
        }
        got = from_device(got);
        d = from_device(d);
        for (int i = 0; i < tensor_count(X); i++) {
            const double want[2] = {is_relu ? relu[i] : y[i],
                                    is_relu ? drelu[i] : dx[i]};
            const double have[2] = {(double)got.data[i], (double)d.data[i]};
            for (int k = 0; k < 2; k++) {
                const bool fits = fabs(want[k]) < (double)FLT_MAX;
                ck_assert_msg(fits ? fabs(have[k] - want[k]) <=
                                         2e-5 * fabs(want[k]) + 1e-37
                                   : !isfinite(have[k]),
                              "%s of %g, %g: %g, should be %g",
                              is_relu ? "ReLU" : gpu_gelu_names[version],
                              (double)X.data[i], (double)dY.data[i], have[k], want[k]);
            }
        }
    }
}
END_TEST

/* In one column, of one row. */
START_TEST(sums_keep_a_nan_in_its_column) {
    const int rows = extreme_sizes[_i], cols = extreme_sizes[EXTREME_SIZES - 1 - _i];
    Tensor dY = random_tensor('Y', SHAPE(rows, cols)), R = random_tensor('R', dY);
    tensor_row(dY, rows - 1)[cols / 2] = NAN;
    Tensor db = on_device(zero_tensor(SHAPE(cols))), sum = on_device(dY);
    gpu_sum_rows_add(NULL, on_device_wide(dY), db,
                     device_unset(SHAPE(SUM_ROWS_PARTS, cols)));
    gpu_tensor_add(NULL, sum, on_device(R));
    db = from_device(db);
    sum = from_device(sum);
    for (int j = 0; j < cols; j++) {
        ck_assert_int_eq(isnan(db.data[j]) != 0, j == cols / 2);
        ck_assert_int_eq(isnan(tensor_row(sum, rows - 1)[j]) != 0, j == cols / 2);
        ck_assert(rows == 1 || !isnan(sum.data[j]));
    }
}
END_TEST

/* A gradient that is infinite or NaN is told by its norm; the largest ones are not. */
START_TEST(norms_at_the_ends_of_float) {
    static const float one[] = {3e38f, INFINITY, NAN, 1e-40f};
    static const int counts[] = {1, 129, 5000};
    Tensor g = zero_tensor(SHAPE(counts[_i]));
    for (int k = 0; k < 4; k++) {
        GpuStepResult *result = device_bytes(sizeof *result, NULL), got;
        g.data[tensor_count(g) - 1] = one[k];
        gpu_gradient_norm(NULL, on_device(g).data, tensor_count(g), 1,
                          device_bytes(NORM_PARTS * sizeof(double), NULL), result);
        bytes_from_device(&got, result, sizeof got);
        const double norm = (double)got.gradient_norm, want = (double)one[k];
        ck_assert_msg(isfinite(want) ? fabs(norm - want) <= 1e-6 * want + 1e-44
                                     : !isfinite(norm),
                      "|%g| is %g", want, norm);
        ck_assert(k != 0 || fabs((double)got.clip_scale * want - 1) < 1e-3);
    }
}
END_TEST

Suite *gpu_extremes_suite(void) {
    Suite *suite = suite_create("gpu_extremes");
    TCase *rows = device_case(suite, "rows");
    tcase_add_loop_test(rows, softmax_forward_and_backward, 0, EXTREME_SIZES);
    tcase_add_test(rows, rows_without_a_softmax_are_nan);
    tcase_add_loop_test(rows, the_loss_and_its_gradient, 0, EXTREME_SIZES);
    tcase_add_loop_test(rows, a_label_that_is_no_class_makes_the_loss_nan, 0, 3);
    tcase_add_loop_test(rows, layer_norm_forward_and_backward, 0, EXTREME_SIZES);
    tcase_add_loop_test(rows, a_variance_beyond_float_is_nan, 0, EXTREME_SIZES - 1);
    TCase *elements = device_case(suite, "elements and sums");
    tcase_add_loop_test(elements, gelu_and_relu, 0, 2);
    tcase_add_loop_test(elements, sums_keep_a_nan_in_its_column, 0, EXTREME_SIZES);
    tcase_add_loop_test(elements, norms_at_the_ends_of_float, 0, 3);
    extreme_products(suite);
    return suite;
}
