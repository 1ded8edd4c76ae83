/*
 * scale.h: how long a step takes on many GPUs, by arithmetic: the compute that a model
 * needs, and what its gradients cost by cost.h. Nothing here is measured; what is
 * assumed is said by scale_run, which prints it all (./chapter8 --scale).
 *
 *     compute = images per GPU * 3 * forward flops / flops per s
 *
 * for the backward pass does two products for each of the forward pass's. Without
 * overlap a step takes compute + all-reduce. With it the gradients leave in B buckets
 * of the same size, of which each is complete after a B-th of the backward pass; a
 * bucket's all-reduce begins when it is complete and the one before has ended:
 *
 *     step = forward + max(backward + c, backward / B + B c)
 *
 * where c is a bucket's all-reduce.
 *
 * In the first case only the last bucket is waited for; in the second the network never
 * rests. More buckets make what is waited for shorter, but each pays alpha's part anew.
 */
#pragma once

#include "chapters/08_many_machines/collectives/cost.h"

#include <stdbool.h>

typedef struct {
    const char *name;
    double parameters;
    double forward_flops; /* per image; a multiply-add is two */
    int parts;            /* buckets at most: blocks, embedding, head */
} ScaleModel;

typedef struct {
    Network network;
    double flops;         /* per s, that a GPU really does: its peak times a share */
    double element_bytes; /* of a gradient that is sent: 4 in fp32, 2 in bf16 */
    bool halving;         /* else the ring */
    bool overlap;
} Cluster;

/* scale_model: "B/16", "H/14" and so on, counted as ./chapter5 --describe does. */
ScaleModel scale_model(const char *name);

/* overlapped_s: the formula above. last_s: the all-reduce of the last bucket, c; all_s:
 * of all of them, B c, or less where several are under way at once. */
double overlapped_s(double forward_s, double backward_s, int buckets, double last_s,
                    double all_s);

/* scale_compute_s: of a step of `images` per GPU, which need not be a whole number. */
double scale_compute_s(const ScaleModel *model, const Cluster *cluster, double images);

/* scale_sum_s: the all-reduce of all gradients in so many buckets, one after the
 * other. */
double scale_sum_s(const ScaleModel *model, const Cluster *cluster, int P, int buckets);

/* scale_buckets: how many make the step shortest; 1 without overlap. */
int scale_buckets(const ScaleModel *model, const Cluster *cluster, int P, double batch);

/* scale_step_s: of a batch of `batch` images in all on P GPUs. */
double scale_step_s(const ScaleModel *model, const Cluster *cluster, int P,
                    double batch);

/* scale_efficiency: the share of a step in which a GPU computes. */
double scale_efficiency(const ScaleModel *model, const Cluster *cluster, int P,
                        double batch);

/* scale_limit: the most GPUs, of powers of two up to 2^16, with this efficiency or a
 * better one, when the batch stays as it is. 1 has efficiency 1. */
int scale_limit(const ScaleModel *model, const Cluster *cluster, double batch,
                double efficiency);

/* scale_batch: from which batch on P GPUs have this efficiency. */
double scale_batch(const ScaleModel *model, const Cluster *cluster, int P,
                   double efficiency);

/* scale_bytes: of a GPU's weights, gradients and AdamW's moments, in fp32; the moments
 * cut into P parts or not (sharded_update.h). */
double scale_bytes(const ScaleModel *model, int P, bool sharded);

/* scale_run: prints all of it; plots/scale.dat. Returns 0. */
int scale_run(void);
