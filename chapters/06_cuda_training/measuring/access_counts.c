/* access_counts.c: see measuring.h. */
#include <stdio.h>

#include "chapters/06_cuda_training/cuda_on_cpu/counts.h"
#include "chapters/06_cuda_training/measuring/ladders.h"
#include "chapters/06_cuda_training/measuring/measuring.h"
#include "common/lesson/report.h"

/* Ladders with their sizes; each title says the least that has to be moved. */
static const struct {
    const char *title;
    Ladder ladder;
    int size[4];
} tables[] = {
    {"matmul: C = A B, 128 x 128 x 128; A, B and C are 0.20 MB",
     LADDER_NN,
     {128, 128, 128}},
    {"matmul: C = A B^T, a dense layer's Y = X W^T [ViT eq.5]",
     LADDER_NT,
     {128, 128, 128}},
    {"softmax: 260 rows of 65 scores; read once and written once: 0.14 MB",
     LADDER_SOFTMAX,
     {260, 65}},
    {"layer norm: 260 rows of 64; read once and written once: 0.13 MB",
     LADDER_LAYER_NORM,
     {260, 64}},
    {"bias and GELU: 260 rows of 128; read once, written twice: 0.40 MB",
     LADDER_GELU,
     {260, 128}},
    {"attention: 2 images, 4 heads, 65 tokens, D_h 16; q, k, v read once, O\n"
     "written once: 0.13 MB; the scores would be 0.14 MB",
     LADDER_ATTENTION,
     {2, 4, 65, 16}},
};

static double each(uint64_t all, uint64_t of) {
    return of > 0 ? (double)all / (double)of : 0;
}

static void print_row(const char *name, const CudaOnCpuCounts *c) {
    const uint64_t sectors = c->global_load.units + c->global_store.units;
    const uint64_t shared = c->shared_load.accesses + c->shared_store.accesses;
    printf("  %-12s %7.0f k %6.0f k %8.1f %9.2f", name,
           1e-3 * (double)c->global_load.accesses,
           1e-3 * (double)c->global_store.accesses,
           each(sectors, c->global_load.requests + c->global_store.requests),
           1e-6 * 32 * (double)sectors);
    if (shared > 0) {
        printf(" %7.0f k %8.1f", 1e-3 * (double)shared,
               each(c->shared_load.units + c->shared_store.units,
                    c->shared_load.requests + c->shared_store.requests));
    } else {
        printf("        -          ");
    }
    printf(" %9llu\n", (unsigned long long)c->barriers);
}

/* Prints a line per version; returns how many. */
static int count_versions(Ladder ladder, const LadderCase *on) {
    int version = 0;
    for (const char *name; (name = ladder_version(ladder, version)); version++) {
        CudaOnCpuCounts counts;
        if (name[0] == '(') {
            printf("  %-12s not in your copy\n", name);
            continue;
        }
        cuda_on_cpu_counts_clear();
        ladder_run(NULL, ladder, version, on);
        gpu_wait(NULL);
        cuda_on_cpu_counts(&counts);
        print_row(name, &counts);
    }
    return version;
}

int access_counts_print(void) {
    int rungs = 0;
    if (!cuda_on_cpu_counts_clear()) {
        printf("not counted: these kernels were not compiled by g++ to be watched\n");
        return 0;
    }
    report_section("What each rung asks of memory, counted by cuda_on_cpu");
    printf(
        "A request is a warp's; global memory answers in sectors of 32 bytes, 4 for "
        "32\n"
        "neighbouring floats; shared memory in passes, 1 if no bank is asked twice.\n"
        "Moved: sectors times 32 bytes, as if there were no cache.\n");
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        LadderCase on;
        Error error;
        if (ladder_make(&on, tables[i].ladder, tables[i].size, &error)) {
            printf(
                "\n%s\n"
                "              global            sectors      MB   shared     passes\n"
                "              loads    stores  a request   moved  accesses  a request"
                "   barriers\n",
                tables[i].title);
            rungs += count_versions(tables[i].ladder, &on);
        } else {
            printf("  not counted: %s\n", error.text);
        }
        ladder_free(&on);
    }
    return rungs;
}
