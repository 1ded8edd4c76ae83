/*
 * gpu_layer_norm.cu: see gpu_layer_norm.h.
 *
 *   naive     A thread a row: a warp's lanes read 32 rows at once, a line each. Three
 *             passes over the row (mean, variance, write).
 *   warp      A warp a row, lanes beside each other; the same three passes, 16 bytes an
 *             element where the cache doesn't hold the row.
 *   one_pass  One warp per row. Each lane keeps D / 32 elements in registers: the row
 *             is read once, 8 bytes an element, and the variance is still that of the
 *             differences from the mean, which one pass of sums of squares would lose
 *             when the mean is large. Rows longer than 32 * MAX_EACH
 *             are left to `warp`.
 *
 * About 8 flops an element: memory limits all of them.
 *
 * Backward: dX by a warp a row (reads X and dY, writes dX). dgamma and dbeta are sums
 * over all rows: blocks sum runs of rows into `partial`, a second kernel adds these in
 * order. No atomics: the same bits every time.
 */
#include "chapters/06_cuda_training/kernels/gpu_layer_norm.h"

#include <float.h>

#include "chapters/06_cuda_training/kernels/gpu_kernel.h"
#include "chapters/04_encoder_block/layer_norm.h"

const char *const gpu_layer_norm_names[LAYER_NORM_VERSIONS] = {"naive", "warp",
                                                               "one_pass"};

enum { THREADS = 128, WARPS = THREADS / 32, MAX_EACH = 32 };

static __forceinline__ __device__ int my_row(void) {
    return blockIdx.x * WARPS + threadIdx.x / 32;
}

/* ---- forward --------------------------------------------------------------------- */

/* From the sum of D squares. Where it is beyond float: NaN, since 1 / infinity would
 * make a row of zeros, which look like a result. */
static __forceinline__ __device__ float rstd_of(float squares, int D) {
    const float epsilon = static_cast<float>(LAYER_NORM_EPSILON);
    return squares <= FLT_MAX ? 1.0f / sqrtf(squares / static_cast<float>(D) + epsilon)
                              : NAN;
}

static __global__ void forward_naive(const float *X, const float *gamma,
                                     const float *beta, float *mean, float *rstd,
                                     float *Y, int rows, int D, long ld_X, long ld_Y) {
    const int i = blockIdx.x * THREADS + threadIdx.x;
    if (i >= rows) {
        return;
    }
    const float *x = X + i * ld_X;
    float *y = Y + i * ld_Y, sum = 0, squares = 0;
    for (int j = 0; j < D; j++) {
        sum += x[j];
    }
    const float mu = sum / static_cast<float>(D);
    for (int j = 0; j < D; j++) {
        squares += (x[j] - mu) * (x[j] - mu);
    }
    const float r = rstd_of(squares, D);
    for (int j = 0; j < D; j++) {
        y[j] = gamma[j] * ((x[j] - mu) * r) + beta[j];
    }
    mean[i] = mu;
    rstd[i] = r;
}

static __global__ void forward_warp(const float *X, const float *gamma,
                                    const float *beta, float *mean, float *rstd,
                                    float *Y, int rows, int D, long ld_X, long ld_Y) {
    const int i = my_row(), lane = threadIdx.x % 32;
    if (i >= rows) {
        return; /* the whole warp; no barrier follows */
    }
    const float *x = X + i * ld_X;
    float *y = Y + i * ld_Y, sum = 0, squares = 0;
    for (int j = lane; j < D; j += 32) {
        sum += x[j];
    }
    const float mu = warp_sum(sum) / static_cast<float>(D);
    for (int j = lane; j < D; j += 32) {
        squares += (x[j] - mu) * (x[j] - mu);
    }
    const float r = rstd_of(warp_sum(squares), D);
    for (int j = lane; j < D; j += 32) {
        y[j] = gamma[j] * ((x[j] - mu) * r) + beta[j];
    }
    if (lane == 0) {
        mean[i] = mu;
        rstd[i] = r;
    }
}

/* N elements per lane: D <= 32 N. The loops have constant ends, so that they stay
 * in registers. */
template <int N>
static __global__ void forward_one_pass(const float *X, const float *gamma,
                                        const float *beta, float *mean, float *rstd,
                                        float *Y, int rows, int D, long ld_X,
                                        long ld_Y) {
    const int i = my_row(), lane = threadIdx.x % 32;
    if (i >= rows) {
        return;
    }
    const float *x = X + i * ld_X;
    float *y = Y + i * ld_Y, mine[N], sum = 0, squares = 0;
#pragma unroll
    for (int k = 0; k < N; k++) {
        const int j = lane + 32 * k;
        mine[k] = j < D ? x[j] : 0.0f;
        sum += mine[k];
    }
    const float mu = warp_sum(sum) / static_cast<float>(D);
#pragma unroll
    for (int k = 0; k < N; k++) {
        mine[k] -= mu;
        squares += lane + 32 * k < D ? mine[k] * mine[k] : 0.0f;
    }
    const float r = rstd_of(warp_sum(squares), D);
#pragma unroll
    for (int k = 0; k < N; k++) {
        const int j = lane + 32 * k;
        if (j < D) {
            y[j] = gamma[j] * (mine[k] * r) + beta[j];
        }
    }
    if (lane == 0) {
        mean[i] = mu;
        rstd[i] = r;
    }
}

static void expect_shapes(const GpuLayerNorm *p) {
    const int rows = tensor_rows(p->X), D = tensor_cols(p->X);
    expect_shape(p->gamma, "One number for each column.", D);
    expect_shape(p->beta, "One number for each column.", D);
    expect_shape(p->mean, "One number for each row.", rows);
    expect_shape(p->rstd, "One number for each row.", rows);
}

#define FORWARD(kernel, blocks)                                                        \
    LAUNCH(kernel, blocks, THREADS, 0, stream, p->X.data, p->gamma.data, p->beta.data, \
           p->mean.data, p->rstd.data, Y.data, rows, D, p->X.ld, Y.ld)

void gpu_layer_norm_forward(GpuStream stream, LayerNormVersion version,
                            const GpuLayerNorm *p, Tensor Y) {
    const int rows = tensor_rows(Y), D = tensor_cols(Y), blocks = pieces(rows, WARPS);
    expect_shapes(p);
    expect_same_shape(Y, p->X);
    if (version == LAYER_NORM_NAIVE) {
        FORWARD(forward_naive, pieces(rows, THREADS));
    } else if (version == LAYER_NORM_WARP || D > 32 * MAX_EACH) {
        FORWARD(forward_warp, blocks);
    } else if (D <= 64) {
        FORWARD(forward_one_pass<2>, blocks);
    } else if (D <= 256) {
        FORWARD(forward_one_pass<8>, blocks);
    } else if (D <= 512) {
        FORWARD(forward_one_pass<16>, blocks);
    } else {
        FORWARD(forward_one_pass<MAX_EACH>, blocks);
    }
}

/* ---- backward -------------------------------------------------------------------- */

/* dX = rstd (g - mean(g) - xhat mean(g o xhat)),  g = dY o gamma */
static __global__ void backward_naive(const float *X, const float *gamma,
                                      const float *mean, const float *rstd,
                                      const float *dY, float *dX, int rows, int D,
                                      long ld_X, long ld_dY, long ld_dX) {
    const int i = blockIdx.x * THREADS + threadIdx.x;
    if (i >= rows) {
        return;
    }
    const float *x = X + i * ld_X;
    const float *dy = dY + i * ld_dY, mu = mean[i], r = rstd[i];
    float *dx = dX + i * ld_dX, g_sum = 0, gx_sum = 0;
    for (int j = 0; j < D; j++) {
        const float g = dy[j] * gamma[j];
        g_sum += g;
        gx_sum += g * ((x[j] - mu) * r);
    }
    const float g_mean = g_sum / static_cast<float>(D);
    const float gx_mean = gx_sum / static_cast<float>(D);
    for (int j = 0; j < D; j++) {
        dx[j] = r * (dy[j] * gamma[j] - g_mean - (x[j] - mu) * r * gx_mean);
    }
}

static __global__ void backward_warp(const float *X, const float *gamma,
                                     const float *mean, const float *rstd,
                                     const float *dY, float *dX, int rows, int D,
                                     long ld_X, long ld_dY, long ld_dX) {
    const int i = my_row(), lane = threadIdx.x % 32;
    if (i >= rows) {
        return;
    }
    const float *x = X + i * ld_X;
    const float *dy = dY + i * ld_dY, mu = mean[i], r = rstd[i];
    float *dx = dX + i * ld_dX, g_sum = 0, gx_sum = 0;
    for (int j = lane; j < D; j += 32) {
        const float g = dy[j] * gamma[j];
        g_sum += g;
        gx_sum += g * ((x[j] - mu) * r);
    }
    const float g_mean = warp_sum(g_sum) / static_cast<float>(D);
    const float gx_mean = warp_sum(gx_sum) / static_cast<float>(D);
    for (int j = lane; j < D; j += 32) {
        dx[j] = r * (dy[j] * gamma[j] - g_mean - (x[j] - mu) * r * gx_mean);
    }
}

enum { SUM_COLS = 32, SUM_LANES = 8 };

/* partial (parts, 2, D): of run y of the rows, the sums of dY o xhat and of dY. */
static __global__ void sum_parts(const float *X, const float *mean, const float *rstd,
                                 const float *dY, float *partial, int rows, int D,
                                 long ld_X, long ld_dY, int rows_a_part) {
    __shared__ float sums[2][SUM_LANES][SUM_COLS];
    const int col = blockIdx.x * SUM_COLS + threadIdx.x;
    const int from = blockIdx.y * rows_a_part;
    const int to = min(rows, from + rows_a_part);
    float dgamma = 0, dbeta = 0;
    if (col < D) {
        for (int i = from + threadIdx.y; i < to; i += SUM_LANES) {
            const float dy = dY[i * ld_dY + col];
            const float x = X[i * ld_X + col];
            dgamma += dy * ((x - mean[i]) * rstd[i]);
            dbeta += dy;
        }
    }
    sums[0][threadIdx.y][threadIdx.x] = dgamma;
    sums[1][threadIdx.y][threadIdx.x] = dbeta;
    __syncthreads();
    if (threadIdx.y < 2 && col < D) { /* two of the warps, one for each of the two */
        float sum = 0;
        for (int lane = 0; lane < SUM_LANES; lane++) {
            sum += sums[threadIdx.y][lane][threadIdx.x];
        }
        partial[(static_cast<long>(blockIdx.y) * 2 + threadIdx.y) * D + col] = sum;
    }
}

/* dgamma and dbeta lie side by side in `partial`: 2 D columns of sums. */
static __global__ void sum_finish(const float *partial, float *dgamma, float *dbeta,
                                  int parts, int D) {
    __shared__ float lanes[SUM_LANES][SUM_COLS];
    const int i = blockIdx.x * SUM_COLS + threadIdx.x;
    const float sum =
        column_sum<SUM_LANES>(partial, i < 2 * D ? i : -1, parts, 2 * D, lanes);
    if (threadIdx.y == 0 && i < 2 * D) {
        float *to = i < D ? dgamma + i : dbeta + (i - D);
        *to += sum;
    }
}

#define BACKWARD(kernel, blocks)                                                       \
    LAUNCH(kernel, blocks, THREADS, 0, stream, p->X.data, p->gamma.data, p->mean.data, \
           p->rstd.data, dY.data, dX.data, rows, D, p->X.ld, dY.ld, dX.ld)

void gpu_layer_norm_backward(GpuStream stream, LayerNormVersion version,
                             const GpuLayerNorm *p, Tensor dY, Tensor dX,
                             const GpuLayerNormGradients *d) {
    const int rows = tensor_rows(p->X), D = tensor_cols(p->X);
    const Tensor partial = d->partial;
    expect_shapes(p);
    expect_same_shape(dY, p->X);
    expect_same_shape(dX, p->X);
    expect_shape(d->dgamma, "One number for each column.", D);
    expect_shape(d->dbeta, "One number for each column.", D);
    expect_shape(partial, "Room for sums of runs of rows.", LAYER_NORM_PARTS, 2, D);
    /* First these: dX may be dY. */
    const int rows_a_part = max(pieces(rows, LAYER_NORM_PARTS), 2 * SUM_LANES);
    const int parts = pieces(rows, rows_a_part);
    LAUNCH(sum_parts, dim3(pieces(D, SUM_COLS), parts), dim3(SUM_COLS, SUM_LANES), 0,
           stream, p->X.data, p->mean.data, p->rstd.data, dY.data, partial.data, rows,
           D, p->X.ld, dY.ld, rows_a_part);
    LAUNCH(sum_finish, pieces(2 * D, SUM_COLS), dim3(SUM_COLS, SUM_LANES), 0, stream,
           partial.data, d->dgamma.data, d->dbeta.data, parts, D);
    if (version == LAYER_NORM_NAIVE) {
        BACKWARD(backward_naive, pieces(rows, THREADS));
    } else {
        BACKWARD(backward_warp, pieces(rows, WARPS));
    }
}
