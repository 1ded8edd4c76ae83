/*
 * gpu.h: the device as the host sees it: is there one, its memory, copies, streams.
 *
 * For C and for .cu files. Nothing of CUDA shows here: the training loop and the model
 * are plain C, and link with kernels that nvcc has compiled for a GPU or with the same
 * kernels on cuda_on_cpu.
 *
 * Device memory is passed around in Tensors whose `data` the host must not read:
 * shapes are asserted by the same code as on the CPU.
 *
 * Errors. What can be foreseen (no device, too little memory) comes back as an Error.
 * Anything else that fails while training (a lost device, a kernel that was stopped)
 * can't be mended: one line says which call, where, and what to do, and the program
 * ends with exit status 1. The last checkpoint is whole, since checkpoints are
 * written under another name, then renamed.
 */
#pragma once

#include <stddef.h>

#include "common/error.h"
#include "common/tensor.h"

/* Before each function of a .cu file that C calls. */
#ifdef __cplusplus
#define FOR_C extern "C"
#else
#define FOR_C
#endif

typedef struct CUstream_st *GpuStream; /* a queue of work; CUDA's cudaStream_t */
typedef struct CUevent_st *GpuEvent;   /* a mark in a queue; CUDA's cudaEvent_t */

typedef struct {
    char name[256];
    int major, minor;                    /* compute capability; 0.0 for cuda_on_cpu */
    int runtime_version, driver_version; /* 13000 is 13.0 */
    double total_bytes, free_bytes;
    bool emulated; /* cuda_on_cpu */
} GpuInfo;

/* gpu_open: opens this thread's device, the first if it has chosen none; false, and why
 * it doesn't work: no card, no driver, a driver older than the runtime this was built
 * with. */
FOR_C bool gpu_open(GpuInfo *info, Error *error);

/* gpu_choose: this thread's device from now on: 0, 1, ... False, and an error: there
 * are others, but not this one. */
FOR_C bool gpu_choose(int device, Error *error);

/* gpu_is_emulated: are these kernels compiled for cuda_on_cpu? */
FOR_C bool gpu_is_emulated(void);

/* ---- memory ---------------------------------------------------------------- */

/* gpu_allocate: bytes on the device; NULL and an error that names `what`. */
FOR_C void *gpu_allocate(size_t bytes, const char *what, Error *error);
FOR_C void gpu_free(void *at);

/* gpu_allocate_pinned: host memory that the device can copy from while the host goes
 * on; ordinary memory may be moved by the system at any time. */
FOR_C void *gpu_allocate_pinned(size_t bytes, const char *what, Error *error);
FOR_C void gpu_free_pinned(void *at);

/* ---- queues of work ----------------------------------------------------------- */

FOR_C GpuStream gpu_stream_make(void);
FOR_C void gpu_stream_free(GpuStream stream);

/* Each is put into the stream and done later, in the stream's order. */
FOR_C void gpu_upload(GpuStream stream, void *device, const void *host, size_t bytes);
FOR_C void gpu_download(GpuStream stream, void *host, const void *device, size_t bytes);
FOR_C void gpu_zero(GpuStream stream, void *device, size_t bytes);

/* gpu_wait: the host waits until everything in the stream is done. */
FOR_C void gpu_wait(GpuStream stream);

FOR_C GpuEvent gpu_event_make(void);
FOR_C void gpu_event_free(GpuEvent event);
FOR_C void gpu_event_record(GpuEvent event, GpuStream stream);
/* gpu_stream_wait: the stream waits for the event; the host doesn't. */
FOR_C void gpu_stream_wait(GpuStream stream, GpuEvent event);
/* gpu_event_wait: the host waits for the event. */
FOR_C void gpu_event_wait(GpuEvent event);
/* gpu_event_ms: milliseconds between two events, both reached. */
FOR_C double gpu_event_ms(GpuEvent from, GpuEvent to);
