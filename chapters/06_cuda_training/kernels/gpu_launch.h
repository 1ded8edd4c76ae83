/*
 * gpu_launch.h: how a kernel is started, and what it is given.
 *
 *   LAUNCH(kernel, grid, block, shared_bytes, stream, arguments...)
 *       kernel<<<grid, block, shared_bytes, stream>>>(arguments...), then a check for
 *       errors. A template's name with a comma goes in parentheses.
 *   DYNAMIC_SHARED(type, name)
 *       extern __shared__ type name[]: the shared memory that the launch asked for.
 *   CUDA_MUST(call)
 *       calls a runtime function; if it fails: one line, and exit status 1.
 *   DEVICE
 *       before a function that kernels call; it becomes part of them.
 *
 * Kernels are passed Tensors by value: their data is on the device. tensor_matrix
 * makes shape[0] the rows and shape[1] the columns.
 */
#pragma once

#include <cuda_runtime.h>
#include <float.h>
#include <stdint.h>

#include "chapters/06_cuda_training/gpu.h"

#ifdef CUDA_ON_CPU
#define START(kernel, grid, block, shared_bytes, stream, ...)                          \
    cuda_on_cpu_launch(#kernel, (grid), (block), (shared_bytes), (stream), kernel,     \
                       __VA_ARGS__)
#define DYNAMIC_SHARED(type, name) type *name = (type *)cuda_on_cpu_dynamic_shared()
#else
#define START(kernel, grid, block, shared_bytes, stream, ...)                          \
    kernel<<<(grid), (block), (shared_bytes), (stream)>>>(__VA_ARGS__)
#define DYNAMIC_SHARED(type, name) extern __shared__ type name[]
#endif
#define LAUNCH(kernel, ...)                                                            \
    do {                                                                               \
        START(kernel, __VA_ARGS__);                                                    \
        gpu_must(cudaGetLastError(), "launch of " #kernel, __FILE__, __LINE__);        \
    } while (0)

#define CUDA_MUST(call) gpu_must((call), #call, __FILE__, __LINE__)
void gpu_must(cudaError_t error, const char *what, const char *file, int line);

#define DEVICE __forceinline__ __device__
#define FULL_WARP 0xffffffffu

/* How many pieces of size `piece` cover `whole`. */
static inline __host__ __device__ int pieces(long whole, int piece) {
    return (int)((whole + piece - 1) / piece);
}

static DEVICE float *row_of(const Tensor &T, long i) {
    return T.data + i * T.ld;
}
