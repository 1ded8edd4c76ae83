/*
 * rank_trainer.h: chapter 5's training step, shared by ranks.
 *
 * Chapter 5's trainer cuts a batch over its workers, and adds their gradients. Here
 * some of these workers are in other processes. With P ranks of T threads there are P T
 * workers, of which rank r has T, from number r T on; each takes the images that it
 * would have taken in one process. What is new is the sum, and who has to know what:
 *
 *     every rank   all weights, the whole order of the epoch, its share of each batch
 *     sent         gradients, loss and correct answers of each worker
 *
 * All ranks then do the same update with the same sum, so their weights stay the same
 * to the bit, though nobody ever sends any.
 */
#pragma once

#include "chapters/05_vision_transformer/training/engine.h"
#include "chapters/08_many_machines/collectives/group.h"

typedef enum {
    SUM_RING,   /* in buckets, during the backward pass (ring_in_flight.h) */
    SUM_AT_END, /* one ring when the backward pass is over */
    SUM_GATHER, /* all_reduce.h's others, when it is over */
    SUM_HALVING,
    SUM_MPI,        /* MPI_Iallreduce per bucket, during the backward pass */
    SUM_MPI_AT_END, /* and once, when it is over */
    SUM_IN_ORDER,   /* the same bits for any number of ranks (sum_in_order.h) */
    SUM_SHARDED     /* reduce-scatter, an update of the rank's chunk, all-gather of
                     weights: AdamW's moments are cut up, too (sharded_update.h) */
} GradientSum;

/* What a run says of its ranks, before its trainer is made. */
typedef struct {
    Group *group;
    GradientSum sum;
    int threads;       /* T: of this rank; each rank has as many */
    int shards;        /* S, SUM_IN_ORDER: workers in all; a multiple isn't needed */
    long bucket_bytes; /* the least that a bucket has */
    int (*stop_asked)(void); /* this rank's signal, or 0 (stop.h); NULL: never */
} Ranks;

/* Where the steps' time went at this rank, and what it sent for them, in all. */
typedef struct {
    long steps;
    double compute_s; /* forward and backward, with what messages move meanwhile */
    double wait_s;    /* for gradients after that: communication that isn't hidden */
    double update_s;
    long long gradient_bytes; /* but for MPI's own sums: nobody counts theirs */
    long long weight_bytes;   /* SUM_SHARDED */
    long long other_bytes;    /* losses, correct answers, signals, norms */
    double saved_bytes;       /* SUM_SHARDED: memory of moments that isn't needed */
} RankTimes;

/* rank_trainer_use: engine_ranks makes its trainers for these ranks from now on;
 * `ranks` has to outlive them. For threads as ranks: one call per thread. */
void rank_trainer_use(const Ranks *ranks);

/* engine_ranks: see engine.h. `threads` of the settings becomes the number of workers
 * in all: P T, or S. */
extern const Engine engine_ranks;

/* rank_trainer_times: of a trainer that engine_ranks has made. */
RankTimes rank_trainer_times(const Trainer *trainer);

/* rank_trainer_bytes: the memory that it holds at this rank: trainer_bytes, and what
 * messages need. Rank 0 of SUM_SHARDED has all moments while it saves. */
double rank_trainer_bytes(const Trainer *trainer);
