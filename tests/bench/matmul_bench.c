/* matmul_bench.c: see matmul_bench.h. */
#include "tests/bench/matmul_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/csv.h"
#include "tests/bench/matmul_shapes.h"
#include "tests/bench/peer.h"
#include "tests/bench/statistics.h"

enum { OURS, OPENBLAS, BLIS, LIBRARIES, MAX_SHAPES = BENCH_MODELS * MODEL_SHAPES };

typedef struct {
    Bench *bench;
    Peer peer[LIBRARIES]; /* without a process: doesn't take part */
    bool out[LIBRARIES];  /* isn't there, or failed */
    Csv csv;
    int threads;
    double gflops[LIBRARIES][MAX_SHAPES]; /* of the models' shapes so far */
    int shapes;
} Run;

static const char *names[LIBRARIES] = {"ours", "openblas", "blis"};

static bool takes_part(const Run *run, int library) {
    return run->peer[library].pid > 0;
}

/* What a child did: true to go on. Without one of the others it goes on, and says
 * so. */
static bool bear(Run *run, int library, bool ok, Error *error) {
    if (ok || library == OURS) {
        return ok;
    }
    run->out[library] = true;
    peer_kill(&run->peer[library]);
    bench_failed(run->bench, error->text);
    return true;
}

/* ---- starting ------------------------------------------------------------ */

/* A library that isn't there is no failure, unless the user has named its file. */
static void leave_out(Run *run, int library) {
    const char *variable = library == OPENBLAS ? getenv("OPENBLAS") : getenv("BLIS");
    char line[480];
    run->out[library] = true;
    snprintf(line, sizeof line, "%s: %s", names[library], run->peer[library].words);
    if (variable && *variable) {
        bench_failed(run->bench, line);
    } else {
        printf("%s: skipped: %s\n", names[library], run->peer[library].words);
    }
}

static bool start(Run *run, int library, bool say, Error *error) {
    char threads[16];
    char *const argv[] = {(char *)run->bench->self, "--multiply",
                          (char *)names[library], threads, NULL};
    snprintf(threads, sizeof threads, "%d", run->threads);
    Peer *peer = &run->peer[library];
    if (!peer_start(peer, names[library], argv, error)) {
        return false;
    }
    if (peer->skipped && library == OURS) {
        return error_set(error, "ours: %s", peer->words);
    }
    if (peer->skipped) {
        leave_out(run, library);
    } else if (say && library != OURS) {
        printf("%s: %s\n", names[library], peer->words);
    }
    return true;
}

static bool start_all(Run *run, bool say, Error *error) {
    for (int library = 0; library < LIBRARIES; library++) {
        if (!run->out[library] &&
            !bear(run, library, start(run, library, say, error), error)) {
            return false;
        }
    }
    return true;
}

static void end_all(Run *run) {
    for (int library = 0; library < LIBRARIES; library++) {
        peer_kill(&run->peer[library]);
    }
}

/* ---- one product --------------------------------------------------------- */

/* All must give the same product: else their times mean nothing. */
static bool prepare(Run *run, const Shape *s, Error *error) {
    char request[120], said[200];
    snprintf(request, sizeof request, "product %s %d %d %d %d %d %d",
             layout_name(s->layout), s->m, s->n, s->k, s->lda, s->ldb, s->ldc);
    for (int library = 0; library < LIBRARIES; library++) {
        if (!takes_part(run, library)) {
            continue;
        }
        bool ok = peer_ask(&run->peer[library], request, said, sizeof said, error);
        if (ok && strcmp(said, "ok") != 0) {
            ok = error_set(error, "%s: \"%.80s\" is no \"ok\"", names[library], said);
        }
        if (!bear(run, library, ok, error)) {
            return false;
        }
    }
    return true;
}

/* Each library's median GFLOP/s; they take turns. 0: it doesn't take part. */
static bool measure(Run *run, const Shape *shape, double gflops[LIBRARIES],
                    Error *error) {
    double rate[LIBRARIES][MAX_ROUNDS];
    const double seconds = run->bench->matmul_ms / 1e3;
    const int rounds = run->bench->rounds;
    for (int round = 0; round < rounds; round++) {
        for (int library = 0; library < LIBRARIES; library++) {
            double *per_second = &rate[library][round];
            if (takes_part(run, library) &&
                !bear(run, library,
                      peer_go(&run->peer[library], seconds, per_second, error),
                      error)) {
                return false;
            }
        }
    }
    for (int library = 0; library < LIBRARIES; library++) {
        gflops[library] = takes_part(run, library)
                              ? shape_flops(shape) / 1e9 * median(rate[library], rounds)
                              : 0;
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
    if (!prepare(run, shape, error) || !measure(run, shape, gflops, error)) {
        return false;
    }
    print_row(run, shape, gflops);
    write_row(run, shape, gflops);
    return true;
}

/* What part of the cores' peak the libraries reach with the last square. */
static bool print_peak(Run *run, int side, const double gflops[LIBRARIES],
                       Error *error) {
    char request[20];
    double peak;
    snprintf(request, sizeof request, "peak %d", run->bench->rounds);
    if (!peer_numbers(&run->peer[OURS], request, &peak, 1, error)) {
        return false;
    }
    if (peak <= 0) {
        return true;
    }
    printf("peak of multiply-adds %.1f GFLOP/s; at %d:", peak, side);
    for (int library = 0; library < LIBRARIES; library++) {
        if (takes_part(run, library)) {
            printf(" %s %.0f%%", names[library], 100 * gflops[library] / peak);
        }
    }
    printf("\n");
    return true;
}

static bool run_squares(Run *run, Error *error) {
    static const int sides[] = {256, 512, 1024};
    const int count = run->bench->quick ? 1 : 3;
    double gflops[LIBRARIES] = {0};
    for (int i = 0; i < count; i++) {
        const Shape shape = shape_square(sides[i]);
        if (!run_shape(run, &shape, gflops, error)) {
            return false;
        }
    }
    return print_peak(run, sides[count - 1], gflops, error);
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
    run->threads = threads;
    run->shapes = 0;
    bool ok = start_all(run, threads == 1, error);
    if (ok) {
        printf("\nmatrix products on %d thread%s, GFLOP/s; at the end ours / each\n",
               threads, threads == 1 ? "" : "s");
    }
    ok = ok && run_squares(run, error);
    for (int i = 0; ok && i < BENCH_MODELS; i++) {
        ok = !run->bench->model[i] || run_model(run, &bench_models[i], error);
    }
    if (ok) {
        print_means(run);
    }
    end_all(run);
    return ok;
}

bool matmul_bench(Bench *bench, Error *error) {
    static Run run;
    run = (Run){.bench = bench};
    bool ok = csv_open(&run.csv, "plots/bench_matmul.csv",
                       "threads,model,product,layout,m,n,k,ours_gflops,"
                       "openblas_gflops,blis_gflops",
                       error) &&
              run_threads(&run, 1, error);
    if (ok && bench->cores > 1) {
        ok = run_threads(&run, bench->cores, error);
    }
    ok = ok && csv_close(&run.csv, error);
    csv_drop(&run.csv);
    return ok;
}
