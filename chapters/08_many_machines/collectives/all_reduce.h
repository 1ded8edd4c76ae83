/*
 * all_reduce.h: every rank has a vector x of n elements; afterwards every rank has the
 * sum of all of them. Three ways, each the answer to what the one before wastes.
 *
 *     gather    rank 0 receives all vectors, adds them, sends the sum to all: simple,
 *               but rank 0's link carries everything
 *     ring      x is cut into a chunk for each rank; chunks go round and are added on
 *               the way: every link carries the same, and as little as there can be
 *     halving   ranks that are far apart exchange halves, then quarters: fewer
 *               messages, better for short vectors; as few bytes as the ring, if P is
 *               a power of two
 *
 * What each costs, with P ranks, is in cost.h. All ranks call the same function with
 * the same n. After it all of them have the same bits: each element's sum is computed
 * by one rank, and copied. (Between the three ways the order of the terms differs, and
 * so the rounding.)
 */
#pragma once

#include "chapters/08_many_machines/collectives/group.h"

/* A way to sum x (n) over all ranks, in place. `room` is memory for what arrives:
 * all_reduce_room elements. */
typedef void AllReduce(Group *group, real *x, long n, real *room);

AllReduce all_reduce_gather;
AllReduce all_reduce_ring;
AllReduce all_reduce_halving;

/* all_reduce_room: elements that the way needs: n, or for the ring n / P, rounded
 * up. */
long all_reduce_room(AllReduce *way, long n, int size);

/* ---- the ring's two halves ------------------------------------------------------- */

/* Chunk c of x's P chunks is elements chunk_begin(n, P, c) up to chunk_begin(n, P, c +
 * 1): n / P of them, or one more. c may also be P, where x ends. */
long chunk_begin(long n, int P, int c);

/* ring_reduce_scatter: of x, chunk r becomes the sum over all ranks at rank r, whose
 * own chunk it is; the rest of x is spoiled. In all, the ranks send (P - 1) n
 * elements. */
void ring_reduce_scatter(Group *group, real *x, long n, real *room);

/* ring_all_gather: each rank's own chunk goes to all others. (P - 1) n elements. */
void ring_all_gather(Group *group, real *x, long n);
