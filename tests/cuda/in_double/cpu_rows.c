/* cpu_rows.c: see cpu_in_double.h. */
#include "cpu_in_double.h"
#include "layer_norm.h"
#include "softmax.h"

static Tensor matrix(const double *data, int rows, int cols) {
    return tensor2((real *)data, rows, cols);
}

void cpu_softmax(int rows, int cols, const double *S, double *A) {
    softmax_forward(matrix(S, rows, cols), matrix(A, rows, cols));
}

void cpu_softmax_backward(int rows, int cols, const double *A, const double *dA,
                          double *dS) {
    softmax_backward(matrix(A, rows, cols), matrix(dA, rows, cols),
                     matrix(dS, rows, cols));
}

void cpu_layer_norm(int rows, int D, const double *X, const double *gamma,
                    const double *beta, double *mean, double *rstd, double *Y) {
    const LayerNorm layer = {tensor1((real *)gamma, D), tensor1((real *)beta, D)};
    LayerNormActivations a = {tensor1(mean, rows), tensor1(rstd, rows)};
    layer_norm_forward(&layer, matrix(X, rows, D), &a, matrix(Y, rows, D));
}

void cpu_layer_norm_backward(int rows, int D, const double *X, const double *gamma,
                             double *mean, double *rstd, const double *dY, double *dX,
                             double *dgamma, double *dbeta) {
    const LayerNorm layer = {tensor1((real *)gamma, D), tensor1(dbeta, D)};
    LayerNorm d = {tensor1(dgamma, D), tensor1(dbeta, D)};
    const LayerNormActivations a = {tensor1(mean, rows), tensor1(rstd, rows)};
    layer_norm_backward(&layer, &d, matrix(X, rows, D), &a, matrix(dY, rows, D),
                        matrix(dX, rows, D));
}
