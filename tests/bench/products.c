/* products.c: see products.h. */
#include "tests/bench/products.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/answers.h"
#include "tests/bench/blas.h"
#include "tests/bench/fma_peak.h"
#include "common/lesson/stopwatch.h"
#include "common/lesson/threads.h"

typedef struct {
    Blas blas; /* without a handle: ours */
    int threads;
    Product product;
    FILE *to;
} Server;

static void multiply(const Server *server) {
    if (server->blas.handle) {
        blas_multiply(&server->blas, &server->product);
    } else {
        product_multiply(&server->product);
    }
}

/* ---- is it right? -------------------------------------------------------- */

/* The element that is furthest from ours; NaN counts as furthest of all. */
static double worst_difference(Tensor got, Tensor want, double *wrong, double *right) {
    double worst = 0;
    for (int i = 0; i < got.shape[0]; i++) {
        for (int j = 0; j < got.shape[1]; j++) {
            const double a = (double)tensor_row(got, i)[j];
            const double b = (double)tensor_row(want, i)[j];
            const double difference = isfinite(a) ? fabs(a - b) : (double)INFINITY;
            if (difference > worst) {
                worst = difference;
                *wrong = a;
                *right = b;
            }
        }
    }
    return worst;
}

/* Theirs and ours, from a C of ones. Ours on one thread: it leaves no others behind. */
static bool answer_whether_right(Server *server, Product *other) {
    const Shape *s = &server->product.shape;
    double wrong = 0, right = 0;
    tensor_fill(server->product.C, 1);
    tensor_fill(other->C, 1);
    multiply(server);
    threads_limit(1);
    product_multiply(other);
    threads_limit(server->threads);
    const double worst = worst_difference(server->product.C, other->C, &wrong, &right);
    tensor_fill(server->product.C, 0);
    return worst <= 1e-4 * sqrt(s->k)
               ? answer(server->to, "ok")
               : answer(server->to,
                        "failed an element of the %s product %dx%dx%d is "
                        "%g where ours is %g",
                        layout_name(s->layout), s->m, s->n, s->k, wrong, right);
}

static bool read_shape(const char *line, Shape *s) {
    char layout[8];
    *s = (Shape){.model = ""};
    if (sscanf(line, "product %7s %d %d %d %d %d %d", layout, &s->m, &s->n, &s->k,
               &s->lda, &s->ldb, &s->ldc) != 7) {
        return false;
    }
    for (int i = NN; i <= TN_ADD; i++) {
        if (strcmp(layout, layout_name((Layout)i)) == 0) {
            s->layout = (Layout)i;
            return true;
        }
    }
    return false;
}

static bool prepare(Server *server, const Shape *shape) {
    Error error;
    Product other = {.block = NULL};
    product_free(&server->product);
    const bool made = product_make(&server->product, shape, &error) &&
                      product_make(&other, shape, &error);
    const bool ok = made ? answer_whether_right(server, &other)
                         : answer(server->to, "failed %s", error.text);
    product_free(&other);
    return ok;
}

/* ---- how fast ------------------------------------------------------------ */

static double time_calls(const Server *server, long calls) {
    const double start_ms = stopwatch_ms();
    for (long i = 0; i < calls; i++) {
        multiply(server);
    }
    return stopwatch_ms() - start_ms;
}

/* As many calls as take a fortieth of the burst, so that the clock costs nothing; found
 * by doubling, which warms up too. */
static long calls_at_a_time(const Server *server, double seconds) {
    long calls = 1;
    while (time_calls(server, calls) < 1e3 * seconds / 40 && calls < 1 << 20) {
        calls *= 2;
    }
    return calls;
}

static bool answer_go(const Server *server, double seconds) {
    const long at_a_time = calls_at_a_time(server, seconds);
    long calls = 0;
    double taken_ms;
    const double start_ms = stopwatch_ms();
    do {
        time_calls(server, at_a_time);
        calls += at_a_time;
        taken_ms = stopwatch_ms() - start_ms;
    } while (taken_ms < 1e3 * seconds);
    return answer(server->to, "%ld %.9f", calls, taken_ms / 1e3);
}

static bool answer_line(Server *server, char *line) {
    Shape shape;
    double seconds;
    int rounds;
    if (read_shape(line, &shape)) {
        return prepare(server, &shape);
    }
    if (sscanf(line, "go %lf", &seconds) == 1 && server->product.block) {
        return answer_go(server, seconds);
    }
    if (sscanf(line, "peak %d", &rounds) == 1) {
        return answer(server->to, "%.6g", fma_peak(server->threads, rounds));
    }
    return answer(server->to, "failed it doesn't know %.40s", strtok(line, "\n"));
}

/* ---- serving ------------------------------------------------------------- */

/* False, and its words said, if that library isn't there. */
static bool open_library(Server *server, const char *name) {
    if (strcmp(name, "ours") == 0) {
        return answer(server->to, "ready");
    }
    if (strcmp(name, "openblas") == 0) {
        blas_open_openblas(&server->blas);
    } else {
        blas_open_blis(&server->blas);
    }
    if (!server->blas.handle) {
        answer(server->to, "skipped %s", server->blas.version);
        return false;
    }
    blas_threads(&server->blas, server->threads);
    return answer(server->to, "ready %s", server->blas.version);
}

int products_serve(int argc, char **argv) {
    static Server server;
    char line[120];
    server.to = answers_on_stdout();
    server.threads = argc == 2 ? atoi(argv[1]) : 0;
    if (!server.to || server.threads < 1) {
        return 1;
    }
    threads_limit(server.threads);
    bool ok = open_library(&server, argv[0]);
    while (ok && fgets(line, sizeof line, stdin)) {
        ok = answer_line(&server, line);
    }
    product_free(&server.product);
    fclose(server.to);
    return ok ? 0 : 1; /* the library stays open: its threads may still be there */
}
