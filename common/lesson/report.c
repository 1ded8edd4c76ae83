/* report.c: see report.h. */
#include "common/lesson/report.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/lesson/output.h"

static int failures_so_far;

static void underlined(const char *text, char line) {
    printf("%s\n", text);
    for (size_t i = 0; i < strlen(text); i++) {
        putchar(line);
    }
    printf("\n");
}

void report_title(const char *title) {
    underlined(title, '=');
}

void report_section(const char *heading) {
    printf("\n");
    underlined(heading, '-');
}

void report_equation(const char *tag, const char *equation) {
    printf("    %-16s %s\n", tag, equation);
}

void report_matrix(const char *name, Tensor T, int digits) {
    char shape[TENSOR_SHAPE_TEXT];
    printf("%s %s =\n", name, tensor_shape_text(T, shape));
    for (int i = 0; i < tensor_rows(T); i++) {
        printf("   ");
        for (int j = 0; j < tensor_cols(T); j++) {
            printf(" %*.*f", digits + 4, digits, (double)tensor_row(T, i)[j]);
        }
        printf("\n");
    }
}

bool report_check(bool ok, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    printf("%s%s%s  ", output_colour(ok), ok ? "PASS" : "FAIL", output_plain());
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
    failures_so_far += !ok;
    return ok;
}

bool by_hand(Tensor T, const double *want, double tolerance, const char *what) {
    double worst = 0;
    for (int i = 0; i < tensor_rows(T); i++) {
        for (int j = 0; j < tensor_cols(T); j++) {
            const double d = fabs((double)tensor_row(T, i)[j] - *want++);
            if (!(d <= worst)) { /* written so that a NaN is kept */
                worst = d;
            }
        }
    }
    if (worst == 0) {
        return report_check(true, "%-42s exactly as by hand", what);
    }
    return report_check(worst <= tolerance, "%-42s off by at most %.0e (allowed %.0e)",
                        what, worst, tolerance);
}

bool report_gradcheck(const char *name, const Gradcheck *check) {
    if (gradcheck_passed(check)) {
        return report_check(true, "%-34s %6ld elements, worst relative error %.1e",
                            name, check->elements, check->worst);
    }
    return report_check(false,
                        "%-34s %6ld elements, worst relative error %.1e at [%ld]: "
                        "backward says %.9g, differences say %.9g",
                        name, check->elements, check->worst, check->index,
                        check->analytic, check->numeric);
}

int report_failures(void) {
    return failures_so_far;
}

int report_verdict(const char *program, int other_status) {
    if (other_status == 0 && failures_so_far == 0) {
        printf("\n%s: %sPASS%s: every check holds\n", program, output_colour(true),
               output_plain());
        return output_end(program, 0);
    }
    printf("\n%s: %sFAIL%s: see the lines that begin with FAIL\n", program,
           output_colour(false), output_plain());
    (void)output_end(program, 0); /* what failed has to be readable */
    return 1;
}
