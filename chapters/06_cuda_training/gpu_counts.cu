/* gpu_counts.cu: see gpu_counts.h. */
#include "chapters/06_cuda_training/gpu_counts.h"

#include <cuda_runtime.h>

#ifdef CUDA_ON_CPU
bool gpu_is_watched(void) {
    return cuda_on_cpu_is_watched();
}

bool gpu_counts_clear(void) {
    return cuda_on_cpu_counts_clear();
}

bool gpu_counts(CudaOnCpuCounts *counts) {
    return cuda_on_cpu_counts(counts);
}
#else
bool gpu_is_watched(void) {
    return false;
}

bool gpu_counts_clear(void) {
    return false;
}

bool gpu_counts(CudaOnCpuCounts *counts) {
    *counts = {};
    return false;
}
#endif
