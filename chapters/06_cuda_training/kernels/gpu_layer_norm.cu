/*
 * gpu_layer_norm.cu: see gpu_layer_norm.h.
 *
 *   naive     A thread a row: a warp's lanes read 32 rows at once, a line each. Three
 *             passes over the row (mean, variance, write).
 *   warp      A warp a row, lanes beside each other; the same three passes, 16 bytes an
 *             element where the cache doesn't hold the row.
 *   one_pass  A warp a row, each lane keeping its D / 32 numbers in registers: the row
 *             is read once, 8 bytes an element, and the variance is still that of the
 *             differences from the mean, which one pass of sums of squares would lose
 *             when the mean is large. Rows longer than 32 * MOST go the way of `warp`.
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

enum { THREADS = 128, WARPS = THREADS / 32, MOST = 32 };

static __forceinline__ __device__ int my_row(void) {
    return static_cast<int>(blockIdx.x * WARPS + threadIdx.x / 32);
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
                                     float *Y, int rows, int D, int ld_X, int ld_Y) {
    const int i = static_cast<int>(blockIdx.x * THREADS + threadIdx.x);
    if (i >= rows) {
        return;
    }
    const float *x = X + static_cast<long>(i) * ld_X;
    float *y = Y + static_cast<long>(i) * ld_Y, sum = 0, squares = 0;
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
                                    float *Y, int rows, int D, int ld_X, int ld_Y) {
    const int i = my_row(), lane = static_cast<int>(threadIdx.x % 32);
    if (i >= rows) {
        return; /* the whole warp; no barrier follows */
    }
    const float *x = X + static_cast<long>(i) * ld_X;
    float *y = Y + static_cast<long>(i) * ld_Y, sum = 0, squares = 0;
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

/* N numbers a lane: D <= 32 N. The loops have constant ends, so that the numbers stay
 * in registers. */
template <int N>
static __global__ void forward_one_pass(const float *X, const float *gamma,
                                        const float *beta, float *mean, float *rstd,
                                        float *Y, int rows, int D, int ld_X, int ld_Y) {
    const int i = my_row(), lane = static_cast<int>(threadIdx.x % 32);
    if (i >= rows) {
        return;
    }
    const float *x = X + static_cast<long>(i) * ld_X;
    float *y = Y + static_cast<long>(i) * ld_Y, mine[N], sum = 0, squares = 0;
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

#define FORWARD(kernel, blocks)                                                        \
    LAUNCH(kernel, blocks, THREADS, 0, stream, X.data, gamma.data, beta.data,          \
           mean.data, rstd.data, Y.data, rows, D, X.ld, Y.ld)

void gpu_layer_norm_forward(GpuStream stream, LayerNormVersion version, Tensor X,
                            Tensor gamma, Tensor beta, Tensor mean, Tensor rstd,
                            Tensor Y) {
    const int rows = tensor_rows(X), D = tensor_cols(X), blocks = pieces(rows, WARPS);
    expect_shape(gamma, "One number for each column.", D);
    expect_shape(beta, "One number for each column.", D);
    expect_shape(mean, "One number for each row.", rows);
    expect_shape(rstd, "One number for each row.", rows);
    expect_same_shape(Y, X);
    if (version == LAYER_NORM_NAIVE) {
        FORWARD(forward_naive, pieces(rows, THREADS));
    } else if (version == LAYER_NORM_WARP || D > 32 * MOST) {
        FORWARD(forward_warp, blocks);
    } else if (D <= 64) {
        FORWARD(forward_one_pass<2>, blocks);
    } else if (D <= 256) {
        FORWARD(forward_one_pass<8>, blocks);
    } else if (D <= 512) {
        FORWARD(forward_one_pass<16>, blocks);
    } else {
        FORWARD(forward_one_pass<MOST>, blocks);
    }
}

/* ---- backward -------------------------------------------------------------------- */

/* dX = rstd (g - mean(g) - xhat mean(g o xhat)),  g = dY o gamma */
static __global__ void backward_naive(const float *X, const float *gamma,
                                      const float *mean, const float *rstd,
                                      const float *dY, float *dX, int rows, int D,
                                      int ld_X, int ld_dY, int ld_dX) {
    const int i = static_cast<int>(blockIdx.x * THREADS + threadIdx.x);
    if (i >= rows) {
        return;
    }
    const float *x = X + static_cast<long>(i) * ld_X;
    const float *dy = dY + static_cast<long>(i) * ld_dY, mu = mean[i], r = rstd[i];
    float *dx = dX + static_cast<long>(i) * ld_dX, g_sum = 0, gx_sum = 0;
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
                                     int ld_X, int ld_dY, int ld_dX) {
    const int i = my_row(), lane = static_cast<int>(threadIdx.x % 32);
    if (i >= rows) {
        return;
    }
    const float *x = X + static_cast<long>(i) * ld_X;
    const float *dy = dY + static_cast<long>(i) * ld_dY, mu = mean[i], r = rstd[i];
    float *dx = dX + static_cast<long>(i) * ld_dX, g_sum = 0, gx_sum = 0;
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
                                 int ld_X, int ld_dY, int rows_a_part) {
    __shared__ float sums[2][SUM_LANES][SUM_COLS];
    const int col = static_cast<int>(blockIdx.x * SUM_COLS + threadIdx.x);
    const int from = static_cast<int>(blockIdx.y) * rows_a_part;
    const int to = min(rows, from + rows_a_part);
    float dgamma = 0, dbeta = 0;
    if (col < D) {
        for (int i = from + static_cast<int>(threadIdx.y); i < to; i += SUM_LANES) {
            const float dy = dY[static_cast<long>(i) * ld_dY + col];
            const float x = X[static_cast<long>(i) * ld_X + col];
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
    const int i = static_cast<int>(blockIdx.x * SUM_COLS + threadIdx.x);
    const float sum =
        column_sum<SUM_LANES>(partial, i < 2 * D ? i : -1, parts, 2 * D, lanes);
    if (threadIdx.y == 0 && i < 2 * D) {
        float *to = i < D ? dgamma + i : dbeta + (i - D);
        *to += sum;
    }
}

void gpu_layer_norm_backward(GpuStream stream, LayerNormVersion version, Tensor X,
                             Tensor gamma, Tensor mean, Tensor rstd, Tensor dY,
                             Tensor dX, Tensor dgamma, Tensor dbeta, Tensor partial) {
    const int rows = tensor_rows(X), D = tensor_cols(X);
    expect_shape(gamma, "One number for each column.", D);
    expect_shape(mean, "One number for each row.", rows);
    expect_same_shape(dY, X);
    expect_same_shape(dX, X);
    expect_shape(dgamma, "One number for each column.", D);
    expect_shape(dbeta, "One number for each column.", D);
    expect_shape(partial, "Room for sums of runs of rows.", LAYER_NORM_PARTS, 2, D);
    /* First these: dX may be dY. */
    const int rows_a_part = max(pieces(rows, LAYER_NORM_PARTS), 2 * SUM_LANES);
    const int parts = pieces(rows, rows_a_part);
    LAUNCH(
        sum_parts,
        dim3(static_cast<unsigned>(pieces(D, SUM_COLS)), static_cast<unsigned>(parts)),
        dim3(SUM_COLS, SUM_LANES), 0, stream, X.data, mean.data, rstd.data, dY.data,
        partial.data, rows, D, X.ld, dY.ld, rows_a_part);
    LAUNCH(sum_finish, pieces(2 * D, SUM_COLS), dim3(SUM_COLS, SUM_LANES), 0, stream,
           partial.data, dgamma.data, dbeta.data, parts, D);
    if (version == LAYER_NORM_NAIVE) {
        LAUNCH(backward_naive, pieces(rows, THREADS), THREADS, 0, stream, X.data,
               gamma.data, mean.data, rstd.data, dY.data, dX.data, rows, D, X.ld, dY.ld,
               dX.ld);
    } else {
        LAUNCH(backward_warp, pieces(rows, WARPS), THREADS, 0, stream, X.data,
               gamma.data, mean.data, rstd.data, dY.data, dX.data, rows, D, X.ld, dY.ld,
               dX.ld);
    }
}
