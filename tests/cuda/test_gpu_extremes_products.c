/*
 * test_gpu_extremes_products.c (see extremes.h): attention's two versions and the
 * ladder of products, against plain loops in double.
 */
#include <math.h>
#include <stdio.h>

#include "tests/cuda/cuda_suites.h"
#include "tests/cuda/device_helpers.h"
#include "tests/cuda/extremes.h"
#include "chapters/06_cuda_training/kernels/gpu_attention.h"
#include "chapters/06_cuda_training/kernels/gpu_matmul.h"
#include "tests/cuda/in_double.h"

/* ---- attention ------------------------------------------------------------------- */

static const int widths[] = {1, 8, 31, 32, 33, 64, 127, 128};
enum { WIDTHS = sizeof widths / sizeof widths[0] };

/* The scores of every query. */
typedef enum {
    NEAR_MINUS_200,
    NEAR_200,
    NEAR_MINUS_10000,
    BEGIN_WITH_NONE, /* keys whose products overflow to -infinity, all but the last */
    ALL_NONE,        /* infinite keys: every score is -infinity */
    NAN_QUERY,
    NAN_KEY,
    NAN_VALUE,
    INFINITE_VALUE,
    KINDS
} Kind;
static const char *const names[KINDS] = {
    "near -200", "near 200", "near -10000", "begins with -inf", "all -inf",
    "NaN in q",  "NaN in k", "NaN in v",    "infinity in v"};

/* Queries and keys meet in their first element, with a product near `score` sqrt(d).
 * The other elements are -1/4, 0 or 1/4: every product is exact. */
static void far_from_0(Tensor qkv, int d, double score) {
    const double root = floor(sqrt(fabs(score) * sqrt(d)));
    for (int i = 0; i < qkv.shape[1]; i++) {
        real *q = tensor_row(qkv, i), *k = q + d;
        for (int j = 0; j < 2 * d; j++) {
            q[j] = (real)(0.25 * ((q[j] > (real)0.5) - (q[j] < (real)-0.5)));
        }
        q[0] = (real)(score < 0 ? -root : root);
        k[0] = (real)root;
        if (d == 1) {
            k[0] += (real)(i % 5 / 8.0);
        }
    }
}

static Tensor make_qkv(Kind kind, int n, int d) {
    Tensor qkv = random_tensor('q', SHAPE(1, n, 3 * d));
    const int last = n - 1;
    switch (kind) {
    case NEAR_MINUS_200: far_from_0(qkv, d, -200); break;
    case NEAR_200: far_from_0(qkv, d, 200); break;
    case NEAR_MINUS_10000: far_from_0(qkv, d, -10000); break;
    case BEGIN_WITH_NONE:
        for (int i = 0; i < n; i++) {
            tensor_row(qkv, i)[0] = 1e25f;
            tensor_row(qkv, i)[d] = i < last ? -1e25f : 0;
        }
        break;
    case ALL_NONE:
        for (int i = 0; i < n; i++) {
            tensor_row(qkv, i)[0] = 1;
            tensor_row(qkv, i)[d] = -INFINITY;
        }
        break;
    case NAN_QUERY: tensor_row(qkv, last)[d / 2] = NAN; break;
    case NAN_KEY: tensor_row(qkv, last)[d + d / 2] = NAN; break;
    case NAN_VALUE: tensor_row(qkv, last)[2 * d + d / 2] = NAN; break;
    default: tensor_row(qkv, last)[2 * d + d / 2] = INFINITY;
    }
    return qkv;
}

static Tensor like(Tensor shape) {
    return shape.ndim > 0 ? device_unset(shape) : shape;
}

/* One head of one image: O (n, d) and dqkv (n, 3d), by the device. */
static void by_device(AttentionVersion version, Tensor qkv, Tensor dO, Tensor *O,
                      Tensor *dqkv) {
    AttentionKept kept;
    gpu_attention_shapes(version, 1, 1, qkv.shape[1], &kept);
    kept.A = like(kept.A);
    kept.dA = like(kept.dA);
    kept.lse = like(kept.lse);
    kept.delta = like(kept.delta);
    const GpuAttention pass = {version, 1, on_device(qkv), kept, device_unset(dO)};
    Tensor on_dqkv = device_unset(qkv);
    gpu_attention_forward(NULL, &pass);
    gpu_attention_backward(NULL, &pass, on_device(dO), on_dqkv);
    *O = from_device(pass.O);
    *dqkv = from_device(on_dqkv);
}

/* A score of 200 may be rounded by 2e-5, one of 10000 by 1e-3, and so may its weight.
 * Gradients of q are such weights times the key's first element. */
static void attention_is_the_cpus(Kind kind, int n, int d) {
    const double tolerance = kind == NEAR_MINUS_10000 ? 2e-2 : 2e-3;
    Tensor qkv = make_qkv(kind, n, d), dO = random_tensor('O', SHAPE(1, n, d));
    double *O = test_doubles((long)n * d), *dqkv = test_doubles((long)n * 3 * d);
    naive_heads(&(NaiveHeads){1, 1, n, d, doubles_of(qkv), doubles_of(dO), O, dqkv});
    for (int version = 0; version < ATTENTION_VERSIONS; version++) {
        Tensor got, got_dqkv;
        char name[100];
        by_device(version, qkv, dO, &got, &got_dqkv);
        snprintf(name, sizeof name, "%s, %s, n %d, d %d", gpu_attention_names[version],
                 names[kind], n, d);
        assert_no_message(extreme_difference(got, O, tolerance, 1, name));
        assert_no_message(extreme_difference(got_dqkv, dqkv, tolerance, 3, name));
    }
}

enum { KIND_SIZES = 8 }; /* the first of extreme_sizes: every kind */

START_TEST(attention_forward_and_backward) {
    const int n = extreme_sizes[_i];
    for (int kind = 0; kind < KINDS; kind++) {
        const int width = widths[(_i + kind) % (n < 31 ? WIDTHS : 3)];
        const int d = kind == NEAR_MINUS_10000 ? 64 : width;
        /* A single key that overflows has no weight in float, all of it in double. */
        if (n > 1 || kind != BEGIN_WITH_NONE) {
            attention_is_the_cpus((Kind)kind, n, d);
        }
    }
}
END_TEST

/* n, d, where a padded key's score of 0 is far above the others. */
static const int far_below[][2] = {{17, 1},  {17, 8},   {17, 31},  {17, 32}, {17, 33},
                                   {17, 64}, {17, 127}, {17, 128}, {31, 8},  {33, 16},
                                   {50, 1},  {63, 24},  {65, 16},  {127, 8}, {128, 8},
                                   {129, 1}, {197, 64}, {197, 1}};
enum { FAR_BELOW = sizeof far_below / sizeof far_below[0] };

START_TEST(scores_far_below_0_at_every_width) {
    const int *size = far_below[_i];
    attention_is_the_cpus(NEAR_MINUS_200, size[0], size[1]);
}
END_TEST

/* All keys are one: each has a weight of 1 / n, however far the scores are from 0: O is
 * the mean of the values, and every value has the mean of dO. */
static void keys_share_alike(int n, int d, double score) {
    Tensor qkv = random_tensor('q', SHAPE(1, n, 3 * d)), O, dqkv;
    Tensor dO = random_tensor('O', SHAPE(1, n, d));
    const double root = sqrt(fabs(score) / sqrt(d));
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < d; j++) {
            tensor_row(qkv, i)[j] = (real)(score < 0 ? -root : root);
            tensor_row(qkv, i)[d + j] = (real)root;
        }
    }
    for (int version = 0; version < ATTENTION_VERSIONS; version++) {
        by_device(version, qkv, dO, &O, &dqkv);
        for (int j = 0; j < d; j++) {
            double v = 0, dv = 0;
            for (int i = 0; i < n; i++) {
                v += (double)tensor_row(qkv, i)[2 * d + j] / n;
                dv += (double)tensor_row(dO, i)[j] / n;
            }
            for (int i = 0; i < n; i++) {
                const double o = (double)tensor_row(O, i)[j];
                const double got = (double)tensor_row(dqkv, i)[2 * d + j];
                ck_assert_msg(
                    fabs(o - v) <= 1e-5 && fabs(got - dv) <= 1e-5,
                    "%s, n %d, d %d, scores %g: o %g, want %g; dv %g, want %g",
                    gpu_attention_names[version], n, d, score, o, v, got, dv);
            }
        }
    }
}

START_TEST(equal_scores_share_alike) {
    static const double scores[] = {-200, -1e4, 1e4, -1e8, 1e8, -1e30, 1e30};
    static const int ds[] = {1, 24, 33};
    for (int k = 0; k < 3; k++) {
        keys_share_alike(2, ds[k], scores[_i]);
    }
    keys_share_alike(17, 24, scores[_i]);
}
END_TEST

/* ---- products -------------------------------------------------------------------- */

enum { PRODUCTS = 7 };

/* NaN in one row of op(A), infinity in one column of op(B): in no other row or column
 * of C, which tiles' zeros beyond the edge could bring there. */
START_TEST(a_nan_stays_in_its_row_and_its_column) {
    static const int sizes[PRODUCTS][3] = {{1, 2, 15},   {2, 1, 1},    {17, 33, 31},
                                           {33, 16, 17}, {65, 15, 33}, {16, 65, 64},
                                           {129, 5, 3}};
    const int m = sizes[_i][0], n = sizes[_i][1], k = sizes[_i][2];
    for (int layout = 0; layout < MATMUL_LAYOUTS; layout++) {
        Tensor A = random_tensor('A', layout == MATMUL_TN ? SHAPE(k, m) : SHAPE(m, k));
        Tensor B = random_tensor('B', layout == MATMUL_NT ? SHAPE(n, k) : SHAPE(k, n));
        tensor_row(A, layout == MATMUL_TN ? k - 1 : m - 1)[tensor_cols(A) - 1] = NAN;
        tensor_row(B, layout == MATMUL_NT ? n / 2
                                          : k - 1)[layout == MATMUL_NT ? 0 : n / 2] =
            INFINITY;
        double *C = test_doubles((long)m * n);
        naive_product(layout, sizes[_i], doubles_of(A), doubles_of(B), C);
        for (int version = 0; version <= MATMUL_BEST; version++) {
            Tensor got = device_unset_wide(SHAPE(m, n));
            gpu_matmul(NULL, version, (MatmulForm){.layout = layout}, on_device_wide(A),
                       on_device(B), got);
            assert_no_message(extreme_difference(from_device(got), C, 1e-5, 0,
                                                 gpu_matmul_names[version]));
            ck_assert(device_canaries_live(got));
        }
    }
}
END_TEST

void extreme_products(Suite *suite) {
    TCase *attention = device_case(suite, "attention");
    tcase_add_loop_test(attention, attention_forward_and_backward, 0, KIND_SIZES);
    tcase_add_loop_test(attention, scores_far_below_0_at_every_width, 0, FAR_BELOW);
    tcase_add_loop_test(attention, equal_scores_share_alike, 0, 7);
    TCase *products = device_case(suite, "products");
    tcase_add_loop_test(products, a_nan_stays_in_its_row_and_its_column, 0, PRODUCTS);
}
