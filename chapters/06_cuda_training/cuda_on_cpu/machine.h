/*
 * machine.h: what the parts of cuda_on_cpu know of each other.
 *
 *   machine.cpp   runs a kernel: blocks, threads, barriers, warps
 *   orders.cpp    runs it in several orders and compares what it leaves in memory
 *   watch.cpp     sees every access: counts them, and finds races
 *   runtime.cpp   the CUDA runtime's functions: memory, streams, errors
 *
 * Asked for with environment variables:
 *
 *   CUDA_ON_CPU_ORDERS=1      run every launch in several orders
 *   CUDA_ON_CPU_COUNTS=1      print each kernel's accesses at the end (if watched)
 *   CUDA_ON_CPU_MEMORY=BYTES  the device's memory (default: 8 GiB)
 *   CUDA_ON_CPU_DRIVER=12040  the driver knows CUDA 12.4 (default: the runtime's)
 *   CUDA_ON_CPU_FAIL="cudaMemcpyAsync 40 719"   the 40th call of this function
 *                             fails with error 719; one over 600 stays, as on a GPU
 */
#ifndef CUDA_ON_CPU_MACHINE_H
#define CUDA_ON_CPU_MACHINE_H

#include <stdarg.h>

#include "counts.h"
#include "cuda_runtime.h"

/* ---- machine.cpp ---------------------------------------------------------------- */

/* What runs now. */
struct CudaOnCpuLaunch {
    const char *kernel; /* its name; NULL: no kernel runs */
    char *dynamic_shared;
    size_t dynamic_shared_bytes;
};
extern CudaOnCpuLaunch cuda_on_cpu_now;

/* cuda_on_cpu_stop: a mistake in a kernel: one line that begins with where, abort(). */
void cuda_on_cpu_stop(const char *format, ...)
    __attribute__((noreturn, format(printf, 1, 2)));

/* cuda_on_cpu_thread: which of its block's threads runs, 0 to 1023; -1: the host. */
int cuda_on_cpu_thread(void);
/* cuda_on_cpu_index_of: a thread's threadIdx. */
uint3 cuda_on_cpu_index_of(int thread);
/* cuda_on_cpu_is_local: does it lie on the running thread's own stack? */
bool cuda_on_cpu_is_local(const void *at);

/* In which order the blocks of a grid, and the threads of a block, have their turns. */
enum CudaOnCpuOrder { ORDER_FORWARD, ORDER_BACKWARD, ORDER_SHUFFLED, ORDERS };
/* cuda_on_cpu_run_grid: the launch in cuda_on_cpu_now, once. */
void cuda_on_cpu_run_grid(CudaOnCpuOrder order);

/* ---- orders.cpp ------------------------------------------------------------------ */

/* cuda_on_cpu_run_in_all_orders: stops if memory ends up different in one of them. */
void cuda_on_cpu_run_in_all_orders(void);

/* ---- runtime.cpp ----------------------------------------------------------------- */

/* cuda_on_cpu_is_on: is this variable of the environment 1? What is neither 1 nor 0
 * ends the program. */
bool cuda_on_cpu_is_on(const char *variable);

/* ---- watch.cpp: does nothing unless the kernels were compiled to be watched ------ */

void cuda_on_cpu_watch_launch(void);       /* a launch begins */
void cuda_on_cpu_watch_block(int threads); /* a block begins */
void cuda_on_cpu_watch_barrier(void);      /* all its threads met */
void cuda_on_cpu_watch_warp(int warp);     /* lanes of a warp met */
void cuda_on_cpu_watch_block_end(void);
void cuda_on_cpu_watch_free(void *shadow); /* memory is given back */

/* ---- runtime.cpp ----------------------------------------------------------------- */

/* Memory that cudaMalloc gave and cudaFree has not taken back, in order of address. */
struct CudaOnCpuBlock {
    char *at;
    size_t bytes;
    void *shadow; /* watch.cpp's */
};
struct CudaOnCpuMemory {
    CudaOnCpuBlock *blocks;
    int count;
};
extern CudaOnCpuMemory cuda_on_cpu_memory;

/* cuda_on_cpu_block_with: the block in which this address lies, or NULL. */
CudaOnCpuBlock *cuda_on_cpu_block_with(const void *at);

/* cuda_on_cpu_launch_is_possible: within the device's limits? If not, the last error
 * is set, as by CUDA. */
bool cuda_on_cpu_launch_is_possible(dim3 grid, dim3 block, size_t shared_bytes);

/* Static shared memory lies within this host thread's own variables (cuda_runtime.h);
 * nothing there outlives a launch. 0 bytes where the program has none. */
struct CudaOnCpuRange {
    char *at;
    size_t bytes;
};
CudaOnCpuRange cuda_on_cpu_static_shared(void);

#endif
