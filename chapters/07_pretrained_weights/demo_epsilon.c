/* demo_epsilon.c: what a wrong epsilon does, and where. */
#include <math.h>
#include <stdio.h>

#include "chapters/04_encoder_block/layer_norm.h"
#include "chapters/07_pretrained_weights/chapter7_demos.h"
#include "common/lesson/report.h"

/* LN of (size, -size), whose variance is size^2: its first element. */
static double normed(double size, double epsilon) {
    real gamma[] = {1, 1}, beta[] = {0, 0}, x[2] = {(real)size, (real)-size};
    real y[2], mean, rstd;
    const LayerNorm layer = {tensor1(gamma, 2), tensor1(beta, 2), (real)epsilon};
    LayerNormActivations a = {tensor1(&mean, 1), tensor1(&rstd, 1)};
    layer_norm_forward(&layer, tensor2(x, 1, 2), &a, tensor2(y, 1, 2));
    return (double)y[0];
}

void epsilon_demo(void) {
    static const double epsilons[] = {1e-12, 1e-6, 1e-5};
    static const double sizes[] = {1, 1e-2, 1e-3};
    report_section("The same answer, only worse");
    report_equation("", "xhat = (x - mean) / sqrt(variance + eps)");
    printf("\nThe row (s, -s) has variance s^2. Normed, its first element is\n"
           "    s        eps = 1e-12   1e-6 (ViT)   1e-5 (PyTorch)\n");
    double worst = 0;
    for (int i = 0; i < 3; i++) {
        printf("    %-7g ", sizes[i]);
        for (int k = 0; k < 3; k++) {
            const double got = normed(sizes[i], epsilons[k]);
            const double want = sizes[i] / sqrt(sizes[i] * sizes[i] + epsilons[k]);
            worst = fmax(worst, fabs(got - want));
            printf(" %11.6f", got);
        }
        printf("\n");
    }
    report_check(worst < 1e-5, "each is s / sqrt(s^2 + eps)");
    printf(
        "A token whose elements are of size 1 doesn't notice. After the embedding of\n"
        "a flat patch elements may be small: there it shows, and goes on from "
        "there.\n");
}
