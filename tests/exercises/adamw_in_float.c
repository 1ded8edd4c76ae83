/*
 * adamw_in_float.c: a step of the student's AdamW in float, as training takes it; the
 * grader, in double, runs this and reads what it prints. In double, 1 - beta2 is right
 * however it is written; in float 1 - 0.999 is wrong in its fifth digit.
 */
#include <stdio.h>

#include "chapters/05_vision_transformer/training/adamw.h"

int main(void) {
    const AdamW adamw = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};
    real w[4] = {0}, m[4] = {0}, v[4] = {0};
    const real g[4] = {1, -2, (real)0.5, (real)0.25};
    const ParameterList list = {
        .items = (Parameter[1]){{.shape = {.ndim = 1, .shape = {4}, .ld = 4}}},
        .count = 1,
        .total = 4};
    adamw_step(&(AdamWStep){&adamw, 0.01, 1, w, g, m, v}, &list);
    for (int i = 0; i < 4; i++) {
        printf("%.9g %.9g\n", (double)v[i], (double)w[i]);
    }
    return 0;
}
