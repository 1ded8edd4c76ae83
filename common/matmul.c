/*
 * matmul.c: the products of matmul_plain.c, close to what the machine can do.
 *
 * Three ideas, each needed because of one fact about the machine:
 *
 * 1. Registers. A core can start two multiply-adds of whole vectors in each cycle, but
 *    can load only two vectors in it. So every element loaded must be used many times:
 *    the micro-kernel holds an MR x NR tile of C in registers, MR rows of 2 vectors.
 *    For each k it loads 2 vectors of B and MR elements of A, for 2 MR multiply-adds
 *    of vectors. With MR = 12 that is 24 for 14 loads. And the 24 sums don't wait for
 *    each other, as one sum after another would (some 4 cycles each).
 *
 * 2. Packing. The micro-kernel runs at full speed if it reads B's elements one after
 *    the other. So B is copied into panels of NR columns, (k, NR) each, whatever its
 *    layout; one micro-kernel then serves all three layouts. From A it needs single
 *    elements, which may be anywhere, so A is copied (into panels of MR rows) only if
 *    each panel is read so often that it pays.
 *
 *    Weights that meet one input after another can be packed once (matmul_prepack).
 *
 * 3. Blocks. Panels are used again and again, so they must stay in the cache: a KC x NR
 *    panel of B in the first one, an MC x KC block of A and a KC x NC block of B in the
 *    second. An element of C is loaded and stored once per KC multiply-adds.
 *
 * The scheme is Goto and van de Geijn's ("Anatomy of High-Performance Matrix
 * Multiplication", ACM TOMS 2008), as refined by BLIS. The ladder of chapter 1
 * climbs to it one idea at a time.
 */
#include "common/matmul.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "common/error.h"
#include "common/workspace.h"

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

#ifdef REAL_IS_DOUBLE
#define LANES (VECTOR_BYTES / 8)
#else
#define LANES (VECTOR_BYTES / 4)
#endif
#define NR (2 * LANES)

/* gcc's and clang's vectors: + and * work on all lanes at once. A loose one may be
 * anywhere in memory. */
typedef real vector __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef real loose_vector
    __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));

enum { MC = 10 * MR, KC = 256, NC = 512 };
enum { MC_PREPACKED = 2 * MC }; /* where B needs no room in that cache */

/* Inlined with constant arguments, a loop of MR steps becomes MR instructions: only
 * then can an array of vectors be registers. Each compiler has its own word for it. */
#define INLINE static inline __attribute__((always_inline))
#define CALLED __attribute__((noinline)) /* or it would be in the way of registers */
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* Where element (i, k) of an operand is: data[i * row + k * col]. */
typedef struct {
    const real *data;
    long row, col;
} Operand;

INLINE Operand part(Operand X, int i, int k) {
    return (Operand){X.data + i * X.row + k * X.col, X.row, X.col};
}

INLINE int smaller(int a, int b) {
    return a < b ? a : b;
}

/* ---- the micro-kernel -------------------------------------------------- */

/* C (m, n) = A (m, k) B (k, n) + bias, or C += A B; B is given as Bt (n, k). A tile and
 * a block of a product are products too. */
typedef struct {
    int m, n, k;
    Operand A, Bt;
    real *c;
    long ldc;
    bool add;
    const real *bias; /* (n), what each row's sums begin with; NULL: 0 */
    /* B's panels where they are packed: panel_k rows each, of which this product's k
     * begin at row k0. NULL in a whole product: still to be packed. */
    const real *b;
    int panel_k, k0;
    /* What a tile fetches for the tiles after it: `step` elements for each k. */
    const real *next;
    int step;
} Product;

/* Stores the first `count` < LANES elements of a vector, in pieces of 8, 4, 2 and 1, so
 * that every copy's length is known: one row of the tile's last column of vectors. */
static CALLED void store_part(real *c, vector v, int count, bool add) {
    const real *from = (const real *)&v;
    UNROLL
    for (int piece = LANES / 2; piece > 0; piece /= 2) {
        if (count & piece) {
            for (int j = 0; j < piece; j++) {
                c[j] = add ? c[j] + from[j] : from[j];
            }
            c += piece;
            from += piece;
        }
    }
}

INLINE void store_vector(real *c, vector v, bool add) {
    loose_vector *at = (loose_vector *)c;
    if (add) {
        v += *at;
    }
    *at = v;
}

/* multiply_tile: a tile of C, m <= `rows` and n <= NR, whose `bias` has NR elements. B
 * is a packed panel, (k, vectors * LANES). `rows` and `vectors` are constants wherever
 * this is inlined, so that all of `sum` is in registers. */
INLINE void multiply_tile(int rows, int vectors, Operand A, const real *b,
                          const Product *tile) {
    vector sum[MR][2], start[2] = {{0}, {0}};
    for (int v = 0; v < vectors && tile->bias; v++) {
        start[v] = ((const loose_vector *)tile->bias)[v];
    }
    UNROLL
    for (int i = 0; i < rows; i++) {
        __builtin_prefetch(tile->c + i * tile->ldc, 1); /* wanted when we are done */
        __builtin_prefetch(tile->c + i * tile->ldc + tile->n - 1, 1);
        sum[i][0] = start[0];
        sum[i][1] = start[1];
    }
    for (int k = 0; k < tile->k; k++) {
        const vector *row = (const vector *)(b + (long)k * vectors * LANES);
        const vector b0 = row[0], b1 = row[vectors - 1];
        __builtin_prefetch(tile->next + (long)k * tile->step, 0, 2);
        UNROLL
        for (int i = 0; i < rows; i++) {
            const real a_ik = A.data[i * A.row + k * A.col];
            sum[i][0] += a_ik * b0;
            if (vectors == 2) {
                sum[i][1] += a_ik * b1;
            }
        }
    }
    const int last = (vectors - 1) * LANES, count = tile->n - last;
    UNROLL
    for (int i = 0; i < rows; i++) {
        real *c = tile->c + i * tile->ldc;
        if (i >= tile->m) {
            break;
        }
        if (vectors == 2) {
            store_vector(c, sum[i][0], tile->add);
        }
        if (count == LANES) {
            store_vector(c + last, sum[i][vectors - 1], tile->add);
        } else {
            store_part(c + last, sum[i][vectors - 1], count, tile->add);
        }
    }
}

/* The same for A packed, or where it is (a whole panel of MR rows, one of the strides
 * 1). A packed panel with fewer rows takes a tile of a third or two thirds. */
INLINE void multiply_panels(int vectors, const real *b, const Product *tile) {
    const Operand A = tile->A;
    if (A.row == 1 && A.col == MR) {
        const Operand packed = {A.data, 1, MR}; /* strides known to the compiler */
        if (tile->m <= MR / 3) {
            multiply_tile(MR / 3, vectors, packed, b, tile);
        } else if (tile->m <= 2 * MR / 3) {
            multiply_tile(2 * MR / 3, vectors, packed, b, tile);
        } else {
            multiply_tile(MR, vectors, packed, b, tile);
        }
    } else if (A.row == 1) {
        multiply_tile(MR, vectors, (Operand){A.data, 1, A.col}, b, tile);
    } else {
        multiply_tile(MR, vectors, (Operand){A.data, A.row, 1}, b, tile);
    }
}

static CALLED void micro_kernel(const real *b, const Product *tile) {
    if (tile->n > LANES) {
        multiply_panels(2, b, tile);
    } else {
        multiply_panels(1, b, tile);
    }
}

/* ---- packing ----------------------------------------------------------- */

/* Two vectors' elements in turn: a0 b0 a1 b1 ...; LOW of the first halves, HIGH of
 * the second. The indices count through a and on through b. */
#if LANES == 16
#define LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif LANES == 8
#define LOW 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH 4, 12, 5, 13, 6, 14, 7, 15
#elif LANES == 4
#define LOW 0, 4, 1, 5
#define HIGH 2, 6, 3, 7
#else
#define LOW 0, 2
#define HIGH 1, 3
#endif
#ifdef __clang__
#define INTERLEAVE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#ifdef REAL_IS_DOUBLE
typedef int64_t index_vector __attribute__((vector_size(VECTOR_BYTES)));
#else
typedef int index_vector __attribute__((vector_size(VECTOR_BYTES)));
#endif
#define INTERLEAVE(a, b, ...) __builtin_shuffle(a, b, (index_vector){__VA_ARGS__})
#endif

/* transpose: LANES vectors of LANES elements, in registers. The index of element (i, j)
 * has 2 log2(LANES) binary digits, first i's, then j's. Interleaving row i with row i +
 * LANES/2 moves all digits one to the left and the first to the end. After log2(LANES)
 * rounds, i and j have changed places. */
INLINE void transpose(vector x[LANES]) {
    UNROLL
    for (int round = 1; round < LANES; round *= 2) {
        vector y[LANES];
        UNROLL
        for (int i = 0; i < LANES / 2; i++) {
            y[2 * i] = INTERLEAVE(x[i], x[i + LANES / 2], LOW);
            y[2 * i + 1] = INTERLEAVE(x[i], x[i + LANES / 2], HIGH);
        }
        UNROLL
        for (int i = 0; i < LANES; i++) {
            x[i] = y[i];
        }
    }
}

/* pack_strip: `rows` <= LANES rows of X (rows, kc), each contiguous, as columns:
 * packed[k * width + i] = X(i, k), and 0 for i from rows to LANES - 1. */
static void pack_strip(Operand X, int rows, int kc, int width, real *packed) {
    int k = 0;
    for (; k + LANES <= kc; k += LANES) {
        vector x[LANES];
        UNROLL
        for (int i = 0; i < LANES; i++) {
            const loose_vector *row = (const loose_vector *)(X.data + i * X.row + k);
            x[i] = (vector){0};
            if (i < rows) {
                x[i] = *row;
            }
        }
        transpose(x);
        UNROLL
        for (int i = 0; i < LANES; i++) {
            *(loose_vector *)(packed + (long)(k + i) * width) = x[i];
        }
    }
    for (; k < kc; k++) {
        for (int i = 0; i < LANES; i++) {
            packed[(long)k * width + i] = i < rows ? X.data[i * X.row + k] : 0;
        }
    }
}

/* pack_columns: columns of X (rows, kc), each contiguous, next to one another. */
INLINE void pack_columns(Operand X, int rows, int kc, int width, real *packed) {
    for (int k = 0; k < kc; k++) {
        const real *x = X.data + k * X.col;
        real *to = packed + (long)k * width;
        if (rows == width) { /* a length known to the compiler: vectors */
            memcpy(to, x, (size_t)width * sizeof(real));
        } else {
            for (int i = 0; i < width; i++) {
                to[i] = i < rows ? x[i] : 0;
            }
        }
    }
}

/* pack: X (rows, kc) into a panel (kc, width), its rows side by side; what X doesn't
 * fill is 0. One of X's strides is 1; width is MR, LANES or NR. Strips may write beyond
 * the panel's width, at the start of the next k, which is written later. */
static void pack(Operand X, int rows, int kc, int width, real *packed) {
    if (X.col == 1) {
        for (int i = (width - 1) / LANES * LANES; i >= 0; i -= LANES) {
            pack_strip(part(X, i, 0), smaller(rows - i, LANES), kc, width, packed + i);
        }
    } else if (width == NR) {
        pack_columns(X, rows, kc, NR, packed);
    } else if (width == LANES) {
        pack_columns(X, rows, kc, LANES, packed);
    } else {
        pack_columns(X, rows, kc, MR, packed);
    }
}

/* ---- blocks ------------------------------------------------------------ */

/* Each panel of A is read once for every panel of B. Copying an element
 * takes about as long as using it in a tile: from this many panels on it pays. */
enum { PANELS_WORTH_PACKING_A = 8 };

/* All panels of B^T (n, k), one after the other; the last may be LANES wide. */
INLINE int panel_width(int n, int j) {
    return n - j > LANES ? NR : LANES;
}

static void pack_panels(Operand Bt, int n, int k, real *packed) {
    for (int j = 0; j < n; j += NR) {
        pack(part(Bt, j, 0), smaller(NR, n - j), k, panel_width(n, j),
             packed + (long)j * k);
    }
}

/* Where a block's rows of the panel of columns j, j + 1, ... begin. */
INLINE const real *panel_at(const Product *block, int j) {
    return block->b + (long)j * block->panel_k +
           (long)block->k0 * panel_width(block->n, j);
}

/* The packed blocks of a product, some 770 KB. Each has LANES elements more at its
 * end, because a strip may write beyond it. */
typedef struct {
    _Alignas(64) real a[MC_PREPACKED * KC + LANES];
    _Alignas(64) real b[KC * NC + LANES];
} Blocks;

/* The panels of a block's A: packed, or where they are. */
static void take_panels(const Product *block, bool worth_it, real *packed,
                        Operand *panels) {
    for (int i = 0; i < block->m; i += MR) {
        const int rows = smaller(MR, block->m - i);
        *panels = part(block->A, i, 0);
        if (worth_it || rows < MR) {
            pack(*panels, rows, block->k, MR, packed);
            *panels = (Operand){packed, 1, MR};
            packed += (long)block->k * MR;
        }
        panels++;
    }
}

/* A block of C, tile by tile, with the panels of A and the packed panels of B. Panels
 * that were packed long ago are in no cache: while one is multiplied, its tiles fetch
 * the next, each a part of it. */
static void multiply_block(const Product *block, const Operand *panels, bool fetch) {
    Product tile = {.k = block->k, .ldc = block->ldc, .add = block->add};
    real bias[NR] = {0}; /* a whole panel's */
    for (int j = 0; j < block->n; j += NR) {
        const real *b = panel_at(block, j);
        tile.n = smaller(NR, block->n - j);
        if (block->bias) {
            memcpy(bias, block->bias + j, (size_t)tile.n * sizeof(real));
            tile.bias = bias;
        }
        tile.next = b;
        if (fetch && j + NR < block->n) {
            tile.next = panel_at(block, j + NR);
            tile.step = (NR * MR + block->m - 1) / block->m;
        }
        for (int i = 0; i < block->m; i += MR) {
            tile.m = smaller(MR, block->m - i);
            tile.A = panels[i / MR];
            tile.c = block->c + i * block->ldc + j;
            micro_kernel(b, &tile);
            tile.next += (long)tile.step * tile.k;
        }
        tile.step = 0;
    }
}

/* A whole product, on one thread. */
static void multiply(const Product *p) {
    const bool prepacked = p->b != NULL, pack_A = p->n > PANELS_WORTH_PACKING_A * NR;
    const int block_m = prepacked ? MC_PREPACKED : MC;
    const int block_n = prepacked ? p->n : NC;
    Blocks *packed = workspace_take(sizeof *packed, "a matrix product");
    Operand panels[MC_PREPACKED / MR];

    for (int j0 = 0; j0 < p->n; j0 += block_n) {
        Product block = *p;
        block.n = smaller(block_n, p->n - j0);
        for (int k0 = 0; k0 < p->k; k0 += KC) {
            block.k = smaller(KC, p->k - k0);
            block.add = p->add || k0 > 0;
            block.bias = p->bias && k0 == 0 ? p->bias + j0 : NULL;
            if (prepacked) {
                block.k0 = k0;
            } else {
                pack_panels(part(p->Bt, j0, k0), block.n, block.k, packed->b);
                block.b = packed->b;
                block.panel_k = block.k;
            }
            for (int i0 = 0; i0 < p->m; i0 += block_m) {
                block.m = smaller(block_m, p->m - i0);
                block.A = part(p->A, i0, k0);
                block.c = p->c + i0 * p->ldc + j0;
                take_panels(&block, pack_A, packed->a, panels);
                multiply_block(&block, panels, prepacked);
            }
        }
    }
    workspace_give(packed);
}

/* ---- threads ----------------------------------------------------------- */

#ifdef _OPENMP
/* Thread t's band of C, one of `threads`: rows or columns, whichever there are more of.
 * Bands don't overlap, so threads wait only at the end. T threads are less than T times
 * as fast, because each packs the whole other operand by itself and they share memory's
 * bandwidth. Bands are whole tiles, so that only the last thread has an edge. */
static Product band(Product p, int t, int threads) {
    const bool by_rows = p.m >= p.n;
    const int length = by_rows ? p.m : p.n, unit = by_rows ? MR : NR;
    const long units = (length + unit - 1) / unit;
    const int from = smaller(length, (int)(units * t / threads) * unit);
    const int to = smaller(length, (int)(units * (t + 1) / threads) * unit);
    if (by_rows) {
        p.m = to - from;
        p.A = part(p.A, from, 0);
        p.c += from * p.ldc;
    } else {
        p.n = to - from;
        p.Bt = part(p.Bt, from, 0);
        p.c += from;
        p.bias = p.bias ? p.bias + from : NULL;
        p.b = p.b ? p.b + (long)from * p.panel_k : NULL;
    }
    return p;
}
#endif

static void multiply_on_threads(Product p) {
#ifdef _OPENMP
    const double worth_it_flops = 2e6; /* some 20 us: well above a fork and join */
    const int threads = omp_get_max_threads();
    if (threads > 1 && omp_get_level() == 0 && 2.0 * p.m * p.n * p.k > worth_it_flops) {
#pragma omp parallel for schedule(static) num_threads(threads)
        for (int t = 0; t < threads; t++) {
            const Product mine = band(p, t, threads);
            if (mine.m > 0 && mine.n > 0) { /* with few tiles, some have none */
                multiply(&mine);
            }
        }
        return;
    }
#endif
    multiply(&p);
}

/* ---- prepacked weights --------------------------------------------------- */

typedef struct {
    Tensor B; /* (n, k), as it was given */
    real *panels;
} Prepacked;

static struct {
    Prepacked *list;
    int count, room;
} prepacked;

bool matmul_prepack(Tensor B) {
    const int n = tensor_rows(B), k = tensor_cols(B);
    const size_t columns = ((size_t)n + NR - 1) / NR * NR;
    if (prepacked.count == prepacked.room) {
        const int room = 2 * prepacked.room + 16;
        Prepacked *list = realloc(prepacked.list, (size_t)room * sizeof *list);
        if (!list) {
            return false;
        }
        prepacked.list = list;
        prepacked.room = room;
    }
    /* LANES more, because a strip may write beyond a panel, up to a cache line. */
    const size_t bytes = (columns * (size_t)k + LANES) * sizeof(real);
    real *panels = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!panels) {
        return false;
    }
    pack_panels((Operand){B.data, B.ld, 1}, n, k, panels);
    prepacked.list[prepacked.count++] = (Prepacked){B, panels};
    return true;
}

void matmul_forget_prepacked(void) {
    for (int i = 0; i < prepacked.count; i++) {
        free(prepacked.list[i].panels);
    }
    free(prepacked.list);
    memset(&prepacked, 0, sizeof prepacked);
}

static void find_prepacked(Product *p, Tensor B) {
    for (int i = 0; i < prepacked.count; i++) {
        const Tensor known = prepacked.list[i].B;
        if (known.data == B.data && known.ld == B.ld && tensor_rows(known) == p->n &&
            tensor_cols(known) == p->k) {
            p->b = prepacked.list[i].panels;
            p->panel_k = p->k;
            return;
        }
    }
}

/* ---- the three layouts ------------------------------------------------- */

typedef enum { NN, NT, TN } Layout;

static Product product(const char *name, Layout layout, Tensor A, Tensor B, Tensor C,
                       bool add) {
    static const char *const need[] = {"A (m,k), B (k,n)", "A (m,k), B (n,k)",
                                       "A (k,m), B (k,n)"};
    const Operand A_as_is = {A.data, A.ld, 1}, A_transposed = {A.data, 1, A.ld};
    const Operand B_as_is = {B.data, B.ld, 1}, B_transposed = {B.data, 1, B.ld};
    Product p = {
        .m = layout == TN ? tensor_cols(A) : tensor_rows(A),
        .k = layout == TN ? tensor_rows(A) : tensor_cols(A),
        .n = layout == NT ? tensor_rows(B) : tensor_cols(B),
        .A = layout == TN ? A_transposed : A_as_is,
        .Bt = layout == NT ? B_as_is : B_transposed,
        .c = C.data,
        .ldc = C.ld,
        .add = add,
    };
    const int k_of_B = layout == NT ? tensor_cols(B) : tensor_rows(B);
    if (k_of_B != p.k || tensor_rows(C) != p.m || tensor_cols(C) != p.n) {
        const bool transposed_fits = layout == NN && tensor_cols(B) == p.k;
        char a[TENSOR_SHAPE_TEXT], b[TENSOR_SHAPE_TEXT], c[TENSOR_SHAPE_TEXT];
        bug("%s: sizes don't fit: A is %s, B is %s, C is %s; need %s, C (m,n).%s", name,
            tensor_shape_text(A, a), tensor_shape_text(B, b), tensor_shape_text(C, c),
            need[layout],
            transposed_fits ? " Did you forget to transpose K? (chapter 2, eq. 1)"
                            : "");
    }
    if (C.data == A.data || C.data == B.data) {
        bug("%s: C is in the memory of A or B: a product can't be written over one of "
            "its factors",
            name);
    }
    if (layout == NT) {
        find_prepacked(&p, B);
    }
    return p;
}

void matmul_nn(Tensor A, Tensor B, Tensor C) {
    multiply_on_threads(product(__func__, NN, A, B, C, false));
}

void matmul_nt(Tensor A, Tensor B, Tensor C) {
    multiply_on_threads(product(__func__, NT, A, B, C, false));
}

void matmul_tn(Tensor A, Tensor B, Tensor C) {
    multiply_on_threads(product(__func__, TN, A, B, C, false));
}

void matmul_nn_add(Tensor A, Tensor B, Tensor C) {
    multiply_on_threads(product(__func__, NN, A, B, C, true));
}

void matmul_nt_add(Tensor A, Tensor B, Tensor C) {
    multiply_on_threads(product(__func__, NT, A, B, C, true));
}

void matmul_tn_add(Tensor A, Tensor B, Tensor C) {
    multiply_on_threads(product(__func__, TN, A, B, C, true));
}

void matmul_nt_bias(Tensor A, Tensor B, Tensor bias, Tensor C) {
    Product p = product(__func__, NT, A, B, C, false);
    expect_shape(bias, "It has one element for each column of C.", p.n);
    p.bias = bias.data;
    multiply_on_threads(p);
}

MatmulSizes matmul_sizes(void) {
    return (MatmulSizes){MR, NR / LANES, LANES, KC, NC};
}
