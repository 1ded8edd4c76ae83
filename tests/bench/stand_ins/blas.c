/*
 * blas.c: a library that passes for OpenBLAS, for tests of the benchmark. STAND_IN in the
 * environment says what is wrong with it: wrong, nan, last, dies, hangs, spins, 64bit.
 */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void cblas_sgemm(int order, int transpose_a, int transpose_b, int m, int n, int k,
                 float alpha, const float *a, int lda, const float *b, int ldb,
                 float beta, float *c, int ldc);
const char *openblas_get_config(void);
const char *openblas_get_corename(void);

static int is(const char *what) {
    const char *wanted = getenv("STAND_IN");
    return wanted && strcmp(wanted, what) == 0;
}

#ifdef ANOTHER
#define openblas_get_config another_config
const char *another_config(void);
#endif

const char *openblas_get_config(void) {
    return is("64bit") ? "StandIn 1.0 USE64BITINT" : "StandIn 1.0";
}

const char *openblas_get_corename(void) {
    return "nothing";
}

/* A thread that has no work and doesn't sleep. */
static void *spin(void *unused) {
    for (volatile long i = 0;; i++) {
    }
    return unused;
}

static void go_wrong(void) {
    static int spinning;
    puts("a library that prints"); /* must not pass for an answer */
    while (is("hangs")) {
        sleep(60);
    }
    if (is("dies")) {
        abort();
    }
    while (is("spins") && spinning < 2) {
        pthread_t thread;
        pthread_create(&thread, NULL, spin, NULL);
        spinning++;
    }
}

void cblas_sgemm(int order, int transpose_a, int transpose_b, int m, int n, int k,
                 float alpha, const float *a, int lda, const float *b, int ldb,
                 float beta, float *c, int ldc) {
    (void)order;
    go_wrong();
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            float sum = 0;
            for (int p = 0; p < k; p++) {
                sum += (transpose_a == 112 ? a[p * lda + i] : a[i * lda + p]) *
                       (transpose_b == 112 ? b[j * ldb + p] : b[p * ldb + j]);
            }
            c[i * ldc + j] = alpha * sum + (beta != 0 ? beta * c[i * ldc + j] : 0);
        }
    }
    c[0] = is("nan") ? NAN : c[0];
    c[(m - 1) * ldc + n - 1] += is("last") ? 1.0f : 0.0f;
    if (is("wrong")) {
        memset(c, 0, sizeof *c * (size_t)n);
    }
}
