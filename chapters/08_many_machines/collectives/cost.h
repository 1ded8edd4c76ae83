/*
 * cost.h: how long an all-reduce takes, by the alpha-beta model: a message of m bytes
 * takes
 *
 *     alpha + m beta        alpha: s, the latency; beta: s per byte, 1 / bandwidth
 *
 * whatever else the network carries, as long as each rank sends one message and
 * receives one at a time. An all-reduce of m bytes (n elements of 4) by P ranks costs
 * what its longest chain of messages costs, each of which waits for the one before.
 * Gather: rank 0 receives P - 1 whole vectors, one after the other, and sends P - 1:
 *
 *     gather     2 (P - 1) (alpha + m beta)
 *
 * The ring and halving are the reader's (exercise 8.3; notes/08_many_machines.md has
 * them derived).
 */
#pragma once

/* A network between ranks. */
typedef struct {
    double alpha; /* s */
    double beta;  /* s per byte */
} Network;

double cost_gather(Network network, int P, double bytes);
/* The bytes of a chunk are m / P here, though real chunks have whole elements. */
double cost_ring(Network network, int P, double bytes);
/* Any P: all_reduce_halving.c says what it does if P is no power of two. */
double cost_halving(Network network, int P, double bytes);

/* cost_crossover: for how many bytes ring and halving take the same time: below,
 * halving is faster, above it the ring. INFINITY: halving is never the slower of the
 * two. P >= 3 */
double cost_crossover(Network network, int P);

/* cost_fit: alpha and beta of the line through measured times: the least squares of
 * relative errors, so that short messages count as much as long ones. count >= 1;
 * messages of one size alone don't tell alpha from beta: then beta is 0. Times > 0. */
Network cost_fit(const double *bytes, const double *seconds, int count);
