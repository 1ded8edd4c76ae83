/* test_access_counts.c: cuda_on_cpu must count what the kernels' files say that each
 * rung asks of memory. Where nobody counts (a GPU, flavours that are not watched) the
 * tests say so, and check that the printing says so. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/06_cuda_training/measuring/measuring.h"
#include "tests/cuda/cuda_suites.h"
#include "tests/cuda/device_helpers.h"
#include "chapters/06_cuda_training/kernels/gpu_attention.h"
#include "chapters/06_cuda_training/cuda_on_cpu/counts.h"
#include "chapters/06_cuda_training/kernels/gpu_gelu.h"
#include "chapters/06_cuda_training/kernels/gpu_layer_norm.h"
#include "chapters/06_cuda_training/kernels/gpu_matmul.h"
#include "chapters/06_cuda_training/kernels/gpu_softmax.h"

static bool counting(void) {
    unsetenv("CUDA_ON_CPU_ORDERS"); /* every order would be counted */
    return cuda_on_cpu_counts_clear();
}

static CudaOnCpuCounts counts_now(void) {
    CudaOnCpuCounts counts;
    gpu_wait(NULL);
    ck_assert(cuda_on_cpu_counts(&counts));
    return counts;
}

enum { SIZE = 128 };

static CudaOnCpuCounts count_product(MatmulVersion version, MatmulLayout layout) {
    Tensor A = on_device(random_tensor('A', SHAPE(SIZE, SIZE)));
    Tensor B = on_device(random_tensor('B', SHAPE(SIZE, SIZE)));
    Tensor C = device_unset(SHAPE(SIZE, SIZE));
    cuda_on_cpu_counts_clear();
    gpu_matmul(NULL, version, (MatmulForm){.layout = layout}, A, B, C);
    return counts_now();
}

/* gpu_matmul.cu: 2 m n k loads, as many, m n k / 16, m n k / 32. */
START_TEST(products_load_what_their_file_says) {
    const uint64_t mnk = (uint64_t)SIZE * SIZE * SIZE;
    const uint64_t want[] = {2 * mnk, 2 * mnk, mnk / 16, mnk / 32};
    if (!counting()) {
        return;
    }
    for (int version = MATMUL_NAIVE; version <= MATMUL_REGISTERS; version++) {
        const CudaOnCpuCounts c =
            count_product((MatmulVersion)version, (MatmulLayout)_i);
        ck_assert_msg(c.global_load.accesses == want[version], "%s: %llu loads",
                      gpu_matmul_names[version],
                      (unsigned long long)c.global_load.accesses);
        ck_assert_int_eq((int)c.global_store.accesses, SIZE * SIZE);
    }
}
END_TEST

/* A warp that walks down a column fetches 32 sectors for 32 floats, one that walks
 * along a row 4; tiles are never read badly, in no layout. */
START_TEST(coalescing_is_what_separates_the_first_two_rungs) {
    if (!counting()) {
        return;
    }
    const CudaOnCpuCounts naive = count_product(MATMUL_NAIVE, MATMUL_NN);
    const CudaOnCpuCounts coalesced = count_product(MATMUL_COALESCED, MATMUL_NN);
    /* one of a request's two loads is the same for the whole warp: 1 sector */
    ck_assert_int_eq((int)(2 * naive.global_load.units / naive.global_load.requests),
                     33);
    ck_assert_int_eq(
        (int)(2 * coalesced.global_load.units / coalesced.global_load.requests), 5);
    for (int layout = 0; layout < MATMUL_LAYOUTS; layout++) {
        const CudaOnCpuCounts c = count_product(MATMUL_SHARED, (MatmulLayout)layout);
        ck_assert_int_eq((int)(c.global_load.units / c.global_load.requests), 4);
        ck_assert_int_eq((int)(c.shared_load.units - c.shared_load.requests), 0);
        ck_assert_int_eq((int)(c.shared_store.units - c.shared_store.requests), 0);
    }
}
END_TEST

/* The last rung of the row kernels reads and writes each element once. */
START_TEST(the_best_row_kernels_read_once) {
    enum { ROWS = 40, COLS = 64 };
    if (!counting()) {
        return;
    }
    Tensor X = on_device(random_tensor('X', SHAPE(ROWS, COLS))), Y = device_unset(X);
    Tensor gamma = on_device(random_tensor('g', SHAPE(COLS)));
    Tensor mean = device_unset(SHAPE(ROWS)), rstd = device_unset(SHAPE(ROWS));
    cuda_on_cpu_counts_clear();
    gpu_layer_norm_forward(NULL, LAYER_NORM_ONE_PASS,
                           &(GpuLayerNorm){X, gamma, gamma, mean, rstd}, Y);
    CudaOnCpuCounts c = counts_now();
    ck_assert_int_eq((int)c.global_load.accesses, 3 * ROWS * COLS); /* x, gamma, beta */
    ck_assert_int_eq((int)c.global_store.accesses, ROWS * COLS + 2 * ROWS);
    cuda_on_cpu_counts_clear();
    gpu_softmax_forward(NULL, SOFTMAX_ONLINE, 1, X, Y);
    c = counts_now();
    ck_assert_int_eq((int)c.global_load.accesses,
                     2 * ROWS * COLS); /* sum, then write */
    cuda_on_cpu_counts_clear();
    gpu_bias_gelu_forward(NULL, GELU_FUSED, X, gamma, Y);
    c = counts_now();
    ck_assert_int_eq((int)c.global_load.accesses, 2 * ROWS * COLS);  /* x, b */
    ck_assert_int_eq((int)c.global_store.accesses, 2 * ROWS * COLS); /* pre, Y */
}
END_TEST

START_TEST(fused_attention_moves_less_than_half) {
    enum { TOKENS = 65, HEADS = 2, D = 32 };
    uint64_t bytes[ATTENTION_VERSIONS];
    if (!counting()) {
        return;
    }
    Tensor qkv = on_device(random_tensor('q', SHAPE(1, TOKENS, 3 * D)));
    Tensor O = device_unset(SHAPE(1, TOKENS, D));
    Tensor A = device_unset(SHAPE(1, HEADS, TOKENS, TOKENS));
    for (int version = 0; version < ATTENTION_VERSIONS; version++) {
        GpuAttention pass = {version, HEADS, qkv, .O = O};
        gpu_attention_shapes(pass.version, 1, HEADS, TOKENS, &pass.kept);
        pass.kept.A.data = pass.kept.lse.data = A.data;
        cuda_on_cpu_counts_clear();
        gpu_attention_forward(NULL, &pass);
        const CudaOnCpuCounts c = counts_now();
        bytes[version] = 32 * (c.global_load.units + c.global_store.units);
    }
    ck_assert_msg(2 * bytes[ATTENTION_FUSED] < bytes[ATTENTION_MATERIALISED],
                  "fused %llu, materialised %llu bytes",
                  (unsigned long long)bytes[ATTENTION_FUSED],
                  (unsigned long long)bytes[ATTENTION_MATERIALISED]);
}
END_TEST

START_TEST(every_rung_is_printed) {
    const bool counted = counting();
    capture_begin();
    const int rungs = access_counts_print();
    const char *printed = capture_end();
    if (counted) {
        /* five products in two layouts; cuBLASLt is not ours */
        ck_assert_int_eq(rungs, 2 * MATMUL_CUBLAS + SOFTMAX_VERSIONS +
                                    LAYER_NORM_VERSIONS + GELU_VERSIONS +
                                    ATTENTION_VERSIONS);
        ck_assert_ptr_nonnull(
            strstr(printed, "\n  naive           4194 k     16 k     16.6"));
        ck_assert_ptr_nonnull(strstr(printed, "\n  materialised "));
    } else {
        ck_assert_int_eq(rungs, 0);
        ck_assert_ptr_nonnull(strstr(printed, "not counted"));
    }
}
END_TEST

Suite *access_counts_suite(void) {
    Suite *suite = suite_create("access_counts");
    TCase *tcase = device_case(suite, "counts");
    tcase_add_loop_test(tcase, products_load_what_their_file_says, 0, MATMUL_LAYOUTS);
    tcase_add_test(tcase, coalescing_is_what_separates_the_first_two_rungs);
    tcase_add_test(tcase, the_best_row_kernels_read_once);
    tcase_add_test(tcase, fused_attention_moves_less_than_half);
    tcase_add_test(tcase, every_rung_is_printed);
    suite_add_tcase(suite, tcase);
    return suite;
}
