/*
 * gpu_counts.h: what kernels access, where somebody counts: in a program for
 * cuda_on_cpu whose kernels were compiled to be watched.
 */
#ifndef GPU_COUNTS_H
#define GPU_COUNTS_H

#include "chapters/06_cuda_training/cuda_on_cpu/counts.h"
#include "chapters/06_cuda_training/gpu.h"

/* gpu_is_watched: were these kernels compiled so that cuda_on_cpu sees every access? */
FOR_C bool gpu_is_watched(void);

/* gpu_counts_clear, gpu_counts: what the kernels since then have accessed; false where
 * nobody counts. */
FOR_C bool gpu_counts_clear(void);
FOR_C bool gpu_counts(CudaOnCpuCounts *counts);

#endif
