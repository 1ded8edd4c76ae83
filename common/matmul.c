/*
 * matmul.c: a matrix product close to what the machine can do, in one page.
 *
 * Three ideas, each needed because of one fact about the machine:
 *
 * 1. Registers. A core can start two fused multiply-adds on whole vectors in
 *    each cycle, but can load only two vectors in it. So every number loaded must
 *    be used many times: the micro-kernel holds an MR x NR tile of C in
 *    registers, and for each k loads one row of B (NR numbers) and one column of
 *    A (MR numbers), MR + NR loads for MR * NR multiply-adds.
 *
 * 2. Packing. The micro-kernel reads its operands once from start to end if
 *    they lie in memory in that order. B is copied into panels of NR columns, and
 *    A into panels of MR rows, whatever their layout; so one micro-kernel serves
 *    all three layouts. Copying is O(mk + kn), the product O(mnk).
 *
 * 3. Blocks. Panels are used again and again, so they must stay in the cache:
 *    a KC x NC block of B, an MC x KC block of A, one KC x NR panel in L1.
 *
 * The scheme is Goto and van de Geijn's ("Anatomy of High-Performance Matrix
 * Multiplication", ACM TOMS 2008), as refined by BLIS.
 */
#include "matmul.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "error.h"

/* ---- what the machine has ---------------------------------------------- */

#if defined(__AVX512F__)
#define VECTOR_BYTES 64 /* 32 registers */
#define MR 12
#elif defined(__AVX__)
#define VECTOR_BYTES 32 /* 16 registers */
#define MR 6
#elif defined(__aarch64__)
#define VECTOR_BYTES 16 /* 32 registers */
#define MR 12
#else
#define VECTOR_BYTES 16
#define MR 6
#endif

#define LANES (VECTOR_BYTES / (int)sizeof(real))
#define NR (2 * LANES)

/* A vector, and one that may lie anywhere in memory. */
typedef real vector __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef real loose_vector
    __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));

enum { MC = 10 * MR, KC = 256, NC = 512 };

/* Where element (i, k) of an operand is: data[i * row + k * col]. */
typedef struct {
    const real *data;
    long row, col;
} Operand;

/* ---- the micro-kernel -------------------------------------------------- */

/*
 * sum (MR, vectors) = A panel (kc, MR)^T times B panel (kc, NR); both packed.
 * The loops over i have constant bounds: the compiler unrolls them and keeps
 * the accumulators in registers. `vectors` is 1 or 2: at the right edge of C the
 * second half of the tile may not be needed.
 */
static inline __attribute__((always_inline)) void multiply_panels(
    int kc, const real *restrict a, const real *restrict b, int vectors,
    vector sum[MR][2]) {
    for (int i = 0; i < MR; i++) {
        sum[i][0] = sum[i][1] = (vector){0};
    }
    for (int k = 0; k < kc; k++) {
        const vector *row = (const vector *)(b + (long)k * NR);
        vector b0 = row[0], b1 = row[1];
#pragma GCC unroll 12
        for (int i = 0; i < MR; i++) {
            real a_ik = a[(long)k * MR + i];
            sum[i][0] += a_ik * b0;
            if (vectors == 2) {
                sum[i][1] += a_ik * b1;
            }
        }
    }
}

/* c[0..cols-1] = or += the first `cols` numbers of two vectors; cols <= NR. */
static inline void store_row(real *c, const real *sum, int cols, bool add) {
    for (int j = 0; j < cols; j++) {
        c[j] = add ? c[j] + sum[j] : sum[j];
    }
}

/* C tile (rows, cols) = or += A panel times B panel; rows <= MR, cols <= NR. */
static void micro_kernel(int kc, const real *restrict a, const real *restrict b,
                         real *restrict c, long ldc, int rows, int cols, bool add) {
    vector sum[MR][2];
    if (cols > LANES) {
        multiply_panels(kc, a, b, 2, sum);
    } else {
        multiply_panels(kc, a, b, 1, sum);
    }
    if (rows == MR && cols == NR) {
#pragma GCC unroll 12
        for (int i = 0; i < MR; i++) {
            loose_vector *row = (loose_vector *)(c + i * ldc);
            if (add) {
                sum[i][0] += row[0];
                sum[i][1] += row[1];
            }
            row[0] = sum[i][0];
            row[1] = sum[i][1];
        }
        return;
    }
    /* At the edge of C: the tile goes through memory, and a part of it is used. */
    real tile[MR][NR] __attribute__((aligned(VECTOR_BYTES)));
#pragma GCC unroll 12
    for (int i = 0; i < MR; i++) {
        *(vector *)&tile[i][0] = sum[i][0];
        *(vector *)&tile[i][LANES] = sum[i][1];
    }
    for (int i = 0; i < rows; i++) {
        if (cols == LANES) { /* the width of a head, often */
            store_row(c + i * ldc, tile[i], LANES, add);
        } else {
            store_row(c + i * ldc, tile[i], cols, add);
        }
    }
}

/* ---- packing ----------------------------------------------------------- */

/*
 * pack: `count` rows of X (count, kc) into panels of `width` rows, each laid out
 * (kc, width); a panel that X doesn't fill is filled with zeros. A goes in as it
 * is, B as its transpose.
 */
static void pack(Operand X, int count, int kc, int width, real *restrict packed) {
    for (int first = 0; first < count; first += width) {
        int rows = count - first < width ? count - first : width;
        const real *x = X.data + first * X.row;
        if (X.row == 1) { /* neighbours in memory go side by side */
            for (int k = 0; k < kc; k++) {
                for (int i = 0; i < rows; i++) {
                    packed[(long)k * width + i] = x[k * X.col + i];
                }
            }
        } else { /* a transpose */
            for (int i = 0; i < rows; i++) {
                for (int k = 0; k < kc; k++) {
                    packed[(long)k * width + i] = x[i * X.row + k * X.col];
                }
            }
        }
        for (int k = 0; rows < width && k < kc; k++) {
            for (int i = rows; i < width; i++) {
                packed[(long)k * width + i] = 0;
            }
        }
        packed += (long)kc * width;
    }
}

/* ---- blocks ------------------------------------------------------------ */

static inline int smaller(int a, int b) {
    return a < b ? a : b;
}

static inline Operand part(Operand X, int i, int k) {
    return (Operand){X.data + i * X.row + k * X.col, X.row, X.col};
}

/* C (m, n) = or += A (m, k) times B (k, n) given as Bt (n, k), on one thread. */
static void multiply(int m, int n, int k, Operand A, Operand Bt, real *c, long ldc,
                     bool add) {
    static _Thread_local real a_block[MC * KC] __attribute__((aligned(64)));
    static _Thread_local real b_block[KC * NC] __attribute__((aligned(64)));

    for (int j0 = 0; j0 < n; j0 += NC) {
        int nc = smaller(NC, n - j0);
        for (int k0 = 0; k0 < k; k0 += KC) {
            int kc = smaller(KC, k - k0);
            pack(part(Bt, j0, k0), nc, kc, NR, b_block);
            for (int i0 = 0; i0 < m; i0 += MC) {
                int mc = smaller(MC, m - i0);
                pack(part(A, i0, k0), mc, kc, MR, a_block);
                for (int j = 0; j < nc; j += NR) {
                    for (int i = 0; i < mc; i += MR) {
                        micro_kernel(kc, a_block + (long)i * kc, b_block + (long)j * kc,
                                     c + (i0 + i) * ldc + j0 + j, ldc,
                                     smaller(MR, mc - i), smaller(NR, nc - j),
                                     add || k0 > 0);
                    }
                }
            }
        }
    }
}

/* ---- threads ----------------------------------------------------------- */

/* Cut C into one band for each thread, of rows or of columns: the longer side. */
static void multiply_on_threads(int m, int n, int k, Operand A, Operand Bt, real *c,
                                long ldc, bool add) {
#ifdef _OPENMP
    const double worth_it_flops = 2e6; /* some 20 us: well above a fork and join */
    int threads = omp_get_max_threads();
    if (threads > 1 && omp_get_level() == 0 && 2.0 * m * n * k > worth_it_flops) {
        bool by_rows = m >= n;
        int length = by_rows ? m : n, unit = by_rows ? MR : NR;
        int units = (length + unit - 1) / unit;
#pragma omp parallel for schedule(static) num_threads(threads)
        for (int t = 0; t < threads; t++) {
            int from = smaller(length, (int)((long)units * t / threads) * unit);
            int to = smaller(length, (int)((long)units * (t + 1) / threads) * unit);
            if (by_rows) {
                multiply(to - from, n, k, part(A, from, 0), Bt, c + from * ldc, ldc,
                         add);
            } else {
                multiply(m, to - from, k, A, part(Bt, from, 0), c + from, ldc, add);
            }
        }
        return;
    }
#endif
    multiply(m, n, k, A, Bt, c, ldc, add);
}

/* ---- the three layouts ------------------------------------------------- */

static Operand as_is(Tensor T) {
    return (Operand){T.data, T.ld, 1};
}

static Operand transposed(Tensor T) {
    return (Operand){T.data, 1, T.ld};
}

static void check_sizes(const char *name, Tensor A, Tensor B, Tensor C, bool fits,
                        const char *need) {
    if (!fits) {
        char a[TENSOR_SHAPE_TEXT], b[TENSOR_SHAPE_TEXT], c[TENSOR_SHAPE_TEXT];
        bug("%s: sizes don't fit: A is %s, B is %s, C is %s; need %s. "
            "Did you forget to transpose K? (chapter 2, eq. 1)",
            name, tensor_shape_text(A, a), tensor_shape_text(B, b),
            tensor_shape_text(C, c), need);
    }
}

static void nn(const char *name, Tensor A, Tensor B, Tensor C, bool add) {
    int m = tensor_rows(A), k = tensor_cols(A), n = tensor_cols(B);
    check_sizes(name, A, B, C,
                tensor_rows(B) == k && tensor_rows(C) == m && tensor_cols(C) == n,
                "A (m,k), B (k,n), C (m,n)");
    multiply_on_threads(m, n, k, as_is(A), transposed(B), C.data, C.ld, add);
}

static void nt(const char *name, Tensor A, Tensor B, Tensor C, bool add) {
    int m = tensor_rows(A), k = tensor_cols(A), n = tensor_rows(B);
    check_sizes(name, A, B, C,
                tensor_cols(B) == k && tensor_rows(C) == m && tensor_cols(C) == n,
                "A (m,k), B (n,k), C (m,n)");
    multiply_on_threads(m, n, k, as_is(A), as_is(B), C.data, C.ld, add);
}

static void tn(const char *name, Tensor A, Tensor B, Tensor C, bool add) {
    int m = tensor_cols(A), k = tensor_rows(A), n = tensor_cols(B);
    check_sizes(name, A, B, C,
                tensor_rows(B) == k && tensor_rows(C) == m && tensor_cols(C) == n,
                "A (k,m), B (k,n), C (m,n)");
    multiply_on_threads(m, n, k, transposed(A), transposed(B), C.data, C.ld, add);
}

void matmul_nn(Tensor A, Tensor B, Tensor C) {
    nn(__func__, A, B, C, false);
}

void matmul_nt(Tensor A, Tensor B, Tensor C) {
    nt(__func__, A, B, C, false);
}

void matmul_tn(Tensor A, Tensor B, Tensor C) {
    tn(__func__, A, B, C, false);
}

void matmul_nn_add(Tensor A, Tensor B, Tensor C) {
    nn(__func__, A, B, C, true);
}

void matmul_nt_add(Tensor A, Tensor B, Tensor C) {
    nt(__func__, A, B, C, true);
}

void matmul_tn_add(Tensor A, Tensor B, Tensor C) {
    tn(__func__, A, B, C, true);
}

const char *matmul_describe(void) {
    static char text[80];
    snprintf(text, sizeof text, "tiles of %d x %d, %d " REAL_NAME "s a vector", MR, NR,
             LANES);
    return text;
}
