/*
 * measure.h: what the prediction of a step needs, measured: how long messages, sums
 * over all ranks and a step's compute take; and the step itself. All ranks call the
 * same function at the same time, and get the same answer.
 *
 * A time is from when all ranks were ready to when the slowest had done it. It is the
 * median of several: what else a machine does makes some of them longer.
 */
#pragma once

#include "chapters/08_many_machines/collectives/all_reduce.h"
#include "chapters/08_many_machines/collectives/cost.h"
#include "chapters/08_many_machines/training/rank_trainer.h"

/* slowest_s: the largest of what the ranks say. Also a barrier: nobody returns before
 * all have called it. */
double slowest_s(Group *group, double own_s);

/* median_s: of at least 5 runs, and at most 25: as many as fit into about a second. */
double median_s(Group *group, void (*work)(void *context), void *context);

/* measure_message_s: every rank sends n elements to its right neighbour, and receives
 * as many from its left one; as an all-reduce's step does. Two vectors of n
 * elements. */
double measure_message_s(Group *group, long n, real *x, real *room);

/* measure_sum_s: an all-reduce of n elements; x and room of n. The sums are
 * nonsense. */
double measure_sum_s(Group *group, AllReduce *way, long n, real *x, real *room);

/* measure_network: alpha and beta of the line through messages of 1 KB, 4 KB and so on,
 * up to n elements. x and room of n; at least 4 KB. */
Network measure_network(Group *group, long n, real *x, real *room);

/* A step's time. */
typedef struct {
    double step_s; /* all of it */
    double wait_s; /* of it: after the backward pass, for gradients (RankTimes), at the
                        rank that came last */
    long parameters; /* whose gradients were summed */
    int buckets;
} MeasuredStep;

/* measure_compute: forward, backward and update of each rank's share of the batch, by
 * all ranks at once, with a step's P - 1 short messages (losses) but without those of
 * gradients: on few cores ranks take time from one another, while they wait, too. False
 * and an error if there is no memory. */
bool measure_compute(const Ranks *ranks, const Settings *settings,
                     const Dataset *dataset, MeasuredStep *result, Error *error);

/* measure_step: the same with messages: a step of engine_ranks. */
bool measure_step(const Ranks *ranks, const Settings *settings, const Dataset *dataset,
                  MeasuredStep *result, Error *error);

/* made_up_dataset: images of the settings' model, for steps whose loss nobody looks
 * at. */
bool made_up_dataset(const Settings *settings, Dataset *dataset, Error *error);

/*
 * measure_run: ./chapter8 --measure [--table FILE] [--largest KB], and options of
 * chapter 5: measures and predicts, and prints both; --table adds them to a CSV file.
 * `mpi_sum` is MPI's own all-reduce, as a peer. argv[0] is the program. Returns the
 * exit status, which all ranks have, for they agree whenever one of them can't go on.
 */
int measure_run(Group *group, AllReduce *mpi_sum, int argc, char **argv);
