/*
 * dump_vit.h: every tensor of one forward and backward pass of a small ViT, in the
 * order in which they are computed, with the equation that makes each: for comparing
 * one's own program with the course's (./chapter5 --dump FILE, make compare). The
 * gradient checks use the same small ViT.
 *
 * The instance is always the same: 2 images of 8 x 6 x 2, P = 2, D = 8, 2 heads,
 * M = 12, L = 2, 3 classes, pre-norm, GELU, label smoothing 0.1, no dropout; weights
 * N(0, 0.3^2) and pixels N(0, 1), from the course's own generator. They are in the file
 * too, so that another program can read them.
 */
#pragma once

#include "common/files/dump.h"
#include "chapters/05_vision_transformer/model/vit.h"

enum { DUMP_VIT_IMAGES = 2 };

/* The instance, and what a pass computes: on the CPU here, on a GPU in chapter 6. */
typedef struct {
    Vit vit, d;
    ParameterList list;
    VitActivations a;
    Arena arena;               /* of the tensors below; owned, as list and a are */
    Tensor weights, gradients; /* whole blocks */
    Tensor images;             /* (B, C, H, W) */
    Tensor patches, embedded;  /* (B, N, C P P), (B, N, D): backward reuses a's */
    Tensor loss, dlogits;      /* (1), (B, K) */
    int labels[DUMP_VIT_IMAGES];
    double smoothing;
} DumpVit;

/* dump_vit_make: weights and images are there, gradients 0. */
bool dump_vit_make(DumpVit *pass, Error *error);

/* dump_vit_make_of: the same model with other positions, pooling and seed. */
bool dump_vit_make_of(DumpVit *pass, Positions positions, Pool pool, uint64_t seed,
                      Error *error);
void dump_vit_free(DumpVit *pass);

/* dump_vit_write: inputs, a, loss and gradients, as a file. */
bool dump_vit_write(DumpVit *pass, const char *path, Error *error);

/* chapter5_dump: the pass on the CPU, as a file. */
bool chapter5_dump(const char *path, Error *error);

/* chapter5_gradient_checks: every parameter, in double, with the positions and the
 * pooling of `chosen`. every_tensor 1: a line for each; 0: one line for all. */
void chapter5_gradient_checks(int every_tensor, const VitConfig *chosen);
