/* gpu.cu: see gpu.h. */
#include <stdio.h>
#include <stdlib.h>

#include "chapters/06_cuda_training/cuda_on_cpu/counts.h"
#include "chapters/06_cuda_training/kernels/gpu_kernel.h"

/* ---- errors ------------------------------------------------------------------ */

/* What a person can do about it. */
static const char *advice(cudaError_t error) {
    switch (error) {
    case cudaErrorMemoryAllocation:
        return "give a smaller --batch, or free the device's memory (nvidia-smi shows "
               "who holds it)";
    case cudaErrorInsufficientDriver:
        return "install a newer NVIDIA driver, or build with an older CUDA toolkit";
    case cudaErrorNoDevice: return "no NVIDIA card is visible (nvidia-smi -L)";
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchFailure:
        return "a kernel was stopped; compute-sanitizer ./chapter6 names it. Training "
               "goes on from the last checkpoint with --resume";
    default:
        return "the device may be lost (dmesg, nvidia-smi); training goes on from the "
               "last checkpoint with --resume";
    }
}

void gpu_must(cudaError_t error, const char *what, const char *file, int line) {
    if (error == cudaSuccess) {
        return;
    }
    const char *name = strrchr(file, '/');
    fflush(stdout);
    fprintf(stderr, "chapter6: %s failed (%s:%d): %s: %s; %s\n", what,
            name ? name + 1 : file, line, cudaGetErrorName(error),
            cudaGetErrorString(error), advice(error));
    exit(1);
}

/* ---- the device --------------------------------------------------------------- */

bool gpu_choose(int device, Error *error) {
    int count = 0;
    if (cudaGetDeviceCount(&count) != cudaSuccess) {
        cudaGetLastError();
        return true; /* gpu_open says why there is none */
    }
    if (device >= count) {
        return error_set(error,
                         "no GPU %d: this program sees %d, from 0 on (nvidia-smi -L, "
                         "CUDA_VISIBLE_DEVICES)",
                         device, count);
    }
    return cudaSetDevice(device) == cudaSuccess ||
           error_set(error, "no GPU %d: %s", device,
                     cudaGetErrorString(cudaGetLastError()));
}

bool gpu_open(GpuInfo *info, Error *error) {
    int count = 0, device = 0;
    cudaDeviceProp p;
    size_t free_bytes = 0, total_bytes = 0;
    *info = {};
    CUDA_MUST(cudaRuntimeGetVersion(&info->runtime_version));
    cudaError_t got = cudaDriverGetVersion(&info->driver_version);
    if (got == cudaSuccess) {
        got = cudaGetDeviceCount(&count);
    }
    if (got == cudaSuccess) {
        got = cudaGetDevice(&device);
    }
    if (got == cudaSuccess) {
        got = cudaSetDevice(device);
    }
    if (got == cudaSuccess) {
        got = cudaGetDeviceProperties(&p, device);
    }
    if (got == cudaSuccess) {
        got = cudaMemGetInfo(&free_bytes, &total_bytes);
    }
    if (got == cudaErrorInsufficientDriver && info->driver_version > 0) {
        return error_set(error,
                         "the NVIDIA driver knows CUDA %d.%d, this program was built "
                         "with CUDA %d.%d: %s",
                         info->driver_version / 1000, info->driver_version % 1000 / 10,
                         info->runtime_version / 1000,
                         info->runtime_version % 1000 / 10, advice(got));
    }
    if (got == cudaErrorInsufficientDriver) {
        cudaGetLastError();
        return error_set(error, "no GPU: this machine has no NVIDIA driver");
    }
    if (got != cudaSuccess) {
        cudaGetLastError();
        return error_set(error, "no GPU: %s (%s)", cudaGetErrorString(got),
                         advice(got));
    }
    snprintf(info->name, sizeof info->name, "%s", p.name);
    info->major = p.major;
    info->minor = p.minor;
    info->total_bytes = (double)total_bytes;
    info->free_bytes = (double)free_bytes;
    info->emulated = gpu_is_emulated();
    return true;
}

#ifdef CUDA_ON_CPU
bool gpu_is_emulated(void) {
    return true;
}
#else
bool gpu_is_emulated(void) {
    return false;
}

/* On a GPU nobody counts. */
bool cuda_on_cpu_is_watched(void) {
    return false;
}

bool cuda_on_cpu_counts_clear(void) {
    return false;
}

bool cuda_on_cpu_counts(CudaOnCpuCounts *counts) {
    *counts = {};
    return false;
}
#endif

/* ---- memory --------------------------------------------------------------------- */

void *gpu_allocate(size_t bytes, const char *what, Error *error) {
    void *at = NULL;
    const cudaError_t got = cudaMalloc(&at, bytes);
    if (got == cudaErrorMemoryAllocation) {
        size_t free_bytes = 0, total_bytes = 0;
        cudaGetLastError();
        CUDA_MUST(cudaMemGetInfo(&free_bytes, &total_bytes));
        error_set(error,
                  "no memory on the device for %s (%.0f MB; %.0f MB are free): %s",
                  what, (double)bytes / 1e6, (double)free_bytes / 1e6, advice(got));
        return NULL;
    }
    gpu_must(got, "cudaMalloc", __FILE__, __LINE__);
    return at;
}

void gpu_free(void *at) {
    if (at) {
        CUDA_MUST(cudaFree(at));
    }
}

void *gpu_allocate_pinned(size_t bytes, const char *what, Error *error) {
    void *at = NULL;
    const cudaError_t got = cudaMallocHost(&at, bytes);
    if (got == cudaErrorMemoryAllocation) {
        cudaGetLastError();
        error_set(error, "no pinned memory for %s (%.0f MB)", what,
                  (double)bytes / 1e6);
        return NULL;
    }
    gpu_must(got, "cudaMallocHost", __FILE__, __LINE__);
    return at;
}

void gpu_free_pinned(void *at) {
    if (at) {
        CUDA_MUST(cudaFreeHost(at));
    }
}

/* ---- queues of work -------------------------------------------------------------- */

GpuStream gpu_stream_make(void) {
    cudaStream_t stream;
    CUDA_MUST(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    return stream;
}

void gpu_stream_free(GpuStream stream) {
    CUDA_MUST(cudaStreamDestroy(stream));
}

void gpu_upload(GpuStream stream, void *device, const void *host, size_t bytes) {
    CUDA_MUST(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream));
}

void gpu_download(GpuStream stream, void *host, const void *device, size_t bytes) {
    CUDA_MUST(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, stream));
}

void gpu_zero(GpuStream stream, void *device, size_t bytes) {
    CUDA_MUST(cudaMemsetAsync(device, 0, bytes, stream));
}

void gpu_wait(GpuStream stream) {
    CUDA_MUST(cudaStreamSynchronize(stream));
}

GpuEvent gpu_event_make(void) {
    cudaEvent_t event;
    CUDA_MUST(cudaEventCreate(&event));
    return event;
}

void gpu_event_free(GpuEvent event) {
    CUDA_MUST(cudaEventDestroy(event));
}

void gpu_event_record(GpuEvent event, GpuStream stream) {
    CUDA_MUST(cudaEventRecord(event, stream));
}

void gpu_stream_wait(GpuStream stream, GpuEvent event) {
    CUDA_MUST(cudaStreamWaitEvent(stream, event, 0));
}

void gpu_event_wait(GpuEvent event) {
    CUDA_MUST(cudaEventSynchronize(event));
}

double gpu_event_ms(GpuEvent from, GpuEvent to) {
    float ms = 0;
    CUDA_MUST(cudaEventElapsedTime(&ms, from, to));
    return static_cast<double>(ms);
}
