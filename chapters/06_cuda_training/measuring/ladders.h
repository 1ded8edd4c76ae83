/*
 * ladders.h: every ladder of versions as access_counts.c and ladder_times.c run it, and
 * the tensors to run it on.
 */
#pragma once

#include "chapters/06_cuda_training/gpu.h"

/* What is computed; in brackets the sizes. The last three have one version. */
typedef enum {
    LADDER_NT, /* matrix products, in the order of MatmulLayout (m, n, k) */
    LADDER_NN,
    LADDER_TN,
    LADDER_SOFTMAX, /* (rows, columns) */
    LADDER_SOFTMAX_BACKWARD,
    LADDER_LAYER_NORM,
    LADDER_LAYER_NORM_BACKWARD,
    LADDER_GELU,
    LADDER_ATTENTION, /* (B, heads, n, D_h) */
    LADDER_ATTENTION_BACKWARD,
    LADDER_ARITHMETIC, /* (threads, rounds) */
    LADDER_MEMORY,     /* (elements) */
    LADDER_ADAMW,      /* (elements) */
    LADDERS
} Ladder;

/* A ladder's versions, and the flops or bytes that it needs at least, whatever the
 * version does, per unit of the product of its sizes. */
typedef struct {
    const char *name, *sizes; /* "softmax"; printf's format of the sizes */
    const char *const *versions;
    int count, flops, bytes;
} LadderInfo;
extern const LadderInfo ladders[LADDERS];

/* ladder_version: its name; NULL after the last that this program has. */
const char *ladder_version(Ladder ladder, int version);

/* Tensors on the device: what a ladder and that of its backward pass need. */
enum { LADDER_TENSORS = 10 };
typedef struct {
    const int *size; /* four, those that aren't used 0 */
    Tensor T[LADDER_TENSORS];
} LadderCase;

/* ladder_make: tensors of these sizes, filled from N(0, 1). False, and an error, if
 * there is no memory for them; *on must be freed in any case. */
bool ladder_make(LadderCase *on, Ladder ladder, const int *size, Error *error);
void ladder_free(LadderCase *on);

/* ladder_run: launches one version. */
void ladder_run(GpuStream stream, Ladder ladder, int version, const LadderCase *on);
