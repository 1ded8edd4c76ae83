/*
 * runtime.cpp: the CUDA runtime's functions, on the host's memory.
 *
 * The device that they describe has the limits that CUDA guarantees to every
 * program: 1024 threads per block, 48 KB of static shared memory.
 */
#include <stdio.h>
#include <time.h>

#include <algorithm>

#include "machine.h"

static cudaError_t last_error = cudaSuccess;
static cudaError_t lasting_error = cudaSuccess; /* a lost device: every call fails */

/* A variable of the environment that isn't understood ends the program: else what it
 * asks for would silently not happen. */
static void not_understood(const char *variable, const char *text, const char *want) {
    fprintf(stderr, "cuda_on_cpu: %s is \"%s\", want %s\n", variable, text, want);
    exit(2);
}

static size_t number_in(const char *variable, size_t otherwise) {
    const char *text = getenv(variable);
    if (!text) {
        return otherwise;
    }
    const size_t length = strlen(text);
    if (length == 0 || length > 18 || strspn(text, "0123456789") != length) {
        not_understood(variable, text, "a whole number");
    }
    return strtoull(text, NULL, 10);
}

bool cuda_on_cpu_is_on(const char *variable) {
    const char *text = getenv(variable);
    if (text && strcmp(text, "0") != 0 && strcmp(text, "1") != 0) {
        not_understood(variable, text, "1 or 0");
    }
    return text && text[0] == '1';
}

/* Is this the call that CUDA_ON_CPU_FAIL names? "FUNCTION NUMBER ERROR" */
static cudaError_t planned_failure(const char *function) {
    static int calls;
    char name[64], more;
    int number, error;
    const char *plan = getenv("CUDA_ON_CPU_FAIL");
    if (!plan) {
        return cudaSuccess;
    }
    if (sscanf(plan, "%63s %d %d %c", name, &number, &error, &more) != 3) {
        not_understood("CUDA_ON_CPU_FAIL", plan, "FUNCTION NUMBER ERROR");
    }
    const bool now = strcmp(name, function) == 0 && ++calls == number;
    return now ? (cudaError_t)error : cudaSuccess;
}

static cudaError_t result_of(const char *function, cudaError_t error) {
    const cudaError_t planned = planned_failure(function);
    if (planned > 600) { /* an error of the device, not of the call */
        lasting_error = planned;
    }
    error = planned != cudaSuccess ? planned : error;
    error = lasting_error != cudaSuccess ? lasting_error : error;
    if (error != cudaSuccess) {
        last_error = error;
    }
    return error;
}
#define result(error) result_of(__func__, (error))

/* ---- errors ------------------------------------------------------------------ */

cudaError_t cudaGetLastError(void) {
    const cudaError_t error = last_error;
    last_error = cudaSuccess;
    return error;
}

static const struct Text {
    cudaError_t error;
    const char *name, *text;
} texts[] = {
#define TEXT(error, text)                                                              \
    { error, #error, text }
    TEXT(cudaSuccess, "no error"),
    TEXT(cudaErrorInvalidValue, "invalid argument"),
    TEXT(cudaErrorMemoryAllocation, "out of memory"),
    TEXT(cudaErrorInvalidConfiguration, "invalid configuration argument"),
    TEXT(cudaErrorInsufficientDriver,
         "CUDA driver version is insufficient for CUDA runtime version"),
    TEXT(cudaErrorNoDevice, "no CUDA-capable device is detected"),
    TEXT(cudaErrorIllegalAddress, "an illegal memory access was encountered"),
    TEXT(cudaErrorLaunchFailure, "unspecified launch failure")};

static Text text_of(cudaError_t error) {
    for (const Text &t : texts) {
        if (t.error == error) {
            return t;
        }
    }
    return {error, "cudaErrorUnknown", "unknown error"};
}

const char *cudaGetErrorName(cudaError_t error) {
    return text_of(error).name;
}

const char *cudaGetErrorString(cudaError_t error) {
    return text_of(error).text;
}

/* ---- the device --------------------------------------------------------------- */

enum { SHARED_BYTES = 48 * 1024, VERSION = 13000, DEVICES_MOST = 64 };
static int device; /* the current one */
static size_t used_bytes[DEVICES_MOST];

static size_t total_bytes_of_device(void) {
    return number_in("CUDA_ON_CPU_MEMORY", (size_t)8 << 30);
}

static size_t free_bytes_of_device(void) {
    const size_t total = total_bytes_of_device(), used = used_bytes[device];
    return total > used ? total - used : 0;
}

cudaError_t cudaDriverGetVersion(int *version) {
    *version = (int)number_in("CUDA_ON_CPU_DRIVER", VERSION);
    return result(cudaSuccess);
}

cudaError_t cudaRuntimeGetVersion(int *version) {
    *version = VERSION;
    return result(cudaSuccess);
}

cudaError_t cudaGetDeviceCount(int *count) {
    int driver = 0;
    *count = (int)number_in("CUDA_ON_CPU_DEVICES", 1);
    *count = *count > DEVICES_MOST ? (int)DEVICES_MOST : *count;
    (void)cudaDriverGetVersion(&driver);
    return result(driver < VERSION ? cudaErrorInsufficientDriver : cudaSuccess);
}

cudaError_t cudaSetDevice(int chosen) {
    int count = 0;
    const cudaError_t error = cudaGetDeviceCount(&count);
    if (error == cudaSuccess && (chosen < 0 || chosen >= count)) {
        return result(cudaErrorInvalidValue);
    }
    device = error == cudaSuccess ? chosen : device;
    return result(error);
}

cudaError_t cudaGetDevice(int *current) {
    *current = device;
    return result(cudaSuccess);
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *p, int) {
    *p = {};
    snprintf(p->name, sizeof p->name, "cuda_on_cpu");
    p->multiProcessorCount = 1;
    return result(cudaSuccess);
}

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total_bytes) {
    *free_bytes = free_bytes_of_device();
    *total_bytes = total_bytes_of_device();
    return result(cudaSuccess);
}

bool cuda_on_cpu_launch_is_possible(dim3 grid, dim3 block, size_t shared_bytes) {
    const bool ok = block.x >= 1 && block.y >= 1 && block.z >= 1 &&
                    (uint64_t)block.x * block.y * block.z <= MAX_THREADS &&
                    block.z <= 64 && grid.x >= 1 && grid.y >= 1 && grid.z >= 1 &&
                    grid.x <= 2147483647u && grid.y <= 65535 && grid.z <= 65535 &&
                    shared_bytes <= SHARED_BYTES;
    const cudaError_t error = ok ? cudaSuccess : cudaErrorInvalidConfiguration;
    return result_of("launch", error) == cudaSuccess;
}

/* ---- memory ---------------------------------------------------------------------- */

CudaOnCpuList<CudaOnCpuBlock> cuda_on_cpu_memory;

/* The first block that ends after this address. */
static CudaOnCpuBlock *block_after(const void *address) {
    return std::upper_bound(
        cuda_on_cpu_memory.begin(), cuda_on_cpu_memory.end(), address,
        [](const void *at, const CudaOnCpuBlock &b) { return at < b.at + b.bytes; });
}

CudaOnCpuBlock *cuda_on_cpu_block_with(const void *at) {
    CudaOnCpuBlock *b = block_after(at);
    return b < cuda_on_cpu_memory.end() && b->at <= at ? b : NULL;
}

static bool add_block(char *at, size_t bytes) {
    CudaOnCpuList<CudaOnCpuBlock> &m = cuda_on_cpu_memory;
    const ptrdiff_t before = block_after(at) - m.begin();
    if (!m.add({at, bytes, NULL, device})) {
        return false;
    }
    std::rotate(m.begin() + before, m.end() - 1, m.end());
    return true;
}

enum { ALIGNMENT = 256 };

/* Each block is one of the host's, so that AddressSanitizer sees where it ends. */
cudaError_t cudaMalloc(void **at, size_t bytes) {
    void *block = NULL;
    *at = NULL;
    bytes = bytes ? bytes : 1;
    const cudaError_t error = result(cudaSuccess);
    if (error != cudaSuccess) {
        return error;
    }
    if (bytes > free_bytes_of_device() ||
        posix_memalign(&block, ALIGNMENT, bytes) != 0 ||
        !add_block(static_cast<char *>(block), bytes)) {
        return result(cudaErrorMemoryAllocation);
    }
    memset(block, 0xff, bytes); /* NaN: what isn't written shows */
    used_bytes[device] += bytes;
    *at = block;
    return cudaSuccess;
}

cudaError_t cudaFree(void *at) {
    CudaOnCpuBlock *b = cuda_on_cpu_block_with(at);
    if (at && (!b || b->at != at)) {
        return result(cudaErrorInvalidValue);
    }
    if (at) {
        used_bytes[b->device] -= b->bytes;
        free(b->shadow);
        cuda_on_cpu_memory.count--;
        memmove(b, b + 1, (size_t)(cuda_on_cpu_memory.end() - b) * sizeof *b);
        free(at);
    }
    return result(cudaSuccess);
}

/* Are these bytes in one block of the current device? */
static bool on_device(const void *at, size_t bytes) {
    const CudaOnCpuBlock *b = cuda_on_cpu_block_with(at);
    return bytes == 0 ||
           (b && b->device == device &&
            bytes <= (size_t)(b->at + b->bytes - static_cast<const char *>(at)));
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

static cudaError_t copy(void *to, const void *from, size_t bytes, cudaMemcpyKind kind) {
    if (!on_device(kind == cudaMemcpyHostToDevice ? to : from, bytes)) {
        return cudaErrorInvalidValue;
    }
    memmove(to, from, bytes);
    return cudaSuccess;
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, cudaMemcpyKind kind) {
    return result(copy(to, from, bytes, kind));
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes,
                            cudaMemcpyKind kind, cudaStream_t stream) {
    cuda_on_cpu_do_now(stream);
    return result(copy(to, from, bytes, kind));
}

cudaError_t cudaMemsetAsync(void *at, int value, size_t bytes, cudaStream_t stream) {
    cuda_on_cpu_do_now(stream);
    if (!on_device(at, bytes)) {
        return result(cudaErrorInvalidValue);
    }
    memset(at, value, bytes);
    return result(cudaSuccess);
}

/* ---- streams and events: all is done when it returns, but what is for later ------ */

struct LaterWork {
    void (*work)(void *data);
    void *data;
};

struct CUstream_st {
    CudaOnCpuList<LaterWork> later;
};

struct CUevent_st {
    double ms;           /* when it was recorded; -1: never */
    cudaStream_t stream; /* in which one */
};

void cuda_on_cpu_later(cudaStream_t stream, void (*work)(void *data), void *data) {
    if (!stream || !stream->later.add({work, data})) {
        work(data); /* the default stream waits for nobody; nor can it without memory */
    }
}

void cuda_on_cpu_do_now(cudaStream_t stream) {
    while (stream && stream->later.count > 0) {
        CudaOnCpuList<LaterWork> &l = stream->later;
        const LaterWork first = l.at[0];
        l.count--;
        memmove(l.at, l.at + 1, (size_t)l.count * sizeof first);
        first.work(first.data);
    }
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned) {
    *stream = (cudaStream_t)calloc(1, sizeof **stream);
    return result(*stream ? cudaSuccess : cudaErrorMemoryAllocation);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    cuda_on_cpu_do_now(stream);
    free(stream->later.at);
    free(stream);
    return result(cudaSuccess);
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    cuda_on_cpu_do_now(stream);
    return result(cudaSuccess);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t event, unsigned) {
    cuda_on_cpu_do_now(event->stream);
    return result(cudaSuccess);
}

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

cudaError_t cudaEventCreate(cudaEvent_t *event) {
    *event = (cudaEvent_t)malloc(sizeof **event);
    if (!*event) {
        return result(cudaErrorMemoryAllocation);
    }
    (*event)->ms = -1;
    (*event)->stream = NULL;
    return result(cudaSuccess);
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
    free(event);
    return result(cudaSuccess);
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    event->ms = now_ms();
    event->stream = stream;
    return result(cudaSuccess);
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    cuda_on_cpu_do_now(event->stream);
    return result(cudaSuccess);
}

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t from, cudaEvent_t to) {
    if (from->ms < 0 || to->ms < 0) {
        return result(cudaErrorInvalidValue);
    }
    *ms = (float)(to->ms - from->ms);
    return result(cudaSuccess);
}
