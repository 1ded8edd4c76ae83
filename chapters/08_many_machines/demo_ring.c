/* demo_ring.c: the lesson's numbers: four ranks, by hand. See chapter8_demos.h. */
#include <stdio.h>

#include "chapters/08_many_machines/chapter8_demos.h"
#include "chapters/08_many_machines/collectives/all_reduce.h"
#include "chapters/08_many_machines/collectives/cost.h"
#include "chapters/08_many_machines/collectives/sum_in_order.h"
#include "chapters/08_many_machines/collectives/threads_group.h"
#include "common/lesson/report.h"

enum { P = 4, N = 1000 };

typedef struct {
    AllReduce *way; /* NULL: sum_in_order */
    long n;
    real x[P][N], room[P][2 * N];
    long long sent[P];
} Work;

static void rank_body(Group *group, void *data) {
    Work *work = data;
    const int r = group->rank;
    real *mine[] = {work->x[r]};
    if (work->way) {
        work->way(group, work->x[r], work->n, work->room[r]);
    } else {
        sum_in_order(group, mine, P, work->n, work->room[r]);
    }
    work->sent[r] = group->sent_bytes;
}

static void sum(Work *work, AllReduce *way, long n) {
    Error error;
    work->way = way;
    work->n = n;
    if (!threads_group_run(P, rank_body, work, &error)) {
        report_check(false, "%s", error.text);
    }
}

static Work work;

void ring_demo(void) {
    report_section("Four ranks");
    printf("Bytes that each rank sends for the sum of %d floats:\n", N);
    for (int ring = 0; ring < 2; ring++) {
        sum(&work, ring ? all_reduce_ring : all_reduce_gather, N);
        printf("  %-8s", ring ? "ring" : "gather");
        for (int r = 0; r < P; r++) {
            printf("  rank %d %6lld", r, work.sent[r]);
        }
        printf("\n");
    }
    printf("\n");
    const double want[] = {1111, 2222, 3333, 4444};
    real tens = 1;
    for (int r = 0; r < P; r++, tens *= 10) {
        printf("rank %d has", r);
        for (int i = 0; i < P; i++) {
            work.x[r][i] = (real)(i + 1) * tens;
            printf("%6g", (double)work.x[r][i]);
        }
        printf("\n");
    }
    sum(&work, all_reduce_ring, P);
    printf("\n");
    report_matrix("after the ring, rank 2", tensor1(work.x[2], P), 0);
    by_hand(tensor1(work.x[2], P), want, 0, "their sum");
}

void order_demo(void) {
    static const struct {
        const char *name;
        AllReduce *way;
        double sum;
    } ways[] = {{"gather", all_reduce_gather, 1},
                {"ring", all_reduce_ring, 2},
                {"halving", all_reduce_halving, 0},
                {"in order", NULL, 1}};
    const real terms[] = {1, (real)1e8, (real)-1e8, 1};
    report_section("One sum, four orders");
    printf(
        "For a vector's first element the ranks have 1, 100000000, -100000000 and 1.\n"
        "In float their sum is\n");
    for (int w = 0; w < 4; w++) {
        for (int r = 0; r < P; r++) {
            for (int i = 0; i < P; i++) {
                work.x[r][i] = terms[r];
            }
        }
        sum(&work, ways[w].way, P);
        printf("  %-8s  %g\n", ways[w].name, (double)work.x[0][0]);
        if (sizeof(real) == sizeof(float) && (double)work.x[0][0] != ways[w].sum) {
            report_check(false, "%s: by hand it is %g", ways[w].name, ways[w].sum);
        }
    }
}

void cost_demo(void) {
    const Network slow = {1e-4, 8e-8};
    const double sizes[] = {1000, 4 * 139018.0};
    report_section("What it costs, predicted");
    printf("100 Mbit/s: beta = 80 ns per byte; alpha = 0.1 ms. In ms:\n"
           "%12s%8s%10s%10s%10s\n",
           "bytes", "ranks", "gather", "ring", "halving");
    for (int s = 0; s < 2; s++) {
        for (int ranks = 2; ranks <= 8; ranks *= 2) {
            printf("%12.0f%8d%10.2f%10.2f%10.2f\n", sizes[s], ranks,
                   1e3 * cost_gather(slow, ranks, sizes[s]),
                   1e3 * cost_ring(slow, ranks, sizes[s]),
                   1e3 * cost_halving(slow, ranks, sizes[s]));
        }
    }
}
