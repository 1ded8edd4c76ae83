/*
 * gpu_softmax.cu: see gpu_softmax.h.
 *
 *   naive    One thread per row. The 32 threads of a warp read 32 rows at the same
 *            column: 32 lines of 128 bytes for 128 bytes wanted. Three passes (maximum,
 *            sum, write): 16 bytes per element if nothing is found in cache, 8 flops.
 *   warp     One warp per row, its lanes on neighbouring elements: every line is used
 *            whole. The same three passes.
 *   online   Maximum and sum in one pass (Milakov and Gimelshein, 2018): 12 bytes.
 *
 * All are limited by memory.
 */
#include "chapters/06_cuda_training/kernels/gpu_softmax.h"

#include "chapters/06_cuda_training/kernels/gpu_kernel.h"

const char *const gpu_softmax_names[SOFTMAX_VERSIONS] = {"naive", "warp", "online"};

enum { THREADS = 128, WARPS = THREADS / 32 };

/* ---- forward ------------------------------------------------------------------ */

/* scale s_j, always rounded in the same way. The compiler would make scale * s[j] - max
 * one multiply-add, which keeps digits that the maximum has lost: near 10000 weights
 * would be wrong by 1e-3, near 1e8 by a factor. */
static DEVICE float scaled(float scale, float s_j) {
    return __fmul_rn(scale, s_j);
}

/* One thread per row (LANES = 1), or one warp (32). */
template <int LANES> static __global__ void forward(float scale, Tensor S, Tensor A) {
    const int i = my_row<LANES>(), lane = threadIdx.x % LANES, cols = S.shape[1];
    if (i >= S.shape[0]) {
        return; /* the whole warp; no barrier follows */
    }
    const float *s = row_of(S, i);
    float *a = row_of(A, i), max = -INFINITY, sum = 0;
    for (int j = lane; j < cols; j += LANES) {
        max = fmaxf(max, scaled(scale, s[j]));
    }
    max = warp_max<LANES>(max);
    for (int j = lane; j < cols; j += LANES) {
        sum += expf(scaled(scale, s[j]) - max);
    }
    const float inverse = 1.0f / warp_sum<LANES>(sum);
    for (int j = lane; j < cols; j += LANES) {
        a[j] = expf(scaled(scale, s[j]) - max) * inverse;
    }
}

static __global__ void forward_online(float scale, Tensor S, Tensor A) {
    const int i = my_row<32>(), lane = threadIdx.x % 32, cols = S.shape[1];
    if (i >= S.shape[0]) {
        return;
    }
    /* exercise 6.3 */
    /* The maximum begins at the lowest float, not at -infinity: where a row begins with
     * a score of -infinity, exp(-inf - -inf) would be NaN. */
    const float *s = row_of(S, i);
    float *a = row_of(A, i), max = -FLT_MAX, sum = 0;
    for (int j = lane; j < cols; j += 32) {
        const float x = scaled(scale, s[j]), larger = fmaxf(max, x);
        sum = sum * expf(max - larger) + expf(x - larger);
        max = larger;
    }
    /* Each lane has a maximum and a sum relative to it: bring them to one maximum. A
     * lane that had no column has the lowest float and 0: nothing is added. */
    const float all = warp_max(max);
    const float inverse = 1.0f / warp_sum(sum * expf(max - all));
    for (int j = lane; j < cols; j += 32) {
        a[j] = expf(scaled(scale, s[j]) - all) * inverse;
    }
    /* end of exercise 6.3 */
}

void gpu_softmax_forward(GpuStream stream, SoftmaxVersion version, float scale,
                         Tensor S, Tensor A) {
    const int rows = tensor_rows(S);
    expect_same_shape(A, S);
    S = tensor_matrix(S);
    if (version == SOFTMAX_NAIVE) {
        LAUNCH(forward<1>, pieces(rows, THREADS), THREADS, 0, stream, scale, S, A);
    } else if (version == SOFTMAX_WARP) {
        LAUNCH(forward<32>, pieces(rows, WARPS), THREADS, 0, stream, scale, S, A);
    } else {
        LAUNCH(forward_online, pieces(rows, WARPS), THREADS, 0, stream, scale, S, A);
    }
}

/* ---- backward: dS = scale A o (dA - rowsum(dA o A)) ------------------------------ */

/* One thread per row (LANES = 1), or one warp (32). */
template <int LANES>
static __global__ void backward(float scale, Tensor A, Tensor dA, Tensor dS) {
    const int i = my_row<LANES>(), lane = threadIdx.x % LANES, cols = A.shape[1];
    if (i >= A.shape[0]) {
        return;
    }
    const float *a = row_of(A, i), *da = row_of(dA, i);
    float *ds = row_of(dS, i), dot = 0;
    for (int j = lane; j < cols; j += LANES) {
        dot += a[j] * da[j];
    }
    dot = warp_sum<LANES>(dot);
    for (int j = lane; j < cols; j += LANES) {
        ds[j] = scale * a[j] * (da[j] - dot);
    }
}

void gpu_softmax_backward(GpuStream stream, SoftmaxVersion version, float scale,
                          Tensor A, Tensor dA, Tensor dS) {
    const int rows = tensor_rows(A);
    expect_same_shape(dA, A);
    expect_same_shape(dS, A);
    A = tensor_matrix(A);
    if (version == SOFTMAX_NAIVE) {
        LAUNCH(backward<1>, pieces(rows, THREADS), THREADS, 0, stream, scale, A, dA,
               dS);
    } else {
        LAUNCH(backward<32>, pieces(rows, WARPS), THREADS, 0, stream, scale, A, dA, dS);
    }
}
