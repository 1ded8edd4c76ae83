/*
 * gpu_gelu.cu: see gpu_gelu.h.
 *
 *   separate, fused   A thread an element, in the order in which they lie: the 32
 *                     threads of a warp read 128 bytes in a row. An element moves 12
 *                     bytes forward (pre read and written, Y written); 20 when the
 *                     bias is added by a kernel of its own, which reads and writes pre
 *                     once more.
 *   vectorised        A thread four neighbours: a load of 16 bytes, and one division
 *                     for the row instead of four (of 32 bits: one of 64 bits costs
 *                     about as much as GELU itself). Rows that don't allow that are
 *                     left to `fused`.
 *
 * What limits them is memory, once the indices are cheap: GELU's erfc and exp are some
 * 60 instructions an element, for 12 bytes.
 */
#include "chapters/06_cuda_training/kernels/gpu_gelu.h"

#include "chapters/06_cuda_training/kernels/gpu_kernel.h"

const char *const gpu_gelu_names[GELU_VERSIONS] = {"separate", "fused", "vectorised"};

/* Phi(x) = (1 + erf(x / sqrt(2))) / 2; erfc keeps its digits for negative x. */
static __forceinline__ __device__ float normal_cdf(float x) {
    return 0.5f * erfcf(-0.70710678f * x);
}

/* phi(x) = exp(-x^2 / 2) / sqrt(2 pi) */
static __forceinline__ __device__ float normal_density(float x) {
    return 0.39894228f * expf(-0.5f * x * x);
}

typedef enum { APPLY_GELU, APPLY_RELU } Nonlinearity;

template <Nonlinearity f> static __forceinline__ __device__ float apply(float x) {
    return f == APPLY_GELU ? x * normal_cdf(x) : x < 0 ? 0.0f : x; /* a NaN passes */
}

/* dy times the derivative in x; ReLU's is 0 or 1, and NaN where x is. */
template <Nonlinearity f>
static __forceinline__ __device__ float through(float x, float dy) {
    return f == APPLY_GELU ? dy * (normal_cdf(x) + x * normal_density(x))
           : x > 0         ? dy
           : x <= 0        ? 0.0f
                           : x;
}

/* ---- kernels: block (x), element blockIdx.x * 256 + threadIdx.x ------------------ */

enum { THREADS = 256 };

static __global__ void add_bias(float *pre, const float *b, long count, int cols,
                                int ld) {
    const long i = my_element();
    if (i < count) {
        pre[i / cols * ld + i % cols] += b[i % cols];
    }
}

/* With `b` NULL: the bias is in already. */
template <Nonlinearity f>
static __global__ void forward(float *pre, const float *b, float *Y, long count,
                               int cols, int ld_pre, int ld_Y) {
    /* exercise 6.2 */
    const long i = my_element();
    if (i < count) {
        float *at = pre + i / cols * ld_pre + i % cols;
        float x = *at;
        if (b) {
            x += b[i % cols];
            *at = x;
        }
        Y[i / cols * ld_Y + i % cols] = apply<f>(x);
    }
    /* end of exercise 6.2 */
}

template <Nonlinearity f>
static __global__ void backward(const float *pre, const float *dY, float *dpre,
                                long count, int cols, int ld_pre, int ld_dY,
                                int ld_dpre) {
    const long i = my_element();
    if (i < count) {
        const long row = i / cols, col = i % cols;
        dpre[row * ld_dpre + col] =
            through<f>(pre[row * ld_pre + col], dY[row * ld_dY + col]);
    }
}

/* ---- the same, four neighbours a thread ------------------------------------------ */

struct Quad { /* of a thread: a row, and the first of four columns */
    long row;
    int col;
};

static __forceinline__ __device__ Quad my_quad(int cols) {
    const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    const unsigned a_row = static_cast<unsigned>(cols) / 4;
    return {i / a_row, static_cast<int>(i % a_row) * 4};
}

template <Nonlinearity f>
static __global__ void forward_in_fours(float *pre, const float *b, float *Y, int rows,
                                        int cols, int ld_pre, int ld_Y) {
    const Quad quad = my_quad(cols);
    if (quad.row < rows) {
        float4 &at = four_at(pre + quad.row * ld_pre + quad.col);
        const float4 x = at + four_at(b + quad.col);
        at = x;
        four_at(Y + quad.row * ld_Y + quad.col) =
            make_float4(apply<f>(x.x), apply<f>(x.y), apply<f>(x.z), apply<f>(x.w));
    }
}

template <Nonlinearity f>
static __global__ void backward_in_fours(const float *pre, const float *dY, float *dpre,
                                         int rows, int cols, int ld_pre, int ld_dY,
                                         int ld_dpre) {
    const Quad quad = my_quad(cols);
    if (quad.row < rows) {
        const float4 x = four_at(pre + quad.row * ld_pre + quad.col);
        const float4 dy = four_at(dY + quad.row * ld_dY + quad.col);
        four_at(dpre + quad.row * ld_dpre + quad.col) =
            make_float4(through<f>(x.x, dy.x), through<f>(x.y, dy.y),
                        through<f>(x.z, dy.z), through<f>(x.w, dy.w));
    }
}

/* ---- launches -------------------------------------------------------------------- */

static bool all_in_fours(Tensor A, Tensor B, Tensor C) {
    const int cols = tensor_cols(A);
    return in_fours(A.data, cols, A.ld) && in_fours(B.data, cols, B.ld) &&
           in_fours(C.data, cols, C.ld);
}

template <Nonlinearity f>
static void launch_forward(GpuStream stream, GeluVersion version, Tensor pre, Tensor b,
                           Tensor Y) {
    const long count = tensor_count(pre);
    const int rows = tensor_rows(pre), cols = tensor_cols(pre);
    const int blocks = pieces(count, THREADS);
    expect_shape(b, "One bias for each column.", cols);
    expect_same_shape(Y, pre);
    if (version == GELU_VECTORISED && all_in_fours(pre, Y, b)) {
        LAUNCH(forward_in_fours<f>, pieces(count, 4 * THREADS), THREADS, 0, stream,
               pre.data, b.data, Y.data, rows, cols, pre.ld, Y.ld);
        return;
    }
    if (version == GELU_SEPARATE) {
        LAUNCH(add_bias, blocks, THREADS, 0, stream, pre.data, b.data, count, cols,
               pre.ld);
    }
    LAUNCH(forward<f>, blocks, THREADS, 0, stream, pre.data,
           version == GELU_SEPARATE ? NULL : b.data, Y.data, count, cols, pre.ld, Y.ld);
}

template <Nonlinearity f>
static void launch_backward(GpuStream stream, GeluVersion version, Tensor pre,
                            Tensor dY, Tensor dpre) {
    const long count = tensor_count(pre);
    const int rows = tensor_rows(pre), cols = tensor_cols(pre);
    expect_same_shape(dY, pre);
    expect_same_shape(dpre, pre);
    if (version == GELU_VECTORISED && all_in_fours(pre, dY, dpre)) {
        LAUNCH(backward_in_fours<f>, pieces(count, 4 * THREADS), THREADS, 0, stream,
               pre.data, dY.data, dpre.data, rows, cols, pre.ld, dY.ld, dpre.ld);
    } else {
        LAUNCH(backward<f>, pieces(count, THREADS), THREADS, 0, stream, pre.data,
               dY.data, dpre.data, count, cols, pre.ld, dY.ld, dpre.ld);
    }
}

void gpu_bias_gelu_forward(GpuStream stream, GeluVersion version, Tensor pre, Tensor b,
                           Tensor Y) {
    launch_forward<APPLY_GELU>(stream, version, pre, b, Y);
}

void gpu_gelu_backward(GpuStream stream, GeluVersion version, Tensor pre, Tensor dY,
                       Tensor dpre) {
    launch_backward<APPLY_GELU>(stream, version, pre, dY, dpre);
}

void gpu_bias_relu_forward(GpuStream stream, Tensor pre, Tensor b, Tensor Y) {
    launch_forward<APPLY_RELU>(stream, GELU_BEST, pre, b, Y);
}

void gpu_relu_backward(GpuStream stream, Tensor pre, Tensor dY, Tensor dpre) {
    launch_backward<APPLY_RELU>(stream, GELU_BEST, pre, dY, dpre);
}
