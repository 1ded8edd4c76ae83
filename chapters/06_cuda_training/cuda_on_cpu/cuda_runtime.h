/*
 * cuda_runtime.h of cuda_on_cpu: CUDA's execution model on one CPU thread, so that
 * kernels run, are tested and can be stepped through (gdb) on a machine that has no
 * GPU. A .cu file includes <cuda_runtime.h> as always; the compiler's include path
 * decides which of the two it gets.
 *
 * It has only what the course's kernels use, with CUDA's names and meanings (CUDA C++
 * Programming Guide; CUDA Runtime API). What differs:
 *
 *   a kernel is launched with cuda_on_cpu_launch, since <<< >>> is not C++;
 *   dynamic shared memory is cuda_on_cpu_dynamic_shared();
 *   a launch has finished when it returns; but see cuda_on_cpu_later.
 *
 * Blocks run one after another. The threads of a block are fibers: each has a stack
 * of its own and runs until it waits for others (a barrier, a shuffle) or returns.
 * What a GPU does silently or not at all stops here with a message: machine.cpp.
 */
#pragma once

#define CUDA_ON_CPU 1

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <tuple>
#include <type_traits>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__ 1 /* clang says it differently from gcc */
#endif
#endif

/* ---- words of the language ------------------------------------------------ */

#define __global__ /* a kernel */
#define __device__ /* a function that kernels call */
#define __host__   /* a function that the host calls */
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(bytes) __attribute__((aligned(bytes)))
/* One copy is enough: one block runs at a time. It is thread_local so that the machine
 * recognises shared memory (a section by name would leave out what is in templates: gcc
 * ignores it there). AddressSanitizer puts its red zones around other static variables
 * only. */
#ifdef __SANITIZE_ADDRESS__
#define __shared__ static
#else
#define __shared__ static thread_local
#endif

/* ---- vector types ----------------------------------------------------------- */

struct uint3 {
    unsigned x, y, z;
};
struct dim3 {
    unsigned x, y, z;
    dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {
    }
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(8) uint2 {
    unsigned x, y;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
static inline float4 make_float4(float x, float y, float z, float w) {
    return {x, y, z, w};
}
static inline uint2 make_uint2(unsigned x, unsigned y) {
    return {x, y};
}
static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) {
    return {x, y, z, w};
}

/* ---- where a thread is -------------------------------------------------------- */

/* Set by the machine before it lets a thread go on. */
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;

/* ---- threads waiting for each other -------------------------------------------- */

/* A place in the source, for the machine's messages: what waits, and where. */
#define CUDA_ON_CPU_PLACE(what) (CudaOnCpuPlace{what, __FILE__, __LINE__})
#define __syncthreads() cuda_on_cpu_barrier(CUDA_ON_CPU_PLACE("__syncthreads"))
#define __syncwarp(...) CUDA_ON_CPU_PLACE("__syncwarp").sync_warp(__VA_ARGS__)
#define __shfl_sync(...) CUDA_ON_CPU_PLACE("__shfl_sync").shfl(__VA_ARGS__)
#define __shfl_down_sync(...) CUDA_ON_CPU_PLACE("__shfl_down_sync").down(__VA_ARGS__)
#define __shfl_xor_sync(...) CUDA_ON_CPU_PLACE("__shfl_xor_sync").shfl_xor(__VA_ARGS__)
#define __ballot_sync(...) CUDA_ON_CPU_PLACE("a vote").ballot(__VA_ARGS__)

struct CudaOnCpuPlace;
void cuda_on_cpu_barrier(CudaOnCpuPlace place);

/*
 * cuda_on_cpu_warp: waits until every lane of `mask` is here with the same mask and in
 * the same function; then returns the value that lane `source` of the warp brought, or
 * with CUDA_ON_CPU_VOTE one bit for each lane whose value isn't 0.
 */
enum { CUDA_ON_CPU_VOTE = -1 };
uint64_t cuda_on_cpu_warp(CudaOnCpuPlace place, unsigned mask, uint64_t value,
                          int source);
int cuda_on_cpu_lane(void); /* 0 to 31 */

struct CudaOnCpuPlace {
    const char *what, *file;
    int line;

    void sync_warp(unsigned mask = 0xffffffffu) const {
        cuda_on_cpu_warp(*this, mask, 0, CUDA_ON_CPU_VOTE);
    }
    unsigned ballot(unsigned mask, int predicate) const {
        return (unsigned)cuda_on_cpu_warp(*this, mask, predicate != 0,
                                          CUDA_ON_CPU_VOTE);
    }
    template <class T> T exchange(unsigned mask, T value, int source) const {
        static_assert(sizeof(T) <= 8, "a shuffle moves at most 8 bytes");
        uint64_t bits = 0;
        memcpy(&bits, &value, sizeof value);
        bits = cuda_on_cpu_warp(*this, mask, bits, source);
        memcpy(&value, &bits, sizeof value);
        return value;
    }
    /* Lanes form groups of `width` (a power of two); a source outside a lane's
     * group gives the lane's own value. */
    template <class T>
    T shfl(unsigned mask, T value, int source, int width = 32) const {
        const int group = cuda_on_cpu_lane() & ~(width - 1);
        return exchange(mask, value, group + (source & (width - 1)));
    }
    template <class T>
    T shfl_xor(unsigned mask, T value, int bits, int width = 32) const {
        const int lane = cuda_on_cpu_lane(), source = lane ^ bits;
        return exchange(mask, value, source <= (lane | (width - 1)) ? source : lane);
    }
    template <class T> T down(unsigned mask, T value, int by, int width = 32) const {
        const int lane = cuda_on_cpu_lane(), source = lane + by;
        return exchange(mask, value, source <= (lane | (width - 1)) ? source : lane);
    }
};

/* ---- atomics: threads of one CPU thread can't interrupt each other --------------- */

void cuda_on_cpu_atomic(void);

/* Not watched as ordinary accesses are (watch.cpp): atomics don't race. */
template <class T>
__attribute__((no_sanitize("thread"))) T atomicAdd(
    T *at, typename std::common_type<T>::type value) {
    T old = *at;
    *at = old + value;
    cuda_on_cpu_atomic();
    return old;
}

/* ---- arithmetic ------------------------------------------------------------------ */

static inline float __fmul_rn(float a, float b) {
    float product = a * b;
    __asm__("" : "+m"(product)); /* no part of a multiply-add */
    return product;
}
static inline unsigned __umulhi(unsigned a, unsigned b) {
    return (unsigned)((uint64_t)a * b >> 32);
}
static inline int min(int a, int b) {
    return a < b ? a : b;
}
static inline int max(int a, int b) {
    return a > b ? a : b;
}

/* ---- launching ------------------------------------------------------------------- */

typedef struct CUstream_st *cudaStream_t;

/* The machine runs body(arguments) once for each thread. */
void cuda_on_cpu_run(const char *kernel, dim3 grid, dim3 block, size_t shared_bytes,
                     void (*body)(void *arguments), void *arguments);
/*
 * cuda_on_cpu_later: puts work(data) into a stream that is done as late as CUDA allows:
 * when the host, or another stream, waits for it, or when the stream is to do something
 * else. So whoever forgets to wait finds it undone. For libraries beside CUDA's
 * runtime.
 */
void cuda_on_cpu_later(cudaStream_t stream, void (*work)(void *data), void *data);
void cuda_on_cpu_do_now(cudaStream_t stream); /* all such work of a stream */
/* The block's dynamic shared memory: as many bytes as the launch asked for. */
void *cuda_on_cpu_dynamic_shared(void);

template <class... Parameters, class... Arguments>
void cuda_on_cpu_launch(const char *name, dim3 grid, dim3 block, size_t shared_bytes,
                        cudaStream_t stream, void (*kernel)(Parameters...),
                        Arguments... arguments) {
    struct Call {
        void (*kernel)(Parameters...);
        std::tuple<std::remove_const_t<Parameters>...> arguments;
    } call = {kernel, {arguments...}};
    cuda_on_cpu_do_now(stream);
    cuda_on_cpu_run(
        name, grid, block, shared_bytes,
        [](void *at) {
            Call *c = static_cast<Call *>(at);
            std::apply(c->kernel, c->arguments);
        },
        &call);
}

/* ---- the runtime's functions ----------------------------------------------------- */

typedef enum cudaError {
    cudaSuccess = 0,
    cudaErrorInvalidValue = 1,
    cudaErrorMemoryAllocation = 2,
    cudaErrorInvalidConfiguration = 9,
    cudaErrorInsufficientDriver = 35,
    cudaErrorNoDevice = 100,
    cudaErrorIllegalAddress = 700,
    cudaErrorLaunchFailure = 719
} cudaError_t;

typedef enum cudaMemcpyKind {
    cudaMemcpyHostToDevice = 1,
    cudaMemcpyDeviceToHost
} cudaMemcpyKind;

struct cudaDeviceProp {
    char name[256];
    int major, minor, multiProcessorCount;
};

typedef struct CUevent_st *cudaEvent_t;

enum { cudaStreamNonBlocking = 1 };

cudaError_t cudaGetDeviceCount(int *count);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDevice(int *device);
cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *properties, int device);
cudaError_t cudaDriverGetVersion(int *version);
cudaError_t cudaRuntimeGetVersion(int *version);
cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total_bytes);

cudaError_t cudaMalloc(void **at, size_t bytes);
cudaError_t cudaFree(void *at);
cudaError_t cudaMallocHost(void **at, size_t bytes);
cudaError_t cudaFreeHost(void *at);
template <class T> cudaError_t cudaMalloc(T **at, size_t bytes) {
    return cudaMalloc((void **)at, bytes);
}
template <class T> cudaError_t cudaMallocHost(T **at, size_t bytes) {
    return cudaMallocHost((void **)at, bytes);
}
cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, cudaMemcpyKind kind);
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes,
                            cudaMemcpyKind kind, cudaStream_t stream);
cudaError_t cudaMemsetAsync(void *at, int value, size_t bytes, cudaStream_t stream);

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event,
                                unsigned flags = 0);

cudaError_t cudaEventCreate(cudaEvent_t *event);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream = NULL);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t from, cudaEvent_t to);

cudaError_t cudaGetLastError(void);
const char *cudaGetErrorName(cudaError_t error);
const char *cudaGetErrorString(cudaError_t error);
