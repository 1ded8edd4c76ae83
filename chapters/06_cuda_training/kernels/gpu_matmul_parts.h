/*
 * gpu_matmul_parts.h: what the ladder's files share with each other and with their
 * tests: gpu_matmul.cu (from naive to registers), gpu_matmul_vectorised.cu (the last
 * rung) and gpu_cublaslt.cu (NVIDIA's product, to compare with).
 */
#pragma once

#include "chapters/06_cuda_training/kernels/gpu_matmul.h"

/* A kernel's argument, passed by value. A, B and their sizes are as the layout says. */
typedef struct {
    int m, n, k;
    const float *A, *B, *bias; /* bias (n) or NULL */
    float *C;                  /* (m, n) */
    int ld_A, ld_B, ld_C;
    bool accumulate;
} MatmulProduct;

/* ---- the last rung: which tile, and into how many parts k is cut ----------------- */

enum { MATMUL_TILES = 4, MATMUL_MAX_PARTS = 64 };

typedef struct {
    int rows, cols, depth; /* of C, and of k in each step */
    int warps, resident;   /* per block; blocks on a multiprocessor at once */
    double fma_share;      /* multiply-adds among a warp's instructions */
} MatmulTile;
extern const MatmulTile matmul_tiles[MATMUL_TILES]; /* the largest first */

typedef struct {
    int tile;   /* of matmul_tiles */
    int parts;  /* 1: no block shares its sums with another */
    int k_part; /* of k for each part, the last may have less */
} MatmulPlan;

/*
 * matmul_plan: the tile and the parts that should take the shortest time on a large
 * card. It depends on the sizes alone, so that the order of the sums, and with it every
 * bit, is the same on every card.
 *   workspace_floats   room for the parts' sums (parts, m, n); 0: one part
 */
FOR_C MatmulPlan matmul_plan(int m, int n, int k, long workspace_floats);

/* matmul_plan_with: this tile and, if k is long enough, this many parts. */
FOR_C MatmulPlan matmul_plan_with(int tile, int parts, int k);

/*
 * matmul_vectorised: the product, as planned.
 *   workspace (parts, m, n)   used if there is more than one part; aligned to 16 bytes
 */
FOR_C void matmul_vectorised(GpuStream stream, MatmulLayout layout,
                             MatmulProduct product, MatmulPlan plan, float *workspace);

/* ---- cuBLASLt, if it was installed when this was built (-DHAVE_CUBLASLT) --------- */

/* cublaslt_open: makes its handle and workspace; without cuBLASLt true, and nothing. */
FOR_C bool cublaslt_open(Error *error);
FOR_C void cublaslt_close(void);
FOR_C size_t cublaslt_workspace_bytes(void); /* 0 without cuBLASLt */

/* cublaslt_matmul: the product. With tf32 the factors have 10 bits of mantissa (sums
 * stay in fp32). Needs cublaslt_open. */
FOR_C void cublaslt_matmul(GpuStream stream, bool tf32, MatmulLayout layout,
                           MatmulProduct product);

#ifdef __cplusplus /* for the kernels */
#include "chapters/06_cuda_training/kernels/gpu_kernel.h"

/* put: writes an element of C; before that it adds what the product asks for. */
static DEVICE void put(const MatmulProduct &p, int i, int j, float sum) {
    if (i < p.m && j < p.n) {
        float *at = p.C + (long)i * p.ld_C + j;
        sum += p.bias ? p.bias[j] : 0.0f;
        *at = p.accumulate ? *at + sum : sum;
    }
}
#endif
