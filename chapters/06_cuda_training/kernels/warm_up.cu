/* warm_up.cu: see warm_up.h. Kernels of a few lines, and their launches. */
#include "chapters/06_cuda_training/kernels/warm_up.h"

#include "chapters/06_cuda_training/kernels/gpu_launch.h"

enum { BLOCK = WARM_UP_BLOCK };

static __global__ void square(const float *x, float *y) {
    /* exercise 6.a */
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    y[i] = x[i] * x[i];
    /* end of exercise 6.a */
}

static __global__ void add(const float *x, const float *y, float *z, int count) {
    /* exercise 6.b */
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) {
        z[i] = x[i] + y[i];
    }
    /* end of exercise 6.b */
}

static __global__ void add_scaled(float a, const float *x, float *y, int count) {
    /* exercise 6.c */
    const int threads = gridDim.x * blockDim.x;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += threads) {
        y[i] += a * x[i];
    }
    /* end of exercise 6.c */
}

static __global__ void scale_rows(const float *by, Tensor X, Tensor Y) {
    /* exercise 6.d */
    const int row = blockIdx.y * blockDim.y + threadIdx.y;
    const int col = blockIdx.x * blockDim.x + threadIdx.x;
    if (row < X.shape[0] && col < X.shape[1]) {
        Y.data[row * Y.ld + col] = by[row] * X.data[row * X.ld + col];
    }
    /* end of exercise 6.d */
}

static __global__ void reverse(float *x, int count) {
    __shared__ float kept[BLOCK];
    /* exercise 6.e */
    const int thread = threadIdx.x, first = blockIdx.x * BLOCK;
    const int size = min(BLOCK, count - first);
    if (thread < size) {
        kept[thread] = x[first + thread];
    }
    __syncthreads();
    if (thread < size) {
        x[first + thread] = kept[size - 1 - thread];
    }
    /* end of exercise 6.e */
}

static __global__ void sum_runs(const float *x, float *sums, int count) {
    __shared__ float parts[BLOCK];
    /* exercise 6.f */
    const int thread = threadIdx.x, i = blockIdx.x * BLOCK + thread;
    parts[thread] = i < count ? x[i] : 0.0f;
    __syncthreads();
    for (int half = BLOCK / 2; half > 0; half /= 2) {
        if (thread < half) {
            parts[thread] += parts[thread + half];
        }
        __syncthreads();
    }
    if (thread == 0) {
        sums[blockIdx.x] = parts[0];
    }
    /* end of exercise 6.f */
}

/* ---- their launches -------------------------------------------------------------- */

void warm_up_square(const float *x, float *y, int count) {
    /* exercise 6.a */
    LAUNCH(square, count / BLOCK, BLOCK, 0, NULL, x, y);
    /* end of exercise 6.a */
}

void warm_up_add(const float *x, const float *y, float *z, int count) {
    /* exercise 6.b */
    LAUNCH(add, pieces(count, BLOCK), BLOCK, 0, NULL, x, y, z, count);
    /* end of exercise 6.b */
}

void warm_up_add_scaled(float a, const float *x, float *y, int count) {
    /* exercise 6.c */
    LAUNCH(add_scaled, WARM_UP_BLOCKS, BLOCK, 0, NULL, a, x, y, count);
    /* end of exercise 6.c */
}

void warm_up_scale_rows(const float *by, Tensor X, Tensor Y) {
    expect_same_shape(Y, X);
    /* exercise 6.d */
    LAUNCH(scale_rows, dim3(pieces(X.shape[1], 32), pieces(X.shape[0], 4)), dim3(32, 4),
           0, NULL, by, X, Y);
    /* end of exercise 6.d */
}

void warm_up_reverse(float *x, int count) {
    LAUNCH(reverse, pieces(count, BLOCK), BLOCK, 0, NULL, x, count);
}

void warm_up_sums(const float *x, float *sums, int count) {
    LAUNCH(sum_runs, pieces(count, BLOCK), BLOCK, 0, NULL, x, sums, count);
}
