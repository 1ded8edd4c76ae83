/*
 * ladder.c: see ladder.h. Read it after common/matmul_plain.c: one idea for each rung.
 *
 * A processor multiplies far faster than memory can bring elements. From fast to
 * slow there are registers (some 2 KB), the first cache (tens of KB), the second
 * (about 1 MB) and memory. A product of two (n, n) matrices does 2 n^3 flops on 3 n^2
 * elements, so each could be used 2n/3 times. The ladder is about really using it
 * again while it is near. Arithmetic: notes/01_tensor_ops.md.
 */
#include "chapters/01_tensor_ops/ladder.h"

#include "common/workspace.h"

static inline int smaller(int a, int b) {
    return a < b ? a : b;
}

/* part: a view of rows i.., columns j.. of T. Nothing is copied. */
static Tensor part(Tensor T, int i, int j, int rows, int cols) {
    Tensor view = tensor2(tensor_row(T, i) + j, rows, cols);
    view.ld = T.ld;
    return view;
}

/* C += A B: for each element A(i,k), row i of C += A(i,k) times row k of B. */
static void add_row_by_row(Tensor A, Tensor B, Tensor C) {
    const int m = tensor_rows(A), n = tensor_cols(B), k_end = tensor_cols(A);
    for (int i = 0; i < m; i++) {
        const real *a = tensor_row(A, i);
        real *c = tensor_row(C, i);
        for (int k = 0; k < k_end; k++) {
            const real a_ik = a[k];
            const real *b = tensor_row(B, k);
#pragma omp simd
            for (int j = 0; j < n; j++) {
                c[j] += a_ik * b[j];
            }
        }
    }
}

/*
 * Rung 2, the order of the loops: those over j and k are exchanged. Rows of B and C are
 * read in memory's order, every byte of a cache line is used, and the columns j don't
 * wait for each other: the compiler makes vectors of them (16 floats in AVX-512).
 *
 * It costs two loads and a store per multiply-add of vectors (c and b come, c goes).
 * And each row of C needs the whole of B: when B is larger than the cache, k n elements
 * come from beyond it for 2 k n flops, again 2 flops for 4 bytes.
 */
void ladder_loop_order(Tensor A, Tensor B, Tensor C) {
    const int m = tensor_rows(A), n = tensor_cols(B), k_end = tensor_cols(A);
    expect_shape(B, "C = A B needs A (m,k), B (k,n).", k_end, n);
    expect_shape(C, "C = A B needs C (m,n).", m, n);
    tensor_fill(C, 0);
    add_row_by_row(A, B, C);
}

/*
 * Rung 3, blocks for the cache: rung 2, on one block of B after another. A block comes
 * into the second cache once, and all m rows of A and C pass by it. For each row,
 * BLOCK_K elements of A come and BLOCK_N of C come and go, for 2 BLOCK_K BLOCK_N flops:
 *
 *     2 * 64 * 512 flops for (64 + 2 * 512) * 4 bytes  =  15 flops per byte (float)
 *
 * where rung 2 has 0.5. With a square block of b by b it is 2 b^2 flops for 3 b
 * elements, b/6 flops per byte: the larger the block the better, as long as it fits.
 * It is wide because the loop over j is the one that runs in vectors.
 */
void ladder_blocked(Tensor A, Tensor B, Tensor C) {
    const int m = tensor_rows(A), n = tensor_cols(B), k_end = tensor_cols(A);
    expect_shape(B, "C = A B needs A (m,k), B (k,n).", k_end, n);
    expect_shape(C, "C = A B needs C (m,n).", m, n);
    tensor_fill(C, 0);
    for (int j = 0; j < n; j += BLOCK_N) {
        const int cols = smaller(BLOCK_N, n - j);
        for (int k = 0; k < k_end; k += BLOCK_K) {
            const int depth = smaller(BLOCK_K, k_end - k);
            add_row_by_row(part(A, 0, k, m, depth), part(B, k, j, depth, cols),
                           part(C, 0, j, m, cols));
        }
    }
}

/*
 * Rung 4, packing. Does the block stay in the cache? Its rows are ld elements apart,
 * and that hurts in three ways.
 * 1. A cache is cut into sets, picked by some bits of the address; each set holds 8
 *    to 16 lines. With ld = 1024 floats = 4096 bytes, and 64 sets of 64 bytes, all
 *    rows of a block begin in the same set, and push each other out.
 * 2. Each row is on another page (4 KB): an entry of the TLB, the small table that
 *    finds a page's place in memory.
 * 3. The hardware fetches ahead along a stream; short rows end before it helps.
 *
 * So the block is copied into one piece first. That costs BLOCK_K BLOCK_N copies
 * for 2 m BLOCK_K BLOCK_N flops: one per 2 m flops. (A needs no copy here: its rows are
 * read from left to right anyway.)
 */
void ladder_packed(Tensor A, Tensor B, Tensor C) {
    const int m = tensor_rows(A), n = tensor_cols(B), k_end = tensor_cols(A);
    expect_shape(B, "C = A B needs A (m,k), B (k,n).", k_end, n);
    expect_shape(C, "C = A B needs C (m,n).", m, n);
    real *block = workspace_take(BLOCK_K * BLOCK_N * sizeof(real), "a block of B");
    tensor_fill(C, 0);
    for (int j = 0; j < n; j += BLOCK_N) {
        const int cols = smaller(BLOCK_N, n - j);
        for (int k = 0; k < k_end; k += BLOCK_K) {
            const int depth = smaller(BLOCK_K, k_end - k);
            Tensor packed = tensor2(block, depth, cols);
            tensor_copy(packed, part(B, k, j, depth, cols));
            add_row_by_row(part(A, 0, k, m, depth), packed, part(C, 0, j, m, cols));
        }
    }
    workspace_give(block);
}

/*
 * What rungs 2 to 4 don't reach: their inner loop loads and stores c[j] for each
 * multiply-add. Rung 5, common/matmul.c, holds a tile of C in registers instead.
 */
