/*
 * demo_ladder.c: ./chapter1 --ladder [N]. Each rung of ladder.h on (N, N) matrices,
 * compared with what the machine can do at most; and the roofline, which explains them
 * (Williams, Waterman and Patterson, "Roofline: An Insightful Visual Performance
 * Model for Multicore Architectures", CACM 2009).
 *
 * Times are printed and never judged: PASS and FAIL are about the results.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "chapters/01_tensor_ops/ladder.h"
#include "common/lesson/machine_speed.h"
#include "common/matmul.h"
#include "common/matmul_plain.h"
#include "common/lesson/plot_file.h"
#include "common/random.h"
#include "common/lesson/report.h"
#include "chapters/01_tensor_ops/tensor_ops_demos.h"
#include "common/lesson/threads.h"

/* What the machine can do: [0] on one thread, [1] on all. */
typedef struct {
    int columns;        /* how many of the two there are: 1 without threads */
    int threads[2];     /* 1, and all */
    double peak[2];     /* GFLOP/s, multiply-adds in registers */
    double matrices[2]; /* GB/s, from wherever A, B and C fit */
    double memory[2];   /* GB/s, from memory */
} Machine;

typedef struct {
    const char *name, *idea;
    LadderRung *product;
    int on_all;        /* 0: on one thread, 1: on all */
    double intensity;  /* counted: flops per byte from beyond the core's cache */
    double in_core;    /* and multiply-adds per access in the innermost loop */
    double ms, gflops; /* measured */
    double difference; /* the largest, from rung 1's result */
} Rung;

enum { RUNGS = 6, FEW_ROWS = 8 };

typedef struct {
    int N;          /* A, B and C are (N, N) */
    int count;      /* of rungs: without threads, the last is left out */
    int first_rows; /* of A and C that rung 1 was given */
    Machine machine;
    Rung rungs[RUNGS];
} Climb;

static const Rung rungs[RUNGS] = {
    {"1 plain", "as on paper", matmul_plain_nn, .on_all = 0},
    {"2 loop_order", "in memory's order", ladder_loop_order, .on_all = 0},
    {"3 blocked", "stay in the cache", ladder_blocked, .on_all = 0},
    {"4 packed", "be in one piece", ladder_packed, .on_all = 0},
    {"5 matmul_nn", "C in registers", matmul_nn, .on_all = 0},
    {"6 matmul_nn", "on all threads", matmul_nn, .on_all = 1},
};

/* ---- the machine --------------------------------------------------------- */

static void print_speeds(const Machine *m, const char *what, const double speed[2],
                         const char *unit) {
    printf("    %-40s", what);
    for (int w = 0; w < m->columns; w++) {
        printf(" %9.1f", speed[w]);
    }
    printf("  %s\n", unit);
}

/* Each thread reads `each` elements of its own; all of them read `all` at most. */
static void print_reading(const Machine *m, const real *data, long each, long all,
                          double speed[2], const char *what) {
    for (int w = 0; w < m->columns; w++) {
        const long count = each * m->threads[w];
        speed[w] = machine_read_gbs(data, count < all ? count : all, m->threads[w]);
    }
    print_speeds(m, what, speed, "GB/s");
}

/* Measures the nearest memory first; `count` elements are at `data`. */
static void measure_machine(Machine *m, real *data, long count, long matrices) {
    const long kib = 1024 / (long)sizeof(real);
    double cache[2], triad[2], balance[2];
    char what[64];
    report_section("What the machine can do, measured");
    printf("\n    %-40s  1 thread", "");
    if (m->columns == 2) {
        printf(" %d threads", m->threads[1]);
    }
    printf("\n");
    for (int w = 0; w < m->columns; w++) {
        m->peak[w] = machine_peak_gflops(m->threads[w]);
    }
    print_speeds(m, "multiply-adds in registers: the peak", m->peak, "GFLOP/s");
    print_reading(m, data, 16 * kib, count, cache,
                  "read 16 KiB a thread, again and again");
    print_reading(m, data, 256 * kib, count, cache,
                  "read 256 KiB a thread, again and again");
    snprintf(what, sizeof what, "read A, B and C again and again, %.1f MB",
             1e-6 * (double)matrices * sizeof(real));
    print_reading(m, data, matrices, matrices, m->matrices, what);
    snprintf(what, sizeof what, "read %ld MiB: memory", count / kib / 1024);
    print_reading(m, data, count, count, m->memory, what);
    for (int w = 0; w < m->columns; w++) {
        triad[w] = machine_triad_gbs(data, count, m->threads[w]);
        balance[w] = m->peak[w] / m->memory[w];
    }
    print_speeds(m, "memory, x = y + 2 z", triad, "GB/s");
    print_speeds(m, "balance: peak / memory", balance, "flop/byte");
    printf(
        "\nA core can do far more flops than bytes can come. To reach the peak, a\n"
        "program must do `balance` flops for each byte that it takes from memory.\n");
}

/*
 * Counts the flops per byte from beyond the core's cache. A block of B (block_k,
 * block_n), or all of B where it is smaller, stays there while `rows` rows of A and C
 * pass. So an element of B serves `rows` multiply-adds, one of A serves block_n, and
 * one of C is loaded and stored once per block_k.
 */
static double intensity(double rows, int block_k, int block_n, int N) {
    const double elements = 1 / rows + 1 / fmin(block_n, N) + 2 / fmin(block_k, N);
    return 2 / (elements * sizeof(real));
}

/* Multiply-adds of vectors per load, when a tile of C is in registers. */
static double in_registers(MatmulSizes s) {
    return (double)s.tile_rows * s.tile_vectors / (s.tile_rows + s.tile_vectors);
}

static void count_accesses(Climb *c) {
    const MatmulSizes s = matmul_sizes();
    const double line_bytes = 64; /* one per step down a column of B */
    const double band = (double)c->N / c->machine.threads[1], tile = in_registers(s);
    const double whole = intensity(1, c->N, c->N, c->N);
    const double block = intensity(c->N, BLOCK_K, BLOCK_N, c->N);
    const double tiles = intensity(c->N, s.block_k, s.block_n, c->N);
    const double bands = intensity(band, s.block_k, s.block_n, c->N);
    const double per_byte[RUNGS] = {2 / line_bytes, whole, block, block, tiles, bands};
    const double in_core[RUNGS] = {1.0 / 2, 1.0 / 3, 1.0 / 3, 1.0 / 3, tile, tile};
    for (int i = 0; i < RUNGS; i++) {
        c->rungs[i].intensity = per_byte[i];
        c->rungs[i].in_core = in_core[i];
    }
}

/* ---- the rungs ----------------------------------------------------------- */

static const double first_rung_ms = 5000, other_rungs_ms = 300;

/* Rung 1 may take long: then it gets only as many rows of A and C as take
 * first_rung_ms. Its speed doesn't depend on their number. */
static int rows_of_first(Tensor A, Tensor B, Tensor C) {
    const int rows = tensor_rows(A), few = rows < FEW_ROWS ? rows : FEW_ROWS;
    const MachineProduct first = {rungs[0].product, tensor_first(A, few), B,
                                  tensor_first(C, few)};
    const double ms = machine_product_ms(first, 1, 0);
    return (int)fmax(few, fmin(rows, few * first_rung_ms / ms));
}

static void time_rung(const Climb *c, Rung *r, Tensor A, Tensor B, Tensor C) {
    const int all = threads_limit(c->machine.threads[r->on_all]);
    char gain[16] = "";
    tensor_fill(C, (real)NAN); /* what isn't written will show */
    r->ms =
        machine_product_ms((MachineProduct){r->product, A, B, C}, 1, other_rungs_ms);
    r->gflops = 2.0 * tensor_rows(A) * c->N * c->N / (r->ms * 1e6);
    threads_limit(all);
    if (r > c->rungs) {
        snprintf(gain, sizeof gain, "x %.2f", r->gflops / r[-1].gflops);
    }
    printf("    %-16s %-19s %9.2f %8.1f %8s %7.1f%%\n", r->name, r->idea, r->ms,
           r->gflops, gain, 100 * r->gflops / c->machine.peak[r->on_all]);
}

/* Rung 1: M[0] M[1] into M[2]; the others into M[3], to be compared with it. */
static void climb(Climb *c, Tensor M[4]) {
    const int rows = rows_of_first(M[0], M[1], M[2]);
    Tensor first = tensor_first(M[2], rows);
    c->first_rows = rows;
    time_rung(c, &c->rungs[0], tensor_first(M[0], rows), M[1], first);
    for (Rung *r = c->rungs + 1; r < c->rungs + c->count; r++) {
        time_rung(c, r, M[0], M[1], M[3]);
        r->difference = tensor_max_abs_difference(tensor_first(M[3], rows), first);
    }
}

static void climb_and_check(Climb *c, Tensor M[4]) {
    /* Each element sums N products of about 1: some sqrt(N), with N roundings, many of
     * which cancel. A product left out, or one too many, changes it by about 1. */
    const double allowed = 3e-6 * c->N;
    report_section("The rungs");
    printf("\nC = A B, all (%d,%d): %.4g million multiply-adds each time.\n\n", c->N,
           c->N, 1e-6 * c->N * c->N * c->N);
    printf("    %-16s %-19s %9s %8s %8s %8s\n", "rung", "its idea", "ms", "GFLOP/s",
           "gain", "of peak");
    random_fill_normal((Random){1, RANDOM_DEMO, 1}, M[0], 1.0);
    random_fill_normal((Random){1, RANDOM_DEMO, 2}, M[1], 1.0);
    climb(c, M);
    printf("\nThe gain is over the rung before.\n"
           "The peak is that of as many threads.\n");
    if (c->first_rows < c->N) {
        printf("Rung 1 would take %.0f s: it got the first %d of A's %d rows. Results\n"
               "are compared on these.\n",
               1e-3 * c->rungs[0].ms * c->N / c->first_rows, c->first_rows, c->N);
    }
    printf("\n");
    for (const Rung *r = c->rungs + 1; r < c->rungs + c->count; r++) {
        report_check(r->difference <= allowed,
                     "%-16s %-18s off rung 1 by %.0e at most (allowed %.0e)", r->name,
                     r->idea, r->difference, allowed);
    }
}

/* ---- the roofline -------------------------------------------------------- */

static double roof(const Machine *m, const Rung *r) {
    return fmin(m->peak[r->on_all], r->intensity * m->matrices[r->on_all]);
}

static void print_roofline(const Climb *c) {
    const MatmulSizes s = matmul_sizes();
    report_section("The roofline: which limit is near");
    printf(
        "\nFlops come no faster than the peak, and no faster than their bytes:\n\n"
        "    GFLOP/s  <=  min(peak, flop/byte x GB/s)      the roof\n\n"
        "flop/byte counts what comes from beyond the core's own cache, for each\n"
        "rung as it is written. GB/s is that of reading A, B and C, above. The last\n"
        "column: multiply-adds for each load or store in the innermost loop.\n\n"
        "    %-16s %9s %9s %9s %9s %11s\n",
        "rung", "flop/byte", "roof", "GFLOP/s", "of roof", "per access");
    for (const Rung *r = c->rungs; r < c->rungs + c->count; r++) {
        const double limit = roof(&c->machine, r);
        printf("    %-16s %9.2f %9.1f %9.1f %8.0f%% %11.2f\n", r->name, r->intensity,
               limit, r->gflops, 100 * r->gflops / limit, r->in_core);
    }
    printf(
        "\n1     2 flops for a line of 64 bytes, the worst case: no line of B's\n"
        "      column stays until the next column needs it. Besides, each sum waits\n"
        "      for the one before.\n"
        "2     2 flops for 4 bytes: all of B comes again for each row of C.\n"
        "3, 4  a block of B, %d x %d, serves all rows of A: bytes from beyond are\n"
        "      no limit any more. But B still comes from the core's second cache for\n"
        "      each row, at 0.5 flop/byte, and one multiply-add needs three loads and\n"
        "      stores.\n"
        "5     a tile of C, %d x %d, stays in registers: %.1f multiply-adds for a\n"
        "      load. Only the peak is left as a limit.\n"
        "6     the same on all threads, a band of C for each.\n"
        "\nWhere A, B and C are so small that a core's own cache holds them, nothing\n"
        "comes from beyond: the true flop/byte is higher than counted.\n",
        BLOCK_K, BLOCK_N, s.tile_rows, s.tile_vectors * s.lanes, in_registers(s));
}

static void write_plot_data(const Climb *c) {
    const Machine *m = &c->machine;
    FILE *file = plot_file_open(
        "roofline", "flop/byte   GFLOP/s   threads   number and name of the rung");
    if (!file) {
        return;
    }
    for (const Rung *r = c->rungs; r < c->rungs + c->count; r++) {
        fprintf(file, "%.4g %.4g %d %s\n", r->intensity, r->gflops,
                m->threads[r->on_all], r->name);
    }
    fprintf(file, "\n\n# threads   peak (GFLOP/s)   reading A, B and C (GB/s)   "
                  "memory (GB/s)   N\n");
    for (int w = 0; w < m->columns; w++) {
        fprintf(file, "%d %.4g %.4g %.4g %d\n", m->threads[w], m->peak[w],
                m->matrices[w], m->memory[w], c->N);
    }
    plot_file_close(file, "roofline");
}

void ladder_demo(int N) {
    Error error;
    const int threads = threads_limit(1), columns = threads > 1 ? 2 : 1;
    const long matrix = (long)N * N, large = (256L << 20) / (long)sizeof(real);
    const long count = 4 * matrix > large ? 4 * matrix : large;
    Climb c = {.N = N,
               .count = RUNGS - (columns == 1),
               .machine = {.columns = columns, .threads = {1, threads}}};
    memcpy(c.rungs, rungs, sizeof rungs);
    threads_limit(threads);
    real *data = allocate((size_t)count * sizeof(real), "the ladder", &error);
    if (!data) {
        report_check(false, "%s", error.text);
        return;
    }
    measure_machine(&c.machine, data, count, 3 * matrix);
    count_accesses(&c);
    Tensor M[4];
    for (int t = 0; t < 4; t++) {
        M[t] = tensor2(data + t * matrix, N, N);
    }
    climb_and_check(&c, M);
    print_roofline(&c);
    printf("\n");
    write_plot_data(&c);
    free(data);
}
