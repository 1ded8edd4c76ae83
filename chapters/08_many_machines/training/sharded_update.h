/*
 * sharded_update.h: an update of which each rank does its part (ZeRO, stage 1:
 * Rajbhandari et al., 2020).
 *
 * After a ring's first half, reduce-scatter, rank r has the summed gradients of its own
 * chunk alone. With them it can update that chunk of the weights, and needs the moments
 * m and v of that chunk alone; the ring's second half, all-gather, then sends weights
 * in place of gradients. As many bytes are sent as before. A rank has
 *
 *     weights and gradients    2 n elements          as before
 *     moments                  2 n / P               instead of 2 n
 *
 * Clipping needs the norm of all gradients: the ranks send one another the sum of
 * squares of their chunks.
 */
#pragma once

#include "chapters/05_vision_transformer/training/trainer.h"
#include "chapters/08_many_machines/collectives/group.h"

/* Elements from .. to - 1 of a block of all parameters. */
typedef struct {
    long from, to;
} Part;

/* sharded_part: the chunk of a rank, of what is trained. */
Part sharded_part(const Trainer *trainer, int rank, int P);

/* sharded_sum: workers' gradients of this rank added up, then summed over the ranks:
 * the rank's own chunk of workers[0]'s. room: elements, (n / P, rounded up). */
void sharded_sum(Trainer *trainer, Group *group, real *room);

/* sharded_update: then the step's end, as trainer_update, but of the rank's own chunk
 * of the weights alone. room: two elements per rank. */
StepResult sharded_update(Trainer *trainer, Group *group, real *room, double loss,
                          double accuracy);

/* sharded_gather: then all ranks get all new weights. */
void sharded_gather(Trainer *trainer, Group *group);

/* ---- the moments' memory (sharded_memory.c) -------------------------------------- */

/* sharded_forget: gives the memory of the other ranks' moments back to the system, and
 * returns how many bytes; 0 on systems other than Linux. They read as 0 then. */
double sharded_forget(Trainer *trainer, const Group *group);

/* sharded_collect: rank 0 gets all moments, to save them. Called by all. */
void sharded_collect(Trainer *trainer, Group *group);
