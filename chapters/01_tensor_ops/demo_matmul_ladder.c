/*
 * demo_matmul_ladder.c: three rungs of the ladder, in short. The same 2 m n k
 * operations, in another order, are many times faster. demo_ladder.c shows every rung.
 */
#include <stdio.h>

#include "chapters/01_tensor_ops/ladder.h"
#include "chapters/01_tensor_ops/tensor_ops_demos.h"
#include "common/lesson/machine_speed.h"
#include "common/lesson/report.h"
#include "common/lesson/threads.h"
#include "common/matmul.h"
#include "common/matmul_plain.h"
#include "common/random.h"

enum { N = 384 };

/* The fastest of at least 3 times: the others were disturbed. */
static void time_rung(const char *name, MachineProduct rung) {
    const double ms = machine_product_ms(rung, 3, 50);
    printf("    %-48s %8.2f ms %8.1f GFLOP/s\n", name, ms,
           2.0 * N * N * N / (ms * 1e6));
}

void matmul_ladder_demo(void) {
    static _Alignas(64) real memory[5][N * N];
    Tensor A = tensor2(memory[0], N, N), B = tensor2(memory[1], N, N);
    Tensor first = tensor2(memory[2], N, N), second = tensor2(memory[3], N, N);
    Tensor third = tensor2(memory[4], N, N);
    const MatmulSizes s = matmul_sizes();
    report_section("1.4 The same product, faster");
    random_fill_normal((Random){1, RANDOM_DEMO, 1}, A, 1.0);
    random_fill_normal((Random){1, RANDOM_DEMO, 2}, B, 1.0);

    printf("\n(%d,%d) times (%d,%d): %.0f million multiplications, and as many\n"
           "additions. Order and place in memory are all that changes:\n\n",
           N, N, N, N, (double)N * N * N / 1e6);
    time_rung("for i, for j, for k: the definition",
              (MachineProduct){matmul_plain_nn, A, B, first});
    time_rung("for i, for k, for j: in memory's order",
              (MachineProduct){ladder_loop_order, A, B, second});
    const int threads = threads_limit(1);
    time_rung("matmul_nn: registers, packing, blocks",
              (MachineProduct){matmul_nn, A, B, third});
    threads_limit(threads);
    if (threads > 1) {
        char name[64];
        snprintf(name, sizeof name, "the same on %d threads, if free", threads);
        time_rung(name, (MachineProduct){matmul_nn, A, B, third});
    }
    printf("\nHow matmul_nn does it: common/matmul.c, one page. On this machine:\n"
           "tiles of %d x %d, %d " REAL_NAME "s a vector.\n\n",
           s.tile_rows, s.tile_vectors * s.lanes, s.lanes);
    /* Each element sums N products of about 1: some sqrt(N) = 20, a few N roundings. */
    const double allowed = 1e-3;
    const double off_second = tensor_max_abs_difference(second, first);
    const double off_third = tensor_max_abs_difference(third, first);
    report_check(off_second < allowed && off_third < allowed,
                 "all agree: largest differences %.0e and %.0e (allowed %.0e)",
                 off_second, off_third, allowed);
    printf("\nWhat lies between, one idea at a time: ./chapter1 --ladder\n");
}
