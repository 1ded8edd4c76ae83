/* stopwatch.h: how long something takes. */
#ifndef STOPWATCH_H
#define STOPWATCH_H

#include <time.h>

/* stopwatch_ms: milliseconds since some fixed moment; subtract two of them. */
static inline double stopwatch_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return 1e3 * (double)now.tv_sec + 1e-6 * (double)now.tv_nsec;
}

#endif
