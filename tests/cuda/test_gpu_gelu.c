/* test_gpu_gelu.c: gpu_gelu.h against GELU in double. */
#include "tests/cuda/cuda_suites.h"
#include "tests/cuda/device_helpers.h"
#include "chapters/06_cuda_training/kernels/gpu_gelu.h"
#include "tests/naive_layers.h"

static const int sizes[][2] = {{1, 1}, {3, 17}, {5, 64}, {50, 65}, {7, 197}};
enum { SIZES = sizeof sizes / sizeof sizes[0], RUNS = SIZES * GELU_VERSIONS };

START_TEST(every_version_adds_the_bias_and_applies_gelu) {
    const int *size = sizes[_i / GELU_VERSIONS];
    const GeluVersion version = _i % GELU_VERSIONS;
    const int rows = size[0], M = size[1];
    Tensor X = random_tensor('X', SHAPE(rows, M)), b = random_tensor('b', SHAPE(M));
    Tensor pre = on_device_wide(X), Y = device_unset_wide(X);
    gpu_bias_gelu_forward(NULL, version, pre, on_device(b), Y);

    double *want_pre = doubles_of(X), *want = test_doubles((long)rows * M);
    for (int i = 0; i < rows * M; i++) {
        want_pre[i] += (double)b.data[i % M];
        want[i] = naive_gelu(want_pre[i]);
    }
    assert_close_to_naive(from_device(pre), want_pre, 1e-6, "pre = X + b");
    assert_close_to_naive(from_device(Y), want, 2e-6, "[ViT eq.3]");
    ck_assert(device_canaries_live(pre) && device_canaries_live(Y));
}
END_TEST

START_TEST(every_version_passes_the_gradient_back) {
    const int *size = sizes[_i / GELU_VERSIONS];
    const GeluVersion version = _i % GELU_VERSIONS;
    Tensor X = random_tensor('X', SHAPE(size[0], size[1])), dY = random_tensor('Y', X);
    Tensor dX = on_device_wide(dY);
    gpu_gelu_backward(NULL, version, on_device_wide(X), dX, dX); /* dpre may be dY */

    double *want = test_doubles(tensor_count(X));
    for (long i = 0; i < tensor_count(X); i++) {
        want[i] = (double)dY.data[i] * naive_gelu_derivative((double)X.data[i]);
    }
    assert_close_to_naive(from_device(dX), want, 2e-6, "dpre = dY o GELU'(pre)");
    ck_assert(device_canaries_live(dX));
}
END_TEST

Suite *gpu_gelu_suite(void) {
    Suite *suite = suite_create("gpu_gelu");
    TCase *reference = device_case(suite, "against the CPU in double");
    tcase_add_loop_test(reference, every_version_adds_the_bias_and_applies_gelu, 0,
                        RUNS);
    tcase_add_loop_test(reference, every_version_passes_the_gradient_back, 0, RUNS);
    suite_add_tcase(suite, reference);
    return suite;
}
