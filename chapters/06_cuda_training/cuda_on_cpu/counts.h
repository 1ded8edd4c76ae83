/*
 * counts.h: what kernels access, counted where kernels were compiled for it
 * (README.md and watch.cpp say how).
 *
 * The accesses that the source asks for are counted per thread, and what they cost per
 * warp, on GPUs of compute capability 7.0 to 9.0 (Volta, Turing, Ampere, Ada, Hopper):
 *
 *   global memory comes in sectors of 32 bytes. A warp's request for 32 neighbouring
 *   floats takes 4 of them; for 32 floats far from each other it takes 32.
 *   shared memory has 32 banks of 4 bytes. A request takes one pass if no two lanes
 *   want different words of one bank, else as many as the most wanted bank has words.
 *   Lanes of one pass may share words. A pass answers at most 128 bytes, so that 8
 *   bytes per lane are asked for by half warps, 16 by quarters: 4 passes at least. If
 *   in a load each lane wants the same as lane ^ 1, or each the same as lane ^ 2, a
 *   pass answers twice as many lanes: 2 passes.
 *
 * Caches are not modelled: a sector that is asked for twice counts twice. Lanes' k-th
 * executions of the same instruction between two barriers count as one request.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    uint64_t accesses; /* of threads */
    uint64_t bytes;    /* that they asked for */
    uint64_t requests; /* of warps */
    uint64_t units;    /* global: sectors of 32 bytes; shared: passes */
} CudaOnCpuAccesses;

typedef struct {
    uint64_t launches, blocks, threads;
    CudaOnCpuAccesses global_load, global_store, shared_load, shared_store;
    uint64_t atomics;  /* of threads */
    uint64_t barriers; /* of blocks */
    uint64_t meetings; /* shuffles, votes, __syncwarp: of warps */
} CudaOnCpuCounts;

/* cuda_on_cpu_is_watched: were this program's kernels compiled so that their accesses
 * are seen? With clang races are found, and nothing is counted. */
bool cuda_on_cpu_is_watched(void);

/* cuda_on_cpu_counts_clear: count from 0; false if nothing is counted. */
bool cuda_on_cpu_counts_clear(void);

/* cuda_on_cpu_counts: of all launches since then; false if nothing is counted. */
bool cuda_on_cpu_counts(CudaOnCpuCounts *counts);

/* One request of a warp. */
typedef struct {
    const char *kernel;
    int launch, block;      /* launches since the counts were cleared; blocks of it */
    int barriers, number;   /* of its block before this one: barriers; requests */
    int warp, bytes, units; /* bytes: of each lane */
    bool shared, store;
    uint64_t instruction;    /* as addr2line wants it */
    uintptr_t addresses[32]; /* of each lane; 0: it took no part */
} CudaOnCpuRequest;

/* cuda_on_cpu_listen: calls `listener` with each request when it is counted: at the
 * next barrier, or at the block's end. NULL: nobody. */
void cuda_on_cpu_listen(void (*listener)(const CudaOnCpuRequest *request));

#ifdef __cplusplus
}
#endif
