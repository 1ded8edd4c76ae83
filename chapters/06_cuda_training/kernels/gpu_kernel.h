/*
 * gpu_kernel.h: what most kernels of this chapter share: a thread's place, four floats
 * at once, and the sum or maximum of all threads' values, the same in every thread.
 */
#pragma once

#include "chapters/06_cuda_training/kernels/gpu_launch.h"

/* Can rows of `cols` floats, ld apart, be read and written four at a time? */
static inline bool in_fours(const float *at, int cols, int ld) {
    return (uintptr_t)at % sizeof(float4) == 0 && cols % 4 == 0 && ld % 4 == 0;
}

static inline bool in_fours(Tensor T) {
    return in_fours(T.data, tensor_cols(T), T.ld);
}

/* This thread's element, where threads are counted along x. */
static DEVICE long my_element(void) {
    return (long)blockIdx.x * blockDim.x + threadIdx.x;
}

/* This thread's row, where LANES neighbouring threads share one: 1, or a warp. */
template <int LANES> static DEVICE int my_row(void) {
    return (int)((blockIdx.x * blockDim.x + threadIdx.x) / LANES);
}

static DEVICE float4 operator+(float4 a, float4 b) {
    return make_float4(a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w);
}

static DEVICE float4 operator*(float a, float4 b) {
    return make_float4(a * b.x, a * b.y, a * b.z, a * b.w);
}

/* Four floats at an address that 16 divides: one load, or one store. */
static DEVICE float4 four_at(const float *at) {
    return *(const float4 *)at;
}

static DEVICE float4 &four_at(float *at) {
    return *(float4 *)at;
}

/*
 * A sum over a warp in 5 steps: in each, every lane adds the value of the lane whose
 * index differs from its own in one bit. At the end all lanes have the sum. (With one
 * lane it is x.)
 */
template <int LANES = 32, class T> static DEVICE T warp_sum(T x) {
#pragma unroll
    for (int bit = LANES / 2; bit > 0; bit /= 2) {
        x += __shfl_xor_sync(FULL_WARP, x, bit);
    }
    return x;
}

template <int LANES = 32> static DEVICE float warp_max(float x) {
#pragma unroll
    for (int bit = LANES / 2; bit > 0; bit /= 2) {
        x = fmaxf(x, __shfl_xor_sync(FULL_WARP, x, bit));
    }
    return x;
}

/*
 * The same over a block of whole warps (32 at most): each warp's sum goes into
 * shared memory, where every warp then adds them.
 *   shared   32 elements of the caller's shared memory; free again on return
 */
template <class T> static DEVICE T block_sum(T x, T *shared) {
    const int thread = threadIdx.x, warps = blockDim.x / 32;
    x = warp_sum(x);
    if (thread % 32 == 0) {
        shared[thread / 32] = x;
    }
    __syncthreads();
    x = warp_sum(thread % 32 < warps ? shared[thread % 32] : T(0));
    __syncthreads();
    return x;
}

/* This thread's column, where a block has 32 of `cols` columns; -1 if none. */
static DEVICE int my_column(int cols) {
    const int col = blockIdx.x * 32 + threadIdx.x;
    return col < cols ? col : -1;
}

/*
 * The sum of column `col` over `rows` rows, ld apart, by a block of 32 x LANES threads.
 * Lane threadIdx.y sums every LANES-th row; lane 0 adds the lanes' sums, in order, and
 * is the only one that has the result. If col < 0, nothing is read.
 *   shared   LANES x 32 floats; free again after the next barrier
 */
template <int LANES>
static DEVICE float column_sum(const float *at, int col, int rows, long ld,
                               float (*shared)[32]) {
    float sum = 0;
    if (col >= 0) {
        for (int i = threadIdx.y; i < rows; i += LANES) {
            sum += at[i * ld + col];
        }
    }
    shared[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    sum = 0;
    if (threadIdx.y == 0) {
#pragma unroll
        for (int lane = 0; lane < LANES; lane++) {
            sum += shared[lane][threadIdx.x];
        }
    }
    return sum;
}
