/* measure_run.c: what ./chapter8 --measure does: see measure.h. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/05_vision_transformer/program/options.h"
#include "chapters/08_many_machines/program/heartbeat.h"
#include "chapters/08_many_machines/scaling/measure.h"
#include "chapters/08_many_machines/scaling/scale.h"
#include "common/files/number.h"
#include "common/lesson/output.h"
#include "common/lesson/report.h"

enum { MB = (1 << 20) / sizeof(real) }; /* in elements */

typedef struct {
    Group *group;
    AllReduce *mpi_sum;
    Options options;
    const char *table_name; /* --table, or NULL */
    FILE *table;            /* of rank 0 */
    long largest;           /* elements of the longest vector that is summed */
    real *x, *room;         /* (largest, at least a MB), owned */
    Network network;
} Measuring;

/* A line of the table. */
static void note(Measuring *m, const char *kind, const char *what, double bytes,
                 double predicted_s, double measured_s) {
    if (m->table) {
        fprintf(m->table, "%s,%d,%s,%.0f,%.6g,%.6g\n", kind, m->group->size, what,
                bytes, 1e3 * predicted_s, 1e3 * measured_s);
    }
}

/* How much the prediction is off, in percent of what was measured. */
static double off(double predicted, double measured) {
    return 100 * (predicted - measured) / measured;
}

/* ---- the network ----------------------------------------------------------------- */

static void network(Measuring *m) {
    report_section("Messages to a neighbour, all ranks at once");
    m->network = measure_network(m->group, MB, m->x, m->room);
    printf("  alpha %.3f ms, beta %.3f ms per MB: %.0f Mbit/s\n",
           1e3 * m->network.alpha, 1e9 * m->network.beta, 8 / m->network.beta / 1e6);
    note(m, "network", "alpha", 0, m->network.alpha, m->network.alpha);
    note(m, "network", "beta", 1e6, 1e6 * m->network.beta, 1e6 * m->network.beta);
}

typedef double Cost(Network network, int P, double bytes);

static const struct {
    const char *name;
    AllReduce *way;
    Cost *cost;
    GradientSum sum;
} ways[] = {{"gather", all_reduce_gather, cost_gather, SUM_GATHER},
            {"halving", all_reduce_halving, cost_halving, SUM_HALVING},
            {"ring", all_reduce_ring, cost_ring, SUM_AT_END}};
enum { WAYS = 3 };

/* s: what is predicted to take longer isn't measured. (The ring comes last: MPI's time
 * is compared with it.) */
#define TOO_LONG_S 5.0

/* One size: predicted and measured of each way; and MPI's, which isn't predicted. */
static void sums_of(Measuring *m, long n) {
    const double bytes = (double)n * sizeof(real);
    double measured = 0;
    printf("  %7.0f", bytes / 1024);
    for (int i = 0; i < WAYS; i++) {
        const double predicted = ways[i].cost(m->network, m->group->size, bytes);
        if (predicted > TOO_LONG_S) {
            printf("  %8.2f        -", 1e3 * predicted);
            continue;
        }
        measured = measure_sum_s(m->group, ways[i].way, n, m->x, m->room);
        printf("  %8.2f %8.2f", 1e3 * predicted, 1e3 * measured);
        note(m, "sum", ways[i].name, bytes, predicted, measured);
    }
    if (m->mpi_sum && measured > 0) {
        const double peer = measure_sum_s(m->group, m->mpi_sum, n, m->x, m->room);
        printf("  %8.2f %8.2f", 1e3 * peer, peer / measured);
        note(m, "sum", "MPI_Allreduce", bytes, 0, peer);
    }
    printf("\n");
}

static void sums(Measuring *m) {
    report_section("All-reduces, in ms: predicted, measured");
    printf("       KB           gather            halving               ring"
           "      MPI  MPI / ring\n");
    for (long n = 1024 / (long)sizeof(real); n <= m->largest; n *= 4) {
        sums_of(m, n);
    }
}

/* ---- steps ----------------------------------------------------------------------- */

static void print_step(Measuring *m, const char *name, double bytes, double predicted,
                       const MeasuredStep *step) {
    printf("  %-22s %9.2f %9.2f %+8.1f%% %9.2f\n", name, 1e3 * predicted,
           1e3 * step->step_s, off(predicted, step->step_s), 1e3 * step->wait_s);
    note(m, "step", name, bytes, predicted, step->step_s);
}

/* Of a backward pass the gradients are complete in the last slice alone (trainer.h). */
static double last_backward(const Measuring *m, double compute_s) {
    const Settings *s = &m->options.settings;
    const int images = s->batch / (m->group->size * s->threads);
    const double slice = images > SLICE_IMAGES ? (double)SLICE_IMAGES / images : 1;
    return compute_s * 2 / 3 * slice;
}

static void print_overlap(const MeasuredStep *ring, const MeasuredStep *at_end,
                          double backward_s) {
    printf(
        "\n  Overlap: %.2f ms of messages at the end, %.2f ms of backward pass to "
        "hide them behind.\n  With it %.2f ms are waited for (%.0f%% hidden), and the "
        "step is %.2f ms shorter.\n",
        1e3 * at_end->wait_s, 1e3 * backward_s, 1e3 * ring->wait_s,
        100 * (1 - ring->wait_s / at_end->wait_s),
        1e3 * (at_end->step_s - ring->step_s));
}

static bool steps(Measuring *m, const Ranks *given, const Dataset *dataset,
                  Error *error) {
    const Settings *s = &m->options.settings;
    const int P = m->group->size;
    Ranks ranks = *given;
    MeasuredStep compute, step;
    if (!measure_compute(&ranks, s, dataset, &compute, error)) {
        return false;
    }
    const double bytes = (double)compute.parameters * sizeof(real);
    printf("  without the sum, %d rank%s at once: %.2f ms; gradients: %.0f KB\n\n"
           "  %-22s %9s %9s %9s %9s\n",
           P, P == 1 ? "" : "s", 1e3 * compute.step_s, bytes / 1024, "in ms",
           "predicted", "measured", "off", "waited");
    note(m, "step", "compute", bytes, compute.step_s, compute.step_s);
    for (int i = 0; i < WAYS; i++) {
        ranks.sum = ways[i].sum;
        if (!measure_step(&ranks, s, dataset, &step, error)) {
            return false;
        }
        const double sum_s = ways[i].cost(m->network, P, bytes);
        print_step(m, ways[i].name, bytes, compute.step_s + sum_s, &step);
    }
    const MeasuredStep at_end = step;
    ranks.sum = SUM_RING;
    if (!measure_step(&ranks, s, dataset, &step, error)) {
        return false;
    }
    const double backward_s = last_backward(m, compute.step_s);
    /* The buckets' rings are under way at once: alpha counts once. */
    const double predicted =
        overlapped_s(compute.step_s - backward_s, backward_s, step.buckets,
                     cost_ring(m->network, P, bytes / step.buckets),
                     cost_ring(m->network, P, bytes));
    char name[40];
    snprintf(name, sizeof name, "ring in %d buckets", step.buckets);
    print_step(m, name, bytes, predicted, &step);
    print_overlap(&step, &at_end, backward_s);
    return true;
}

static bool training(Measuring *m, Error *error) {
    Settings *s = &m->options.settings;
    Dataset dataset;
    const Ranks ranks = {
        .group = m->group, .threads = s->threads, .shards = 8, .bucket_bytes = 65536};
    if (!made_up_dataset(s, &dataset, error)) {
        return false;
    }
    char heading[120];
    snprintf(heading, sizeof heading, "Steps of %d images, %d thread%s per rank",
             s->batch, s->threads, s->threads == 1 ? "" : "s");
    report_section(heading);
    const bool ok = steps(m, &ranks, &dataset, error);
    dataset_free(&dataset);
    return ok;
}

/* ---- the command line ------------------------------------------------------------ */

/* The value of --table or --largest; `largest` is in KB. */
static bool read_value(Measuring *m, const char *option, const char *value,
                       double *largest, Error *error) {
    if (!value || *value == '\0' || strncmp(value, "--", 2) == 0) {
        return error_set(error, "%s needs a value", option);
    }
    if (strcmp(option, "--table") == 0) {
        m->table_name = value;
        return true;
    }
    return (number_read(value, largest) && *largest >= 4 && *largest <= 1 << 20) ||
           error_set(error, "--largest is in KB, from 4 to 1048576, not \"%.60s\"",
                     value);
}

/* Takes --table and --largest out of argv; the rest is chapter 5's. */
static bool read_words(Measuring *m, int argc, char **argv, Error *error) {
    int count = 0;
    double largest = 16384;
    for (int i = 0; i < argc; i++) {
        const bool own = i > 0 && (strcmp(argv[i], "--table") == 0 ||
                                   strcmp(argv[i], "--largest") == 0);
        if (own) {
            if (!read_value(m, argv[i], argv[i + 1], &largest, error)) {
                return false;
            }
            i++;
            continue;
        }
        argv[count++] = argv[i];
        if (options_has_value(argv[i]) && i + 1 < argc) {
            argv[count++] = argv[++i];
        }
    }
    argv[count] = NULL;
    m->largest = (long)(largest * 1024 / sizeof(real));
    if (!options_parse(&m->options, count, argv, error)) {
        return false;
    }
    Settings *s = &m->options.settings;
    s->threads = options_given(&m->options, "--threads") ? s->threads : 1;
    s->flip = s->flip > 0;
    return settings_check(s, error) && vit_config_check(&s->model, error);
}

static bool begin(Measuring *m, Error *error) {
    const size_t bytes = (size_t)(m->largest < MB ? MB : m->largest) * sizeof(real);
    m->x = allocate(bytes, "messages", error);
    m->room = m->x ? allocate(bytes, "messages", error) : NULL;
    if (m->room && m->table_name && m->group->rank == 0) {
        m->table = fopen(m->table_name, "a");
        if (!m->table) {
            return error_set(error, "%.200s: %s", m->table_name, strerror(errno));
        }
    }
    return m->room != NULL;
}

static bool end(Measuring *m, Error *error) {
    free(m->x);
    free(m->room);
    if (m->table && (ferror(m->table) | fclose(m->table)) != 0) {
        return error_set(error, "%.200s can't be written", m->table_name);
    }
    return true;
}

/* This rank can't go on: all end, and one line says why. */
static int fail(int status, const char *why) {
    return heartbeat_fail(status, why) ? status
                                       : output_error("chapter8", status, "%s", why);
}

int measure_run(Group *group, AllReduce *mpi_sum, int argc, char **argv) {
    static Measuring m;
    Error error;
    m = (Measuring){.group = group, .mpi_sum = mpi_sum};
    if (!read_words(&m, argc, argv, &error)) {
        return fail(2, error.text);
    }
    if (group->size == 1) {
        return fail(2, "--measure is for several ranks: mpirun -n 2 ...");
    }
    bool ok = begin(&m, &error);
    if (ok) {
        printf("%d ranks\n", group->size);
        network(&m);
        sums(&m);
        ok = training(&m, &error);
    }
    ok = end(&m, &error) && ok;
    return ok ? output_end("chapter8", 0) : fail(1, error.text);
}
