/*
 * nccl_on_cpu.cpp: NCCL's functions (nccl_shape.h) for ranks that are threads, and
 * their taking turns (ranks_on_cpu.h).
 *
 * A collective waits in its stream as late as CUDA allows (cuda_on_cpu_later). Then the
 * rank comes with its call. The last rank to come does the work for all, since it can
 * read everybody's memory; the others wait. Elements are added in the ranks' order,
 * once: all ranks get the same bits.
 */
#include "chapters/08_many_machines/gpus/ranks_on_cpu.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "chapters/06_cuda_training/cuda_on_cpu/machine.h"
#include "chapters/08_many_machines/gpus/nccl_shape.h"

/* ---- turns ----------------------------------------------------------------------- */

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER; /* who has it, runs */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* Gives the turn away until something has changed; the device stays this rank's. */
static void wait_for_change(void) {
    int device = 0;
    (void)cudaGetDevice(&device);
    pthread_cond_wait(&changed, &turn);
    (void)cudaSetDevice(device);
}

struct Rank {
    int number;
    void (*body)(int rank, void *data);
    void *data;
};

static void *run_rank(void *at) {
    const Rank *r = static_cast<Rank *>(at);
    pthread_mutex_lock(&turn);
    (void)cudaSetDevice(r->number);
    r->body(r->number, r->data);
    pthread_mutex_unlock(&turn);
    return NULL;
}

bool ranks_on_cpu(int size, void (*body)(int rank, void *data), void *data,
                  Error *error) {
    pthread_t threads[MAX_RANKS_ON_CPU];
    Rank ranks[MAX_RANKS_ON_CPU];
    char devices[16];
    int made = 1;
    if (size < 1 || size > MAX_RANKS_ON_CPU) {
        return error_set(error, "%d ranks: cuda_on_cpu has 1 to %d devices here", size,
                         (int)MAX_RANKS_ON_CPU);
    }
    snprintf(devices, sizeof devices, "%d", size);
    setenv("CUDA_ON_CPU_DEVICES", devices, 1);
    pthread_mutex_lock(&turn); /* nobody begins before all are made */
    while (made < size) {
        ranks[made] = {made, body, data};
        if (pthread_create(&threads[made], NULL, run_rank, &ranks[made]) != 0) {
            /* the others must not wait for it: there is no good way back */
            fprintf(stderr, "cuda_on_cpu: no thread for rank %d\n", made);
            _exit(1);
        }
        made++;
    }
    (void)cudaSetDevice(0);
    body(0, data);
    pthread_mutex_unlock(&turn);
    for (int i = 1; i < size; i++) {
        pthread_join(threads[i], NULL);
    }
    (void)cudaSetDevice(0);
    return true;
}

/* ---- ranks that have joined ------------------------------------------------------ */

enum Kind { ALL_REDUCE, REDUCE_SCATTER, ALL_GATHER };
static const char *const kind_names[] = {"ncclAllReduce", "ncclReduceScatter",
                                         "ncclAllGather"};

struct Call {
    Kind kind;
    const void *send;
    void *receive;
    size_t count;
    ncclDataType_t type;
    ncclRedOp_t operation;
};

/* All ranks of one id. */
struct Clique {
    ncclUniqueId id;
    int size, joined, left;
    bool is_there[MAX_RANKS_ON_CPU];
    bool failed;
    Call calls[MAX_RANKS_ON_CPU]; /* of the collective under way */
    int arrived;
    long round; /* how many collectives are over */
    Clique *next;
};

struct ncclComm {
    Clique *clique;
    int rank;
    ncclResult_t error;
};

static Clique *cliques;
static int group_depth;

ncclResult_t ncclGetUniqueId(ncclUniqueId *id) {
    static int count;
    *id = {};
    snprintf(id->internal, sizeof id->internal, "cuda_on_cpu %ld %d", (long)getpid(),
             ++count);
    return ncclSuccess;
}

static Clique *clique_of(const ncclUniqueId &id, int size) {
    for (Clique *c = cliques; c; c = c->next) {
        if (memcmp(&c->id, &id, sizeof id) == 0) {
            return c;
        }
    }
    Clique *c = static_cast<Clique *>(calloc(1, sizeof *c));
    if (c) {
        c->id = id;
        c->size = size;
        c->next = cliques;
        cliques = c;
    }
    return c;
}

static void forget(Clique *gone) {
    Clique **at = &cliques;
    while (*at != gone) {
        at = &(*at)->next;
    }
    *at = gone->next;
    free(gone);
}

ncclResult_t ncclCommInitRank(ncclComm_t *comm, int size, ncclUniqueId id, int rank) {
    if (size < 1 || size > MAX_RANKS_ON_CPU || rank < 0 || rank >= size) {
        return ncclInvalidArgument;
    }
    Clique *c = clique_of(id, size);
    ncclComm *made = static_cast<ncclComm *>(calloc(1, sizeof *made));
    if (!c || !made) {
        free(made);
        return ncclSystemError;
    }
    if (c->size != size || c->is_there[rank]) {
        free(made);
        return ncclInvalidUsage;
    }
    *made = {c, rank, ncclSuccess};
    c->is_there[rank] = true;
    c->joined++;
    pthread_cond_broadcast(&changed);
    while (c->joined < size && !c->failed) {
        wait_for_change();
    }
    *comm = made;
    return c->failed ? ncclRemoteError : ncclSuccess;
}

ncclResult_t ncclCommDestroy(ncclComm_t comm) {
    Clique *c = comm->clique;
    c->left++;
    if (c->left == c->size) {
        forget(c);
    }
    free(comm);
    return ncclSuccess;
}

/* By a thread that has not the turn. The rank's own thread may still use its memory. */
ncclResult_t ncclCommAbort(ncclComm_t comm) {
    pthread_mutex_lock(&turn);
    comm->error = comm->error == ncclSuccess ? ncclRemoteError : comm->error;
    comm->clique->failed = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&turn);
    return ncclSuccess;
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t *error) {
    *error = comm->error;
    return ncclSuccess;
}

const char *ncclGetErrorString(ncclResult_t result) {
    switch (result) {
    case ncclSuccess: return "no error";
    case ncclSystemError: return "unhandled system error";
    case ncclInvalidArgument: return "invalid argument";
    case ncclInvalidUsage: return "invalid usage";
    case ncclRemoteError: return "remote process exited or there was a network error";
    }
    return "unknown result code";
}

/* All is put into streams, where it begins later than any group's end. */
ncclResult_t ncclGroupStart(void) {
    group_depth++;
    return ncclSuccess;
}

ncclResult_t ncclGroupEnd(void) {
    return group_depth-- > 0 ? ncclSuccess : ncclInvalidUsage;
}

/* ---- collectives ----------------------------------------------------------------- */

static size_t bytes_of(ncclDataType_t type) {
    switch (type) {
    case ncclInt8: return 1;
    case ncclInt32:
    case ncclFloat32: return 4;
    default: return 8;
    }
}

template <class T> static T combine(ncclRedOp_t operation, T a, T b) {
    switch (operation) {
    case ncclMax: return a > b ? a : b;
    case ncclMin: return a < b ? a : b;
    default: return (T)(a + b);
    }
}

/* Element `from` of all ranks, in their order. */
template <class T> static T reduced(const Clique *c, size_t from) {
    T x = static_cast<const T *>(c->calls[0].send)[from];
    for (int q = 1; q < c->size; q++) {
        x = combine(c->calls[0].operation, x,
                    static_cast<const T *>(c->calls[q].send)[from]);
    }
    return x;
}

template <class T> static void reduce(const Clique *c) {
    const size_t count = c->calls[0].count;
    if (c->calls[0].kind == ALL_REDUCE) {
        for (size_t i = 0; i < count; i++) {
            const T x = reduced<T>(c, i);
            for (int r = 0; r < c->size; r++) {
                static_cast<T *>(c->calls[r].receive)[i] = x;
            }
        }
        return;
    }
    for (int r = 0; r < c->size; r++) { /* a rank's own place is read for it alone */
        for (size_t i = 0; i < count; i++) {
            static_cast<T *>(c->calls[r].receive)[i] =
                reduced<T>(c, (size_t)r * count + i);
        }
    }
}

static void gather(const Clique *c) {
    const size_t bytes = c->calls[0].count * bytes_of(c->calls[0].type);
    for (int r = 0; r < c->size; r++) {
        for (int q = 0; q < c->size; q++) {
            memmove(static_cast<char *>(c->calls[r].receive) + (size_t)q * bytes,
                    c->calls[q].send, bytes);
        }
    }
}

static void do_for_all(const Clique *c) {
    if (c->calls[0].kind == ALL_GATHER) {
        gather(c);
        return;
    }
    switch (c->calls[0].type) {
    case ncclInt8: reduce<int8_t>(c); break;
    case ncclInt32: reduce<int32_t>(c); break;
    case ncclInt64: reduce<int64_t>(c); break;
    case ncclFloat32: reduce<float>(c); break;
    case ncclFloat64: reduce<double>(c); break;
    }
}

/* Real ranks that don't do the same hang, or get nonsense; these say so. */
static bool agree(const Clique *c) {
    const Call &a = c->calls[0];
    for (int r = 1; r < c->size; r++) {
        const Call &b = c->calls[r];
        if (a.kind != b.kind || a.count != b.count || a.type != b.type ||
            a.operation != b.operation) {
            fprintf(stderr,
                    "cuda_on_cpu: rank 0 calls %s of %zu elements, rank %d %s of %zu: "
                    "all ranks must do the same\n",
                    kind_names[a.kind], a.count, r, kind_names[b.kind], b.count);
            return false;
        }
    }
    return true;
}

struct Work {
    ncclComm *comm;
    Call call;
};

/* What a stream does when it comes to a collective. */
static void take_part(void *at) {
    Work *work = static_cast<Work *>(at);
    Clique *c = work->comm->clique;
    const long round = c->round;
    c->calls[work->comm->rank] = work->call;
    c->arrived++;
    if (c->arrived == c->size && !c->failed) {
        c->failed = !agree(c);
        if (!c->failed) {
            do_for_all(c);
        }
        c->arrived = 0;
        c->round++;
        pthread_cond_broadcast(&changed);
    }
    while (c->round == round && !c->failed) {
        wait_for_change();
    }
    if (c->failed && work->comm->error == ncclSuccess) {
        work->comm->error = ncclRemoteError;
    }
    free(work);
}

/* Is it memory of the device that this rank has? */
static bool is_own(const void *at, size_t bytes) {
    int device = 0;
    (void)cudaGetDevice(&device);
    const CudaOnCpuBlock *b = cuda_on_cpu_block_with(at);
    return bytes == 0 || (b && b->device == device &&
                          static_cast<const char *>(at) + bytes <= b->at + b->bytes);
}

static ncclResult_t put(ncclComm *comm, const Call &call, cudaStream_t stream) {
    const size_t bytes = call.count * bytes_of(call.type),
                 all = bytes * (size_t)comm->clique->size;
    if (!is_own(call.send, call.kind == REDUCE_SCATTER ? all : bytes) ||
        !is_own(call.receive, call.kind == ALL_GATHER ? all : bytes)) {
        return ncclInvalidArgument;
    }
    Work *work = static_cast<Work *>(malloc(sizeof *work));
    if (!work) {
        return ncclSystemError;
    }
    *work = {comm, call};
    cuda_on_cpu_later(stream, take_part, work);
    return comm->error;
}

ncclResult_t ncclAllReduce(const void *send, void *receive, size_t count,
                           ncclDataType_t type, ncclRedOp_t operation, ncclComm_t comm,
                           cudaStream_t stream) {
    return put(comm, {ALL_REDUCE, send, receive, count, type, operation}, stream);
}

ncclResult_t ncclReduceScatter(const void *send, void *receive, size_t count,
                               ncclDataType_t type, ncclRedOp_t operation,
                               ncclComm_t comm, cudaStream_t stream) {
    return put(comm, {REDUCE_SCATTER, send, receive, count, type, operation}, stream);
}

ncclResult_t ncclAllGather(const void *send, void *receive, size_t count,
                           ncclDataType_t type, ncclComm_t comm, cudaStream_t stream) {
    return put(comm, {ALL_GATHER, send, receive, count, type, ncclSum}, stream);
}
