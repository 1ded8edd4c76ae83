/* stopwatch.h: how long something takes. */
#pragma once

#include <time.h>

/* stopwatch_ms: milliseconds since some fixed moment; subtract two of them. */
static inline double stopwatch_ms(void) {
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    return 1e3 * (double)moment.tv_sec + 1e-6 * (double)moment.tv_nsec;
}

/* fastest_ms: how long run(context) takes at its fastest, of at least `times` times and
 * of as many as fit into `budget_ms`: the others were disturbed. */
double fastest_ms(void (*run)(void *context), void *context, int times,
                  double budget_ms);
