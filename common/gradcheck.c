/* gradcheck.c: see gradcheck.h. */
#include "common/gradcheck.h"

#include <math.h>

/* D(h) of gradcheck.h for the element at *x, which is restored. */
static double central_difference(double (*loss)(void *), void *context, real *x,
                                 double h) {
    const real kept = *x;
    *x = kept + (real)h;
    const double above = loss(context), x_above = (double)*x;
    *x = kept - (real)h;
    const double below = loss(context), x_below = (double)*x;
    *x = kept;
    /* Divide by the step that was really taken, after rounding x + h. */
    return (above - below) / (x_above - x_below);
}

static double numeric_derivative(double (*loss)(void *), void *context, real *x) {
    const double h = GRADCHECK_STEP;
    const double whole = central_difference(loss, context, x, h);
    const double half = central_difference(loss, context, x, h / 2);
    return (4 * half - whole) / 3;
}

Gradcheck gradcheck(double (*loss)(void *context), void *context, Tensor x, Tensor dx) {
    expect_same_shape(dx, x);
    Gradcheck result = {.elements = tensor_count(x)};
    const double floor =
        0.01 * sqrt(tensor_dot(dx, dx) / (double)tensor_count(dx)) + 1e-300;
    for (int i = 0; i < tensor_rows(x); i++) {
        for (int j = 0; j < tensor_cols(x); j++) {
            double analytic = (double)tensor_row(dx, i)[j];
            double numeric = numeric_derivative(loss, context, &tensor_row(x, i)[j]);
            double scale = fmax(floor, fmax(fabs(analytic), fabs(numeric)));
            double error = fabs(analytic - numeric) / scale;
            if (!(error <= result.worst)) { /* written so that a NaN is kept */
                const long index = (long)i * tensor_cols(x) + j;
                result = (Gradcheck){result.elements, error, index, analytic, numeric};
            }
            if (isnan(result.worst)) {
                return result;
            }
        }
    }
    return result;
}

Gradcheck gradcheck_worse(Gradcheck a, Gradcheck b) {
    Gradcheck result = !isnan(a.worst) && !(b.worst <= a.worst) ? b : a;
    result.elements = a.elements + b.elements;
    return result;
}

bool gradcheck_passed(const Gradcheck *check) {
    return check->elements > 0 && check->worst < GRADCHECK_TOLERANCE;
}
