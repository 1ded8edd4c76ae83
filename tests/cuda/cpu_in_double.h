/*
 * cpu_in_double.h: what the CPU's layers of chapters 1 to 5 compute, in double. They
 * are compiled once more for this, and joined into one object of which only the
 * functions below can be seen (the Makefile's cpu_in_double.o). Arrays of double, row
 * by row, without gaps; names and shapes as in the layers' own headers.
 *
 * Included by tests (float) and by in_double/ (double): no Tensor may appear here.
 */
#ifndef CPU_IN_DOUBLE_H
#define CPU_IN_DOUBLE_H

/* Y = GELU(X), dX = dY o GELU'(X); count numbers. */
void cpu_gelu(int count, const double *X, double *Y);
void cpu_gelu_backward(int count, const double *X, const double *dY, double *dX);

/* C (m, n) = A B^T, A B, A^T B; A and B as in common/matmul.h. */
void cpu_matmul_nt(int m, int n, int k, const double *A, const double *B, double *C);
void cpu_matmul_nn(int m, int n, int k, const double *A, const double *B, double *C);
void cpu_matmul_tn(int m, int n, int k, const double *A, const double *B, double *C);

#endif
