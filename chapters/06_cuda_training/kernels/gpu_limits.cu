/*
 * gpu_limits.cu: see gpu_limits.h.
 *
 * The result of a multiply-add can be used after some 4 cycles; 8 independent ones per
 * thread and 64 warps per multiprocessor hide that many times over. The copy has no
 * arithmetic at all.
 */
#include "chapters/06_cuda_training/kernels/gpu_limits.h"

#include "chapters/06_cuda_training/kernels/gpu_kernel.h"

enum { THREADS = 256 };

static __global__ void multiply_add(int rounds, float factor, float *out) {
    float x[FMA_CHAINS];
    for (int c = 0; c < FMA_CHAINS; c++) {
        x[c] = (float)(threadIdx.x + (unsigned)c);
    }
    for (int round = 0; round < rounds; round++) {
#pragma unroll
        for (int c = 0; c < FMA_CHAINS; c++) {
            x[c] = x[c] * factor + 1.0f; /* converges to 1 / (1 - factor) */
        }
    }
    float sum = 0;
    for (int c = 0; c < FMA_CHAINS; c++) {
        sum += x[c];
    }
    out[my_element()] = sum;
}

void gpu_limit_arithmetic(GpuStream stream, long threads, int rounds, Tensor out) {
    expect_shape(out, "One result for each thread.", (int)threads);
    LAUNCH(multiply_add, pieces(threads, THREADS), THREADS, 0, stream, rounds, 0.5f,
           out.data);
}

static __global__ void copy_fours(const float4 *in, long count, float4 *out) {
    const long i = my_element();
    if (i < count) {
        out[i] = in[i];
    }
}

void gpu_limit_memory(GpuStream stream, Tensor in, Tensor out) {
    const long fours = tensor_count(in) / 4;
    expect_same_shape(out, in);
    expect_contiguous(in);
    expect_contiguous(out);
    LAUNCH(copy_fours, pieces(fours, THREADS), THREADS, 0, stream,
           (const float4 *)in.data, fours, (float4 *)out.data);
}
