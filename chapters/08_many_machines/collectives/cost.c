/* cost.c: see cost.h. */
#include "chapters/08_many_machines/collectives/cost.h"

#include <math.h>

double cost_gather(Network network, int P, double bytes) {
    return 2 * (P - 1) * (network.alpha + bytes * network.beta);
}

double cost_ring(Network network, int P, double bytes) {
    return 2 * (P - 1) * (network.alpha + bytes / P * network.beta);
}

double cost_halving(Network network, int P, double bytes) {
    const int steps = (int)floor(log2(P) + 1e-9), power = 1 << steps;
    const double whole = power < P ? 2 * (network.alpha + bytes * network.beta) : 0;
    return whole + 2 * steps * network.alpha +
           2 * (power - 1.0) / power * bytes * network.beta;
}

/*
 * Minimises sum ((alpha + x beta - t) / t)^2. With weights w = 1/t^2 that is the ordinary
 * line through (x, t): its two equations have the sums of w, w x, w x^2, w t, w x t.
 */
Network cost_fit(const double *bytes, const double *seconds, int count) {
    double w1 = 0, wx = 0, wxx = 0, wt = 0, wxt = 0;
    for (int i = 0; i < count; i++) {
        const double x = bytes[i], t = seconds[i], w = 1 / (t * t);
        w1 += w;
        wx += w * x;
        wxx += w * x * x;
        wt += w * t;
        wxt += w * x * t;
    }
    const double beta = (w1 * wxt - wx * wt) / (w1 * wxx - wx * wx);
    return (Network){(wt - beta * wx) / w1, beta};
}
