/* stopwatch.h: how long something takes. */
#ifndef STOPWATCH_H
#define STOPWATCH_H

#include <time.h>

/* stopwatch_ms: milliseconds since some fixed moment; subtract two of them. */
static inline double stopwatch_ms(void) {
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    return 1e3 * (double)moment.tv_sec + 1e-6 * (double)moment.tv_nsec;
}

#endif
