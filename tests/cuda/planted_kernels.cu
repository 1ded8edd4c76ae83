/* planted_kernels.cu: see planted_kernels.h. */
#include "tests/cuda/planted_kernels.h"

#include "chapters/06_cuda_training/kernels/gpu_kernel.h"

static __forceinline__ __device__ int me(void) {
    return static_cast<int>(threadIdx.x);
}

/* ---- right ones --------------------------------------------------------------- */

static __global__ void reverse(int n, const float *from, float *to) {
    __shared__ float shared[1024];
    shared[me()] = from[me()];
    __syncthreads();
    to[me()] = shared[n - 1 - me()];
}

static __global__ void reverse_in_dynamic(int n, const float *from, float *to) {
    DYNAMIC_SHARED(float, shared);
    shared[me()] = from[me()];
    __syncthreads();
    to[me()] = shared[n - 1 - me()];
}

static __global__ void warp_neighbour(const float *from, float *to) {
    __shared__ float shared[1024];
    shared[me()] = from[me()];
    __syncwarp();
    to[me()] = shared[me() ^ 1];
}

static __global__ void histogram(float *to) {
    atomicAdd(&to[me() % 4], 1.0f);
}

static __global__ void copy_row(const float *from, float *to) {
    to[me()] = from[me()];
}

static __global__ void copy_column(const float *from, float *to) {
    to[me()] = from[32 * me()];
}

static __global__ void copy_float4(const float *from, float *to) {
    reinterpret_cast<float4 *>(to)[me()] = reinterpret_cast<const float4 *>(from)[me()];
}

template <int row> static __global__ void shared_column(const float *from, float *to) {
    __shared__ float shared[32 * row];
    shared[me() * row] = from[me()];
    __syncthreads();
    to[me()] = shared[me() * row];
}

/* SHARE neighbouring lanes load the same T, of 8 or 16 bytes; COUNT are there. */
template <class T, int SHARE, int COUNT = 32>
static __global__ void shared_wide(const float *from, float *to) {
    __shared__ T shared[32];
    shared[me()] = reinterpret_cast<const T *>(from)[me()];
    __syncthreads();
    reinterpret_cast<T *>(to)[me()] = shared[me() / SHARE % COUNT];
}

static __global__ void votes(const float *from, float *to) {
    const unsigned ballot = __ballot_sync(FULL_WARP, from[me()] > 0);
    int count = 0;
    for (int lane = 0; lane < 32; lane++) {
        count += ballot >> lane & 1;
    }
    to[me()] = static_cast<float>(count);
}

static __global__ void coordinates(float *to) {
    const unsigned block =
        (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    const unsigned thread =
        (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    const unsigned number = block * blockDim.x * blockDim.y * blockDim.z + thread;
    to[number] = static_cast<float>(number);
}

/* ---- with a bug ------------------------------------------------------------------ */

static __global__ void no_barrier(int n, const float *from, float *to) {
    __shared__ float shared[1024];
    shared[me()] = from[me()];
    to[me()] = shared[n - 1 - me()];
}

static __global__ void no_second_barrier(int n, const float *from, float *to) {
    __shared__ float shared[1024];
    float sum = 0;
    for (int round = 0; round < 2; round++) {
        shared[me()] = from[me()] + static_cast<float>(round);
        __syncthreads();
        sum += shared[n - 1 - me()];
    }
    to[me()] = sum;
}

static __global__ void no_barrier_in_a_sum(int n, const float *from, float *to) {
    __shared__ float shared[1024];
    shared[me()] = from[me()];
    __syncthreads();
    for (int half = n / 2; half > 0; half /= 2) {
        if (me() < half) {
            shared[me()] += shared[me() + half];
        }
    }
    to[me()] = shared[0];
}

static __global__ void shared_remains(float *to) {
    __shared__ float shared[1024];
    if (blockIdx.x == 0) {
        shared[me()] = 1;
    }
    to[blockIdx.x * blockDim.x + threadIdx.x] = shared[me()];
}

static __global__ void no_syncwarp(const float *from, float *to) {
    __shared__ float shared[1024];
    shared[me()] = from[me()];
    to[me()] = shared[me() ^ 1];
}

static __global__ void barrier_in_a_branch(const float *from, float *to) {
    if (me() == 0) {
        return;
    }
    __syncthreads();
    to[me()] = from[me()];
}

static __global__ void two_barriers(int n, const float *from, float *to) {
    if (me() < n / 2) {
        __syncthreads();
    } else {
        __syncthreads();
    }
    to[me()] = from[me()];
}

static __global__ void shuffle_in_a_branch(const float *from, float *to) {
    if (me() % 32 != 0) {
        to[me()] = __shfl_xor_sync(FULL_WARP, from[me()], 1);
    }
}

static __global__ void shuffle_from_outside(const float *from, float *to) {
    if (me() % 32 < 16) {
        to[me()] = __shfl_sync(0x0000ffffu, from[me()], 16);
    }
}

static __global__ void one_place(float *to) {
    to[0] = static_cast<float>(me());
}

static __global__ void blocks_share(float *to) {
    const unsigned block = blockIdx.x;
    to[block] = block == 0 ? 1.0f : to[block - 1] + 1.0f;
}

static __global__ void beyond_global(int n, float *to) {
    to[me() == n - 1 ? n : me()] = 1;
}

static __global__ void before_global(const float *from, float *to) {
    to[me()] = from[me() - 1];
}

static __global__ void beyond_shared(int n, const float *from, float *to) {
    __shared__ float shared[32];
    float *beyond = shared + 32; /* one past the end: fine until it is written to */
    *(me() == n - 1 ? beyond : shared + me() % 32) = from[me()];
    to[me()] = shared[me() % 32];
}

static __global__ void beyond_dynamic(int n, const float *from, float *to) {
    DYNAMIC_SHARED(float, shared);
    shared[me() == n - 1 ? n : me()] = from[me()];
    to[me()] = shared[0];
}

static __global__ void not_all_written(int n, const float *from, float *to) {
    if (me() < n - 1) {
        to[me()] = from[me()];
    }
}

/* ---- launches -------------------------------------------------------------------- */

static void right_one(PlantedKernel which, int n, const float *from, float *to) {
    const size_t bytes = static_cast<size_t>(n) * sizeof(float);
    switch (which) {
    case REVERSE: LAUNCH(reverse, 1, n, 0, NULL, n, from, to); break;
    case REVERSE_IN_DYNAMIC:
        LAUNCH(reverse_in_dynamic, 1, n, bytes, NULL, n, from, to);
        break;
    case WARP_NEIGHBOUR: LAUNCH(warp_neighbour, 1, n, 0, NULL, from, to); break;
    case HISTOGRAM: LAUNCH(histogram, 4, n, 0, NULL, to); break;
    case COPY_ROW: LAUNCH(copy_row, 1, n, 0, NULL, from, to); break;
    case COPY_COLUMN: LAUNCH(copy_column, 1, n, 0, NULL, from, to); break;
    case COPY_FLOAT4: LAUNCH(copy_float4, 1, n, 0, NULL, from, to); break;
    case SHARED_COLUMN: LAUNCH(shared_column<32>, 1, n, 0, NULL, from, to); break;
    case SHARED_PADDED: LAUNCH(shared_column<33>, 1, n, 0, NULL, from, to); break;
    case SHARED_QUADS: LAUNCH((shared_wide<float4, 1>), 1, n, 0, NULL, from, to); break;
    case SHARED_QUAD: LAUNCH((shared_wide<float4, 32>), 1, n, 0, NULL, from, to); break;
    case SHARED_QUAD_PAIRS:
        LAUNCH((shared_wide<float4, 2>), 1, n, 0, NULL, from, to);
        break;
    case SHARED_QUAD_HALVES:
        LAUNCH((shared_wide<float4, 16>), 1, n, 0, NULL, from, to);
        break;
    case SHARED_QUAD_FOURS:
        LAUNCH((shared_wide<float4, 1, 4>), 1, n, 0, NULL, from, to);
        break;
    case SHARED_DOUBLES:
        LAUNCH((shared_wide<uint2, 1>), 1, n, 0, NULL, from, to);
        break;
    case SHARED_DOUBLE:
        LAUNCH((shared_wide<uint2, 32>), 1, n, 0, NULL, from, to);
        break;
    case VOTES: LAUNCH(votes, 1, n, 0, NULL, from, to); break;
    default: LAUNCH(coordinates, dim3(2, 3, 2), dim3(4, 2, 2), 0, NULL, to);
    }
}

void planted_kernel(PlantedKernel which, int n, const float *from, float *to) {
    const size_t bytes = static_cast<size_t>(n) * sizeof(float);
    switch (which) {
    case NO_BARRIER: LAUNCH(no_barrier, 1, n, 0, NULL, n, from, to); break;
    case NO_SECOND_BARRIER:
        LAUNCH(no_second_barrier, 1, n, 0, NULL, n, from, to);
        break;
    case NO_BARRIER_IN_A_SUM:
        LAUNCH(no_barrier_in_a_sum, 1, n, 0, NULL, n, from, to);
        break;
    case SHARED_REMAINS: LAUNCH(shared_remains, 2, n, 0, NULL, to); break;
    case NO_SYNCWARP: LAUNCH(no_syncwarp, 1, n, 0, NULL, from, to); break;
    case BARRIER_IN_A_BRANCH:
        LAUNCH(barrier_in_a_branch, 1, n, 0, NULL, from, to);
        break;
    case TWO_BARRIERS: LAUNCH(two_barriers, 1, n, 0, NULL, n, from, to); break;
    case SHUFFLE_IN_A_BRANCH:
        LAUNCH(shuffle_in_a_branch, 1, n, 0, NULL, from, to);
        break;
    case SHUFFLE_FROM_OUTSIDE:
        LAUNCH(shuffle_from_outside, 1, n, 0, NULL, from, to);
        break;
    case ONE_PLACE: LAUNCH(one_place, 1, n, 0, NULL, to); break;
    case BLOCKS_SHARE: LAUNCH(blocks_share, 4, 1, 0, NULL, to); break;
    case BEYOND_GLOBAL: LAUNCH(beyond_global, 1, n, 0, NULL, n, to); break;
    case BEFORE_GLOBAL: LAUNCH(before_global, 1, n, 0, NULL, from, to); break;
    case BEYOND_SHARED: LAUNCH(beyond_shared, 1, n, 0, NULL, n, from, to); break;
    case BEYOND_DYNAMIC: LAUNCH(beyond_dynamic, 1, n, bytes, NULL, n, from, to); break;
    case NOT_ALL_WRITTEN: LAUNCH(not_all_written, 1, n, 0, NULL, n, from, to); break;
    case TOO_MANY_THREADS: LAUNCH(copy_row, 1, 2048, 0, NULL, from, to); break;
    default: right_one(which, n, from, to);
    }
}
