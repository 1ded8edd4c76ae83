/*
 * gpu_rank_trainer.h: chapter 6's training step, shared by ranks with a device each.
 *
 *   compute   forward, loss, backward of this rank's images; waits for the sums;
 *             clipping and AdamW, which all ranks do alike
 *   sums      another stream: a bucket of gradients (buckets.h) is summed over the
 *             ranks as soon as the backward pass has completed it
 *
 *     compute   | forward | head, block 2 | block 1 | embedding |       | update | ...
 *     sums                                | bucket 0  | bucket 1  | b. 2  |
 *
 * Which images a rank takes, and what each rank knows, is as in rank_trainer.h. The
 * loss and the right answers of a step are summed with the last bucket.
 */
#pragma once

#include "chapters/05_vision_transformer/training/engine.h"
#include "chapters/08_many_machines/gpus/gpu_ranks.h"

/* How the gradients become those of the whole batch. */
typedef enum {
    GPU_SUM_BUCKETS, /* during the backward pass */
    GPU_SUM_AT_END   /* all of them when it is over: to compare with */
} GpuSum;

/* What a run says of its ranks, before its trainer is made. */
typedef struct {
    GpuRanks *ranks;
    GpuSum sum;
    long bucket_bytes;       /* the least that a bucket has */
    int (*stop_asked)(void); /* this rank's signal, or 0 (stop.h); NULL: never */
    /* true: from now on this rank needs the others; false: no longer; or NULL */
    void (*waiting)(bool begins);
    /* ends the program, and the others', with this line; NULL: this program alone */
    void (*end)(const char *why);
} GpuRanksRun;

/* gpu_rank_trainer_use: gpu_rank_engine makes its next trainer for these ranks, which
 * have to outlive it. */
void gpu_rank_trainer_use(const GpuRanksRun *run);

/* gpu_rank_engine: see engine.h. All ranks call the same functions in one order. */
extern const Engine gpu_rank_engine;

/* In the first step all ranks compare their settings, weights and data. A rank that has
 * others than rank 0 says so in one line, and all end. */
