/*
 * nccl_shape.h: the functions of NCCL that this chapter calls. On GPUs they are
 * NVIDIA's own (nccl.h, libnccl). With cuda_on_cpu they are nccl_on_cpu.cpp's: the same
 * names and meanings, for ranks that are threads of one program.
 *
 * Each collective is put into a stream and returns at once. Its sum is in the memory
 * when the stream is that far, which needs every other rank to have put the same
 * collective into its own stream. What goes wrong later is said by
 * ncclCommGetAsyncError.
 */
#pragma once

#include <cuda_runtime.h>

#ifndef CUDA_ON_CPU
#include <nccl.h>
#else

#define NCCL_UNIQUE_ID_BYTES 128

typedef struct ncclComm *ncclComm_t;

typedef struct {
    char internal[NCCL_UNIQUE_ID_BYTES];
} ncclUniqueId;

typedef enum {
    ncclSuccess = 0,
    ncclSystemError = 2,
    ncclInvalidArgument = 4,
    ncclInvalidUsage = 5,
    ncclRemoteError = 6
} ncclResult_t;

typedef enum {
    ncclInt8 = 0,
    ncclInt32 = 2,
    ncclInt64 = 4,
    ncclFloat32 = 7,
    ncclFloat64 = 8
} ncclDataType_t;

typedef enum { ncclSum = 0, ncclMax = 2, ncclMin = 3 } ncclRedOp_t;

/* ncclGetUniqueId: by one rank, whose id the others need to join it. ncclCommInitRank:
 * by every rank of `size`; returns when all have come. */
ncclResult_t ncclGetUniqueId(ncclUniqueId *id);
ncclResult_t ncclCommInitRank(ncclComm_t *comm, int size, ncclUniqueId id, int rank);

/* ncclCommDestroy: after the last collective. ncclCommAbort: in the middle of one, from
 * another thread: whoever waits for this rank waits no longer. */
ncclResult_t ncclCommDestroy(ncclComm_t comm);
ncclResult_t ncclCommAbort(ncclComm_t comm);
ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t *error);
const char *ncclGetErrorString(ncclResult_t result);

/* What is called between the two begins together. */
ncclResult_t ncclGroupStart(void);
ncclResult_t ncclGroupEnd(void);

/*
 * With P ranks, rank r's memory, where `send` may be the place in `receive` at which
 * its own part ends up:
 *
 *     ncclAllReduce       receive[i] = sum over q of rank q's send[i],   i < count
 *     ncclReduceScatter   receive[i] = sum over q of rank q's send[r count + i]
 *     ncclAllGather       receive[q count + i] = rank q's send[i]
 */
ncclResult_t ncclAllReduce(const void *send, void *receive, size_t count,
                           ncclDataType_t type, ncclRedOp_t operation, ncclComm_t comm,
                           cudaStream_t stream);
ncclResult_t ncclReduceScatter(const void *send, void *receive, size_t count,
                               ncclDataType_t type, ncclRedOp_t operation,
                               ncclComm_t comm, cudaStream_t stream);
ncclResult_t ncclAllGather(const void *send, void *receive, size_t count,
                           ncclDataType_t type, ncclComm_t comm, cudaStream_t stream);
#endif
