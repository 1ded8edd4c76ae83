/*
 * gpu_ranks.h: ranks with a device each, and sums over them in the devices' memory:
 * what group.h and all_reduce.h are on CPUs. Beneath it is NCCL, or its shape on
 * cuda_on_cpu (nccl_shape.h); nothing of it shows here.
 *
 * A sum is put into a stream of its own, `gpu_ranks_stream`, and goes on while another
 * stream computes; events say which waits for which (gpu.h). All ranks must put the
 * same into it in the same order. All get the same bits: each element is added up in
 * one place.
 *
 * Errors. What goes wrong when it is called ends the program with one line, as in
 * gpu.h. What goes wrong later (a rank has died) gpu_ranks_failed says, when it is
 * asked.
 */
#pragma once

#include <stddef.h>

#include "chapters/06_cuda_training/gpu.h"

typedef struct GpuRanks GpuRanks;

/* What rank 0 makes and all ranks need, to find one another. */
typedef struct {
    char bytes[128];
} GpuRanksId;
FOR_C bool gpu_ranks_id(GpuRanksId *id, Error *error);

/* gpu_ranks_open: with this thread's device; returns when all ranks have come. NULL and
 * an error: NCCL can't. */
FOR_C GpuRanks *gpu_ranks_open(const GpuRanksId *id, int rank, int size, Error *error);
FOR_C void gpu_ranks_close(GpuRanks *ranks);

FOR_C int gpu_ranks_rank(const GpuRanks *ranks);
FOR_C int gpu_ranks_size(const GpuRanks *ranks);
FOR_C GpuStream gpu_ranks_stream(const GpuRanks *ranks);

/* x (n), on the device, becomes the sum over the ranks. */
FOR_C void gpu_ranks_sum(GpuRanks *ranks, float *x, long n);
FOR_C void gpu_ranks_sum_ints(GpuRanks *ranks, int *x, long n);

/* gpu_ranks_sum_two: both begin together: one launch instead of two. */
FOR_C void gpu_ranks_sum_two(GpuRanks *ranks, float *x, long n, float *y, long m);

/*
 * The halves of a sum (all_reduce.h): x (P n) on the device.
 *   gpu_ranks_reduce_scatter   rank r's elements r n .. (r + 1) n - 1 become the sums
 *   gpu_ranks_gather           of each rank r these elements go to all others
 */
FOR_C void gpu_ranks_reduce_scatter(GpuRanks *ranks, float *x, long n);
FOR_C void gpu_ranks_gather(GpuRanks *ranks, float *x, long n);

/* gpu_ranks_gather_bytes: of each rank `bytes`, as gpu_ranks_gather. */
FOR_C void gpu_ranks_gather_bytes(GpuRanks *ranks, void *x, size_t bytes);

/* gpu_ranks_failed: has something gone wrong in a sum? Then why. gpu_ranks_abort: ends
 * what is under way, so that nobody waits for it any longer. Both are for a thread that
 * watches. */
FOR_C bool gpu_ranks_failed(GpuRanks *ranks, Error *why);
FOR_C void gpu_ranks_abort(GpuRanks *ranks);
