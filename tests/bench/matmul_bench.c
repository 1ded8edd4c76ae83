/* matmul_bench.c: see matmul_bench.h. */
#include "matmul_bench.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

#include "blas.h"
#include "csv.h"
#include "fma_peak.h"
#include "statistics.h"
#include "stopwatch.h"
#include "threads.h"

enum { OURS, OPENBLAS, BLIS, LIBRARIES, MAX_SHAPES = BENCH_MODELS * MODEL_SHAPES };

typedef struct {
    const Bench *bench;
    Blas blas[LIBRARIES]; /* [OURS] isn't used */
    Csv csv;
    int threads;
    double gflops[LIBRARIES][MAX_SHAPES]; /* of the models' shapes so far */
    int shapes;
} Run;

static const char *names[LIBRARIES] = {"ours", "openblas", "blis"};

static bool takes_part(const Run *run, int library) {
    return library == OURS || run->blas[library].handle;
}

static void multiply(const Run *run, int library, const Product *product) {
    if (library == OURS) {
        product_multiply(product);
    } else {
        blas_multiply(&run->blas[library], product);
    }
}

static void set_threads(Run *run, int threads) {
    run->threads = threads;
    threads_limit(threads);
    for (int library = OPENBLAS; library < LIBRARIES; library++) {
        if (takes_part(run, library)) {
            blas_threads(&run->blas[library], threads);
        }
    }
}

/* ---- one product --------------------------------------------------------- */

/* Another library's idle threads may spin for a while: let them go to sleep. */
static void let_threads_sleep(const Run *run) {
    const struct timespec pause = {.tv_nsec = 60000000};
    if (run->threads > 1) {
        nanosleep(&pause, NULL);
    }
}

/* Milliseconds of `calls` products, after one that isn't timed. */
static double time_calls(const Run *run, int library, const Product *product,
                         long calls) {
    multiply(run, library, product);
    const double start_ms = stopwatch_ms();
    for (long i = 0; i < calls; i++) {
        multiply(run, library, product);
    }
    return stopwatch_ms() - start_ms;
}

/* How many calls fill a burst: found by doubling, which is the warm-up too. */
static long calls_for_burst(const Run *run, int library, const Product *product) {
    const double wanted_ms = run->bench->matmul_ms;
    long calls = 1;
    let_threads_sleep(run);
    for (;;) {
        const double ms = time_calls(run, library, product, calls);
        if (ms >= wanted_ms) {
            return calls;
        }
        const double factor = ms > 0 ? 1.1 * wanted_ms / ms : 10;
        calls = (long)ceil((double)calls * fmin(10, fmax(2, factor)));
    }
}

/* Each library's median GFLOP/s; they take turns. 0: it doesn't take part. */
static void measure(const Run *run, const Product *product, double gflops[LIBRARIES]) {
    double rate[LIBRARIES][MAX_ROUNDS];
    long calls[LIBRARIES] = {0};
    for (int library = 0; library < LIBRARIES; library++) {
        if (takes_part(run, library)) {
            calls[library] = calls_for_burst(run, library, product);
        }
    }
    for (int round = 0; round < run->bench->rounds; round++) {
        for (int library = 0; library < LIBRARIES; library++) {
            if (takes_part(run, library)) {
                let_threads_sleep(run);
                const double ms = time_calls(run, library, product, calls[library]);
                rate[library][round] =
                    (double)calls[library] * shape_flops(&product->shape) / (1e6 * ms);
            }
        }
    }
    for (int library = 0; library < LIBRARIES; library++) {
        gflops[library] =
            takes_part(run, library) ? median(rate[library], run->bench->rounds) : 0;
    }
}

/* All must give the same product: else their times mean nothing. */
static bool compare_results(const Run *run, const Product *product, Error *error) {
    const Shape *s = &product->shape;
    const int row = s->m / 2, column = s->n / 2; /* this number stands for all */
    const real *c = tensor_row(product->C, row) + column;
    double result[LIBRARIES];
    for (int library = 0; library < LIBRARIES; library++) {
        if (takes_part(run, library)) {
            tensor_fill(product->C, 0);
            multiply(run, library, product);
            result[library] = (double)*c;
            if (!(fabs(result[library] - result[OURS]) <= 1e-4 * sqrt(s->k))) {
                return error_set(error, "%s %s: %s says %g where ours is %g", s->model,
                                 s->name, names[library], result[library],
                                 result[OURS]);
            }
        }
    }
    return true;
}

/* ---- the table ----------------------------------------------------------- */

static void print_row(const Run *run, const Shape *s, const double gflops[LIBRARIES]) {
    char size[40];
    snprintf(size, sizeof size, "%dx%dx%d", s->m, s->n, s->k);
    printf("%-6s %-8s %-6s %-14s", s->model, s->name, layout_name(s->layout), size);
    for (int library = 0; library < LIBRARIES; library++) {
        if (takes_part(run, library)) {
            printf("  %s %6.1f", names[library], gflops[library]);
        }
    }
    for (int library = OPENBLAS; library < LIBRARIES; library++) {
        if (takes_part(run, library)) {
            printf("  %.2f", gflops[OURS] / gflops[library]);
        }
    }
    printf("\n");
    fflush(stdout);
}

static void write_row(Run *run, const Shape *s, const double gflops[LIBRARIES]) {
    fprintf(run->csv.file, "%d,%s,%s,%s,%d,%d,%d", run->threads, s->model, s->name,
            layout_name(s->layout), s->m, s->n, s->k);
    for (int library = 0; library < LIBRARIES; library++) {
        csv_number(&run->csv, gflops[library]);
    }
    fprintf(run->csv.file, "\n");
}

static bool run_shape(Run *run, const Shape *shape, double gflops[LIBRARIES],
                      Error *error) {
    Product product;
    if (!product_make(&product, shape, error)) {
        return false;
    }
    const bool same = compare_results(run, &product, error);
    if (same) {
        measure(run, &product, gflops);
        print_row(run, shape, gflops);
        write_row(run, shape, gflops);
    }
    product_free(&product);
    return same;
}

/* What part of the cores' peak the libraries reach: at 1024, the last square. */
static void print_peak(const Run *run, const double gflops[LIBRARIES]) {
    const double peak = fma_peak(run->threads, run->bench->rounds);
    if (peak == 0) {
        return;
    }
    printf("peak of multiply-adds %.1f GFLOP/s; at 1024:", peak);
    for (int library = 0; library < LIBRARIES; library++) {
        if (takes_part(run, library)) {
            printf(" %s %.0f%%", names[library], 100 * gflops[library] / peak);
        }
    }
    printf("\n");
}

static bool run_squares(Run *run, Error *error) {
    static const int sides[] = {256, 512, 1024};
    double gflops[LIBRARIES] = {0};
    for (int i = 0; i < 3; i++) {
        const Shape shape = shape_square(sides[i]);
        if (!run_shape(run, &shape, gflops, error)) {
            return false;
        }
    }
    print_peak(run, gflops);
    return true;
}

/* On several threads only large products: the layers call the small ones inside a
 * parallel region, where each runs on one. */
static bool worth_threads(const Run *run, const Shape *shape) {
    return run->threads == 1 || shape_flops(shape) > 2e7;
}

static bool run_model(Run *run, const BenchModel *model, Error *error) {
    Shape shapes[MODEL_SHAPES];
    const int count = shapes_of_model(model, shapes);
    for (int i = 0; i < count; i++) {
        double gflops[LIBRARIES];
        if (!worth_threads(run, &shapes[i])) {
            continue;
        }
        if (!run_shape(run, &shapes[i], gflops, error)) {
            return false;
        }
        for (int library = 0; library < LIBRARIES; library++) {
            run->gflops[library][run->shapes] = gflops[library];
        }
        run->shapes++;
    }
    return true;
}

static void print_means(const Run *run) {
    const double ours = geometric_mean(run->gflops[OURS], run->shapes);
    if (run->shapes == 0) {
        return;
    }
    printf("geometric mean of the models' %d products, %d thread%s: ours %.1f",
           run->shapes, run->threads, run->threads == 1 ? "" : "s", ours);
    for (int library = OPENBLAS; library < LIBRARIES; library++) {
        if (takes_part(run, library)) {
            const double other = geometric_mean(run->gflops[library], run->shapes);
            printf(" %s %.1f ratio %.2f", names[library], other, ours / other);
        }
    }
    printf("\n");
}

static bool run_threads(Run *run, int threads, Error *error) {
    set_threads(run, threads);
    run->shapes = 0;
    printf("\nmatrix products on %d thread%s, GFLOP/s; at the end ours / each\n",
           threads, threads == 1 ? "" : "s");
    bool ok = run_squares(run, error);
    for (int i = 0; ok && i < BENCH_MODELS; i++) {
        ok = !run->bench->model[i] || run_model(run, &bench_models[i], error);
    }
    if (ok) {
        print_means(run);
    }
    return ok;
}

bool matmul_bench(const Bench *bench, Error *error) {
    static Run run;
    run = (Run){.bench = bench};
    if (!csv_open(&run.csv, "plots/bench_matmul.csv",
                  "threads,model,product,layout,m,n,k,ours_gflops,openblas_gflops,"
                  "blis_gflops",
                  error)) {
        return false;
    }
    blas_open_openblas(&run.blas[OPENBLAS]);
    blas_open_blis(&run.blas[BLIS]);
    for (int library = OPENBLAS; library < LIBRARIES; library++) {
        printf("%s: %s%s\n", names[library],
               takes_part(&run, library) ? "" : "skipped: ", run.blas[library].version);
    }
    bool ok = run_threads(&run, 1, error);
    if (ok && bench->cores > 1) {
        ok = run_threads(&run, bench->cores, error);
    }
    ok = ok && csv_close(&run.csv, error);
    csv_drop(&run.csv);
    /* The libraries stay open: their threads may still be there. */
    return ok;
}
