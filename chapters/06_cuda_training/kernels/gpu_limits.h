/*
 * gpu_limits.h: work whose speed is the device's own limit. A kernel that is limited by
 * arithmetic, or by memory, can come near it.
 */
#pragma once

#include "chapters/06_cuda_training/gpu.h"

/*
 * gpu_limit_arithmetic: multiply-adds in fp32 that don't wait for memory. Each thread
 * (`threads` is a multiple of 256) goes `rounds` times through FMA_CHAINS chains:
 *     flops = 2 FMA_CHAINS rounds threads
 *   out (threads)   on the device; it keeps the work from being optimised away
 */
enum { FMA_CHAINS = 8 };
FOR_C void gpu_limit_arithmetic(GpuStream stream, long threads, int rounds, Tensor out);

/* gpu_limit_memory: out = in, 16 bytes per thread: 8 bytes moved per element. Both are
 * contiguous, and 4 divides their count. */
FOR_C void gpu_limit_memory(GpuStream stream, Tensor in, Tensor out);
