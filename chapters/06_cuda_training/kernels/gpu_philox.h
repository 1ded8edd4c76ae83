/*
 * gpu_philox.h: random.h's generator for kernels: Philox4x32-10 (Salmon, Moraes, Dror
 * and Shaw, 2011). The same four words from the same counter and key as on the CPU.
 */
#ifndef GPU_PHILOX_H
#define GPU_PHILOX_H

#include "chapters/06_cuda_training/kernels/gpu_kernel.h"

static __forceinline__ __device__ uint4 gpu_philox4x32(uint4 counter, uint2 key) {
#pragma unroll
    for (int round = 0; round < 10; round++) {
        const unsigned low0 = 0xD2511F53u * counter.x, low1 = 0xCD9E8D57u * counter.z;
        const unsigned high0 = __umulhi(0xD2511F53u, counter.x);
        const unsigned high1 = __umulhi(0xCD9E8D57u, counter.z);
        counter = make_uint4(high1 ^ counter.y ^ key.x, low1, high0 ^ counter.w ^ key.y,
                             low0);
        key.x += 0x9E3779B9u;
        key.y += 0xBB67AE85u;
    }
    return counter;
}

#endif
