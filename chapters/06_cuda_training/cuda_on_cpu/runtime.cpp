/*
 * runtime.cpp: the CUDA runtime's functions, on the host's memory.
 *
 * The device that they describe has the limits that CUDA guarantees to every
 * program: 1024 threads a block, 48 KB of static shared memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "machine.h"

static cudaError_t last_error = cudaSuccess;

static cudaError_t result(cudaError_t error) {
    if (error != cudaSuccess) {
        last_error = error;
    }
    return error;
}

/* ---- errors ------------------------------------------------------------------ */

cudaError_t cudaPeekAtLastError(void) {
    return last_error;
}

cudaError_t cudaGetLastError(void) {
    const cudaError_t error = last_error;
    last_error = cudaSuccess;
    return error;
}

static const struct {
    cudaError_t error;
    const char *name, *text;
} error_texts[] = {
    {cudaSuccess, "cudaSuccess", "no error"},
    {cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument"},
    {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
    {cudaErrorInvalidConfiguration, "cudaErrorInvalidConfiguration",
     "invalid configuration argument"},
    {cudaErrorInsufficientDriver, "cudaErrorInsufficientDriver",
     "CUDA driver version is insufficient for CUDA runtime version"},
    {cudaErrorNoDevice, "cudaErrorNoDevice", "no CUDA-capable device is detected"},
    {cudaErrorNotReady, "cudaErrorNotReady", "device not ready"},
    {cudaErrorIllegalAddress, "cudaErrorIllegalAddress",
     "an illegal memory access was encountered"},
    {cudaErrorLaunchFailure, "cudaErrorLaunchFailure", "unspecified launch failure"},
};

const char *cudaGetErrorName(cudaError_t error) {
    for (const auto &e : error_texts) {
        if (e.error == error) {
            return e.name;
        }
    }
    return "cudaErrorUnknown";
}

const char *cudaGetErrorString(cudaError_t error) {
    for (const auto &e : error_texts) {
        if (e.error == error) {
            return e.text;
        }
    }
    return "unknown error";
}

/* ---- the device --------------------------------------------------------------- */

enum { SHARED_BYTES = 48 * 1024, SHARED_BYTES_OPT_IN = 96 * 1024 };
static const size_t TOTAL_BYTES = (size_t)8 << 30;
static size_t used_bytes;

cudaError_t cudaGetDeviceCount(int *count) {
    *count = 1;
    return result(cudaSuccess);
}

cudaError_t cudaSetDevice(int device) {
    return result(device == 0 ? cudaSuccess : cudaErrorInvalidValue);
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *p, int) {
    *p = {};
    snprintf(p->name, sizeof p->name, "cuda_on_cpu");
    p->totalGlobalMem = TOTAL_BYTES;
    p->sharedMemPerBlock = SHARED_BYTES;
    p->sharedMemPerBlockOptin = SHARED_BYTES_OPT_IN;
    p->multiProcessorCount = 1;
    p->warpSize = 32;
    p->maxThreadsPerBlock = 1024;
    return result(cudaSuccess);
}

cudaError_t cudaDriverGetVersion(int *version) {
    *version = 0;
    return result(cudaSuccess);
}

cudaError_t cudaRuntimeGetVersion(int *version) {
    *version = 0;
    return result(cudaSuccess);
}

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total_bytes) {
    *free_bytes = TOTAL_BYTES - used_bytes;
    *total_bytes = TOTAL_BYTES;
    return result(cudaSuccess);
}

cudaError_t cuda_on_cpu_func_set(const void *, cudaFuncAttribute, int value) {
    return result(value <= SHARED_BYTES_OPT_IN ? cudaSuccess : cudaErrorInvalidValue);
}

bool cuda_on_cpu_launch_is_possible(dim3 grid, dim3 block, size_t shared_bytes) {
    const bool ok = block.x >= 1 && block.y >= 1 && block.z >= 1 &&
                    (uint64_t)block.x * block.y * block.z <= 1024 && block.z <= 64 &&
                    grid.x >= 1 && grid.y >= 1 && grid.z >= 1 &&
                    grid.x <= 2147483647u && grid.y <= 65535 && grid.z <= 65535 &&
                    shared_bytes <= SHARED_BYTES_OPT_IN;
    result(ok ? cudaSuccess : cudaErrorInvalidConfiguration);
    return ok;
}

/* ---- memory ---------------------------------------------------------------------- */

/* Before each allocation 256 bytes, which CUDA's alignment costs anyway: its size. */
enum { ALIGNMENT = 256 };

cudaError_t cudaMalloc(void **at, size_t bytes) {
    char *block = NULL;
    *at = NULL;
    if (bytes > TOTAL_BYTES - used_bytes ||
        posix_memalign((void **)&block, ALIGNMENT, bytes + ALIGNMENT) != 0) {
        return result(cudaErrorMemoryAllocation);
    }
    memcpy(block, &bytes, sizeof bytes);
    memset(block + ALIGNMENT, 0xff, bytes); /* NaN: what isn't written shows */
    used_bytes += bytes;
    *at = block + ALIGNMENT;
    return result(cudaSuccess);
}

cudaError_t cudaFree(void *at) {
    if (at) {
        size_t bytes;
        char *block = (char *)at - ALIGNMENT;
        memcpy(&bytes, block, sizeof bytes);
        used_bytes -= bytes;
        free(block);
    }
    return result(cudaSuccess);
}

cudaError_t cudaMallocHost(void **at, size_t bytes) {
    return result(posix_memalign(at, ALIGNMENT, bytes) == 0
                      ? cudaSuccess
                      : cudaErrorMemoryAllocation);
}

cudaError_t cudaFreeHost(void *at) {
    free(at);
    return result(cudaSuccess);
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, cudaMemcpyKind) {
    memmove(to, from, bytes);
    return result(cudaSuccess);
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes,
                            cudaMemcpyKind kind, cudaStream_t) {
    return cudaMemcpy(to, from, bytes, kind);
}

cudaError_t cudaMemset(void *at, int value, size_t bytes) {
    memset(at, value, bytes);
    return result(cudaSuccess);
}

cudaError_t cudaMemsetAsync(void *at, int value, size_t bytes, cudaStream_t) {
    return cudaMemset(at, value, bytes);
}

/* ---- streams and events: everything is done when it returns ------------------------ */

struct CUstream_st {
    unsigned flags;
};

struct CUevent_st {
    double ms; /* when it was recorded; -1: never */
};

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags) {
    *stream = (cudaStream_t)malloc(sizeof **stream);
    if (!*stream) {
        return result(cudaErrorMemoryAllocation);
    }
    (*stream)->flags = flags;
    return result(cudaSuccess);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    free(stream);
    return result(cudaSuccess);
}

cudaError_t cudaStreamSynchronize(cudaStream_t) {
    return result(cudaSuccess);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned) {
    return result(cudaSuccess);
}

cudaError_t cudaDeviceSynchronize(void) {
    return result(cudaSuccess);
}

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned) {
    *event = (cudaEvent_t)malloc(sizeof **event);
    if (!*event) {
        return result(cudaErrorMemoryAllocation);
    }
    (*event)->ms = -1;
    return result(cudaSuccess);
}

cudaError_t cudaEventCreate(cudaEvent_t *event) {
    return cudaEventCreateWithFlags(event, 0);
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
    free(event);
    return result(cudaSuccess);
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t) {
    event->ms = now_ms();
    return result(cudaSuccess);
}

cudaError_t cudaEventSynchronize(cudaEvent_t) {
    return result(cudaSuccess);
}

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t from, cudaEvent_t to) {
    if (from->ms < 0 || to->ms < 0) {
        return result(cudaErrorInvalidValue);
    }
    *ms = (float)(to->ms - from->ms);
    return result(cudaSuccess);
}
