/*
 * cost.h: how long an all-reduce takes, by the alpha-beta model: a message of m bytes
 * takes
 *
 *     alpha + m beta        alpha: s, the latency; beta: s per byte, 1 / bandwidth
 *
 * whatever else the network carries, as long as each rank sends one message and receives
 * one at a time. For n elements of b bytes, m = n b, and P ranks:
 *
 *     gather     2 (P - 1) (alpha + m beta)               all of it through rank 0's link
 *     ring       2 (P - 1) (alpha + m / P beta)           P - 1 steps, twice
 *     halving    2 log2(P) alpha + 2 (P - 1) / P m beta   halves, quarters, ...
 *
 * The ring and halving send as few bytes as is possible: each rank needs to send
 * 2 (P - 1) / P m at least (Patarasuk and Yuan, "Bandwidth optimal all-reduce algorithms
 * for clusters of workstations", 2009). For many ranks beta's part of both becomes
 * 2 m beta, which doesn't depend on P. The ring's latency grows with P.
 */
#pragma once

/* A network between ranks. */
typedef struct {
    double alpha; /* s */
    double beta;  /* s per byte */
} Network;

double cost_gather(Network network, int P, double bytes);
double cost_ring(Network network, int P, double bytes);
/* P a power of two; else the nearest below, and two whole messages more. */
double cost_halving(Network network, int P, double bytes);

/* cost_fit: alpha and beta of the line through measured times: the least squares of
 * relative errors, so that short messages count as much as long ones. count >= 2. */
Network cost_fit(const double *bytes, const double *seconds, int count);
