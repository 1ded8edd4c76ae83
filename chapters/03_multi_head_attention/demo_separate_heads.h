/*
 * demo_separate_heads.h: multi-head attention as [AIAYN 3.2.2] writes it, one head
 * after another, each with matrices W_i^Q, W_i^K, W_i^V of its own. Slower, and only
 * here to show that the fused layer (multi_head_attention.h) computes the same.
 *
 * Memory: allocated inside, released before return.
 */
#ifndef SEPARATE_HEADS_H
#define SEPARATE_HEADS_H

#include "common/error.h"
#include "chapters/03_multi_head_attention/multi_head_attention.h"

/* The two ways to write the last step; they are the same sum. */
typedef enum {
    CONCAT_THEN_PROJECT, /* Concat(head_1, ..., head_h) W^O            */
    SUM_OF_PROJECTIONS   /* head_1 W_1^O + ... + head_h W_h^O          */
} LastStep;

/*
 * separate_heads_forward: Y = MultiHead(z, z, z) for one image
 *   layer           in: head i's matrices are cut out of W_qkv and copied
 *   z (n, D)        in
 *   Y (n, D)        out, must not alias z
 * False and an error if there is no memory.
 */
bool separate_heads_forward(const MultiHeadAttention *layer, Tensor z, LastStep last,
                            Tensor Y, Error *error);

#endif
