/*
 * gpu_layer_norm.cu: see gpu_layer_norm.h.
 *
 *   naive     One thread per row: a warp's lanes read 32 rows at once, one line each.
 *             Three passes over the row (mean, variance, write).
 *   warp      One warp per row, its lanes on neighbouring elements; the same three
 *             passes, 16 bytes per element where the cache doesn't hold the row.
 *   one_pass  One warp per row. Each lane keeps D / 32 elements in registers, so the
 *             row is read once, 8 bytes per element. The variance is still that of the
 *             differences from the mean: sums of squares, also one pass, would lose its
 *             digits when the mean is large. Rows longer than 32 * MAX_EACH are left to
 *             `warp`.
 *
 * About 8 flops per element: memory limits all of them.
 *
 * Backward: one warp per row makes dX (reads X and dY, writes dX). dgamma and dbeta are
 * sums over all rows: blocks sum runs of rows, and a second kernel adds these in order.
 */
#include "chapters/06_cuda_training/kernels/gpu_layer_norm.h"

#include <float.h>

#include "chapters/06_cuda_training/kernels/gpu_kernel.h"
#include "chapters/04_encoder_block/layer_norm.h"

const char *const gpu_layer_norm_names[] = {"naive", "warp", "one_pass"};

enum { THREADS = 128, WARPS = THREADS / 32, MAX_EACH = 32 };

/* ---- forward --------------------------------------------------------------------- */

/* From the sum of D squares. Where it is beyond float: NaN, since 1 / infinity would
 * make a row of zeros, which look like a result. */
static DEVICE float rstd_of(float squares, int D) {
    const float epsilon = (float)LAYER_NORM_EPSILON;
    return squares <= FLT_MAX ? 1.0f / sqrtf(squares / (float)D + epsilon) : NAN;
}

/* One thread per row (LANES = 1), or one warp (32). */
template <int LANES> static __global__ void forward(GpuLayerNorm p, Tensor Y) {
    const float *gamma = p.gamma.data, *beta = p.beta.data;
    const int i = my_row<LANES>(), lane = threadIdx.x % LANES, D = Y.shape[1];
    if (i >= Y.shape[0]) {
        return; /* the whole warp; no barrier follows */
    }
    const float *x = row_of(p.X, i);
    float *y = row_of(Y, i), sum = 0, squares = 0;
    for (int j = lane; j < D; j += LANES) {
        sum += x[j];
    }
    const float mu = warp_sum<LANES>(sum) / (float)D;
    for (int j = lane; j < D; j += LANES) {
        squares += (x[j] - mu) * (x[j] - mu);
    }
    const float r = rstd_of(warp_sum<LANES>(squares), D);
    for (int j = lane; j < D; j += LANES) {
        y[j] = gamma[j] * ((x[j] - mu) * r) + beta[j];
    }
    if (lane == 0) {
        p.mean.data[i] = mu;
        p.rstd.data[i] = r;
    }
}

/* N elements per lane: D <= 32 N. The loops have constant ends, so that the elements
 * stay in registers. */
template <int N> static __global__ void forward_one_pass(GpuLayerNorm p, Tensor Y) {
    const float *gamma = p.gamma.data, *beta = p.beta.data;
    const int i = my_row<32>(), lane = threadIdx.x % 32, D = Y.shape[1];
    if (i >= Y.shape[0]) {
        return;
    }
    const float *x = row_of(p.X, i);
    float *y = row_of(Y, i), mine[N], sum = 0, squares = 0;
#pragma unroll
    for (int k = 0; k < N; k++) {
        const int j = lane + 32 * k;
        mine[k] = j < D ? x[j] : 0.0f;
        sum += mine[k];
    }
    const float mu = warp_sum(sum) / (float)D;
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
        p.mean.data[i] = mu;
        p.rstd.data[i] = r;
    }
}

static void expect_shapes(const GpuLayerNorm *p) {
    const int rows = tensor_rows(p->X), D = tensor_cols(p->X);
    expect_shape(p->gamma, "One number for each column.", D);
    expect_shape(p->beta, "One number for each column.", D);
    expect_shape(p->mean, "One number for each row.", rows);
    expect_shape(p->rstd, "One number for each row.", rows);
}

void gpu_layer_norm_forward(GpuStream stream, LayerNormVersion version,
                            const GpuLayerNorm *p, Tensor Y) {
    const int rows = tensor_rows(Y), D = tensor_cols(Y), blocks = pieces(rows, WARPS);
    expect_shapes(p);
    expect_same_shape(Y, p->X);
    Y = tensor_matrix(Y);
    if (version == LAYER_NORM_NAIVE) {
        LAUNCH(forward<1>, pieces(rows, THREADS), THREADS, 0, stream, *p, Y);
    } else if (version == LAYER_NORM_WARP || D > 32 * MAX_EACH) {
        LAUNCH(forward<32>, blocks, THREADS, 0, stream, *p, Y);
    } else if (D <= 64) {
        LAUNCH(forward_one_pass<2>, blocks, THREADS, 0, stream, *p, Y);
    } else if (D <= 256) {
        LAUNCH(forward_one_pass<8>, blocks, THREADS, 0, stream, *p, Y);
    } else if (D <= 512) {
        LAUNCH(forward_one_pass<16>, blocks, THREADS, 0, stream, *p, Y);
    } else {
        LAUNCH(forward_one_pass<MAX_EACH>, blocks, THREADS, 0, stream, *p, Y);
    }
}

/* ---- backward -------------------------------------------------------------------- */

/* dX = rstd (g - mean(g) - xhat mean(g o xhat)),  g = dY o gamma */
template <int LANES>
static __global__ void backward(GpuLayerNorm p, Tensor dY, Tensor dX) {
    const int i = my_row<LANES>(), lane = threadIdx.x % LANES, D = dX.shape[1];
    if (i >= dX.shape[0]) {
        return;
    }
    const float *x = row_of(p.X, i), *dy = row_of(dY, i), *gamma = p.gamma.data;
    const float mu = p.mean.data[i], r = p.rstd.data[i];
    float *dx = row_of(dX, i), g_sum = 0, gx_sum = 0;
    for (int j = lane; j < D; j += LANES) {
        const float g = dy[j] * gamma[j];
        g_sum += g;
        gx_sum += g * ((x[j] - mu) * r);
    }
    const float g_mean = warp_sum<LANES>(g_sum) / (float)D;
    const float gx_mean = warp_sum<LANES>(gx_sum) / (float)D;
    for (int j = lane; j < D; j += LANES) {
        dx[j] = r * (dy[j] * gamma[j] - g_mean - (x[j] - mu) * r * gx_mean);
    }
}

enum { SUM_COLS = 32, SUM_LANES = 8 }; /* a block: 32 columns, 8 rows at a time */

/* partial (parts, 2, D): the sums of dY o xhat and of dY over run y of the rows. */
static __global__ void sum_parts(GpuLayerNorm p, Tensor dY, float *partial,
                                 int rows_per_part) {
    __shared__ float sums[2][SUM_LANES][SUM_COLS];
    const int D = dY.shape[1], col = my_column(D), from = blockIdx.y * rows_per_part;
    const int to = min(dY.shape[0], from + rows_per_part);
    float dgamma = 0, dbeta = 0;
    if (col >= 0) {
        for (int i = from + threadIdx.y; i < to; i += SUM_LANES) {
            const float dy = row_of(dY, i)[col], x = row_of(p.X, i)[col];
            dgamma += dy * ((x - p.mean.data[i]) * p.rstd.data[i]);
            dbeta += dy;
        }
    }
    sums[0][threadIdx.y][threadIdx.x] = dgamma;
    sums[1][threadIdx.y][threadIdx.x] = dbeta;
    __syncthreads();
    if (threadIdx.y < 2 && col >= 0) { /* two of the warps, one per sum */
        float sum = 0;
        for (int lane = 0; lane < SUM_LANES; lane++) {
            sum += sums[threadIdx.y][lane][threadIdx.x];
        }
        partial[((long)blockIdx.y * 2 + threadIdx.y) * D + col] = sum;
    }
}

/* dgamma and dbeta are side by side in `partial`: 2 D columns of sums. */
static __global__ void sum_finish(const float *partial, float *dgamma, float *dbeta,
                                  int parts, int D) {
    __shared__ float lanes[SUM_LANES][SUM_COLS];
    const int i = my_column(2 * D);
    const float sum = column_sum<SUM_LANES>(partial, i, parts, 2 * D, lanes);
    if (threadIdx.y == 0 && i >= 0) {
        float *to = i < D ? dgamma + i : dbeta + (i - D);
        *to += sum;
    }
}

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
    dY = tensor_matrix(dY);
    dX = tensor_matrix(dX);
    /* These come first, since dX may be dY. */
    const int rows_per_part = max(pieces(rows, LAYER_NORM_PARTS), 2 * SUM_LANES);
    const int parts = pieces(rows, rows_per_part);
    LAUNCH(sum_parts, dim3(pieces(D, SUM_COLS), parts), dim3(SUM_COLS, SUM_LANES), 0,
           stream, *p, dY, partial.data, rows_per_part);
    LAUNCH(sum_finish, pieces(2 * D, SUM_COLS), dim3(SUM_COLS, SUM_LANES), 0, stream,
           partial.data, d->dgamma.data, d->dbeta.data, parts, D);
    if (version == LAYER_NORM_NAIVE) {
        LAUNCH(backward<1>, pieces(rows, THREADS), THREADS, 0, stream, *p, dY, dX);
    } else {
        LAUNCH(backward<32>, pieces(rows, WARPS), THREADS, 0, stream, *p, dY, dX);
    }
}
