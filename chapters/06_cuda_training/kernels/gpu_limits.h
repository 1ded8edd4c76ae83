/*
 * gpu_limits.h: work whose speed is the device's own limit: what a kernel that is
 * limited by arithmetic, or by memory, can come near to.
 */
#ifndef GPU_LIMITS_H
#define GPU_LIMITS_H

#include "chapters/06_cuda_training/gpu.h"

/*
 * gpu_limit_arithmetic: multiply-adds in fp32 that wait for no memory: each of
 * `threads` (a multiple of 256) goes `rounds` times through FMA_CHAINS chains of them:
 *     flops = 2 FMA_CHAINS rounds threads
 *   out (threads)   on the device; so that nothing is optimised away
 */
enum { FMA_CHAINS = 8 };
FOR_C void gpu_limit_arithmetic(GpuStream stream, long threads, int rounds, Tensor out);

/* gpu_limit_memory: out = in, 16 bytes per thread: 8 bytes moved for each element.
 * Counts that 4 divides; contiguous. */
FOR_C void gpu_limit_memory(GpuStream stream, Tensor in, Tensor out);

#endif
