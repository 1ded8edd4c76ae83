/*
 * random.h: random numbers that are a function of their place, not of history.
 *
 * The generator is Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel
 * Random Numbers: As Easy as 1, 2, 3", SC'11): ten rounds of multiplying and
 * mixing turn a counter into four words that pass the statistical tests. It has
 * no state. Number i of a stream is the same whoever asks for it and when: on
 * one thread or on many, on the CPU or on a GPU, in a run that was interrupted
 * and resumed, in a backward pass that needs its dropout mask again.
 */
#pragma once

#include <stdint.h>

#include "common/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a stream is for: two uses never share a number. */
typedef enum {
    RANDOM_INITIALISE = 1, /* weights */
    RANDOM_SHUFFLE,        /* the order of the images in an epoch */
    RANDOM_AUGMENT,        /* shifts and flips */
    RANDOM_DROPOUT,        /* dropout masks */
    RANDOM_DEMO,           /* the chapters' examples and the tests */
    RANDOM_SPLIT           /* which images are held out for testing */
} RandomUse;

typedef struct {
    uint64_t seed;     /* from the command line */
    RandomUse use;     /* what the numbers are for */
    uint32_t sequence; /* which sequence of that use: a tensor, an epoch, a step */
} Random;

/* philox4x32: the bare function, for the tests' known answers and for GPUs. */
void philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* random_bits4: numbers 4 block to 4 block + 3 of the stream; one call of philox. */
void random_bits4(Random random, uint64_t block, uint32_t out[4]);

/* Number `index` of the stream. random_normal has mean 0, variance 1 (Box and Muller,
 * 1958), and uses the bits 2*index and 2*index + 1. */
uint32_t random_bits(Random random, uint64_t index);  /* uniform over 32 bits    */
double random_uniform(Random random, uint64_t index); /* in [0, 1), 32 bits fine */
double random_normal(Random random, uint64_t index);

/* random_below: uniform in 0..n-1 (n > 0); its bias is below n / 2^32. */
uint32_t random_below(Random random, uint64_t index, uint32_t n);

/* Every element of T, row by row. */
void random_fill_normal(Random random, Tensor T, double sigma);  /* N(0, sigma^2)    */
void random_fill_uniform(Random random, Tensor T, double bound); /* [-bound, bound)  */

/* random_permutation: order (n) becomes a random order of 0..n-1. */
void random_permutation(Random random, int *order, int n);

#ifdef __cplusplus
}
#endif
