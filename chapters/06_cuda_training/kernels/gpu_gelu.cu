/*
 * gpu_gelu.cu: see gpu_gelu.h.
 *
 *   separate, fused   One thread per element, in the order of memory: the 32 threads of
 *                     a warp read 128 consecutive bytes. Forward moves 12 bytes per
 *                     element, or 20 if a kernel of its own adds the bias.
 *   vectorised        Four neighbours per thread: one load of 16 bytes, and one
 *                     division to find the row instead of four (in 32 bits: one in 64
 *                     costs about as much as GELU itself). Rows that don't allow that
 *                     are left to `fused`.
 */
#include "chapters/06_cuda_training/kernels/gpu_gelu.h"

#include "chapters/04_encoder_block/mlp.h"
#include "chapters/06_cuda_training/kernels/gpu_kernel.h"

const char *const gpu_gelu_names[GELU_VERSIONS] = {"separate", "fused",
                                                   "vectorised" /* not in your copy */};

/* Phi(x) = (1 + erf(x / sqrt(2))) / 2; erfc keeps its digits for negative x. */
static DEVICE float normal_cdf(float x) {
    return 0.5f * erfcf(-0.70710678f * x);
}

/* phi(x) = exp(-x^2 / 2) / sqrt(2 pi) */
static DEVICE float normal_density(float x) {
    return 0.39894228f * expf(-0.5f * x * x);
}

template <Activation f> static DEVICE float apply(float x) {
    return f == ACTIVATION_GELU ? x * normal_cdf(x)
           : x < 0              ? 0.0f
                                : x; /* a NaN passes */
}

/* dy times the derivative in x; ReLU's is 0 or 1, and NaN where x is. */
template <Activation f> static DEVICE float through(float x, float dy) {
    return f == ACTIVATION_GELU ? dy * (normal_cdf(x) + x * normal_density(x))
           : x > 0              ? dy
           : x <= 0             ? 0.0f
                                : x;
}

enum { THREADS = 256 };

static __global__ void add_bias(Tensor pre, const float *b, long count) {
    /* exercise 6.2 */
    const long i = my_element();
    const int cols = pre.shape[1];
    if (i < count) {
        row_of(pre, i / cols)[i % cols] += b[i % cols];
    }
    /* end of exercise 6.2 */
}

/* If `b` is NULL, the bias has been added already. */
template <Activation f>
static __global__ void forward(Tensor pre, const float *b, Tensor Y, long count) {
    const int cols = pre.shape[1];
    /* exercise 6.2 */
    const long i = my_element();
    if (i < count) {
        float *at = pre.data + i / cols * pre.ld + i % cols;
        float x = *at;
        if (b) {
            x += b[i % cols];
            *at = x;
        }
        Y.data[i / cols * Y.ld + i % cols] = apply<f>(x);
    }
    /* end of exercise 6.2 */
}

template <Activation f>
static __global__ void backward(Tensor pre, Tensor dY, Tensor dpre, long count) {
    /* exercise 6.2 */
    const long i = my_element();
    if (i < count) {
        const long row = i / pre.shape[1], col = i % pre.shape[1];
        row_of(dpre, row)[col] =
            through<f>(row_of(pre, row)[col], row_of(dY, row)[col]);
    }
    /* end of exercise 6.2 */
}

/* exercise 6.2, cut: */
struct Quad { /* a thread's four neighbours: their row and first column */
    long row;
    int col;
};

static DEVICE Quad my_quad(int cols) {
    const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    const unsigned per_row = (unsigned)cols / 4;
    return {i / per_row, (int)(i % per_row) * 4};
}

template <Activation f>
static __global__ void forward_in_fours(Tensor pre, const float *b, Tensor Y) {
    const Quad quad = my_quad(pre.shape[1]);
    if (quad.row < pre.shape[0]) {
        float4 &at = four_at(row_of(pre, quad.row) + quad.col);
        const float4 x = at + four_at(b + quad.col);
        at = x;
        four_at(row_of(Y, quad.row) + quad.col) =
            make_float4(apply<f>(x.x), apply<f>(x.y), apply<f>(x.z), apply<f>(x.w));
    }
}

template <Activation f>
static __global__ void backward_in_fours(Tensor pre, Tensor dY, Tensor dpre) {
    const Quad quad = my_quad(pre.shape[1]);
    if (quad.row < pre.shape[0]) {
        const float4 x = four_at(row_of(pre, quad.row) + quad.col);
        const float4 dy = four_at(row_of(dY, quad.row) + quad.col);
        four_at(row_of(dpre, quad.row) + quad.col) =
            make_float4(through<f>(x.x, dy.x), through<f>(x.y, dy.y),
                        through<f>(x.z, dy.z), through<f>(x.w, dy.w));
    }
}
/* end of exercise 6.2 */

template <Activation f>
static void launch_forward(GpuStream stream, GeluVersion version, Tensor pre, Tensor b,
                           Tensor Y) {
    const long count = tensor_count(pre);
    const int blocks = pieces(count, THREADS);
    expect_shape(b, "One bias for each column.", tensor_cols(pre));
    expect_same_shape(Y, pre);
    pre = tensor_matrix(pre);
    /* exercise 6.2, cut: */
    if (version == GELU_VECTORISED && in_fours(pre) && in_fours(Y) && in_fours(b)) {
        LAUNCH(forward_in_fours<f>, pieces(count, 4 * THREADS), THREADS, 0, stream, pre,
               b.data, Y);
        return;
    }
    /* end of exercise 6.2 */
    if (version == GELU_SEPARATE) {
        LAUNCH(add_bias, blocks, THREADS, 0, stream, pre, b.data, count);
        b.data = NULL;
    }
    LAUNCH(forward<f>, blocks, THREADS, 0, stream, pre, b.data, Y, count);
}

template <Activation f>
static void launch_backward(GpuStream stream, GeluVersion version, Tensor pre,
                            Tensor dY, Tensor dpre) {
    const long count = tensor_count(pre);
    expect_same_shape(dY, pre);
    expect_same_shape(dpre, pre);
    pre = tensor_matrix(pre);
    /* exercise 6.2, cut: */
    if (version == GELU_VECTORISED && in_fours(pre) && in_fours(dY) && in_fours(dpre)) {
        LAUNCH(backward_in_fours<f>, pieces(count, 4 * THREADS), THREADS, 0, stream,
               pre, dY, dpre);
        return;
    }
    /* end of exercise 6.2 */
    LAUNCH(backward<f>, pieces(count, THREADS), THREADS, 0, stream, pre, dY, dpre,
           count);
}

void gpu_bias_gelu_forward(GpuStream stream, GeluVersion version, Tensor pre, Tensor b,
                           Tensor Y) {
    launch_forward<ACTIVATION_GELU>(stream, version, pre, b, Y);
}

void gpu_gelu_backward(GpuStream stream, GeluVersion version, Tensor pre, Tensor dY,
                       Tensor dpre) {
    launch_backward<ACTIVATION_GELU>(stream, version, pre, dY, dpre);
}

void gpu_bias_relu_forward(GpuStream stream, Tensor pre, Tensor b, Tensor Y) {
    launch_forward<ACTIVATION_RELU>(stream, GELU_BEST, pre, b, Y);
}

void gpu_relu_backward(GpuStream stream, Tensor pre, Tensor dY, Tensor dpre) {
    launch_backward<ACTIVATION_RELU>(stream, GELU_BEST, pre, dY, dpre);
}
