/* stopwatch.c: see stopwatch.h. */
#include "common/lesson/stopwatch.h"

#include <math.h>

double fastest_ms(void (*run)(void *context), void *context, int times,
                  double budget_ms) {
    const double first = stopwatch_ms();
    double best = HUGE_VAL;
    for (int i = 0; i < times || stopwatch_ms() - first < budget_ms; i++) {
        const double start = stopwatch_ms();
        run(context);
        best = fmin(best, stopwatch_ms() - start);
    }
    return best;
}
