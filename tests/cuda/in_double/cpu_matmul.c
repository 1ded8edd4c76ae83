/* cpu_matmul.c: see cpu_in_double.h. */
#include "cpu_in_double.h"
#include "matmul.h"

/* The products never write what is declared `in`. */
static Tensor matrix(const double *X, int rows, int cols) {
    return tensor2((real *)X, rows, cols);
}

void cpu_matmul_nt(int m, int n, int k, const double *A, const double *B, double *C) {
    matmul_nt(matrix(A, m, k), matrix(B, n, k), matrix(C, m, n));
}

void cpu_matmul_nn(int m, int n, int k, const double *A, const double *B, double *C) {
    matmul_nn(matrix(A, m, k), matrix(B, k, n), matrix(C, m, n));
}

void cpu_matmul_tn(int m, int n, int k, const double *A, const double *B, double *C) {
    matmul_tn(matrix(A, k, m), matrix(B, k, n), matrix(C, m, n));
}
