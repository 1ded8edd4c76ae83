/*
 * machine.h: what the parts of cuda_on_cpu know of each other.
 *
 *   machine.cpp   runs a kernel: blocks, threads, barriers, warps
 *   orders.cpp    runs it in several orders and compares what it leaves in memory
 *   watch.cpp     sees every access: counts them, and finds races
 *   runtime.cpp   the CUDA runtime's functions: memory, streams, errors
 *
 * README.md has the variables of the environment that they read, CUDA_ON_CPU_...
 */
#pragma once

#include <stdlib.h>

#include "counts.h"
#include "cuda_runtime.h"

enum { WARP = 32, MAX_THREADS = 1024 /* of a block */ };

/* A list that grows. T is copied as bytes. */
template <class T> struct CudaOnCpuList {
    T *at;
    int count, room;

    /* add: x at the end; NULL if there is no memory for it. */
    T *add(T x) {
        if (count == room) {
            const int more = room > 0 ? 2 * room : 4;
            void *moved = realloc(at, (size_t)more * sizeof(T));
            if (!moved) {
                return NULL;
            }
            at = static_cast<T *>(moved);
            room = more;
        }
        at[count] = x;
        return &at[count++];
    }
    T *begin() {
        return at;
    }
    T *end() {
        return at + count;
    }
};

/* Some memory, and what watch.cpp keeps about it (from calloc; NULL: nothing yet). */
struct CudaOnCpuBlock {
    char *at;
    size_t bytes;
    void *shadow;
    int device; /* whose it is */
};

/* ---- machine.cpp ---------------------------------------------------------------- */

/* The launch that runs now. */
struct CudaOnCpuLaunch {
    const char *kernel; /* its name; NULL: no kernel runs */
    void (*body)(void *arguments);
    void *arguments;
    CudaOnCpuBlock shared; /* dynamic shared memory */
};
extern CudaOnCpuLaunch cuda_on_cpu_now;

/* cuda_on_cpu_stop: says in one line where, and what mistake it is; abort(). */
void cuda_on_cpu_stop(const char *format, ...)
    __attribute__((noreturn, format(printf, 1, 2)));

/* cuda_on_cpu_thread: which of its block's threads runs, 0 to 1023; -1: the host. */
int cuda_on_cpu_thread(void);
/* cuda_on_cpu_index_of: a thread's threadIdx. */
uint3 cuda_on_cpu_index_of(int thread);
/* cuda_on_cpu_is_local: is it on the running thread's own stack? */
bool cuda_on_cpu_is_local(const void *at);

/* cuda_on_cpu_static_shared: static shared memory is among this host thread's own
 * variables (cuda_runtime.h); nothing there outlives a launch. 0 bytes where the
 * program has none. */
CudaOnCpuBlock cuda_on_cpu_static_shared(void);

/* In which order the blocks of a grid, and the threads of a block, have their turns. */
enum CudaOnCpuOrder { ORDER_FORWARD, ORDER_BACKWARD, ORDER_SHUFFLED, ORDERS };
/* cuda_on_cpu_run_grid: the launch in cuda_on_cpu_now, once. */
void cuda_on_cpu_run_grid(CudaOnCpuOrder order);

/* cuda_on_cpu_forget_shared_memory (orders.cpp): no block may rely on it: NaN. */
void cuda_on_cpu_forget_shared_memory(void);
/* cuda_on_cpu_run_in_all_orders (orders.cpp): stops if memory ends up different. */
void cuda_on_cpu_run_in_all_orders(void);

/* ---- watch.cpp: does nothing unless the kernels were compiled to be watched ------ */

void cuda_on_cpu_watch_launch(void);       /* a launch begins */
void cuda_on_cpu_watch_block(int threads); /* a block begins */
void cuda_on_cpu_watch_barrier(void);      /* all its threads met */
void cuda_on_cpu_watch_warp(int warp);     /* lanes of a warp met */
void cuda_on_cpu_watch_block_end(void);

/* ---- runtime.cpp ----------------------------------------------------------------- */

/* cuda_on_cpu_is_on: is this variable of the environment 1? What is neither 1 nor 0
 * ends the program. */
bool cuda_on_cpu_is_on(const char *variable);

/* Memory that cudaMalloc gave and cudaFree has not taken back, in order of address. */
extern CudaOnCpuList<CudaOnCpuBlock> cuda_on_cpu_memory;

/* cuda_on_cpu_block_with: the block that has this address, or NULL. */
CudaOnCpuBlock *cuda_on_cpu_block_with(const void *at);

/* cuda_on_cpu_launch_is_possible: within the device's limits? If not, the last error
 * is set, as by CUDA. */
bool cuda_on_cpu_launch_is_possible(dim3 grid, dim3 block, size_t shared_bytes);
