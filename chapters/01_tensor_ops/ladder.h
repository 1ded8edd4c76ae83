/*
 * ladder.h: one matrix product, C = A B, in rungs. Each rung is the one before with
 * one idea more; the last rung is matmul_nn of common/matmul.h. Why each idea helps,
 * with its arithmetic, is said in ladder.c above each function.
 *
 *   A (m, k)   B (k, n)    in; may be views of some columns of wider tensors
 *   C (m, n)               out; must not alias A or B; may be a view too
 *
 * Cost: 2 m n k flops on every rung. Only their order and their place in memory
 * differ, so results agree up to rounding. Scratch is static: one for each thread.
 */
#ifndef LADDER_H
#define LADDER_H

#include "tensor.h"

typedef void LadderRung(Tensor A, Tensor B, Tensor C);

LadderRung ladder_by_definition; /* 1. for i, for j, for k */
LadderRung ladder_loop_order;    /* 2. for i, for k, for j: in memory's order */
LadderRung ladder_blocked;       /* 3. a block of B stays in the cache */
LadderRung ladder_packed;        /* 4. and lies in one piece */
LadderRung ladder_micro_kernel;  /* 5. a tile of C stays in registers */
LadderRung ladder_threads;       /* 6. a band of rows for each thread */

/*
 * ladder_block: what the rungs' estimates of traffic need. Rungs 3 and 4 keep a
 * (k, n) block of B in the cache, rungs 5 and 6 another; a tile of C in registers
 * has `tile_rows` rows of `tile_vectors` vectors of `lanes` numbers.
 */
typedef struct {
    int k, n;
} LadderBlock;

typedef struct {
    LadderBlock cache, packed;
    int tile_rows, tile_vectors, lanes;
} LadderSizes;

LadderSizes ladder_sizes(void);

#endif
