/*
 * planted_kernels.h: small kernels, some of them with a bug that cuda_on_cpu has to
 * find (planted_kernels.cu). Each runs one block of `threads` unless it says otherwise.
 */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    /* right ones */
    REVERSE,            /* to[i] = from[n - 1 - i], through shared memory: a barrier */
    REVERSE_IN_DYNAMIC, /* the same, in shared memory that the launch asks for */
    WARP_NEIGHBOUR,     /* to[i] = from[i ^ 1], through shared memory: __syncwarp */
    HISTOGRAM,          /* 4 blocks: to[i % 4] += 1, atomically */
    COPY_ROW,           /* to[i] = from[i] */
    COPY_COLUMN,        /* to[i] = from[32 i]: each from another line */
    COPY_FLOAT4,        /* to[4i..4i+3] = from[4i..4i+3], 16 bytes per thread */
    SHARED_COLUMN,      /* each lane another row of shared memory, 32 floats long */
    SHARED_PADDED,      /* the same with rows of 33 */
    SHARED_QUADS,       /* each lane loads 16 bytes of its own from shared memory */
    SHARED_QUAD,        /* all lanes the same 16 bytes */
    SHARED_QUAD_PAIRS,  /* lane and lane ^ 1 the same */
    SHARED_QUAD_HALVES, /* lanes 0 to 15 the same, 16 to 31 others: fused attention's */
    SHARED_QUAD_FOURS,  /* lane and lane ^ 4 the same, not lane ^ 1 or ^ 2 */
    SHARED_DOUBLES,     /* each lane 8 bytes of its own */
    SHARED_DOUBLE,      /* all the same 8 bytes */
    VOTES,              /* to[i] = how many of the warp's from are positive */
    COORDINATES,        /* 2 x 3 x 2 blocks of 4 x 2 x 2: to[its number] = its number */
    /* with a bug */
    NO_BARRIER,           /* REVERSE, its barrier forgotten */
    NO_SECOND_BARRIER,    /* shared memory is written again while others read it */
    NO_BARRIER_IN_A_SUM,  /* each step adds what another thread wrote in the last */
    SHARED_REMAINS,       /* 2 blocks: the second copies what the first left */
    NO_SYNCWARP,          /* WARP_NEIGHBOUR without __syncwarp */
    BARRIER_IN_A_BRANCH,  /* thread 0 returns before the barrier */
    TWO_BARRIERS,         /* half of the threads wait in one, half in another */
    SHUFFLE_IN_A_BRANCH,  /* lane 0 doesn't take part, the mask says it does */
    SHUFFLE_FROM_OUTSIDE, /* reads a lane that the mask leaves out */
    ONE_PLACE,            /* all threads write their number to to[0] */
    BLOCKS_SHARE,         /* 4 blocks: block b + 1 reads what b wrote */
    BEYOND_GLOBAL,        /* the last thread writes to[n] */
    BEFORE_GLOBAL,        /* thread 0 reads from[-1] */
    BEYOND_SHARED,        /* the last thread writes beyond a static array */
    BEYOND_DYNAMIC,       /* and beyond the shared memory that was asked for */
    NOT_ALL_WRITTEN,      /* the last thread forgets its element: it stays NaN */
    TOO_MANY_THREADS,     /* 2048 threads in a block */
    PLANTED_KERNELS
} PlantedKernel;

/* planted_kernel: runs it; from and to are on the device. */
void planted_kernel(PlantedKernel which, int threads, const float *from, float *to);

#ifdef __cplusplus
}
#endif
