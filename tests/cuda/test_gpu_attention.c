/* test_gpu_attention.c: gpu_attention.h against attention in double. */
#include "tests/cuda/cuda_suites.h"
#include "tests/cuda/device_helpers.h"
#include "chapters/06_cuda_training/kernels/gpu_attention.h"
#include "tests/cuda/in_double.h"

/* B, heads, n, d: no n but 64 is a multiple of a tile; d 24 and 6 are padded. */
static const int sizes[][4] = {{2, 2, 17, 16},  {1, 3, 50, 24}, {1, 2, 65, 32},
                               {1, 1, 197, 64}, {2, 3, 1, 16},  {2, 1, 64, 6},
                               {1, 1, 33, 128}};
enum { SIZES = sizeof sizes / sizeof sizes[0], RUNS = SIZES * ATTENTION_VERSIONS };

static Tensor on_device_like(Tensor shape) {
    return shape.ndim > 0 ? device_unset(shape) : shape;
}

START_TEST(every_version_is_the_cpus_and_so_is_its_gradient) {
    const AttentionVersion version = _i % ATTENTION_VERSIONS;
    const int *size = sizes[_i / ATTENTION_VERSIONS];
    const int B = size[0], heads = size[1], n = size[2], d = size[3], D = heads * d;
    Tensor qkv = random_tensor('q', SHAPE(B, n, 3 * D));
    Tensor dO = random_tensor('O', SHAPE(B, n, D));
    double *O = test_doubles((long)B * n * D),
           *dqkv = test_doubles((long)B * n * 3 * D);
    naive_heads(
        &(NaiveHeads){B, heads, n, d, doubles_of(qkv), doubles_of(dO), O, dqkv});

    AttentionKept kept;
    gpu_attention_shapes(version, B, heads, n, &kept);
    kept.A = on_device_like(kept.A);
    kept.dA = on_device_like(kept.dA);
    kept.lse = on_device_like(kept.lse);
    kept.delta = on_device_like(kept.delta);
    const GpuAttention pass = {version, heads, on_device(qkv), kept, device_unset(dO)};
    Tensor got_dqkv = device_unset(qkv);
    gpu_attention_forward(NULL, &pass);
    assert_close_to_naive(from_device(pass.O), O, 1e-5, "[ViT eq.7]");
    gpu_attention_backward(NULL, &pass, on_device(dO), got_dqkv);
    assert_close_to_naive(from_device(got_dqkv), dqkv, 2e-5, "dqkv");
}
END_TEST

START_TEST(large_scores_do_not_overflow) {
    const AttentionVersion version = _i;
    Tensor qkv = random_tensor('q', SHAPE(1, 50, 48));
    tensor_scale(qkv, 30);
    double *O = test_doubles(50 * 16);
    naive_heads(&(NaiveHeads){1, 1, 50, 16, doubles_of(qkv), NULL, O, NULL});
    AttentionKept kept;
    gpu_attention_shapes(version, 1, 1, 50, &kept);
    kept.A = on_device_like(kept.A);
    kept.lse = on_device_like(kept.lse);
    Tensor got = device_unset(SHAPE(1, 50, 16));
    gpu_attention_forward(NULL, &(GpuAttention){version, 1, on_device(qkv), kept, got});
    /* Scores near 4000: one rounding of them is 2e-4 of a weight. */
    assert_close_to_naive(from_device(got), O, 2e-3, "[ViT eq.7]");
}
END_TEST

START_TEST(shapes_that_do_not_fit_stop) {
    GpuAttention pass = {ATTENTION_FUSED, .heads = 2};
    gpu_attention_shapes(ATTENTION_FUSED, 2, 2, 5, &pass.kept);
    pass.qkv = device_unset(SHAPE(2, 5, 24));
    pass.O = device_unset(SHAPE(2, 4, 8));
    assert_stops("O|(2,4,8)|(2,5,8)", gpu_attention_forward(NULL, &pass));
    pass.O = device_unset(SHAPE(2, 5, 8));
    pass.heads = 3;
    assert_stops("3 heads", gpu_attention_forward(NULL, &pass));
}
END_TEST

Suite *gpu_attention_suite(void) {
    Suite *suite = suite_create("gpu_attention");
    TCase *reference = device_case(suite, "against the CPU in double");
    tcase_add_loop_test(reference, every_version_is_the_cpus_and_so_is_its_gradient, 0,
                        RUNS);
    tcase_add_loop_test(reference, large_scores_do_not_overflow, 0, ATTENTION_VERSIONS);
    tcase_add_test(reference, shapes_that_do_not_fit_stop);
    suite_add_tcase(suite, reference);
    return suite;
}
