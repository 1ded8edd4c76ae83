/* by_hand.c: see by_hand.h. */
#include "common/lesson/by_hand.h"

#include <math.h>

#include "common/lesson/report.h"

static double worst_difference(Tensor T, const double *want) {
    double worst = 0;
    for (int i = 0; i < tensor_rows(T); i++) {
        for (int j = 0; j < tensor_cols(T); j++) {
            double d = fabs((double)tensor_row(T, i)[j] - *want++);
            if (!(d <= worst)) { /* written so that a NaN is kept */
                worst = d;
            }
        }
    }
    return worst;
}

bool by_hand(Tensor T, const double *want, double tolerance, const char *what) {
    const double worst = worst_difference(T, want);
    if (worst == 0) {
        return report_check(true, "%-42s exactly as by hand", what);
    }
    return report_check(worst <= tolerance, "%-42s off by at most %.0e (allowed %.0e)",
                        what, worst, tolerance);
}
