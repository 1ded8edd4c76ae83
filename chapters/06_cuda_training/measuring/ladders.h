/*
 * ladders.h: every ladder of versions as access_counts.c and ladder_times.c run it, and
 * device memory to run it on.
 */
#ifndef LADDERS_H
#define LADDERS_H

#include "chapters/06_cuda_training/gpu.h"

/* The versions of one computation; `run` launches one of them on its tensors. */
typedef struct {
    const char *const *names;
    int versions;
    void (*run)(GpuStream stream, int version, const Tensor *T);
} Ladder;

extern const Ladder ladder_nt, ladder_nn, ladder_tn; /* A B C */
extern const Ladder ladder_softmax;                  /* S A */
extern const Ladder ladder_softmax_backward;         /* A dA dS */
extern const Ladder ladder_gelu;                     /* pre b Y */
/* X gamma beta mean rstd Y(dY); for backward then dX dgamma dbeta partial */
extern const Ladder ladder_layer_norm, ladder_layer_norm_backward;
/* qkv O scores (B, h, n, n); for backward then dO dqkv, and scores again */
extern const Ladder ladder_attention, ladder_attention_backward;

enum { LADDER_FLOATS = 1 << 16, LADDER_MAX_TENSORS = 16 };
typedef struct {
    float
        *floats; /* host: from N(0, 1), what tensors are filled with, again and again */
    void *blocks[LADDER_MAX_TENSORS]; /* device */
    int count;
} LadderMemory;

bool ladder_memory_make(LadderMemory *memory, Error *error);
void ladder_memory_free(LadderMemory *memory);

/* ladder_tensors: gives each T (of `count`) device memory; false, and an error, if
 * there is none. ladder_give_back: after the ladder. */
bool ladder_tensors(LadderMemory *memory, Tensor *T, int count, Error *error);
void ladder_give_back(LadderMemory *memory);

#endif
