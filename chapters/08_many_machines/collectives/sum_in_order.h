/*
 * sum_in_order.h: the sum of S vectors, in the same order and so in the same bits,
 * wherever they were computed.
 *
 * Floating-point sums depend on their order. A ring of 2 ranks adds in another order
 * than one of 4, and so the training's numbers differ from the seventh digit on. Here
 * the gradients of S shards of the batch are added as x_0 + x_1 + ... + x_(S-1), each
 * element by the rank that owns its chunk, which therefore needs that chunk of all S
 * shards.
 *
 *     sent     by all ranks: S (P - 1) / P n elements, then (P - 1) n of sums; the ring
 *              sends 2 (P - 1) n. With S = P it is as much; with S = 4 P, 2.5 times
 *     memory   S / P gradients per rank instead of one, and room for S chunks
 */
#pragma once

#include "chapters/08_many_machines/collectives/group.h"

/* Shards first_shard(S, P, r) up to first_shard(S, P, r + 1) are rank r's. */
int first_shard(int S, int P, int rank);

/* sum_in_order_room: elements of memory it needs: a chunk of each shard, and one
 * more. */
long sum_in_order_room(long n, int S, int P);

/*
 * sum_in_order: mine[0] becomes the sum of all S shards, at every rank.
 *   mine (first_shard(S, P, r + 1) - first_shard(S, P, r)) vectors of n elements; at
 *        least one; S >= P
 */
void sum_in_order(Group *group, real *const *mine, int S, long n, real *room);

/* ---- its two steps --------------------------------------------------------------- */

/* shard_chunk: elements from one chunk to the next in room: the longest chunk. */
long shard_chunk(long n, int P);

/* exchange_shards: each rank gets its own chunk (all_reduce.h) of all the others'
 * shards: that of shard s to room + s * shard_chunk(n, P). mine is only read. Messages
 * may be of any length, and all ranks begin at the same time. */
void exchange_shards(Group *group, real *const *mine, int S, long n, real *room);

/* fold_shards: the own chunk of mine[0] becomes x_0 + x_1 + ... + x_(S-1), added from
 * the left, when exchange_shards has filled room. Of mine all else stays as it is; room
 * is of sum_in_order_room elements, and may be spoiled. */
void fold_shards(const Group *group, real *const *mine, int S, long n, real *room);
