/* cpu_gelu.c: see cpu_in_double.h. */
#include "cpu_in_double.h"
#include "gelu.h"

/* The layers never write what is declared `in`. */
static Tensor row(int count, const double *X) {
    return tensor2((real *)X, 1, count);
}

void cpu_gelu(int count, const double *X, double *Y) {
    gelu_forward(row(count, X), row(count, Y));
}

void cpu_gelu_backward(int count, const double *X, const double *dY, double *dX) {
    gelu_backward(row(count, X), row(count, dY), row(count, dX));
}
