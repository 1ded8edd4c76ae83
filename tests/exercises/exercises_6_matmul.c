/*
 * exercises_6_matmul.c: 6.4, matmul with tiles in shared memory, graded on cuda_on_cpu.
 * See exercises_6.c.
 */
#include <math.h>
#include <stddef.h>

#include "chapters/06_cuda_training/kernels/gpu_matmul.h"
#include "tests/exercises/exercise.h"
#include "tests/exercises/exercises_6.h"

#define TOLERANCE 1e-5 /* float */

typedef struct {
    MatmulLayout layout;
    const char *name;
    int m, n, k;
    const double *A, *B; /* as the layout says */
} Product;

/* op(A)[i][l], op(B)[l][j]; 0 outside. */
static double op_A(const Product *p, int i, int l) {
    const bool inside = i >= 0 && i < p->m && l >= 0 && l < p->k;
    return !inside ? 0 : p->A[p->layout == MATMUL_TN ? l * p->m + i : i * p->k + l];
}

static double op_B(const Product *p, int l, int j) {
    const bool inside = j >= 0 && j < p->n && l >= 0 && l < p->k;
    return !inside ? 0 : p->B[p->layout == MATMUL_NT ? j * p->k + l : l * p->n + j];
}

typedef enum {
    RIGHT,
    FIRST_TILE,
    LAST_TILE,
    WHOLE_TILES,
    STALE_TILE,
    TILE_OF_A_ACROSS,
    TILE_OF_B_ACROSS,
    FROM_ROW_0
} Tiles;

static double tiled(const Product *p, int i, int j, Tiles wrong) {
    const int y = i % 32, x = j % 32, i0 = wrong == FROM_ROW_0 ? 0 : i - y, j0 = j - x;
    const int end = wrong == FIRST_TILE    ? 32
                    : wrong == WHOLE_TILES ? p->k / 32 * 32
                                           : p->k;
    double sum = 0;
    for (int l0 = 0; l0 < end; l0 += 32) {
        sum = wrong == LAST_TILE ? 0 : sum;
        for (int l = 0; l < 32; l++) {
            if (wrong == STALE_TILE && l0 > 0 && l0 + l >= p->k) {
                sum += op_A(p, i0 + y, l0 - 32 + l) * op_B(p, l0 - 32 + l, j0 + x);
                continue;
            }
            const double a = wrong == TILE_OF_A_ACROSS ? op_A(p, i0 + l, l0 + y)
                                                       : op_A(p, i0 + y, l0 + l);
            const double b = wrong == TILE_OF_B_ACROSS ? op_B(p, l0 + x, j0 + l)
                                                       : op_B(p, l0 + l, j0 + x);
            sum += a * b;
        }
    }
    return sum;
}

static double *product(const Product *p, Tiles wrong) {
    double *C = doubles((long)p->m * p->n);
    for (int i = 0; i < p->m * p->n; i++) {
        C[i] = tiled(p, i / p->n, i % p->n, wrong);
    }
    return C;
}

/* Each block of 32 x 32 with x and y changed for one another where C is written. */
static double *blocks_transposed(const Product *p) {
    double *C = doubles((long)p->m * p->n);
    for (int e = 0; e < p->m * p->n; e++) {
        const int i = e / p->n, j = e % p->n, y = i % 32, x = j % 32;
        if (i - y + x < p->m && j - x + y < p->n) {
            C[e] = tiled(p, i - y + x, j - x + y, RIGHT);
        }
    }
    return C;
}

static Product make_product(MatmulLayout layout, const char *name, int m, int n, int k,
                            Tensor *A, Tensor *B) {
    *A = layout == MATMUL_TN ? normal('A', SHAPE(k, m)) : normal('A', SHAPE(m, k));
    *B = layout == MATMUL_NT ? normal('B', SHAPE(n, k)) : normal('B', SHAPE(k, n));
    return (Product){layout, name, m, n, k, doubles_of(*A), doubles_of(*B)};
}

/* Each block of 32 x 32 loads its rows of op(A) and columns of op(B) once; neighbours
 * load neighbours, 32 floats in 4 sectors, or 5 where they begin inside one. */
static void expect_tiles(int m, int n, int k) {
    const double across = (n + 31) / 32, down = (m + 31) / 32, tiles = (k + 31) / 32;
    expect_cost((Cost){
        .loads = across * m * k + down * n * k,
        .stores = (double)m * n,
        .barriers = 2 * tiles * across * down,
        .lanes = 6, /* as many as fit into a tile's rest */
        .many = 64, /* without tiles: 32 */
        .reload = "a kernel that reads an element from global memory more than once a "
                  "block: keep it in shared memory",
        .apart =
            "a tile read across: threadIdx.x goes along the direction in which the "
            "matrix lies in memory, which its layout says",
        .written_apart = "C written down a column: it lies in rows, and lanes are "
                         "neighbours in x, so that C[i0 + y][j0 + x] is the thread's"});
    const CudaOnCpuCounts c = counted();
    const CudaOnCpuAccesses *load = &c.shared_load, *store = &c.shared_store;
    const double products = across * down * tiles * 32 * 32 * 32,
                 shared = (double)load->accesses,
                 read = (double)load->units / (double)load->requests,
                 written = (double)store->units / (double)store->requests;
    expect_true(shared <= 2 * products,
                "%.0f loads from shared memory; two for each of the %.0f products are "
                "needed",
                shared, products);
    mistake_if("work that is done twice: a thread makes one element of C", true);
    expect_true(fmax(read, written) < 1.5,
                "%.1f passes a request of %s shared memory; 1 is needed",
                fmax(read, written), read > written ? "loads from" : "stores to");
    mistake_if("lanes that want different words of one bank: the words of x, x + "
               "1, ... are to be in different banks",
               true);
}

static void matmul_case(MatmulLayout layout, const char *name, int m, int n, int k) {
    begin_device();
    Tensor A, B;
    const Product p = make_product(layout, name, m, n, k, &A, &B);
    Tensor C = on_device(unset(SHAPE(m, n)), 3);
    const Tensor dA = on_device(A, 2), dB = on_device(B, 1);
    case_is("%s, C (%d, %d), inner size %d", name, m, n, k);
    cuda_on_cpu_counts_clear();
    gpu_matmul(NULL, MATMUL_SHARED, (MatmulForm){.layout = layout}, dA, dB, C);
    const Tensor got = from_device(C);
    expect("C", got, product(&p, RIGHT), TOLERANCE);
    mistake("the sum over the first 32 of the inner size: go through all tiles",
            product(&p, FIRST_TILE));
    mistake("the sum over the last tile only: sum begins at 0 once",
            product(&p, LAST_TILE));
    mistake("the sum over whole tiles: what the last one has of the inner size is "
            "missing",
            product(&p, WHOLE_TILES));
    mistake("a tile with elements of the one before: what is outside of op(A) and "
            "op(B) is written as 0",
            product(&p, STALE_TILE));
    mistake("A's tile read as A[i][l]: it is A[l][i], here A[l][y]",
            product(&p, TILE_OF_A_ACROSS));
    mistake("B's tile read as B[j][l]: it is B[l][j], here B[l][x]",
            product(&p, TILE_OF_B_ACROSS));
    mistake("op(A) from row 0 on in every block: its rows are i0, i0 + 1, ...",
            product(&p, FROM_ROW_0));
    mistake(
        "x and y changed for one another: the thread's element is C[i0 + y][j0 + x]",
        blocks_transposed(&p));
    mistake_if("an element of C that no thread writes", is_unset(got));
    mistake_if("a number that belongs to no row: outside op(A) and op(B) a tile has 0, "
               "and rows lie ld_A and ld_B apart",
               has_nan(got));
    expect_tiles(m, n, k);
}

/* C += A B + bias */
static void matmul_end_case(void) {
    enum { ROWS = 20, COLS = 37, INNER = 33 };
    begin_device();
    Tensor A, B, C = writable(normal('C', SHAPE(ROWS, COLS))),
                 bias = normal('b', SHAPE(COLS));
    const Product p =
        make_product(MATMUL_NN, "C += A B + bias", ROWS, COLS, INNER, &A, &B);
    const double *bare = product(&p, RIGHT), *before = doubles_of(C),
                 *b = doubles_of(bias);
    double *want = doubles((long)ROWS * COLS);
    for (int i = 0; i < ROWS * COLS; i++) {
        want[i] = before[i] + bare[i] + b[i % COLS];
    }
    const Tensor dA = on_device(A, 2), dB = on_device(B, 1), dC = on_device(C, 3),
                 d_bias = on_device(bias, 0);
    case_is("%s, C (%d, %d), inner size %d", p.name, ROWS, COLS, INNER);
    gpu_matmul(NULL, MATMUL_SHARED, (MatmulForm){p.layout, true, d_bias.data}, dA, dB,
               dC);
    expect("C", from_device(dC), want, TOLERANCE);
    mistake(
        "a sum written as it is: put(p, i, j, sum) adds the bias, and to what is there",
        bare);
}

/* Before any product the tiles have what another left there, which may be NaN. */
static void leave_nan_in_tiles(MatmulLayout layout) {
    enum { SIDE = 32 };
    begin_device();
    Tensor T = unset(SHAPE(SIDE, SIDE));
    tensor_fill(T, -(float)NAN); /* not the NaN of what nobody wrote */
    case_is("a product of 32 x 32 x 32");
    gpu_matmul(NULL, MATMUL_SHARED, (MatmulForm){.layout = layout}, on_device(T, 0),
               on_device(T, 0), on_device(unset(T), 0));
}

void matmul_grade(void) {
    matmul_case(MATMUL_NN, "C = A B", 40, 50, 70);
    matmul_case(MATMUL_NT, "C = A B^T", 33, 17, 65);
    leave_nan_in_tiles(MATMUL_TN);
    matmul_case(MATMUL_TN, "C = A^T B", 20, 40, 31);
    matmul_case(MATMUL_TN, "C = A^T B", 34, 65, 96);
    matmul_end_case();
}
