/*
 * msa_demos.h: the sections of chapter 3's program. Each prints one part of the lesson
 * and its checks (report.h), and leaves nothing behind. Where there is no memory the
 * program ends (chapter_needs).
 */
#pragma once

#include <stdint.h>

#include "chapters/03_multi_head_attention/multi_head_attention.h"
#include "common/error.h"

void projection_demo(void);     /* one product for all; a head is a view */
void separate_heads_demo(void); /* the same as h attentions */
void heads_cost_demo(void);     /* parameters, flops and times, with 1 to 24 heads */
void order_demo(void);          /* blind to order, until positions are added */
void sinusoids_demo(void);      /* the waves, the rotation, their picture */
void two_questions_demo(void);  /* --two-questions: a task for two heads, not for one */

/* chapter3_gradient_checks: a section with a line for each gradient, in double. */
void chapter3_gradient_checks(void);

/* chapter3_dump: every tensor of one pass into a file (dump.h): 2 images of 5 tokens,
 * D = 8, 2 heads. */
bool chapter3_dump(const char *path, Error *error);

/* ---- what they share ------------------------------------------------------- */

typedef struct {
    int B, n, D, heads;
} MsaSizes;

/* One multi-head attention with all that it needs. */
typedef struct {
    MsaSizes size;
    MultiHeadAttention layer; /* over the block of weights */
    MultiHeadAttention d;     /* the same layout over the block of gradients */
    ParameterList list;
    Arena arena; /* of everything below */
    real *weights, *gradients;
    MultiHeadAttentionActivations a;
    MultiHeadAttentionScratch s;
    Tensor z, Y, dY, dz; /* (B, n, D) */
} MsaInstance;

/* msa_instance_make: z and dY from N(0,1); weights from N(0, scale^2 / D), so that with
 * scale 1 a query's elements have variance 1, as a token's; biases from N(0, 0.01). */
void msa_instance_make(MsaInstance *msa, MsaSizes size, uint64_t seed, double scale);
void msa_instance_free(MsaInstance *msa);

/* msa_instance_forward: Y = MSA(z); msa_instance_backward: from dY. */
void msa_instance_forward(MsaInstance *msa);
void msa_instance_backward(MsaInstance *msa);
