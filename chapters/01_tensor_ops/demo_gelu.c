/*
 * demo_gelu.c: GELU as the core computes it (a polynomial in float), against its
 * definition x Phi(x) with libm's erfc in double, and the tanh approximation.
 */
#include <math.h>
#include <stdio.h>

#include "common/gelu.h"
#include "common/real_math.h"
#include "common/lesson/report.h"
#include "chapters/01_tensor_ops/tensor_ops_demos.h"

/* The definition [ViT eq.3]. erfc(-u) = 1 + erf(u), without the cancellation that
 * 1 + erf(u) suffers where erf(u) is near -1. */
static double gelu_by_definition(double x) {
    return 0.5 * x * erfc(-x * SQRT_HALF);
}

/* Hendrycks and Gimpel's approximation, from a time when erf was slow on GPUs. */
static double gelu_tanh(double x) {
    const double sqrt_2_over_pi = 0.79788456080286536;
    return 0.5 * x * (1.0 + tanh(sqrt_2_over_pi * (x + 0.044715 * x * x * x)));
}

static double gelu_of_the_core(double x) {
    real y = (real)x;
    gelu_forward(tensor1(&y, 1), tensor1(&y, 1));
    return (double)y;
}

static void print_table(void) {
    printf("\n    %5s  %12s %14s %11s %14s %11s\n", "x", "gelu_forward", "x Phi(x)",
           "difference", "tanh formula", "difference");
    for (int i = -8; i <= 8; i += 2) {
        double x = 0.5 * i, exact = gelu_by_definition(x);
        printf("    %5.1f  %12.7f %14.9f %11.1e %14.9f %11.1e\n", x,
               gelu_of_the_core(x), exact, gelu_of_the_core(x) - exact, gelu_tanh(x),
               gelu_tanh(x) - exact);
    }
}

/* The largest difference of f from the definition over a fine grid, and where. */
static double largest_error(double f(double), double *at) {
    double worst = 0;
    for (int i = -6000; i <= 6000; i++) {
        double x = (double)(float)(i * 1e-3); /* a number that both types have */
        double d = fabs(f(x) - gelu_by_definition(x));
        if (!(d <= worst)) { /* written so that a NaN is kept */
            worst = d;
            *at = x;
        }
    }
    return worst;
}

void gelu_demo(void) {
    double at_core = 0, at_tanh = 0;
    report_section("1.6 GELU");
    printf("\nA gate: x is let through with the weight Phi(x), the share of a normal\n"
           "distribution below x. For large x it is x, far below 0 it is 0.\n");
    print_table();
    double core = largest_error(gelu_of_the_core, &at_core);
    double approximation = largest_error(gelu_tanh, &at_tanh);
    printf("\nThe tanh formula is another function: its error (%.1e, at x = %.2f) is\n"
           "%.0f times that of our polynomial (%.1e). Weights trained with one form\n"
           "are used with the same one. ViT has the exact form, and so have we.\n\n",
           approximation, at_tanh, approximation / core, core);
    report_check(fabs(gelu_of_the_core(1) - 0.8413447) < 1e-6,
                 "GELU(1) = Phi(1) = 0.8413447, as in the normal distribution's table");
    report_check(fabs(gelu_of_the_core(1) - gelu_of_the_core(-1) - 1) < 1e-6,
                 "GELU(x) - GELU(-x) = x, at x = 1 (because Phi(x) + Phi(-x) = 1)");
    report_check(core < 1e-6, "gelu_forward is within 1e-6 of x Phi(x) from -6 to 6");
    report_check(approximation > 4e-4 && approximation < 5e-4,
                 "the tanh formula is not: off by between 4e-4 and 5e-4");
}
