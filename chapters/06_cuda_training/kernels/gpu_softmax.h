/*
 * gpu_softmax.h: softmax of each row, on the device.
 *
 *     A_ij = exp(S_ij - max_j) / sum_j exp(S_ij - max_j)           [AIAYN eq.1]
 *     dS   = A o (dA - rowsum(dA o A))
 */
#pragma once

#include "chapters/06_cuda_training/gpu.h"

typedef enum {
    SOFTMAX_NAIVE,  /* one thread per row: neighbours read far apart */
    SOFTMAX_WARP,   /* one warp per row: shuffles, three passes over the row */
    SOFTMAX_ONLINE, /* one warp per row: maximum and sum in one pass (Milakov, 2018) */
    SOFTMAX_VERSIONS
} SoftmaxVersion;
#define SOFTMAX_BEST SOFTMAX_ONLINE
extern const char *const gpu_softmax_names[SOFTMAX_VERSIONS];

/* gpu_softmax_forward: A = softmax(scale S) row by row; A may be S. (rows, cols) */
FOR_C void gpu_softmax_forward(GpuStream stream, SoftmaxVersion version, float scale,
                               Tensor S, Tensor A);

/* gpu_softmax_backward: dS = scale A o (dA - rowsum(dA o A)); dS may be dA. */
FOR_C void gpu_softmax_backward(GpuStream stream, SoftmaxVersion version, float scale,
                                Tensor A, Tensor dA, Tensor dS);
