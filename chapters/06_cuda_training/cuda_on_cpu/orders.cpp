/*
 * orders.cpp: does what a kernel computes depend on the order of its threads?
 *
 * On a GPU nobody knows which thread is first. Where a barrier is missing, a kernel may
 * be right for years, until another card, or another day, has another order. Here the
 * same launch runs several times from the same memory: blocks and threads forward,
 * backward and shuffled. Afterwards every byte that cudaMalloc gave must be the same.
 *
 * A thread keeps its turn until it waits, so not every interleaving is tried; watch.cpp
 * finds the races that this can't. A sum by atomicAdd of floats is reported too, and
 * rightly: it is another sum in another order.
 */
#include <stdio.h>
#include <stdlib.h>

#include "machine.h"

static const char *const names[ORDERS] = {"forward", "backward", "shuffled"};

/* A copy of all device memory, one block after another. */
static char *take_snapshot(void) {
    const CudaOnCpuMemory *m = &cuda_on_cpu_memory;
    size_t bytes = 1;
    for (int i = 0; i < m->count; i++) {
        bytes += m->blocks[i].bytes;
    }
    char *snapshot = static_cast<char *>(malloc(bytes)), *to = snapshot;
    if (!to) {
        cuda_on_cpu_stop("no memory to compare orders of threads");
    }
    for (int i = 0; i < m->count; i++) {
        memcpy(to, m->blocks[i].at, m->blocks[i].bytes);
        to += m->blocks[i].bytes;
    }
    return snapshot;
}

static void restore(const char *from) {
    for (int i = 0; i < cuda_on_cpu_memory.count; i++) {
        const CudaOnCpuBlock *b = &cuda_on_cpu_memory.blocks[i];
        memcpy(b->at, from, b->bytes);
        from += b->bytes;
    }
}

/* What lies in shared memory when a block begins is nobody's business: NaN. */
static void forget_shared_memory(void) {
    memset(cuda_on_cpu_now.dynamic_shared, 0xff, cuda_on_cpu_now.dynamic_shared_bytes);
    const CudaOnCpuRange fixed = cuda_on_cpu_static_shared();
    if (fixed.bytes) {
        memset(fixed.at, 0xff, fixed.bytes);
    }
}

static float float_at(const char *at) {
    float x;
    memcpy(&x, at, sizeof x);
    return x;
}

static void stop_at_difference(const CudaOnCpuBlock *b, const char *first,
                               CudaOnCpuOrder order) {
    size_t byte = 0;
    while (first[byte] == b->at[byte]) {
        byte++;
    }
    byte = byte / sizeof(float) * sizeof(float);
    const bool whole = byte + sizeof(float) <= b->bytes;
    cuda_on_cpu_stop(
        "its result depends on the order of its threads: byte %zu of a block of %zu "
        "bytes holds the float %g when they run forward, %g when they run %s. Is a "
        "__syncthreads missing, or do two threads write to one place?",
        byte, b->bytes, whole ? (double)float_at(first + byte) : 0.0,
        whole ? (double)float_at(b->at + byte) : 0.0, names[order]);
}

static void compare(const char *first, CudaOnCpuOrder order) {
    for (int i = 0; i < cuda_on_cpu_memory.count; i++) {
        const CudaOnCpuBlock *b = &cuda_on_cpu_memory.blocks[i];
        if (memcmp(first, b->at, b->bytes) != 0) {
            stop_at_difference(b, first, order);
        }
        first += b->bytes;
    }
}

void cuda_on_cpu_run_in_all_orders(void) {
    char *const before = take_snapshot();
    forget_shared_memory();
    cuda_on_cpu_run_grid(ORDER_FORWARD);
    char *const after = take_snapshot();
    for (int order = ORDER_BACKWARD; order < ORDERS; order++) {
        restore(before);
        forget_shared_memory();
        cuda_on_cpu_run_grid((CudaOnCpuOrder)order);
        compare(after, (CudaOnCpuOrder)order);
    }
    free(before);
    free(after);
}
