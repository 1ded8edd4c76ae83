/*
 * ladder.h: one matrix product, C = A B, in rungs. Each rung is the one before with
 * one idea more. Why each idea helps, with its arithmetic, is said above each function.
 *
 *     1  matmul_plain_nn      as on paper                    common/matmul_plain.c
 *     2  ladder_loop_order    in memory's order              ladder.c
 *     3  ladder_blocked       a block of B in the cache      ladder.c
 *     4  ladder_packed        the block in one piece         ladder.c
 *     5  matmul_nn            a tile of C in registers       common/matmul.c
 *     6  matmul_nn            the same on all threads        common/matmul.c
 *
 *   A (m, k)   B (k, n)    in; may be views of some columns of wider tensors
 *   C (m, n)               out; must not alias A or B; may be a view too
 *
 * Cost: 2 m n k flops on every rung. Only their order and the place of the elements in
 * memory differ, so results agree up to rounding.
 */
#pragma once

#include "common/tensor.h"

typedef void LadderRung(Tensor A, Tensor B, Tensor C);

LadderRung ladder_loop_order; /* for i, for k, for j: in memory's order */
LadderRung ladder_blocked;    /* a block of B stays in the cache */
LadderRung ladder_packed;     /* and is copied into one piece */

/* The (k, n) block of B that rungs 3 and 4 keep in the cache: 128 KB in float, 256 KB
 * in double. */
enum { BLOCK_K = 64, BLOCK_N = 512 };
