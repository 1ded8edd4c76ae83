/*
 * dump_gpu.h: chapter 5's dump (dump_vit.h), the same instance under the same names,
 * computed by the kernels: ./chapter6 --dump FILE, to lay a GPU beside the CPU.
 */
#ifndef DUMP_GPU_H
#define DUMP_GPU_H

#include "chapters/06_cuda_training/gpu_trainer.h"

/*
 * dump_gpu: the pass with these versions, as a file. Attention that is fused keeps no
 * A [ViT eq.6]: the file has none then.
 */
bool dump_gpu(const char *path, GpuChoices choices, Error *error);

#endif
