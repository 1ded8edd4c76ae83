/*
 * gpu_gelu.cu: see gpu_gelu.h.
 *
 * A thread an element, in the order in which they lie: the 32 threads of a warp read
 * 128 bytes in a row, one transaction. What limits it is memory: an element moves 12
 * bytes forward (pre read and written, Y written; 16 when the bias is added by a
 * kernel of its own, which reads and writes pre once more) and costs about 30 flops.
 */
#include "gpu_gelu.h"

#include "gpu_kernel.h"

const char *const gpu_gelu_names[GELU_VERSIONS] = {"separate", "fused"};

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
    return f == APPLY_GELU ? x * normal_cdf(x) : fmaxf(x, 0.0f);
}

template <Nonlinearity f> static __forceinline__ __device__ float derivative(float x) {
    return f == APPLY_GELU ? normal_cdf(x) + x * normal_density(x)
           : x > 0         ? 1.0f
                           : 0.0f;
}

/* ---- kernels: block (x), element blockIdx.x * 256 + threadIdx.x ------------------ */

enum { THREADS = 256 };

static __forceinline__ __device__ long my_element(void) {
    return static_cast<long>(blockIdx.x) * blockDim.x + threadIdx.x;
}

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
            dY[row * ld_dY + col] * derivative<f>(pre[row * ld_pre + col]);
    }
}

/* ---- launches -------------------------------------------------------------------- */

template <Nonlinearity f>
static void launch_forward(GpuStream stream, bool fused, Tensor pre, Tensor b,
                           Tensor Y) {
    const long count = tensor_count(pre);
    const int cols = tensor_cols(pre), blocks = pieces(count, THREADS);
    expect_shape(b, "One number for each column.", cols);
    expect_same_shape(Y, pre);
    if (!fused) {
        LAUNCH(add_bias, blocks, THREADS, 0, stream, pre.data, b.data, count, cols,
               pre.ld);
    }
    LAUNCH(forward<f>, blocks, THREADS, 0, stream, pre.data, fused ? b.data : NULL,
           Y.data, count, cols, pre.ld, Y.ld);
}

template <Nonlinearity f>
static void launch_backward(GpuStream stream, Tensor pre, Tensor dY, Tensor dpre) {
    const long count = tensor_count(pre);
    expect_same_shape(dY, pre);
    expect_same_shape(dpre, pre);
    LAUNCH(backward<f>, pieces(count, THREADS), THREADS, 0, stream, pre.data, dY.data,
           dpre.data, count, tensor_cols(pre), pre.ld, dY.ld, dpre.ld);
}

void gpu_bias_gelu_forward(GpuStream stream, GeluVersion version, Tensor pre, Tensor b,
                           Tensor Y) {
    launch_forward<APPLY_GELU>(stream, version == GELU_FUSED, pre, b, Y);
}

void gpu_gelu_backward(GpuStream stream, GeluVersion, Tensor pre, Tensor dY,
                       Tensor dpre) {
    launch_backward<APPLY_GELU>(stream, pre, dY, dpre);
}

void gpu_bias_relu_forward(GpuStream stream, Tensor pre, Tensor b, Tensor Y) {
    launch_forward<APPLY_RELU>(stream, true, pre, b, Y);
}

void gpu_relu_backward(GpuStream stream, Tensor pre, Tensor dY, Tensor dpre) {
    launch_backward<APPLY_RELU>(stream, pre, dY, dpre);
}
