/*
 * demo_gradcheck_curve.c: how exact is a central difference?
 *
 *     f'(x)  ~  (f(x + eps) - f(x - eps)) / (2 eps)
 *
 * With a large eps it cuts off Taylor's series: an error of eps^2 f'''/6. With a
 * small eps it subtracts two nearly equal numbers, each rounded: an error of about
 * u |f| / eps, u being the type's machine epsilon. The error is smallest in between,
 * near the cube root of u. Both types are spelled out here, because this one page
 * needs both at once. Derivation: notes/01_tensor_ops.md.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/lesson/plot_file.h"
#include "common/random.h"
#include "common/real_math.h"
#include "common/lesson/report.h"
#include "chapters/01_tensor_ops/tensor_ops_demos.h"

/* The error is a root mean square over this many x: at one x, rounding may happen
 * to cancel, and the curve would jump. */
enum { POINTS = 200 };

typedef double Difference(double x, double eps);

static float gelu_in_float(float x) {
    return 0.5f * x * erfcf(-x * (float)SQRT_HALF);
}

static double gelu_in_double(double x) {
    return 0.5 * x * erfc(-x * SQRT_HALF);
}

/* Both divide by the step that was taken, after x + eps was rounded; where eps is
 * so small that x + eps is x, that is 0 / 0, a NaN. */
static double difference_in_float(double x, double eps) {
    float above = (float)x + (float)eps, below = (float)x - (float)eps;
    double rise = (double)gelu_in_float(above) - (double)gelu_in_float(below);
    return rise / ((double)above - (double)below);
}

static double difference_in_double(double x, double eps) {
    double above = x + eps, below = x - eps;
    return (gelu_in_double(above) - gelu_in_double(below)) / (above - below);
}

/* rms(numeric - analytic) / rms(analytic), over x between -2 and 2. */
static double relative_error(Difference *difference, double eps) {
    const Random random = {1, RANDOM_DEMO, 3};
    double errors = 0, slopes = 0;
    for (int i = 0; i < POINTS; i++) {
        double x = (double)(float)(4 * random_uniform(random, (uint64_t)i) - 2);
        double phi = ONE_OVER_SQRT_2PI * exp(-0.5 * x * x);
        double slope = 0.5 * erfc(-x * SQRT_HALF) + x * phi;
        double error = difference(x, eps) - slope;
        errors += error * error;
        slopes += slope * slope;
    }
    return sqrt(errors / slopes);
}

/* ---- the curve: eps from 10^-1 to 10^-12, four steps per decade ------------- */

enum { FIRST = 4, LAST = 48 };

static double in_float[LAST + 1], in_double[LAST + 1];

static double eps_at(int i) {
    return pow(10, -0.25 * i);
}

static void measure(void) {
    for (int i = FIRST; i <= LAST; i++) {
        in_float[i] = relative_error(difference_in_float, eps_at(i));
        in_double[i] = relative_error(difference_in_double, eps_at(i));
    }
}

/* The table is also a picture, from 1e-12 at the left to 10 at the right. */
enum { PER_DECADE = 3, WIDTH = 13 * PER_DECADE + 1 };

static void mark(char *line, double error, char letter) {
    if (isnan(error)) {
        return;
    }
    const double position = round(PER_DECADE * (log10(error) + 12));
    const int column = (int)fmin(fmax(position, 0), WIDTH - 1);
    for (int i = (int)strlen(line); i <= column; i++) {
        line[i] = ' ';
    }
    line[column] = line[column] == ' ' ? letter : '*';
}

static void print_table(void) {
    printf("\n     eps   in float  in double   %-9s%-9s%-9s%-9s%s\n", "1e-12", "1e-9",
           "1e-6", "1e-3", "1");
    for (int i = FIRST; i <= LAST; i += 4) {
        char line[WIDTH + 1] = {0}, text[16] = "x+eps=x";
        mark(line, in_float[i], 'f');
        mark(line, in_double[i], 'd');
        if (!isnan(in_float[i])) {
            snprintf(text, sizeof text, "%.1e", in_float[i]);
        }
        printf("    1e-%02d %9s %10.1e   %s\n", i / 4, text, in_double[i], line);
    }
}

static void write_plot_data(void) {
    FILE *file = plot_file_open(
        "gradcheck_curve", "eps   relative error in float   in double   (no units)");
    for (int i = FIRST; file && i <= LAST; i++) {
        fprintf(file, "%.3e %.3e %.3e\n", eps_at(i), in_float[i], in_double[i]);
    }
    plot_file_close(file, "gradcheck_curve");
}

/* The curve's slope on logarithmic axes, from eps = 10^from to 10^to. */
static double slope(const double *error, int from, int to) {
    return (log10(error[-4 * to]) - log10(error[-4 * from])) / (to - from);
}

static void check_minimum(const char *type, const double *error, double machine) {
    const double rule = cbrt(machine);
    int best = FIRST;
    for (int i = FIRST; i <= LAST; i++) {
        best = error[i] < error[best] ? i : best;
    }
    report_check(eps_at(best) > rule / 10 && eps_at(best) < rule * 10,
                 "%-9s best near eps = %.0e (cube root of %.0e: %.0e), error %.0e",
                 type, eps_at(best), machine, rule, error[best]);
}

void gradcheck_curve_demo(void) {
    report_section("1.7 How to check a gradient: the V-shaped curve");
    printf("\nEvery derivative in this course is checked by central differences:\n\n"
           "    (f(x+eps) - f(x-eps)) / (2 eps) = f'(x) + eps^2 f'''(x) / 6 + ...\n\n"
           "Which eps? For GELU at %d points, the relative error of the difference in\n"
           "float (f) and in double (d); * where the two fall together:\n",
           POINTS);
    measure();
    print_table();
    printf("\nFrom the top: each step divides eps by 10, and the error by 100: eps^2.\n"
           "That is truncation, the same in both types. Then rounding takes over:\n"
           "f(x+eps) and f(x-eps) share more and more digits, the rounded rest is\n"
           "divided by eps, and the error grows like (machine epsilon) / eps. Where\n"
           "even x+eps is x, nothing is left. Both sides meet near the cube root of\n"
           "machine epsilon. In float the best is about 1e-5, for one smooth\n"
           "function; through a whole layer, a wrong gradient hides in that. In\n"
           "double it is below 1e-9. So gradients are checked in double: from two\n"
           "differences, with eps and eps/2, the eps^2 cancels (gradcheck.h), and\n"
           "every element must agree to 1e-6.\n\n");
    double down = slope(in_double, -3, -1);
    double up_float = slope(in_float, -6, -4);
    double up_double = slope(in_double, -11, -7);
    report_check(fabs(down - 2) < 0.1,
                 "truncation: error ~ eps^%.2f in double (theory: 2)", down);
    report_check(fabs(up_float + 1) < 0.3 && fabs(up_double + 1) < 0.15,
                 "rounding: error ~ eps^%.1f in float, eps^%.1f in double (theory: -1)",
                 up_float, up_double);
    check_minimum("in float", in_float, (double)FLT_EPSILON);
    check_minimum("in double", in_double, DBL_EPSILON);
    printf("\n");
    write_plot_data();
}
