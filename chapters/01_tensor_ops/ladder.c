/*
 * ladder.c: see ladder.h. Read it from the top: one idea for each rung.
 *
 * A processor multiplies far faster than memory can bring numbers. In the order of
 * speed there are: registers (some 2 KB), the first cache (tens of KB), the second
 * (about 1 MB), memory. A product of two (n, n) matrices does 2 n^3 flops on 3 n^2
 * numbers, so each number could be used 2n/3 times. The ladder is about really
 * using it again while it is near.
 *
 * The last rungs are Goto and van de Geijn's scheme ("Anatomy of High-Performance
 * Matrix Multiplication", ACM TOMS 2008). Arithmetic: notes/01_tensor_ops.md.
 */
#include "ladder.h"

#ifdef _OPENMP
#include <omp.h>
#endif

#include "workspace.h"

/* ---- shapes and parts ---------------------------------------------------- */

typedef struct {
    int m, n, k;
} Sizes;

/* The sizes of C = A B, when they fit; else the program stops. */
static Sizes sizes_of(const char *rung, Tensor A, Tensor B, Tensor C) {
    const Sizes s = {tensor_rows(A), tensor_cols(B), tensor_cols(A)};
    tensor_expect(B, "B", rung, "C = A B needs A (m,k), B (k,n).", 2,
                  (int[]){s.k, s.n});
    tensor_expect(C, "C", rung, "C = A B needs C (m,n).", 2, (int[]){s.m, s.n});
    return s;
}

static inline int smaller(int a, int b) {
    return a < b ? a : b;
}

/* part: a view of rows i.., columns j.. of T. Nothing is copied. */
static Tensor part(Tensor T, int i, int j, int rows, int cols) {
    Tensor view = tensor2(tensor_row(T, i) + j, rows, cols);
    view.ld = T.ld;
    return view;
}

/* ---- rung 1: as written on paper ------------------------------------------ */

/*
 *     C(i,j) = sum over k of A(i,k) B(k,j)
 *
 * Three things make it slow.
 * 1. Each multiply-add loads two numbers, which are not used again before long:
 *    2 flops for 8 bytes (float).
 * 2. B is read down a column: each step jumps a whole row ahead, to another line of
 *    the cache (64 bytes), of which 4 bytes are used.
 * 3. Each addition waits for the one before: one in 2 to 4 cycles, where the processor
 *    could start two whole vectors in each cycle. The compiler may not change this:
 *    another order of additions rounds in another way.
 */
void ladder_by_definition(Tensor A, Tensor B, Tensor C) {
    const Sizes s = sizes_of(__func__, A, B, C);
    for (int i = 0; i < s.m; i++) {
        for (int j = 0; j < s.n; j++) {
            real sum = 0;
            for (int k = 0; k < s.k; k++) {
                sum += tensor_row(A, i)[k] * tensor_row(B, k)[j];
            }
            tensor_row(C, i)[j] = sum;
        }
    }
}

/* ---- rung 2: the order of the loops --------------------------------------- */

/* C += A B: for each number A(i,k), row i of C += A(i,k) times row k of B. */
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
 * The loops over j and k change places. Rows of B and C are read in memory's order,
 * every byte of a cache line is used, and the columns j don't wait for each other:
 * the compiler makes vectors of them (16 floats in AVX-512).
 *
 * What it costs: for each multiply-add of vectors, two loads and a store (c and b
 * come, c goes). And each row of C needs the whole of B: when B is larger than the
 * cache, k n numbers come from beyond it for 2 k n flops, again 2 flops for 4 bytes.
 */
void ladder_loop_order(Tensor A, Tensor B, Tensor C) {
    sizes_of(__func__, A, B, C);
    tensor_fill(C, 0);
    add_row_by_row(A, B, C);
}

/* ---- rung 3: blocks for the cache ----------------------------------------- */

enum { BLOCK_K = 64, BLOCK_N = 512 }; /* of B: 128 KB in float, 256 KB in double */

/*
 * Rung 2, on one block of B after another. A block comes into the second cache once,
 * and all m rows of A and C pass by it. For each row, BLOCK_K numbers of A come and
 * BLOCK_N of C come and go, for 2 BLOCK_K BLOCK_N flops:
 *
 *     2 * 64 * 512 flops for (64 + 2 * 512) * 4 bytes  =  15 flops for a byte (float)
 *
 * where rung 2 has 0.5. With a square block of b by b it is 2 b^2 flops for 3 b
 * numbers, b/6 flops for a byte: the larger the block the better, as long as it fits.
 * It is wide because the loop over j is the one that runs in vectors.
 */
void ladder_blocked(Tensor A, Tensor B, Tensor C) {
    const Sizes s = sizes_of(__func__, A, B, C);
    tensor_fill(C, 0);
    for (int j = 0; j < s.n; j += BLOCK_N) {
        const int cols = smaller(BLOCK_N, s.n - j);
        for (int k = 0; k < s.k; k += BLOCK_K) {
            const int depth = smaller(BLOCK_K, s.k - k);
            add_row_by_row(part(A, 0, k, s.m, depth), part(B, k, j, depth, cols),
                           part(C, 0, j, s.m, cols));
        }
    }
}

/* ---- rung 4: packing ------------------------------------------------------ */

/*
 * Does the block stay in the cache? Its rows lie ld numbers apart, and that hurts in
 * three ways.
 * 1. A cache is cut into sets, picked by some bits of the address; each set holds 8
 *    to 16 lines. With ld = 1024 floats = 4096 bytes, and 64 sets of 64 bytes, all
 *    rows of a block begin in the same set, and push each other out.
 * 2. Each row is on another page (4 KB): an entry of the TLB, the small table that
 *    finds a page's place in memory.
 * 3. The hardware fetches ahead along a stream; short rows end before it helps.
 *
 * So the block is copied into one piece first. That costs BLOCK_K BLOCK_N copies
 * for 2 m BLOCK_K BLOCK_N flops: one for 2 m. (A needs no copy here: its rows are
 * read from left to right anyway.)
 */
void ladder_packed(Tensor A, Tensor B, Tensor C) {
    real *block = workspace_take(BLOCK_K * BLOCK_N * sizeof(real), "a block of B");
    const Sizes s = sizes_of(__func__, A, B, C);
    tensor_fill(C, 0);
    for (int j = 0; j < s.n; j += BLOCK_N) {
        const int cols = smaller(BLOCK_N, s.n - j);
        for (int k = 0; k < s.k; k += BLOCK_K) {
            const int depth = smaller(BLOCK_K, s.k - k);
            Tensor packed = tensor2(block, depth, cols);
            tensor_copy(packed, part(B, k, j, depth, cols));
            add_row_by_row(part(A, 0, k, s.m, depth), packed, part(C, 0, j, s.m, cols));
        }
    }
    workspace_give(block);
}

/* ---- rung 5: a tile in registers ------------------------------------------ */

/* The widest vectors that there are, and how many rows of two of them fit into the
 * registers, with room for a row of B and a number of A. */
#if defined(__AVX512F__)
enum { VECTOR_BYTES = 64, MR = 12 }; /* 32 registers: 24 for C */
#elif defined(__AVX__)
enum { VECTOR_BYTES = 32, MR = 6 }; /* 16 registers: 12 for C */
#elif defined(__aarch64__)
enum { VECTOR_BYTES = 16, MR = 12 }; /* NEON, 32 registers: 24 for C */
#else
enum { VECTOR_BYTES = 16, MR = 6 }; /* SSE, 16 registers: 12 for C */
#endif

enum { LANES = VECTOR_BYTES / (int)sizeof(real), NR = 2 * LANES };
enum { MC = 10 * MR, KC = 256, NC = 512 }; /* blocks: A (MC, KC), B (KC, NC) */

/* gcc's and clang's vectors: + and * work on all lanes at once. */
typedef real vector __attribute__((vector_size(VECTOR_BYTES), may_alias));

/*
 * tile (MR, NR) = A panel (MR, kc) times B panel (kc, NR). The loops over i are
 * unrolled, so that sum[][] is 2 MR registers and no memory. For each k there are
 * 2 MR multiply-adds of vectors, and 2 + MR loads: two of B, one number for each row
 * of A. With MR = 12: 24 multiply-adds for 14 loads, where rungs 2 to 4 have 1 for 3
 * loads and stores. And 24 independent sums hide the latency of each.
 */
static void multiply_panels(int kc, const real *a, const real *b, real tile[MR][NR]) {
    vector sum[MR][2] = {{{0}}};
    for (int k = 0; k < kc; k++) {
        const vector *row = (const vector *)(b + (long)k * NR);
        const vector b0 = row[0], b1 = row[1];
#pragma GCC unroll 12
        for (int i = 0; i < MR; i++) {
            const real a_ik = a[(long)k * MR + i];
            sum[i][0] += a_ik * b0;
            sum[i][1] += a_ik * b1;
        }
    }
#pragma GCC unroll 12
    for (int i = 0; i < MR; i++) {
        ((vector *)tile[i])[0] = sum[i][0];
        ((vector *)tile[i])[1] = sum[i][1];
    }
}

/* C += A B for one tile; C (rows, cols) may be smaller than the tile, at the edge. */
static void add_tile(int kc, const real *a, const real *b, Tensor C) {
    real tile[MR][NR] __attribute__((aligned(64)));
    const int rows = tensor_rows(C), cols = tensor_cols(C);
    multiply_panels(kc, a, b, tile);
    for (int i = 0; i < rows; i++) {
        real *c = tensor_row(C, i);
        for (int j = 0; j < cols; j++) {
            c[j] += tile[i][j];
        }
    }
}

/* A's rows in panels of MR, each (kc, MR): the order in which they are read. Where
 * A ends inside a panel, zeros: they multiply into rows that nobody uses. */
static void pack_rows(Tensor A, real *packed) {
    const int m = tensor_rows(A), kc = tensor_cols(A);
    for (int first = 0; first < m; first += MR, packed += (long)kc * MR) {
        for (int i = 0; i < MR; i++) {
            const bool inside = first + i < m;
            const real *a = tensor_row(A, inside ? first + i : 0);
            for (int k = 0; k < kc; k++) {
                packed[(long)k * MR + i] = inside ? a[k] : 0;
            }
        }
    }
}

/* B's columns in panels of NR, each (kc, NR); zeros at the right edge. */
static void pack_columns(Tensor B, real *packed) {
    const int kc = tensor_rows(B), n = tensor_cols(B);
    for (int first = 0; first < n; first += NR) {
        const int cols = smaller(NR, n - first);
        for (int k = 0; k < kc; k++, packed += NR) {
            const real *b = tensor_row(B, k) + first;
            for (int j = 0; j < NR; j++) {
                packed[j] = j < cols ? b[j] : 0;
            }
        }
    }
}

/* C += A B, from a packed block of each: tile by tile. */
static void add_block(int kc, const real *a_block, const real *b_block, Tensor C) {
    const int m = tensor_rows(C), n = tensor_cols(C);
    for (int j = 0; j < n; j += NR) {
        for (int i = 0; i < m; i += MR) {
            add_tile(kc, a_block + (long)i * kc, b_block + (long)j * kc,
                     part(C, i, j, smaller(MR, m - i), smaller(NR, n - j)));
        }
    }
}

/*
 * Blocks and packing as before, for A too: the tile reads MR rows of A side by side.
 * Each cache has its guest: a panel of B (KC, NR) the first one, the block of A
 * (MC, KC) and of B (KC, NC) the second. A number of C comes and goes once for KC
 * multiply-adds, no longer at each one.
 */
void ladder_micro_kernel(Tensor A, Tensor B, Tensor C) {
    real *b_block = workspace_take((MC + NC) * KC * sizeof(real), "two blocks");
    real *a_block = b_block + KC * NC;
    const Sizes s = sizes_of(__func__, A, B, C);
    tensor_fill(C, 0);
    for (int j = 0; j < s.n; j += NC) {
        const int nc = smaller(NC, s.n - j);
        for (int k = 0; k < s.k; k += KC) {
            const int kc = smaller(KC, s.k - k);
            pack_columns(part(B, k, j, kc, nc), b_block);
            for (int i = 0; i < s.m; i += MC) {
                const int mc = smaller(MC, s.m - i);
                pack_rows(part(A, i, k, mc, kc), a_block);
                add_block(kc, a_block, b_block, part(C, i, j, mc, nc));
            }
        }
    }
    workspace_give(b_block);
}

/* ---- rung 6: threads ------------------------------------------------------ */

static int threads_here(void) {
#ifdef _OPENMP
    return omp_get_max_threads();
#else
    return 1;
#endif
}

/*
 * Each thread computes a band of C's rows with rung 5, from its band of A and the
 * whole of B. No two write to the same place: nothing waits but the end. T threads
 * are at most T times as fast; less, because
 * 1. each packs all of B by itself: k n copies for 2 (m/T) n k flops, T times the
 *    share of before (T/(2m)),
 * 2. they share the bandwidth of memory, and the clock may be slower for many.
 * Bands are whole tiles, so that no thread but the last has an edge.
 */
void ladder_threads(Tensor A, Tensor B, Tensor C) {
    const Sizes s = sizes_of(__func__, A, B, C);
    const int bands = threads_here(), tiles = (s.m + MR - 1) / MR;
#pragma omp parallel for schedule(static)
    for (int t = 0; t < bands; t++) {
        const int from = (int)((long)tiles * t / bands) * MR;
        const int to = smaller(s.m, (int)((long)tiles * (t + 1) / bands) * MR);
        if (from < to) {
            ladder_micro_kernel(part(A, from, 0, to - from, s.k), B,
                                part(C, from, 0, to - from, s.n));
        }
    }
}

LadderSizes ladder_sizes(void) {
    return (LadderSizes){{BLOCK_K, BLOCK_N}, {KC, NC}, MR, 2, LANES};
}
