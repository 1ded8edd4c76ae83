/* cost.c: see cost.h. */
#include "chapters/08_many_machines/collectives/cost.h"

#include <math.h>
#include <stdbool.h>

double cost_gather(Network network, int P, double bytes) {
    return 2 * (P - 1) * (network.alpha + bytes * network.beta);
}

double cost_ring(Network network, int P, double bytes) {
    /* exercise 8.3 */
    /* two halves of P - 1 steps; in each, every rank sends a chunk of m / P bytes */
    return 2 * (P - 1) * (network.alpha + bytes / P * network.beta);
    /* end of exercise 8.3 */
}

/* exercise 8.3, cut: */
/* What an all-reduce of m bytes is made of. */
typedef struct {
    double messages; /* one after the other */
    double shares;   /* how many times m they have in all */
} Steps;

static Steps steps_of_ring(int P) {
    return (Steps){2 * (P - 1.0), 2 * (P - 1.0) / P};
}

/* m / 2 bytes, m / 4, ..., and back, among a power of two of ranks; before and after, a
 * whole message to and from those that are too many. */
static Steps steps_of_halving(int P) {
    int power = 1, steps = 0;
    for (; 2 * power <= P; power *= 2) {
        steps++;
    }
    const int whole = power < P ? 2 : 0;
    return (Steps){whole + 2.0 * steps, whole + 2 * (power - 1.0) / power};
}
/* end of exercise 8.3 */

double cost_halving(Network network, int P, double bytes) {
    /* exercise 8.3 */
    const Steps steps = steps_of_halving(P);
    return steps.messages * network.alpha + steps.shares * bytes * network.beta;
    /* end of exercise 8.3 */
}

double cost_crossover(Network network, int P) {
    /* exercise 8.3 */
    /* messages alpha + shares m beta is the same for both */
    const Steps ring = steps_of_ring(P), halving = steps_of_halving(P);
    if (halving.shares <= ring.shares) {
        return (double)INFINITY;
    }
    return (ring.messages - halving.messages) * network.alpha /
           ((halving.shares - ring.shares) * network.beta);
    /* end of exercise 8.3 */
}

/*
 * Minimises sum ((alpha + x beta - t) / t)^2. With weights w = 1/t^2 that is the
 * ordinary line through (x, t): its two equations have the sums of w, w x, w x^2, w t,
 * w x t. Where all x are the same (the determinant is 0, but for rounding) any line
 * through their mean time is as good: here the flat one.
 */
Network cost_fit(const double *bytes, const double *seconds, int count) {
    double w1 = 0, wx = 0, wxx = 0, wt = 0, wxt = 0;
    bool one_size = true;
    for (int i = 0; i < count; i++) {
        const double x = bytes[i], t = seconds[i], w = 1 / (t * t);
        one_size = one_size && x == bytes[0];
        w1 += w;
        wx += w * x;
        wxx += w * x * x;
        wt += w * t;
        wxt += w * x * t;
    }
    const double beta = one_size ? 0 : (w1 * wxt - wx * wt) / (w1 * wxx - wx * wx);
    return (Network){(wt - beta * wx) / w1, beta};
}
