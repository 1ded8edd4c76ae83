/*
 * demo_msa_instance.h: one multi-head attention with everything it needs: weights,
 * gradients, activations, an input and an output, for the demonstrations and the
 * gradient checks of this chapter.
 *
 * Memory: msa_instance_make allocates three blocks (weights, gradients, all
 * activations), msa_instance_free releases them.
 */
#ifndef MSA_INSTANCE_H
#define MSA_INSTANCE_H

#include <stdint.h>

#include "chapters/03_multi_head_attention/multi_head_attention.h"

typedef struct {
    int B, n, D, heads;
    MultiHeadAttention layer; /* over the block of weights */
    MultiHeadAttention d;     /* the same layout over the block of gradients */
    ParameterList list;
    real *weights, *gradients;
    Arena arena;
    MultiHeadAttentionActivations a;
    MultiHeadAttentionScratch s;
    Tensor z, Y, dY, dz; /* (B, n, D) */
} MsaInstance;

/* msa_instance_make: all weights zero; false and an error if there is no memory. */
bool msa_instance_make(MsaInstance *msa, int B, int n, int D, int heads, Error *error);
void msa_instance_free(MsaInstance *msa);

/* msa_instance_list: names and shapes only, no memory for weights; the caller
 * releases the list. */
bool msa_instance_list(ParameterList *list, int D, int heads, Error *error);

/* msa_instance_randomise: z from N(0,1); weights from N(0, scale^2 / D), so that
 * with scale 1 a query's numbers have variance 1, as a token's; biases N(0, 0.01). */
void msa_instance_randomise(MsaInstance *msa, uint64_t seed, double scale);

/* msa_instance_forward: Y = MSA(z). */
void msa_instance_forward(MsaInstance *msa);

#endif
