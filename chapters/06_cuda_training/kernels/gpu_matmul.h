/*
 * gpu_matmul.h: matrix products on the device, a ladder from the naive one to one
 * that keeps the arithmetic units busy; and cuBLASLt's, to compare with.
 *
 * The three layouts that a dense layer needs [ViT eq.5, eq.8, eq.3]:
 *
 *     MATMUL_NT   C = A B^T    Y = X W^T        A (m, k)   B (n, k)
 *     MATMUL_NN   C = A B      dX = dY W        A (m, k)   B (k, n)
 *     MATMUL_TN   C = A^T B    dW = dY^T X      A (k, m)   B (k, n)
 *
 * Rows of A, B and C may be further apart than they are long (ld).
 */
#pragma once

#include "chapters/06_cuda_training/gpu.h"

typedef enum { MATMUL_NT, MATMUL_NN, MATMUL_TN, MATMUL_LAYOUTS } MatmulLayout;

typedef enum {
    MATMUL_NAIVE,       /* one thread per element; neighbours walk down a column */
    MATMUL_COALESCED,   /* neighbours walk along a row: whole lines are used */
    MATMUL_SHARED,      /* a block keeps tiles of A and B in shared memory */
    MATMUL_REGISTERS,   /* a thread makes a small square of C */
    MATMUL_VECTORISED,  /* 16 bytes per load, the next tile fetched meanwhile */
    MATMUL_CUBLAS,      /* cuBLASLt in fp32 (TF32 off) */
    MATMUL_CUBLAS_TF32, /* cuBLASLt, factors with 10 bits of mantissa */
    MATMUL_VERSIONS
} MatmulVersion;
#define MATMUL_BEST MATMUL_VECTORISED
extern const char *const gpu_matmul_names[MATMUL_VERSIONS];

/* gpu_matmul_available: false for cuBLASLt where it was not built in. */
FOR_C bool gpu_matmul_available(MatmulVersion version);

/* Which product, and what happens to it before it is written. */
typedef struct {
    MatmulLayout layout;
    bool accumulate;   /* C += instead of C = */
    const float *bias; /* (n) added to every row, or NULL */
} MatmulForm;

/*
 * gpu_matmul: C (m, n) from A and B as the form says; C must not alias an input.
 * Cost: 2 m n k flops. Sums are in fp32, in an order that depends on the sizes and on
 * the version, never on the run: the same bits every time.
 */
FOR_C void gpu_matmul(GpuStream stream, MatmulVersion version, MatmulForm form,
                      Tensor A, Tensor B, Tensor C);

/*
 * gpu_matmul_make_workspace: device memory that some versions need; made once, before
 * the first step. False if there is none. Without it cuBLASLt doesn't work, and the
 * vectorised version doesn't split k among blocks: other bits, and slow where C is
 * small and k is long. There is one workspace, so products go through one stream at a
 * time. Calls are counted: the last free gives it back.
 */
FOR_C bool gpu_matmul_make_workspace(Error *error);
FOR_C void gpu_matmul_free_workspace(void);
FOR_C size_t gpu_matmul_workspace_bytes(void);
