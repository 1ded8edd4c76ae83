/*
 * dump.h: every tensor of one forward and backward pass of a small ViT, in the order
 * in which they are computed, with the equation that makes each: for comparing one's
 * own program with the course's (./chapter5 --dump FILE, make compare).
 *
 * The instance is always the same: 2 images of 8 x 6 x 2, P = 2, D = 8, 2 heads,
 * M = 12, L = 2, 3 classes, pre-norm, GELU, label smoothing 0.1, no dropout; weights
 * N(0, 0.3^2) and pixels N(0, 1), from the course's own generator. They are in the file
 * too, so that another program can read them.
 */
#ifndef DUMP_H
#define DUMP_H

#include "error.h"

/* One tensor of a dump. */
typedef struct {
    char name[96];        /* "blocks.0.attn.A" */
    const char *equation; /* "[ViT eq.6] A = softmax(q k^T / sqrt(D_h))" */
    const char *read;     /* where it is derived: "notes/02, 1" */
} DumpStage;

/* dump_stage: tensor i in the order of computation; false where there are no more. */
bool dump_stage(int i, DumpStage *stage);

/* dump_write: the pass, as a safetensors file. */
bool dump_write(const char *path, Error *error);

#endif
