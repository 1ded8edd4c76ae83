/*
 * gpu_gelu.h: GELU on the device, with the bias of the dense layer before it.
 *
 *     pre = X + b,   Y = GELU(pre) = pre Phi(pre)                  [ViT eq.3]
 *     dpre = dY o GELU'(pre)
 */
#pragma once

#include "chapters/06_cuda_training/gpu.h"

typedef enum {
    GELU_SEPARATE,   /* a kernel adds the bias, another applies GELU */
    GELU_FUSED,      /* one kernel does both */
    GELU_VECTORISED, /* four neighbours per thread, 16 bytes per load */
    GELU_VERSIONS
} GeluVersion;
#define GELU_BEST GELU_VECTORISED
extern const char *const gpu_gelu_names[GELU_VERSIONS];

/*
 * gpu_bias_gelu_forward: Y = GELU(pre + b), b for every row the same
 *   pre (rows, M)   in and out; backward gets it, and no b      b (M)   in
 *   Y (rows, M)     out; may not alias
 * Rows may be further apart than M (ld). Relative error of GELU: a few 1e-7.
 */
FOR_C void gpu_bias_gelu_forward(GpuStream stream, GeluVersion version, Tensor pre,
                                 Tensor b, Tensor Y);

/* gpu_gelu_backward: dpre = dY o GELU'(pre); dpre may be dY. */
FOR_C void gpu_gelu_backward(GpuStream stream, GeluVersion version, Tensor pre,
                             Tensor dY, Tensor dpre);

/* The same with max(0, x)  [AIAYN eq.2]. */
FOR_C void gpu_bias_relu_forward(GpuStream stream, Tensor pre, Tensor b, Tensor Y);
FOR_C void gpu_relu_backward(GpuStream stream, Tensor pre, Tensor dY, Tensor dpre);
