/*
 * gpu_layer_norm.h: layer norm on the device (layer_norm.h has the equations).
 */
#pragma once

#include "chapters/06_cuda_training/gpu.h"

typedef enum {
    LAYER_NORM_NAIVE,    /* one thread per row, three passes */
    LAYER_NORM_WARP,     /* one warp per row: shuffles, three passes */
    LAYER_NORM_ONE_PASS, /* one warp per row, kept in registers: read once */
    LAYER_NORM_VERSIONS
} LayerNormVersion;
#define LAYER_NORM_BEST LAYER_NORM_ONE_PASS
extern const char *const gpu_layer_norm_names[LAYER_NORM_VERSIONS];

/* One pass: what it reads, and what it keeps for backward. */
typedef struct {
    Tensor X;           /* (rows, D)  rows may be ld apart */
    Tensor gamma, beta; /* (D) */
    Tensor mean, rstd;  /* (rows)     forward: out; backward: in */
} GpuLayerNorm;

/* gpu_layer_norm_forward: Y (rows, D) = gamma o (X - mean) rstd + beta, row by row */
FOR_C void gpu_layer_norm_forward(GpuStream stream, LayerNormVersion version,
                                  const GpuLayerNorm *pass, Tensor Y);

/*
 * gpu_layer_norm_backward: with g = dY o gamma,
 *     dX      = rstd (g - mean(g) - xhat mean(g o xhat))
 *     dgamma += sum over rows of dY o xhat,   dbeta += sum over rows of dY
 *   dX (rows, D)   out, may be dY
 * No atomics: the same bits every time.
 */
enum { LAYER_NORM_PARTS = 128 };
typedef struct {
    Tensor dgamma, dbeta; /* (D)  added to */
    Tensor partial;       /* (LAYER_NORM_PARTS, 2, D)  scratch */
} GpuLayerNormGradients;
FOR_C void gpu_layer_norm_backward(GpuStream stream, LayerNormVersion version,
                                   const GpuLayerNorm *pass, Tensor dY, Tensor dX,
                                   const GpuLayerNormGradients *d);
