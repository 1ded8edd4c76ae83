/*
 * demo_matmul_ladder.c: three rungs of the ladder, in short. The same 2 m n k
 * operations, in another order, are many times faster. demo_ladder.c shows every rung.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/error.h"
#include "chapters/01_tensor_ops/ladder.h"
#include "common/lesson/machine_speed.h"
#include "common/matmul.h"
#include "common/matmul_plain.h"
#include "common/random.h"
#include "common/lesson/report.h"
#include "chapters/01_tensor_ops/tensor_ops_demos.h"
#include "common/lesson/threads.h"

enum { N = 384 };

/* The fastest of at least 3 times: the others were disturbed. */
static double fastest_ms(LadderRung *product, Tensor A, Tensor B, Tensor C) {
    return machine_product_ms((MachineProduct){product, A, B, C}, 3, 50);
}

static void print_rung(const char *name, double ms) {
    printf("    %-48s %8.2f ms %8.1f GFLOP/s\n", name, ms,
           2.0 * N * N * N / (ms * 1e6));
}

/* A B on each rung: M[0] M[1] into M[2], M[3] and M[4]. */
static void climb(Tensor M[5]) {
    print_rung("for i, for j, for k: the definition",
               fastest_ms(matmul_plain_nn, M[0], M[1], M[2]));
    print_rung("for i, for k, for j: in memory's order",
               fastest_ms(ladder_loop_order, M[0], M[1], M[3]));
    const int threads = threads_limit(1);
    print_rung("matmul_nn: registers, packing, blocks",
               fastest_ms(matmul_nn, M[0], M[1], M[4]));
    threads_limit(threads);
    if (threads > 1) {
        char name[64];
        snprintf(name, sizeof name, "the same on %d threads, if free", threads);
        print_rung(name, fastest_ms(matmul_nn, M[0], M[1], M[4]));
    }
}

void matmul_ladder_demo(void) {
    Error error;
    const long count = (long)N * N;
    report_section("1.4 The same product, faster");
    real *block = allocate(5 * (size_t)count * sizeof(real), "the ladder", &error);
    if (!block) {
        report_check(false, "%s", error.text);
        return;
    }
    const MatmulSizes s = matmul_sizes();
    Tensor M[5];
    for (int t = 0; t < 5; t++) {
        M[t] = tensor2(block + t * count, N, N);
    }
    random_fill_normal((Random){1, RANDOM_DEMO, 1}, M[0], 1.0);
    random_fill_normal((Random){1, RANDOM_DEMO, 2}, M[1], 1.0);

    printf("\n(%d,%d) times (%d,%d): %.0f million multiplications, and as many\n"
           "additions. Order and place in memory are all that changes:\n\n",
           N, N, N, N, (double)N * N * N / 1e6);
    climb(M);
    printf("\nHow matmul_nn does it: common/matmul.c, one page. On this machine:\n"
           "tiles of %d x %d, %d " REAL_NAME "s a vector.\n\n",
           s.tile_rows, s.tile_vectors * s.lanes, s.lanes);
    /* Sums of N products of about 1: about sqrt(N) = 20 each, a few N roundings. */
    const double allowed = 1e-3;
    double second = tensor_max_abs_difference(M[3], M[2]);
    double third = tensor_max_abs_difference(M[4], M[2]);
    report_check(second < allowed && third < allowed,
                 "all agree: largest differences %.0e and %.0e (allowed %.0e)", second,
                 third, allowed);
    printf("\nWhat lies between, one idea at a time: ./chapter1 --ladder\n");
    free(block);
}
