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
#include <algorithm>

#include "machine.h"

static const char *const names[ORDERS] = {"forward", "backward", "shuffled"};

/* A copy of all device memory, one block after another. */
static char *take_snapshot(void) {
    size_t bytes = 1;
    for (const CudaOnCpuBlock &b : cuda_on_cpu_memory) {
        bytes += b.bytes;
    }
    char *snapshot = static_cast<char *>(malloc(bytes)), *to = snapshot;
    if (!to) {
        cuda_on_cpu_stop("no memory to compare orders of threads");
    }
    for (const CudaOnCpuBlock &b : cuda_on_cpu_memory) {
        memcpy(to, b.at, b.bytes);
        to += b.bytes;
    }
    return snapshot;
}

static void restore(const char *from) {
    for (const CudaOnCpuBlock &b : cuda_on_cpu_memory) {
        memcpy(b.at, from, b.bytes);
        from += b.bytes;
    }
}

void cuda_on_cpu_forget_shared_memory(void) {
    const CudaOnCpuBlock all[] = {cuda_on_cpu_now.shared, cuda_on_cpu_static_shared()};
    for (const CudaOnCpuBlock &b : all) {
        if (b.bytes) {
            memset(b.at, 0xff, b.bytes);
        }
    }
}

static void stop_at_difference(const CudaOnCpuBlock &b, const char *first,
                               CudaOnCpuOrder order) {
    size_t byte = (size_t)(std::mismatch(first, first + b.bytes, b.at).first - first);
    float was = 0, is = 0;
    byte -= byte % sizeof(float);
    if (byte + sizeof(float) <= b.bytes) {
        memcpy(&was, first + byte, sizeof was);
        memcpy(&is, b.at + byte, sizeof is);
    }
    cuda_on_cpu_stop(
        "its result depends on the order of its threads: byte %zu of a block of %zu "
        "bytes holds the float %g when they run forward, %g when they run %s. Is a "
        "__syncthreads missing, or do two threads write to one place?",
        byte, b.bytes, (double)was, (double)is, names[order]);
}

static void compare(const char *first, CudaOnCpuOrder order) {
    for (const CudaOnCpuBlock &b : cuda_on_cpu_memory) {
        if (memcmp(first, b.at, b.bytes) != 0) {
            stop_at_difference(b, first, order);
        }
        first += b.bytes;
    }
}

void cuda_on_cpu_run_in_all_orders(void) {
    char *const before = take_snapshot();
    cuda_on_cpu_forget_shared_memory();
    cuda_on_cpu_run_grid(ORDER_FORWARD);
    char *const after = take_snapshot();
    for (int order = ORDER_BACKWARD; order < ORDERS; order++) {
        restore(before);
        cuda_on_cpu_forget_shared_memory();
        cuda_on_cpu_run_grid((CudaOnCpuOrder)order);
        compare(after, (CudaOnCpuOrder)order);
    }
    free(before);
    free(after);
}
