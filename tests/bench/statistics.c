/* statistics.c: see statistics.h. */
#include "tests/bench/statistics.h"

#include <math.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double median(double *numbers, int count) {
    qsort(numbers, (size_t)count, sizeof *numbers, ascending);
    return (numbers[(count - 1) / 2] + numbers[count / 2]) / 2;
}

double geometric_mean(const double *numbers, int count) {
    double logs = 0;
    for (int i = 0; i < count; i++) {
        logs += log(numbers[i]);
    }
    return count > 0 ? exp(logs / count) : 0;
}

int digits_for(double number) {
    return number >= 100 ? 0 : number >= 10 ? 1 : 2;
}
