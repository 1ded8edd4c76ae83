/*
 * gpu_attention_fused.h: attention whose scores never leave the chip. Called by
 * gpu_attention.cu, which has checked the shapes.
 */
#ifndef GPU_ATTENTION_FUSED_H
#define GPU_ATTENTION_FUSED_H

#include "chapters/06_cuda_training/gpu.h"

/* lse (B, h, n, 2), delta (B, h, n) on the device. */
void attention_fused_forward(GpuStream stream, int heads, Tensor qkv, float *lse,
                             Tensor O);
void attention_fused_backward(GpuStream stream, int heads, Tensor qkv, const float *lse,
                              float *delta, Tensor O, Tensor dO, Tensor dqkv);

#endif
