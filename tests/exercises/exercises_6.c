/*
 * exercises_6.c: CUDA kernels, graded on cuda_on_cpu. See exercise.h. The kernels are
 * compiled so that each access is watched: races stop them, and accesses are counted.
 */
#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/error.h"
#include "tests/exercises/exercise.h"
#include "tests/exercises/exercises_6.h"
#include "chapters/06_cuda_training/gpu.h"
#include "chapters/06_cuda_training/kernels/gpu_attention.h"
#include "chapters/06_cuda_training/cuda_on_cpu/counts.h"
#include "chapters/06_cuda_training/kernels/gpu_gelu.h"
#include "chapters/06_cuda_training/kernels/gpu_matmul.h"
#include "chapters/06_cuda_training/kernels/gpu_softmax.h"
#include "tests/naive_layers.h"

const int chapter_number = 6;
const char chapter_title[] = "CUDA kernels";

#define TOLERANCE 1e-5 /* float */

static bool has_nan(Tensor T) {
    bool any = false;
    for (long i = 0; i < tensor_count(T); i++) {
        any = any || isnan(T.data[i]);
    }
    return any;
}

/* ---- 6.1 ------------------------------------------------------------------------- */

static void predict(void) {
    ask('a',
        "10000 elements, blocks of 256 threads, one thread per element: how many "
        "threads have no element?",
        240, 1e-9);
    mistake_number("the number of blocks, not of threads: each block has 256", 40);
    mistake_number("the elements of the last block: it has 256 threads", 16);
    mistake_number("10000 / 256 rounded down: then 16 elements have no thread", 0);
    ask('b',
        "Lane l of a warp reads x[l + 1], and x begins at an address divisible by 128. "
        "How many sectors of 32 bytes?",
        5, 1e-9);
    mistake_number("what x[l] takes: these 32 floats begin 4 bytes further on", 4);
    mistake_number("a sector for each lane: a sector holds 8 floats", 32);
    ask('c', "Lane l reads x[2 * l] of the same x. How many sectors?", 8, 1e-9);
    mistake_number("32 floats packed closely: these are spread over 64", 4);
    mistake_number("a sector for each lane: four of them fall into one sector", 32);
    mistake_number("half of them: what isn't wanted comes with the sector", 2);
    ask('d',
        "C = A^T B by the naive kernel, all 128 x 128: thread (x, y) makes C[x][y] "
        "from A[l][x] and B[l][y]. How many sectors has a warp's load, as the mean of "
        "both loads?",
        2.5, 1e-9);
    mistake_number("what C = A B takes: here A is read along its rows", 16.5);
    mistake_number("A's load alone: B's is the same element for all lanes", 4);
    mistake_number("coalesced loads of A and of B: all lanes of a warp have the same y",
                   4.5);
    ask('e',
        "C = A B, all 1024 x 1024, tiles of 32 x 32 in shared memory: loads from "
        "global memory, in millions.",
        2.0 * 1024 * 1024 * 1024 / 32 / 1e6, 1e-2);
    mistake_number("the naive kernel's 2 m n k", 2.0 * 1024 * 1024 * 1024 / 1e6);
    mistake_number("loads: the answer is in millions of loads",
                   2.0 * 1024 * 1024 * 1024 / 32);
    mistake_number(
        "the size of A and B: each tile is loaded for every block that needs it",
        2.0 * 1024 * 1024 / 1e6);
    ask('f',
        "A tile is declared float t[32][34]. Lane l reads t[l][0]. How many passes "
        "does shared memory need?",
        2, 1e-9);
    mistake_number("what rows of 33 need: word 34 l is in bank 34 l mod 32", 1);
    mistake_number(
        "what rows of 32 need, where all words are in bank 0: these rows have 34", 32);
    ask_in_words(
        'g', "By the counts, *shared* asks for 1/18 of the bytes of *coalesced*. On an "
             "H200 it is only 1.15 times as fast (C = A B). Why?");
}

/* ---- 6.2 ------------------------------------------------------------------------- */

static double of_relu(double x) {
    return x > 0 ? x : 0;
}

static double relu_derivative(double x) {
    return x > 0 ? 1 : 0;
}

static Cost elements(double loads, double stores) {
    return (Cost){.loads = loads,
                  .stores = stores,
                  .lanes = 16,
                  .sectors = 8, /* a row's end, within a warp */
                  .apart =
                      "neighbours that are far apart: element i + 1 is element i's "
                      "neighbour in its row"};
}

/* Is each element f of pre and of some column's bias? */
static bool has_biases(Tensor Y, const double *x, const double *bias, bool relu) {
    const int cols = tensor_cols(Y);
    const double *y = doubles_of(Y);
    for (long i = 0; i < tensor_count(Y); i++) {
        bool any = false;
        for (int j = 0; j < cols && !any; j++) {
            const double sum = x[i] + bias[j];
            any = fabs(y[i] - (relu ? of_relu(sum) : naive_gelu(sum))) < 1e-5;
        }
        if (!any) {
            return false;
        }
    }
    return true;
}

static void add_bias_mistakes(Tensor got, const double *x, const double *bias) {
    const int cols = tensor_cols(got);
    const long count = tensor_count(got);
    double *alone = doubles(count), *twice = doubles(count);
    for (long i = 0; i < count; i++) {
        alone[i] = bias[i % cols];
        twice[i] = x[i] + 2 * alone[i];
    }
    mistake("pre as it was: add_bias adds b to it, before f", x);
    mistake("the bias alone, from add_bias: it is added to pre, not written over it",
            alone);
    mistake("a bias that is added twice: by add_bias, and by forward, whose b is NULL",
            twice);
    mistake_if("a mistake of add_bias, not of forward: element i of pre is in row i / "
               "cols, rows lie ld apart, and each column has its own bias",
               true);
}

static void gelu_case(bool relu, GeluVersion version, int rows, int cols) {
    const int count = rows * cols;
    begin_device();
    Tensor pre = writable(normal('p', SHAPE(rows, cols))), b = normal('b', SHAPE(cols));
    const double *x = doubles_of(pre), *bias = doubles_of(b);
    double *sum = doubles(count), *y = doubles(count), *no_bias = doubles(count),
           *other = doubles(count), *after = doubles(count), *over = doubles(count);
    for (int i = 0; i < count; i++) {
        const double b_j = bias[i % cols];
        after[i] = (relu ? of_relu(x[i]) : naive_gelu(x[i])) + b_j;
        over[i] = relu ? of_relu(b_j) : naive_gelu(b_j);
        sum[i] = x[i] + b_j;
        y[i] = relu ? of_relu(sum[i]) : naive_gelu(sum[i]);
        other[i] = relu ? naive_gelu(sum[i]) : of_relu(sum[i]);
        no_bias[i] = relu ? of_relu(x[i]) : naive_gelu(x[i]);
    }
    const int gap =
        cols % 4 == 0 ? 4 : 3; /* rows that allow loads of 16 bytes, or not */
    Tensor P = on_device(pre, gap), Y = on_device(unset(pre), 2 * gap);
    case_is("%s, %d x %d, rows further apart than they are long%s",
            relu ? "ReLU" : "GELU", rows, cols,
            version == GELU_SEPARATE
                ? "; add_bias, then f: b is NULL, pre has the bias already"
                : "");
    if (relu) {
        gpu_bias_relu_forward(NULL, P, on_device(b, 0), Y);
    } else {
        gpu_bias_gelu_forward(NULL, version, P, on_device(b, 0), Y);
    }
    if (version == GELU_SEPARATE) {
        const Tensor biased = from_device(P);
        expect("pre, after add_bias,", biased, sum, TOLERANCE);
        add_bias_mistakes(biased, x, bias);
    }
    const Tensor got = from_device(Y);
    expect("Y", got, y, TOLERANCE);
    mistake("f(pre), without the bias", no_bias);
    mistake("f(pre) + b: the bias is added before f, f(pre + b)", after);
    mistake("f(b): the bias is added to pre, not written over it", over);
    mistake_if("the bias of another column: b has one number for each column",
               has_biases(got, x, bias, relu));
    mistake("pre + b: f is applied to it, by apply<f>", sum);
    mistake("one function for every f: apply<f> knows which is wanted", other);
    expect("pre, which backward reads,", from_device(P), sum, TOLERANCE);
    mistake("pre without its bias: it must be kept for the backward pass", x);
    mistake("Y: backward reads pre + b, what f was applied to", y);
    if (version != GELU_SEPARATE) {
        expect_cost(elements(2.0 * count, 2.0 * count));
    } else { /* by two kernels */
        Cost most = elements(3.0 * count, 2.0 * count);
        most.restore = "pre stored as it was: where b is NULL, its bias is in it";
        expect_cost(most);
    }
}

/* in_place: dpre is dY. */
static void gelu_backward_case(bool relu, bool in_place) {
    enum { ROWS = 9, COLS = 37, COUNT = ROWS * COLS };
    begin_device();
    Tensor pre = normal('p', SHAPE(ROWS, COLS)), dY = normal('d', pre);
    const double *x = doubles_of(pre), *dy = doubles_of(dY);
    double *want = doubles(COUNT), *turned = doubles(COUNT), *other = doubles(COUNT),
           *in_y = doubles(COUNT);
    for (int i = 0; i < COUNT; i++) {
        in_y[i] = dy[i] * (relu ? relu_derivative(of_relu(x[i]))
                                : naive_gelu_derivative(naive_gelu(x[i])));
        const double gelu_of = dy[i] * naive_gelu_derivative(x[i]),
                     relu_of = dy[i] * relu_derivative(x[i]);
        want[i] = relu ? relu_of : gelu_of;
        other[i] = relu ? gelu_of : relu_of;
        turned[i] =
            x[i] * (relu ? relu_derivative(dy[i]) : naive_gelu_derivative(dy[i]));
    }
    const Tensor P = on_device(pre, 2),
                 D = on_device(in_place ? writable(dY) : dY, in_place ? 5 : 7),
                 out = in_place ? D : on_device(unset(pre), 1);
    case_is("%s backward, %d x %d%s", relu ? "ReLU" : "GELU", ROWS, COLS,
            in_place ? ", dpre is dY" : "");
    if (relu) {
        gpu_relu_backward(NULL, P, D, out);
    } else {
        gpu_gelu_backward(NULL, GELU_FUSED, P, D, out);
    }
    const Tensor got = from_device(out);
    expect("dpre", got, want, TOLERANCE);
    mistake_added(got, COUNT);
    mistake("f's derivative in Y: it is taken in pre", in_y);
    mistake("pre and dY changed for one another: through<f>(x, dy)", turned);
    mistake("dY as it came: f's derivative in pre is a factor, by through<f>", dy);
    mistake("one function for every f: through<f> knows which is wanted", other);
    expect_cost(elements(2.0 * COUNT, COUNT));
}

static void gelu(void) {
    gelu_case(false, GELU_FUSED, 7, 45);
    gelu_case(false, GELU_SEPARATE, 7, 45);
    gelu_case(false, GELU_FUSED, 70, 33);
    gelu_case(false, GELU_VECTORISED, 6, 44);
    gelu_case(true, GELU_FUSED, 11, 29);
    gelu_backward_case(false, false);
    gelu_backward_case(false, true);
    gelu_backward_case(true, false);
}

/* ---- 6.3 ------------------------------------------------------------------------- */

/* What is done wrongly. */
typedef struct {
    bool unscaled, no_rescale, inverse, from_zero; /* in the pass over the scores */
    bool new_term_shrunk, new_term_by_old;
    bool no_join, own_maximum, own_sum;                  /* between the lanes */
    bool unscaled_at_end, undivided, own_maximum_at_end; /* in what is written */
} Online;

typedef struct {
    double max, sum;
} Lane;

static Lane lane_of(int lane, int cols, const double *s, double scale, Online wrong) {
    Lane a = {wrong.from_zero ? 0 : -DBL_MAX, 0};
    for (int j = lane; j < cols; j += 32) {
        const double x = scale * s[j], larger = fmax(a.max, x);
        const double by = exp(wrong.inverse ? larger - a.max : a.max - larger);
        const double term = exp(x - (wrong.new_term_by_old ? a.max : larger));
        a.sum = a.sum * (wrong.no_rescale ? 1 : by) +
                term * (wrong.new_term_shrunk ? by : 1);
        a.max = larger;
    }
    return a;
}

/* A = softmax(scale S) by the 32 lanes' running maximum and sum over columns lane,
 * lane + 32, ... */
static double *online(int rows, int cols, const double *S, double scale, Online wrong) {
    double *A = doubles((long)rows * cols);
    const double in_pass = wrong.unscaled ? 1 : scale,
                 at_end = wrong.unscaled || wrong.unscaled_at_end ? 1 : scale;
    for (int i = 0; i < rows; i++) {
        const double *s = S + (long)i * cols;
        double all = (double)-INFINITY, total = 0;
        Lane lanes[32];
        for (int l = 0; l < 32; l++) {
            lanes[l] = lane_of(l, cols, s, in_pass, wrong);
            all = fmax(all, lanes[l].max);
        }
        for (int l = 0; l < 32; l++) {
            const bool joined = !wrong.no_join && !wrong.own_maximum;
            lanes[l].sum *= joined ? exp(lanes[l].max - all) : 1;
            total += lanes[l].sum;
        }
        for (int j = 0; j < cols; j++) {
            const Lane *mine = &lanes[j % 32];
            A[i * cols + j] =
                exp(at_end * s[j] -
                    (wrong.own_maximum || wrong.own_maximum_at_end ? mine->max : all)) /
                (wrong.undivided ? 1
                 : wrong.own_sum ? mine->sum
                                 : total);
        }
    }
    return A;
}

/* shift: how far from 0 the scores lie */
static void softmax_case(int rows, int cols, float shift, bool in_place) {
    begin_device();
    const float scale = 0.5f;
    Tensor S = normal('S', SHAPE(rows, cols));
    for (int i = 0; i < rows * cols; i++) {
        S.data[i] = 6 * S.data[i] + shift;
    }
    input('S', S);
    const double *s = doubles_of(S);
    case_is("%d rows of %d, scale 0.5%s%s", rows, cols,
            shift < 0 ? ", scores near -4000" : "", in_place ? ", A is S" : "");
    Tensor dS = on_device(in_place ? writable(S) : S, 3),
           A = in_place ? dS : on_device(unset(S), 2);
    cuda_on_cpu_counts_clear();
    gpu_softmax_forward(NULL, SOFTMAX_ONLINE, scale, dS, A);
    gpu_wait(NULL);
#define BY(...) online(rows, cols, s, 0.5, (Online){__VA_ARGS__})
    expect("A", from_device(A), BY(.unscaled = false), TOLERANCE);
    mistake("a softmax without the scale", BY(.unscaled = true));
    mistake("scores without the scale where A is written", BY(.unscaled_at_end = true));
    mistake("a sum that is not brought to the new maximum: sum exp(max - larger)",
            BY(.no_rescale = true));
    mistake("0 / 0, as exp of every score is 0: max begins above all of them (it "
            "begins at the lowest float, -FLT_MAX), or exp is taken without max",
            BY(.from_zero = true));
    mistake("a new term that is shrunk with the old ones: exp(x - larger) is relative "
            "to the new maximum already",
            BY(.new_term_shrunk = true));
    mistake("a new term relative to the old maximum: it is exp(x - larger)",
            BY(.new_term_by_old = true));
    mistake("a sum that grows by exp(larger - max): it shrinks, by exp(max - larger)",
            BY(.inverse = true));
    mistake("lanes' sums added without bringing them to one maximum",
            BY(.no_join = true));
    mistake(
        "each lane's own maximum, where the row's is wanted: before lanes' sums are "
        "added, each is brought from its own maximum to the row's, by exp(max - "
        "all)",
        BY(.own_maximum = true));
    mistake("each lane's own maximum where A is written: the sum is relative to the "
            "row's",
            BY(.own_maximum_at_end = true));
    mistake("each lane's own sum: warp_sum gives every lane the whole row's",
            BY(.own_sum = true));
    mistake("exp(x - maximum), not divided by the sum", BY(.undivided = true));
#undef BY
    expect_cost((Cost){.loads = 2.0 * rows * cols,
                       .stores = (double)rows * cols,
                       .lanes = cols < 32 ? 0 : 16,
                       .reload = "three passes: maximum and sum are found together in "
                                 "one"});
}

/* Scores that are -infinity, as masks make them: two lanes have no other. */
static void softmax_of_masked_case(void) {
    enum { ROWS = 2, COLS = 65, MASKED = 34 };
    begin_device();
    Tensor S = normal('S', SHAPE(ROWS, COLS));
    for (int i = 0; i < ROWS * COLS; i++) {
        S.data[i] = i % COLS < MASKED ? -INFINITY : S.data[i];
    }
    input('S', S);
    Tensor A = on_device(unset(S), 0);
    case_is("%d rows of %d, the first %d scores of each -infinity", ROWS, COLS, MASKED);
    gpu_softmax_forward(NULL, SOFTMAX_ONLINE, 0.5f, on_device(S, 0), A);
    const Tensor got = from_device(A);
    expect("A", got,
           online(ROWS, COLS, doubles_of(S), 0.5, (Online){.unscaled = false}),
           TOLERANCE);
    mistake_if("exp(-infinity - -infinity), which is not a number: a maximum that "
               "begins at -FLT_MAX is never -infinity",
               has_nan(got));
}

static void softmax(void) {
    softmax_case(5, 100, 0, false);
    softmax_case(9, 17, 0, false); /* lanes without a column */
    softmax_case(3, 70, -4000, false);
    softmax_case(2, 1, 0, false);
    softmax_case(7, 330, 0, true);
    softmax_of_masked_case();
}

/* ---- 6.4 ------------------------------------------------------------------------- */

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

static void matmul(void) {
    matmul_case(MATMUL_NN, "C = A B", 40, 50, 70);
    matmul_case(MATMUL_NT, "C = A B^T", 33, 17, 65);
    leave_nan_in_tiles(MATMUL_TN);
    matmul_case(MATMUL_TN, "C = A^T B", 20, 40, 31);
    matmul_case(MATMUL_TN, "C = A^T B", 34, 65, 96);
    matmul_end_case();
}

/* ---- 6.5 ------------------------------------------------------------------------- */

enum { KEYS = 4, MOST_KEYS = 32 }; /* that the kernel takes at once, and may take */

/* What is done wrongly. */
typedef struct {
    bool O_kept, sum_kept; /* not brought to the new maximum */
    bool O_twice, anew, first_tile, whole_fours;
    bool no_sum, no_maximum, scaled_twice, V_of_first, V_of_four, K_of_four, K_for_V;
    bool replaced; /* by these keys' own maximum, though it be smaller */
    int at_once;   /* so many keys share one new maximum; 0: KEYS */
    int beyond;    /* keys up to a multiple of this are there, with zeros; 0: none */
} OnePass;

/* One head's attention, four keys after the other. */
static double *one_pass(int n, int d, const double *qkv, OnePass wrong) {
    const int ld = 3 * d;
    double *O = doubles((long)n * d), s[MOST_KEYS];
    const int step = wrong.at_once > 0 ? wrong.at_once : KEYS;
    for (int i = 0; i < n; i++) {
        const double *q = qkv + (long)i * ld;
        double max = (double)-INFINITY, sum = 0, *o = O + (long)i * d;
        const int end = wrong.beyond
                            ? (n + wrong.beyond - 1) / wrong.beyond * wrong.beyond
                        : wrong.first_tile && n > 32 ? 32
                        : wrong.whole_fours          ? n / KEYS * KEYS
                                                     : n;
        for (int j = 0; j < end; j += step) {
            max = wrong.anew && j % 32 == 0 ? (double)-INFINITY : max;
            double larger = wrong.replaced ? (double)-INFINITY : max;
            for (int k = 0; k < step; k++) {
                const double *key = qkv + (long)(wrong.K_of_four ? j : j + k) * ld + d;
                s[k] = j + k < n     ? dot(d, q, key) / sqrt(d)
                       : j + k < end ? 0
                                     : (double)-INFINITY;
                larger = fmax(larger, s[k]);
            }
            const double shrink = exp(max - larger);
            sum *= wrong.sum_kept ? 1 : shrink;
            for (int c = 0; c < d; c++) {
                o[c] *= wrong.O_kept ? 1 : wrong.O_twice ? shrink * shrink : shrink;
            }
            for (int k = 0; k < step && j + k < end; k++) {
                if (j + k >= n) {
                    sum += exp(-larger);
                    continue;
                }
                const int key = wrong.V_of_first  ? j / 32 * 32 + k
                                : wrong.V_of_four ? j
                                                  : j + k;
                const double *v = qkv + (long)key * ld + (wrong.K_for_V ? d : 2 * d);
                const double p = exp((wrong.scaled_twice ? s[k] / sqrt(d) : s[k]) -
                                     (wrong.no_maximum ? 0 : larger));
                sum += wrong.no_sum ? 0 : p;
                for (int c = 0; c < d; c++) {
                    o[c] += p * v[c];
                }
            }
            max = larger;
        }
        for (int c = 0; c < d; c++) {
            o[c] /= sum;
        }
    }
    return O;
}

/* (n, 2): of each row what backward needs: the largest score, log(sum exp(s - it)) */
static double *log_sums(int n, int d, const double *qkv) {
    double *kept = doubles(2L * n), *s = doubles(n);
    for (int i = 0; i < n; i++) {
        double max = (double)-INFINITY, sum = 0;
        for (int j = 0; j < n; j++) {
            s[j] = dot(d, qkv + 3L * d * i, qkv + 3L * d * j + d) / sqrt(d);
            max = fmax(max, s[j]);
        }
        for (int j = 0; j < n; j++) {
            sum += exp(s[j] - max);
        }
        kept[2 * i] = max;
        kept[2 * i + 1] = log(sum);
    }
    return kept;
}

/* A tile of keys is brought once; each thread loads its part of a key, and of a value,
 * from shared memory once: 16 elements, 8 of a row of 16. Keys are in fours. */
static void expect_keys_once(int n, int d) {
    const int pad = d <= 16 ? 16 : d <= 32 ? 32 : d <= 64 ? 64 : 128;
    const int share = pad > 32 ? pad / 16 : 2, quads = pad / share / 4;
    const int in_warp = 32 / share, warps = (n + in_warp - 1) / in_warp;
    const double parts = 32.0 * warps * ((n + KEYS - 1) / KEYS * KEYS) * quads;
    const CudaOnCpuCounts c = counted();
    const double loads = (double)c.shared_load.accesses;
    expect_true(loads <= 2 * parts,
                "%.0f loads from shared memory; %.0f, a key and a value for each query "
                "once, are needed",
                loads, 2 * parts);
    const double of_all = parts / ((n + KEYS - 1) / KEYS * KEYS) * ((n + 31) / 32 * 32);
    mistake_if("scores of keys that aren't there: the last tile has only `count`",
               fabs(loads - 2 * of_all) < 0.5);
    mistake_if(
        "a second pass over the keys, or a score that is computed twice: a key's score "
        "is wanted once, and kept while its value is added",
        true);
    const double blocks = (n + 128 / share - 1) / (128 / share);
    const double floats = blocks * d * (128.0 / share + 2 * n);
    expect_true((double)c.global_load.bytes <= 4 * floats,
                "%.0f bytes from global memory; %.0f, a block's queries and all keys "
                "and values, are needed",
                (double)c.global_load.bytes, 4 * floats);
    mistake_if("a key or a value from global memory: K and V have the tile", true);
    const double barriers = 2 * ((n + 31) / 32) * blocks;
    expect_true((double)c.barriers <= barriers, "%.0f barriers; %.0f are enough",
                (double)c.barriers, barriers);
    mistake_if("a barrier too many: around this code stand two already, and nothing in "
               "it is written for others",
               true);
    expect_true((double)c.global_store.accesses <= (double)n * d + 2 * n,
                "%.0f stores to global memory; O and lse are %d",
                (double)c.global_store.accesses, n * d + 2 * n);
    mistake_if(
        "a result that is kept in global memory: o is in registers until the end",
        true);
}

/* Is each row's max + log(sum) as wanted? */
static bool same_sums(int n, const double *got, const double *want) {
    for (int i = 0; i < 2 * n; i += 2) {
        if (!(fabs(got[i] + got[i + 1] - want[i] - want[i + 1]) < 1e-3)) {
            return false;
        }
    }
    return true;
}

/* against: by how much queries and keys are moved, in opposite directions: scores are
 * near -against^2 sqrt(d) */
static void attention_case(int n, int d, float against) {
    begin_device();
    Tensor qkv = normal('q', SHAPE(1, n, 3 * d));
    tensor_scale(qkv, 2);
    for (int i = 0; i < n; i++) {
        for (int c = 0; c < 2 * d; c++) {
            tensor_row(qkv, i)[c] += c < d ? against : -against;
        }
    }
    const double *x = doubles_of(input('q', qkv));
    Tensor O = on_device(unset(SHAPE(1, n, d)), 0);
    GpuAttention pass = {ATTENTION_FUSED, .heads = 1, .qkv = on_device(qkv, 0), .O = O};
    gpu_attention_shapes(ATTENTION_FUSED, 1, 1, n, &pass.kept);
    pass.kept.lse = on_device(unset(pass.kept.lse), 0);
    case_is("%d tokens, one head of %d%s", n, d,
            against > 0 ? ", scores far below 0" : "");
    gpu_attention_forward(NULL, &pass);
    const Tensor got = from_device(O);
#define BY(...) one_pass(n, d, x, (OnePass){__VA_ARGS__})
    expect("O", got, BY(.O_kept = false), against > 0 ? 2e-4 : 2e-5);
    for (int i = 0; i < 3 && no_name_yet(); i++) {
        const int keys = (int[]){KEYS, 1, MOST_KEYS}[i];
        mistake("an output that is not brought to the new maximum: O shrinks as the "
                "sum does",
                BY(.O_kept = true, .at_once = keys));
        mistake("a sum that is not brought to the new maximum: it shrinks as O does",
                BY(.sum_kept = true, .at_once = keys));
        mistake("neither output nor sum brought to the new maximum: max - larger is "
                "wanted while max is still the old one",
                BY(.O_kept = true, .sum_kept = true, .at_once = keys));
        mistake(
            "these keys' own maximum, where that of all keys so far is wanted, and "
            "nothing brought to it",
            BY(.O_kept = true, .sum_kept = true, .replaced = true, .at_once = keys));
    }
    mistake("an output that is shrunk twice", BY(.O_twice = true));
    mistake("a max, or a sum and an output, that begin anew in each tile: they go on "
            "from tile to tile",
            BY(.anew = true));
    mistake("the first tile alone: this code runs once for each of them",
            BY(.first_tile = true));
    mistake("whole fours of keys: the last few are missing", BY(.whole_fours = true));
    mistake("the first of four values in place of all four", BY(.V_of_four = true));
    mistake("the first of four keys in place of all four", BY(.K_of_four = true));
    mistake("an output divided by 0: each p is added to sum", BY(.no_sum = true));
    mistake("exp(s[k]), without the maximum: exp(s[k] - max)", BY(.no_maximum = true));
    mistake("scores scaled twice: q was multiplied by f.scale, s[k] is ready",
            BY(.scaled_twice = true));
    mistake("the values of the tile's first four keys: key j + k has row V[j + k]",
            BY(.V_of_first = true));
    mistake("keys in place of values: O is a mean of V's rows", BY(.K_for_V = true));
    mistake(
        "weight for keys behind the last: the tile has zeros there, whose score of 0 "
        "is no key's",
        BY(.beyond = KEYS));
    mistake("weight for all 32 keys of a tile: the last one has `count`",
            BY(.beyond = 32));
    mistake_if(
        "0 / 0, or an exponent that is +infinity: max is the largest score of the "
        "keys that there are, whatever its sign; shrink by exp(max - larger), "
        "then max = larger, then exp(s[k] - max)",
        has_nan(got));
#undef BY
    const double *kept = log_sums(n, d, x);
    const Tensor lse = from_device(pass.kept.lse);
    expect("lse, a row's largest score and the log of its sum,", lse, kept, 2e-5);
    mistake_if("a max that isn't the largest score, though max + log sum is right: a "
               "larger score is the new max, however little larger it is",
               same_sums(n, doubles_of(lse), kept));
    expect_keys_once(n, d);
}

static void attention(void) {
    attention_case(7, 8, 0);
    attention_case(50, 16, 0);
    attention_case(66, 24, 0);
    attention_case(33, 64, 0);
    attention_case(38, 16, 8);
}

const Exercise exercises[] = {
    {"6.a", "an index (square)",
     "warm_up.cu: kernel and launch: y[i] = x[i] squared, one thread per element.",
     "In the picture, how many elements does block 1 leave to block 0?",
     "the lesson; warm_up.h", warm_up_square_grade},
    {"6.b", "a guard (add)", "warm_up.cu: kernel and launch: z = x + y, for any count.",
     "Take 10 elements and blocks of 4: how many blocks, and what does each of their "
     "threads do?",
     "the lesson; warm_up.h", warm_up_add_grade},
    {"6.c", "a stride (add_scaled)",
     "warm_up.cu: y += a x, where elements are more than threads.",
     "In one turn of the loop, which elements does a warp load?",
     "the lesson; warm_up.h", warm_up_add_scaled_grade},
    {"6.d", "rows and columns (scale_rows)",
     "warm_up.cu: kernel and launch: Y[i][j] = by[i] X[i][j], one thread per element.",
     "Which lanes are one warp, and what do they want to read?",
     "the lesson; warm_up.h", warm_up_scale_rows_grade},
    {"6.e", "a reversal (reverse)",
     "warm_up.cu: each block turns its run round, in place, through shared memory.",
     "Which elements does this block have, and who still needs the one that a thread "
     "overwrites?",
     "the lesson; warm_up.h", warm_up_reverse_grade},
    {"6.f", "a block's sum (sum_runs)",
     "warm_up.cu: sums[b] is the sum of run b, by all threads of block b.",
     "Play it with the picture's 8 elements: which threads work in each step, and "
     "what must be finished before it?",
     "the lesson; warm_up.h", warm_up_sums_grade},
    {"6.1", "Answers: threads, sectors, tiles, banks",
     "Predict; then compare with ./chapter6 --counts where it can say so.",
     "Draw the addresses of the first few lanes, and the lines between sectors.",
     "the lesson, \"How a GPU runs a kernel\"", predict},
    {"6.2", "The bias and GELU, forward and backward",
     "gpu_gelu.cu: three kernels with one thread per element; rows are ld apart.",
     "Which row and column has element i, and where is it in each of the tensors?",
     "the lesson, \"One thread per element\"; gpu_gelu.h", gelu},
    {"6.3", "softmax in one pass (forward_online)",
     "gpu_softmax.cu: one warp per row, and at most two loads of each score.",
     "What does a sum of exp(s - max) become when max changes, in a lane and between "
     "lanes?",
     "the lesson, \"One warp per row\"", softmax},
    {"6.4", "matmul with tiles in shared memory (shared_tiles)",
     "gpu_matmul.cu: each element is loaded once per block, and coalesced in each "
     "of the three layouts; sizes need not be multiples of 32.",
     "Which element of a tile does thread (x, y) load, and which ones does it use? "
     "They need not be the same.",
     "the lesson, \"Used thirty-two times\"", matmul},
    {"6.5", "attention in one kernel (forward)",
     "gpu_attention_fused.cu: what a query keeps, what happens to it while a tile of "
     "keys and values streams past, and what O and lse are at the end.",
     "Whatever was added under an old maximum was measured against that maximum. And "
     "all lanes of a warp must reach q.dot.",
     "the lesson, \"Scores that are never written\"", attention},
    {"6.6", "AdamW's kernel (adamw_kernel, gpu_adamw_step)",
     "gpu_adamw.cu: one element per thread, the same step as adamw.c's.",
     "Compare with adamw.c line by line: what has the host computed already, and for "
     "what is it meant?",
     "the lesson, \"A host that never waits\"; notes/05, 5 and 6", adamw_grade},
};
const int exercise_count = sizeof exercises / sizeof exercises[0];
