/*
 * gpu_attention_fused.h: attention whose scores never leave the chip. Called by
 * gpu_attention.cu, which has checked the shapes.
 */
#ifndef GPU_ATTENTION_FUSED_H
#define GPU_ATTENTION_FUSED_H

#include "chapters/06_cuda_training/kernels/gpu_attention.h"

void attention_fused_forward(GpuStream stream, const GpuAttention *pass);
void attention_fused_backward(GpuStream stream, const GpuAttention *pass, Tensor dO,
                              Tensor dqkv);

#endif
