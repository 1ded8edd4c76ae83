/*
 * blas.h: OpenBLAS and BLIS, if they are there: opened while the program runs, so
 * that it is built without them.
 */
#pragma once

#include "tests/bench/matmul_shapes.h"

/* cblas_sgemm, with the numbers of its enumerations. */
typedef void Sgemm(int order, int transpose_a, int transpose_b, int m, int n, int k,
                   float alpha, const float *a, int lda, const float *b, int ldb,
                   float beta, float *c, int ldc);

typedef struct {
    const char *name;
    void *handle; /* NULL: skipped */
    Sgemm *sgemm;
    void (*set_threads)(int);       /* OpenBLAS's; may be NULL */
    void (*set_threads_long)(long); /* BLIS's; may be NULL */
    char version[200];              /* or why it is skipped */
} Blas;

/* blas_open_openblas, blas_open_blis: the file that the environment names, or the
 * system's. */
void blas_open_openblas(Blas *blas);
void blas_open_blis(Blas *blas);
void blas_close(Blas *blas);

void blas_threads(const Blas *blas, int threads);

/* blas_multiply: the product, as matmul_nn, _nt, _tn and _tn_add define it. */
void blas_multiply(const Blas *blas, const Product *p);
