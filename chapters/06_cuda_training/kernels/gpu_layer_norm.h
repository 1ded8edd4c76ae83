/*
 * gpu_layer_norm.h: layer norm on the device (layer_norm.h has the equations).
 */
#ifndef GPU_LAYER_NORM_H
#define GPU_LAYER_NORM_H

#include "chapters/06_cuda_training/gpu.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    LAYER_NORM_NAIVE,    /* a thread a row, two passes */
    LAYER_NORM_WARP,     /* a warp a row: shuffles, two passes */
    LAYER_NORM_ONE_PASS, /* a warp a row, kept in registers: read once */
    LAYER_NORM_VERSIONS
} LayerNormVersion;
#define LAYER_NORM_BEST LAYER_NORM_ONE_PASS
extern const char *const gpu_layer_norm_names[LAYER_NORM_VERSIONS];

/*
 * gpu_layer_norm_forward: Y = gamma o (X - mean) rstd + beta, row by row
 *   X (rows, D)   in; rows may be ld apart      gamma, beta (D)   in
 *   mean, rstd (rows)   out, kept for backward  Y (rows, D)       out
 */
void gpu_layer_norm_forward(GpuStream stream, LayerNormVersion version, Tensor X,
                            Tensor gamma, Tensor beta, Tensor mean, Tensor rstd,
                            Tensor Y);

/*
 * gpu_layer_norm_backward: with g = dY o gamma,
 *     dX      = rstd (g - mean(g) - xhat mean(g o xhat))
 *     dgamma += sum over rows of dY o xhat,   dbeta += sum over rows of dY
 *   dX (rows, D)   out, may be dY
 * No atomics: partial sums of runs of rows, then their sum in order: the same bits
 * every time. The partial sums lie in
 *   partial (LAYER_NORM_PARTS, 2, D)   scratch
 */
enum { LAYER_NORM_PARTS = 128 };
void gpu_layer_norm_backward(GpuStream stream, LayerNormVersion version, Tensor X,
                             Tensor gamma, Tensor mean, Tensor rstd, Tensor dY,
                             Tensor dX, Tensor dgamma, Tensor dbeta, Tensor partial);

#ifdef __cplusplus
}
#endif

#endif
