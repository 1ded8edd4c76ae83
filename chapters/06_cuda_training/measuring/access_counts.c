/* access_counts.c: see access_counts.h. */
#include "chapters/06_cuda_training/measuring/access_counts.h"

#include <stdio.h>

#include "chapters/06_cuda_training/gpu_counts.h"
#include "chapters/06_cuda_training/kernels/gpu_matmul.h"
#include "chapters/06_cuda_training/measuring/ladders.h"
#include "common/lesson/report.h"

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

/* A table: the first `versions` rungs of a ladder, on tensors of these shapes. */
static int count_rungs(LadderMemory *memory, const char *title, const Ladder *ladder,
                       int versions, Tensor *T) {
    int tensors = 0, counted = 0;
    Error error;
    while (T[tensors].ndim > 0) {
        tensors++;
    }
    if (!ladder_tensors(memory, T, tensors, &error)) {
        printf("  not counted: %s\n", error.text);
        versions = 0;
    } else {
        printf("\n%s\n"
               "              global            sectors      MB   shared     passes\n"
               "              loads    stores  a request   moved  accesses  a request"
               "   barriers\n",
               title);
    }
    for (; counted < versions; counted++) {
        CudaOnCpuCounts counts;
        gpu_counts_clear();
        ladder->run(NULL, counted, T);
        gpu_wait(NULL);
        gpu_counts(&counts);
        print_row(ladder->names[counted], &counts);
    }
    ladder_give_back(memory);
    return counted;
}

/* ---- the ladders ----------------------------------------------------------------- */

static int count_matmul(LadderMemory *memory) {
    enum { SIZE = 128, OWN = MATMUL_CUBLAS }; /* cuBLASLt is no kernel of ours */
    const Tensor square = tensor2(NULL, SIZE, SIZE), end = {.ndim = 0};
    Tensor T[] = {square, square, square, end};
    return count_rungs(memory,
                       "matmul: C = A B, 128 x 128 x 128; A, B and C are 0.20 MB",
                       &ladder_nn, OWN, T) +
           count_rungs(memory,
                       "matmul: C = A B^T, a dense layer's Y = X W^T [ViT eq.5]",
                       &ladder_nt, OWN, T);
}

static int count_rows(LadderMemory *memory) {
    enum { ROWS = 260, COLS = 65, D = 64, M = 128 };
    const Tensor S = tensor2(NULL, ROWS, COLS), X = tensor2(NULL, ROWS, D);
    const Tensor row = tensor1(NULL, D), column = tensor1(NULL, ROWS);
    const Tensor pre = tensor2(NULL, ROWS, M), b = tensor1(NULL, M), end = {.ndim = 0};
    Tensor softmax[] = {S, S, end}, gelu[] = {pre, b, pre, end};
    Tensor norm[] = {X, row, row, column, column, X, end};
    return count_rungs(
               memory,
               "softmax: 260 rows of 65 scores; read once and written once: 0.14 MB",
               &ladder_softmax, ladder_softmax.versions, softmax) +
           count_rungs(
               memory,
               "layer norm: 260 rows of 64; read once and written once: 0.13 MB",
               &ladder_layer_norm, ladder_layer_norm.versions, norm) +
           count_rungs(
               memory,
               "bias and GELU: 260 rows of 128; read once, written twice: 0.40 MB",
               &ladder_gelu, ladder_gelu.versions, gelu);
}

static int count_attention(LadderMemory *memory) {
    enum { HEADS = 4, TOKENS = 65, D_H = 16, IMAGES = 2, D = HEADS * D_H };
    Tensor T[] = {tensor3(NULL, IMAGES, TOKENS, 3 * D),
                  tensor3(NULL, IMAGES, TOKENS, D),
                  tensor4(NULL, IMAGES, HEADS, TOKENS, TOKENS),
                  {.ndim = 0}};
    return count_rungs(
        memory,
        "attention: 2 images, 4 heads, 65 tokens, D_h 16; q, k, v read once, O\n"
        "written once: 0.13 MB; the scores would be 0.14 MB",
        &ladder_attention, ladder_attention.versions, T);
}

int access_counts_print(void) {
    if (!gpu_counts_clear()) {
        printf("not counted: these kernels were not compiled by g++ to be watched\n");
        return 0;
    }
    report_section("What each rung asks of memory, counted by cuda_on_cpu");
    printf(
        "A request is a warp's; global memory answers in sectors of 32 bytes, 4 for "
        "32\n"
        "neighbouring floats; shared memory in passes, 1 if no bank is asked twice.\n"
        "Moved: sectors times 32 bytes, as if there were no cache.\n");
    LadderMemory memory;
    Error error;
    if (!ladder_memory_make(&memory, &error)) {
        printf("  not counted: %s\n", error.text);
        return 0;
    }
    const int rungs =
        count_matmul(&memory) + count_rows(&memory) + count_attention(&memory);
    ladder_memory_free(&memory);
    return rungs;
}
