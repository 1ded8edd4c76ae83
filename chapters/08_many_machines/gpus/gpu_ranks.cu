/* gpu_ranks.cu: see gpu_ranks.h. */
#include "chapters/08_many_machines/gpus/gpu_ranks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/08_many_machines/gpus/nccl_shape.h"
#include "chapters/08_many_machines/gpus/ranks_on_cpu.h"

static_assert(sizeof(ncclUniqueId) == sizeof(GpuRanksId), "an id is NCCL's");

struct GpuRanks {
    ncclComm_t comm;
    GpuStream stream;
    int rank, size;
};

static void must(const GpuRanks *r, ncclResult_t got, const char *what) {
    if (got != ncclSuccess) {
        fflush(stdout);
        fprintf(stderr,
                "chapter8: rank %d: %s failed: %s (NCCL_DEBUG=INFO says more)\n",
                r->rank, what, ncclGetErrorString(got));
        exit(1);
    }
}
#define MUST(r, call) must((r), (call), #call)

/* ---- opening --------------------------------------------------------------------- */

bool gpu_ranks_id(GpuRanksId *id, Error *error) {
    ncclUniqueId made;
    const ncclResult_t got = ncclGetUniqueId(&made);
    if (got != ncclSuccess) {
        return error_set(error,
                         "NCCL can't begin: %s (NCCL_SOCKET_IFNAME names the "
                         "network interface, NCCL_DEBUG=INFO says more)",
                         ncclGetErrorString(got));
    }
    memcpy(id->bytes, &made, sizeof made);
    return true;
}

GpuRanks *gpu_ranks_open(const GpuRanksId *id, int rank, int size, Error *error) {
    ncclUniqueId made;
    GpuRanks *r = static_cast<GpuRanks *>(allocate(sizeof *r, "ranks", error));
    if (!r) {
        return NULL;
    }
    memcpy(&made, id->bytes, sizeof made);
    const ncclResult_t got = ncclCommInitRank(&r->comm, size, made, rank);
    if (got != ncclSuccess) {
        error_set(error,
                  "rank %d of %d: NCCL can't join the others: %s (two ranks with "
                  "one card? NCCL_DEBUG=INFO says more)",
                  rank, size, ncclGetErrorString(got));
        free(r);
        return NULL;
    }
    r->stream = gpu_stream_make();
    r->rank = rank;
    r->size = size;
    return r;
}

void gpu_ranks_close(GpuRanks *r) {
    if (r) {
        gpu_stream_free(r->stream);
        MUST(r, ncclCommDestroy(r->comm));
        free(r);
    }
}

int gpu_ranks_rank(const GpuRanks *r) {
    return r->rank;
}

int gpu_ranks_size(const GpuRanks *r) {
    return r->size;
}

GpuStream gpu_ranks_stream(const GpuRanks *r) {
    return r->stream;
}

/* ---- sums ------------------------------------------------------------------------ */

void gpu_ranks_sum(GpuRanks *r, float *x, long n) {
    MUST(r, ncclAllReduce(x, x, (size_t)n, ncclFloat32, ncclSum, r->comm, r->stream));
}

void gpu_ranks_sum_ints(GpuRanks *r, int *x, long n) {
    MUST(r, ncclAllReduce(x, x, (size_t)n, ncclInt32, ncclSum, r->comm, r->stream));
}

void gpu_ranks_sum_two(GpuRanks *r, float *x, long n, float *y, long m) {
    MUST(r, ncclGroupStart());
    gpu_ranks_sum(r, x, n);
    gpu_ranks_sum(r, y, m);
    MUST(r, ncclGroupEnd());
}

void gpu_ranks_reduce_scatter(GpuRanks *r, float *x, long n) {
    MUST(r, ncclReduceScatter(x, x + r->rank * n, (size_t)n, ncclFloat32, ncclSum,
                              r->comm, r->stream));
}

void gpu_ranks_gather(GpuRanks *r, float *x, long n) {
    MUST(r,
         ncclAllGather(x + r->rank * n, x, (size_t)n, ncclFloat32, r->comm, r->stream));
}

void gpu_ranks_gather_bytes(GpuRanks *r, void *x, size_t bytes) {
    char *at = static_cast<char *>(x);
    MUST(r, ncclAllGather(at + (size_t)r->rank * bytes, at, bytes, ncclInt8, r->comm,
                          r->stream));
}

#ifndef CUDA_ON_CPU
/* On GPUs ranks are processes. */
bool ranks_on_cpu(int size, void (*)(int rank, void *data), void *, Error *error) {
    return error_set(error, "%d ranks in one program: for cuda_on_cpu alone", size);
}
#endif

/* ---- failures -------------------------------------------------------------------- */

bool gpu_ranks_failed(GpuRanks *r, Error *why) {
    ncclResult_t later = ncclSuccess;
    const ncclResult_t got = ncclCommGetAsyncError(r->comm, &later);
    later = got != ncclSuccess ? got : later;
#ifndef CUDA_ON_CPU
    later = later == ncclInProgress ? ncclSuccess : later;
#endif
    if (later == ncclSuccess) {
        return false;
    }
    error_set(why, "NCCL: %s", ncclGetErrorString(later));
    return true;
}

void gpu_ranks_abort(GpuRanks *r) {
    (void)ncclCommAbort(r->comm);
}
