/* test_gpu_adamw.c: gpu_adamw.h against AdamW in double. */
#include <math.h>

#include "tests/cuda/cuda_suites.h"
#include "tests/cuda/device_helpers.h"
#include "chapters/06_cuda_training/kernels/gpu_adamw.h"
#include "tests/cuda/in_double.h"

/* ---- the norm ------------------------------------------------------------------- */

static const int counts[] = {1, 255, 257, 66000, 200001};
enum { COUNTS = sizeof counts / sizeof counts[0] };

static GpuStepResult norm_of(Tensor gradients, double most) {
    GpuStepResult *result = device_bytes(sizeof *result, NULL), got;
    gpu_gradient_norm(NULL, on_device(gradients).data, tensor_count(gradients), most,
                      device_bytes(NORM_PARTS * sizeof(double), NULL), result);
    bytes_from_device(&got, result, sizeof got);
    return got;
}

START_TEST(the_norm_and_the_clipping_are_the_cpus) {
    Tensor g = random_tensor('g', SHAPE(counts[_i]));
    const double want = naive_norm_of(doubles_of(g), tensor_count(g));
    const GpuStepResult larger = norm_of(g, want / 3), smaller = norm_of(g, want * 2);
    assert_number_close((double)larger.gradient_norm / want, 1, 1e-7, "|g|");
    assert_number_close((double)larger.clip_scale, 1.0 / 3, 1e-7, "most / |g|");
    assert_number_close((double)smaller.clip_scale, 1, 0, "no clipping below most");
    assert_number_close((double)norm_of(g, 0).clip_scale, 1, 0, "most = 0: never");
}
END_TEST

/* Squares of these do not fit in float. */
START_TEST(large_and_no_gradients_have_a_norm) {
    Tensor g = zero_tensor(SHAPE(300));
    assert_number_close((double)norm_of(g, 1).gradient_norm, 0, 0, "|0|");
    assert_number_close((double)norm_of(g, 1).clip_scale, 1, 0, "of 0");
    tensor_fill(g, (real)1e25);
    assert_number_close((double)norm_of(g, 1).gradient_norm / (1e25 * sqrt(300)), 1,
                        1e-6, "|g|, squares beyond 3e38");
    g.data[299] = NAN;
    ck_assert(isnan((double)norm_of(g, 1).gradient_norm));
}
END_TEST

/* ---- AdamW ---------------------------------------------------------------------- */

enum { RUNS = 5 };
/* Parameters end within blocks of threads; one has a single element. */
static const long ends[RUNS] = {1, 300, 301, 3000, 5000};
static const int decay[RUNS] = {0, 1, 0, 1, 0};

typedef struct {
    Tensor w, g, m, v;
} Block;

static Block make_block(int count) {
    Block b = {random_tensor('w', SHAPE(count)), random_tensor('g', SHAPE(count)),
               random_tensor('m', SHAPE(count)), random_tensor('v', SHAPE(count))};
    for (int i = 0; i < count; i++) {
        b.v.data[i] *= b.v.data[i];
    }
    return b;
}

START_TEST(a_step_is_the_cpus) {
    static const long steps[] = {1, 2, 50, 100000};
    const long t = steps[_i / 2];
    const int count = (int)ends[RUNS - 1];
    const float scale = _i % 2 ? 0.25f : 1;
    const AdamW adamw = {0.9, 0.99, 1e-8, 0.1};
    Block b = make_block(count);
    double *w = doubles_of(b.w), *g = doubles_of(b.g), *m = doubles_of(b.m),
           *v = doubles_of(b.v);
    for (int i = 0, run = 0; i < count; i++) {
        run += i == ends[run];
        g[i] *= (double)scale;
        m[i] = 0.9 * m[i] + 0.1 * g[i];
        v[i] = 0.99 * v[i] + 0.01 * g[i] * g[i];
        const double mhat = m[i] / (1 - pow(0.9, (double)t));
        const double vhat = v[i] / (1 - pow(0.99, (double)t));
        w[i] -= 0.01 * (mhat / (sqrt(vhat) + 1e-8) + 0.1 * decay[run] * w[i]);
    }

    DecayRun runs[RUNS];
    for (int i = 0; i < RUNS; i++) {
        runs[i] = (DecayRun){ends[i], decay[i] ? 0.1f : 0};
    }
    const GpuStepResult clipped = {.clip_scale = scale};
    const Block on = {on_device(b.w), on_device(b.g), on_device(b.m), on_device(b.v)};
    const GpuUpdate update = {count,     on.w.data, on.m.data,
                              on.v.data, on.g.data, device_bytes(sizeof runs, runs),
                              RUNS};
    gpu_adamw_step(NULL, &adamw, 0.01, t, &update,
                   device_bytes(sizeof clipped, &clipped));
    assert_close_to_naive(from_device(on.m), m, 1e-6, "m");
    assert_close_to_naive(from_device(on.v), v, 1e-6, "v");
    assert_close_to_naive(from_device(on.w), w, 2e-6, "AdamW (Loshchilov, 2019)");
    assert_same_bits(from_device(on.g), b.g); /* gradients are only read */
}
END_TEST

Suite *gpu_adamw_suite(void) {
    Suite *suite = suite_create("gpu_adamw");
    TCase *norm = device_case(suite, "norm");
    tcase_add_loop_test(norm, the_norm_and_the_clipping_are_the_cpus, 0, COUNTS);
    tcase_add_test(norm, large_and_no_gradients_have_a_norm);
    suite_add_tcase(suite, norm);
    TCase *step = device_case(suite, "AdamW");
    tcase_add_loop_test(step, a_step_is_the_cpus, 0, 8);
    suite_add_tcase(suite, step);
    return suite;
}
