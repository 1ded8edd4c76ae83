/*
 * gpu_matmul_vectorised.cu: the last rung of the ladder (gpu_matmul.cu has the others):
 * a product that keeps the arithmetic units busy.
 *
 * A block makes a tile of C, up to 128 x 128. It goes along k in steps of 16, and keeps
 * 128 x 16 of op(A) and 16 x 128 of op(B) in shared memory. A thread makes 8 x 8 in its
 * registers: for each step of k, 4 shared loads of 16 bytes feed 64 multiply-adds.
 *
 * What else keeps the multiply-adds from waiting:
 *   16 bytes per load  from global memory too, where addresses and sizes allow it. In
 *                      shared memory k goes down the columns of both tiles; where k
 *                      goes along a row in memory, four elements are turned on the way
 *                      in.
 *   the next tile      is on its way into registers while this one is multiplied, and
 *                      then goes into a second buffer: one barrier per step.
 *   no bank conflicts  a warp makes 32 x 64. How its lanes are placed there decides how
 *                      often shared memory must answer: see row and col.
 *   smaller tiles      where large ones would leave much of the card empty.
 *   parts of k         where C is small and k long, as in a weight's gradient (k = all
 *                      tokens): several blocks share the k of a tile, each writes its
 *                      sums into the workspace, and a second kernel adds them in order.
 *
 * The multiply-adds limit it. An 8 x 8 thread issues 64 of them and 4 loads per step,
 * so that about 9 of 10 instructions are multiply-adds; a multiprocessor's shared
 * memory, at one answer of 128 bytes per cycle, is busy half of the time.
 */
#include "chapters/06_cuda_training/kernels/gpu_matmul_parts.h"

/* ---- the tiles ------------------------------------------------------------------- */

/* Floats added to each row of a tile in shared memory: rows stay aligned to 16 bytes,
 * and 4 rows further down is 16 banks further on (see Carrier::store). */
enum { PAD = 4 };

/* A warp's lanes are in 4 rows of 8; each has TALL x WIDE elements of C. */
enum { LANE_ROWS = 4, LANE_COLS = 8 };

template <int DOWN, int ACROSS, int TALL_, int WIDE_, int DEPTH_, int RESIDENT_>
struct Tile {
    static constexpr int TALL = TALL_, WIDE = WIDE_, DEPTH = DEPTH_;
    static constexpr int RESIDENT = RESIDENT_; /* blocks on a multiprocessor at once */
    static constexpr int WARPS_ACROSS = ACROSS, THREADS = DOWN * ACROSS * 32;
    static constexpr int WARP_ROWS = LANE_ROWS * TALL, WARP_COLS = LANE_COLS * WIDE;
    static constexpr int ROWS = DOWN * WARP_ROWS, COLS = ACROSS * WARP_COLS;
};

/*            warps down, across; elements per thread; step of k; blocks at once */
typedef Tile<4, 2, 8, 8, 16, 2> Tile0; /* 128 x 128, 256 threads */
typedef Tile<4, 1, 8, 8, 16, 3> Tile1; /* 128 x  64, 128 threads */
typedef Tile<2, 2, 8, 4, 16, 4> Tile2; /*  64 x  64, 128 threads */
typedef Tile<2, 1, 4, 4, 32, 8> Tile3; /*  32 x  32,  64 threads */

template <class T> static constexpr MatmulTile facts(double fma_share) {
    return {T::ROWS, T::COLS, T::DEPTH, T::THREADS / 32, T::RESIDENT, fma_share};
}
/* The share is lowest for 4 x 4, whose shared memory is busy all the time. */
const MatmulTile matmul_tiles[MATMUL_TILES] = {facts<Tile0>(0.93), facts<Tile1>(0.92),
                                               facts<Tile2>(0.86), facts<Tile3>(0.65)};

/* ---- from global memory through registers into shared memory --------------------- */

/*
 * A thread's share of a tile of WIDTH rows of op(A) (or columns of op(B)) and DEPTH
 * steps of k: QUADS times four elements that are neighbours in memory, along k or along
 * the width.
 *
 * FAST: addresses and row distances are multiples of 16 bytes, row lengths of 4: a quad
 * is inside or outside, never cut by the edge.
 */
template <bool ALONG_K, bool FAST, int WIDTH, int DEPTH, int THREADS> struct Carrier {
    static constexpr int QUADS = WIDTH * DEPTH / 4 / THREADS;
    static_assert(THREADS <= 2 * WIDTH && THREADS % (WIDTH / 4) == 0, "whole rows");

    const float *at; /* of this thread's first quad */
    int ld;
    int width_left, k_left; /* from there to the edge; 0 or less: beyond it */
    float quads[QUADS][4];

    /*
     * Where this thread's first quad is in the tile, and how far from it the others
     * are. Along the width, a warp takes rows of the tile one after the other. Along k
     * it takes 16 rows of the matrix, 32 bytes of each: a whole sector of memory.
     */
    static DEVICE int my_width(int thread) {
        return ALONG_K ? thread / 2 : thread % (WIDTH / 4) * 4;
    }
    static DEVICE int my_k(int thread) {
        return ALONG_K ? thread % 2 * 4 : thread / (WIDTH / 4);
    }
    static constexpr DEVICE int width_step(int q) {
        return ALONG_K ? q * THREADS / 2 % WIDTH : 0;
    }
    static constexpr DEVICE int k_step(int q) {
        return ALONG_K ? q * THREADS / 2 / WIDTH * 8 : q * (THREADS * 4 / WIDTH);
    }

    /* The tile whose first row (column) is `first`, from k_begin to before k_end. */
    DEVICE Carrier(const float *matrix, int ld_, int first, int width, int k_begin,
                   int k_end)
        : ld(ld_) {
        const int i = first + my_width(threadIdx.x), l = k_begin + my_k(threadIdx.x);
        at = matrix + (ALONG_K ? (long)i * ld + l : (long)l * ld + i);
        width_left = width - i;
        k_left = k_end - l;
    }

    /* Fetch this thread's quads, zeros beyond the edge, and go on to the next tile. */
    DEVICE void fetch(void) {
#pragma unroll
        for (int q = 0; q < QUADS; q++) {
            const int w = width_left - width_step(q), l = k_left - k_step(q);
            const float *from = at + (ALONG_K ? width_step(q) * ld + k_step(q)
                                              : k_step(q) * ld + width_step(q));
            if (FAST) {
                const float4 all =
                    w > 0 && l > 0 ? *(const float4 *)from : make_float4(0, 0, 0, 0);
                quads[q][0] = all.x;
                quads[q][1] = all.y;
                quads[q][2] = all.z;
                quads[q][3] = all.w;
            } else {
#pragma unroll
                for (int e = 0; e < 4; e++) {
                    const bool inside = ALONG_K ? w > 0 && l > e : w > e && l > 0;
                    quads[q][e] = inside ? from[e] : 0.0f;
                }
            }
        }
        at += ALONG_K ? DEPTH : DEPTH * ld;
        k_left -= DEPTH;
    }

    /*
     * Into tile (DEPTH, WIDTH + PAD). Along k, each quad goes down a column: a warp
     * stores 16 neighbours of one row, and 16 of the row 4 further down, which are 16
     * banks further on: all 32 banks, each once.
     */
    DEVICE void store(float (*tile)[WIDTH + PAD]) const {
        const int i = my_width(threadIdx.x), l = my_k(threadIdx.x);
#pragma unroll
        for (int q = 0; q < QUADS; q++) {
            const int row = l + k_step(q), col = i + width_step(q);
            if (ALONG_K) {
#pragma unroll
                for (int e = 0; e < 4; e++) {
                    tile[row + e][col] = quads[q][e];
                }
            } else {
                four_at(&tile[row][col]) =
                    make_float4(quads[q][0], quads[q][1], quads[q][2], quads[q][3]);
            }
        }
    }
};

/* ---- the multiply-adds ----------------------------------------------------------- */

/* COUNT elements of a row of a tile: quads, STRIDE floats from one to the next. */
template <int COUNT, int STRIDE> static DEVICE void load(const float *row, float *to) {
#pragma unroll
    for (int i = 0; i < COUNT; i += 4) {
        const float4 quad = four_at(row + i / 4 * STRIDE);
        to[i] = quad.x;
        to[i + 1] = quad.y;
        to[i + 2] = quad.z;
        to[i + 3] = quad.w;
    }
}

/* sums += what two tiles give for this thread's rows and columns. A (DEPTH, ROWS + PAD)
 * and B (DEPTH, COLS + PAD) begin at its first row and its first column. */
template <class T>
static DEVICE void multiply(const float *A, const float *B, float (*sums)[T::WIDE]) {
#pragma unroll
    for (int l = 0; l < T::DEPTH; l++) {
        float a[T::TALL], b[T::WIDE];
        load<T::TALL, 4 * LANE_ROWS>(A + l * (T::ROWS + PAD), a);
        load<T::WIDE, 4 * LANE_COLS>(B + l * (T::COLS + PAD), b);
#pragma unroll
        for (int r = 0; r < T::TALL; r++) {
#pragma unroll
            for (int c = 0; c < T::WIDE; c++) {
                sums[r][c] += a[r] * b[c];
            }
        }
    }
}

/* Four neighbours of a row of C. FAST: all of them are inside, or none. */
template <bool FAST>
static DEVICE void put4(const MatmulProduct &p, int i, int j, const float *sums) {
    if (!FAST) {
#pragma unroll
        for (int e = 0; e < 4; e++) {
            put(p, i, j + e, sums[e]);
        }
    } else if (i < p.m && j < p.n) {
        const float *b = p.bias + j;
        float4 &at = four_at(p.C + (long)i * p.ld_C + j);
        float4 all = make_float4(sums[0], sums[1], sums[2], sums[3]);
        if (p.bias) {
            all = all + make_float4(b[0], b[1], b[2], b[3]);
        }
        at = p.accumulate ? all + at : all;
    }
}

/*
 * Block (x, y): tile x of C, counted row by row (so that blocks which run together
 * share rows of op(A)), and part y of k. With more than one part, p.C is the workspace
 * (parts, m, n) and parts are part_stride apart.
 */
template <MatmulLayout layout, bool FAST, class T>
static __global__ void __launch_bounds__(T::THREADS, T::RESIDENT)
    vectorised(MatmulProduct p, int k_part, long part_stride) {
    __shared__ __align__(16) float tile_A[2][T::DEPTH][T::ROWS + PAD];
    __shared__ __align__(16) float tile_B[2][T::DEPTH][T::COLS + PAD];
    const int tile = blockIdx.x, part = blockIdx.y, tiles_across = pieces(p.n, T::COLS);
    const int i0 = tile / tiles_across * T::ROWS, j0 = tile % tiles_across * T::COLS;
    const int k_begin = part * k_part, k_end = min(p.k, k_begin + k_part);
    Carrier<layout != MATMUL_TN, FAST, T::ROWS, T::DEPTH, T::THREADS> carry_A(
        p.A, p.ld_A, i0, p.m, k_begin, k_end);
    Carrier<layout == MATMUL_NT, FAST, T::COLS, T::DEPTH, T::THREADS> carry_B(
        p.B, p.ld_B, j0, p.n, k_begin, k_end);

    /*
     * Where a lane is among its warp's 4 rows of 8. A shared load of 16 bytes per lane
     * is answered for 16 lanes at a time: in one pass if lanes that differ in one of
     * the two lowest bits of their index want the same 16 bytes, else in two. Bit 0 is
     * therefore a row (neighbours read the same of op(B)) and bit 1 a column (lanes 2
     * apart read the same of op(A)).
     */
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int row =
        warp / T::WARPS_ACROSS * T::WARP_ROWS + 4 * (lane % 2 + lane / 16 * 2);
    const int col = warp % T::WARPS_ACROSS * T::WARP_COLS + 4 * (lane / 2 % 8);
    float sums[T::TALL][T::WIDE] = {};

    carry_A.fetch();
    carry_B.fetch();
    carry_A.store(tile_A[0]);
    carry_B.store(tile_B[0]);
    __syncthreads();
    int now = 0;
    for (int l = k_begin + T::DEPTH; l < k_end; l += T::DEPTH) {
        carry_A.fetch(); /* on its way while this tile is multiplied */
        carry_B.fetch();
        multiply<T>(&tile_A[now][0][row], &tile_B[now][0][col], sums);
        now ^= 1; /* nobody reads that buffer since the last barrier */
        carry_A.store(tile_A[now]);
        carry_B.store(tile_B[now]);
        __syncthreads();
    }
    multiply<T>(&tile_A[now][0][row], &tile_B[now][0][col], sums);

    p.C += part * part_stride;
#pragma unroll
    for (int r = 0; r < T::TALL; r++) {
        const int i = i0 + row + r / 4 * (4 * LANE_ROWS) + r % 4;
#pragma unroll
        for (int c = 0; c < T::WIDE; c += 4) {
            put4<FAST>(p, i, j0 + col + c / 4 * (4 * LANE_COLS), &sums[r][c]);
        }
    }
}

/* C from the parts' sums (parts, m, n), one element per thread, part 0 first. */
static __global__ void add_parts(MatmulProduct p, const float *partial, int parts) {
    const long count = (long)p.m * p.n, at = my_element();
    if (at < count) {
        float sum = 0;
#pragma unroll 4
        for (int part = 0; part < parts; part++) {
            sum += partial[part * count + at];
        }
        put(p, (int)(at / p.n), (int)(at % p.n), sum);
    }
}

/* ---- which tile, how many parts -------------------------------------------------- */

/*
 * An estimate of a product's time, good enough to choose by. It comes from data sheets
 * and counted instructions, not from a measurement, for a card with many
 * multiprocessors, each of which makes 128 multiply-adds per cycle.
 */
enum { MULTIPROCESSORS = 132, LEAST_PART = 64 };

MatmulPlan matmul_plan_with(int tile, int parts, int k) {
    const int depth = matmul_tiles[tile].depth;
    const int k_part = pieces(pieces(k, parts), depth) * depth; /* whole steps */
    return {tile, pieces(k, k_part), k_part};
}

/* Cycles of the multiprocessor that has the most to do. */
static double cycles(MatmulPlan plan, int m, int n) {
    const MatmulTile *t = &matmul_tiles[plan.tile];
    const long blocks = (long)pieces(m, t->rows) * pieces(n, t->cols);
    const int busiest = pieces(blocks * plan.parts, MULTIPROCESSORS);
    const int together = min(busiest, t->resident), warps = together * t->warps;
    /* Few warps can't hide each other's waiting. */
    const double rate = 128 * t->fma_share * warps / (warps + 3.0);
    const double work = (double)busiest * t->rows * t->cols * plan.k_part;
    /* A block waits for its first tile, and writes C, while it multiplies nothing. */
    double sum = work / rate + 1500.0 * pieces(busiest, together);
    if (plan.parts > 1) { /* another launch, and the parts' sums written and read */
        sum += 4000 + 4.0 * m * n * (2 * plan.parts + 1) / 2000;
    }
    return sum;
}

MatmulPlan matmul_plan(int m, int n, int k, long workspace_floats) {
    static const int parts[] = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, MATMUL_MAX_PARTS};
    MatmulPlan best = matmul_plan_with(0, 1, k);
    double least = cycles(best, m, n);
    for (int tile = 0; tile < MATMUL_TILES; tile++) {
        for (int p : parts) {
            if (p > 1 && (k < p * LEAST_PART || (long)m * n * p > workspace_floats)) {
                break;
            }
            const MatmulPlan plan = matmul_plan_with(tile, p, k);
            const double takes = cycles(plan, m, n);
            if (takes < least) {
                best = plan;
                least = takes;
            }
        }
    }
    return best;
}

/* Are the rows of all three matrices whole fours, each at a multiple of 16 bytes? */
static bool is_fast(MatmulLayout layout, const MatmulProduct &p) {
    const int A_cols = layout == MATMUL_TN ? p.m : p.k;
    const int B_cols = layout == MATMUL_NT ? p.k : p.n;
    return in_fours(p.A, A_cols, p.ld_A) && in_fours(p.B, B_cols, p.ld_B) &&
           in_fours(p.C, p.n, p.ld_C);
}

template <MatmulLayout layout, class T>
static void launch(GpuStream stream, MatmulProduct p, MatmulPlan plan) {
    const dim3 grid(pieces(p.m, T::ROWS) * pieces(p.n, T::COLS), plan.parts);
    const long part_stride = (long)p.m * p.n;
    if (is_fast(layout, p)) {
        LAUNCH((vectorised<layout, true, T>), grid, T::THREADS, 0, stream, p,
               plan.k_part, part_stride);
    } else {
        LAUNCH((vectorised<layout, false, T>), grid, T::THREADS, 0, stream, p,
               plan.k_part, part_stride);
    }
}

template <MatmulLayout layout>
static void launch_tile(GpuStream stream, MatmulProduct p, MatmulPlan plan) {
    switch (plan.tile) {
    case 0: launch<layout, Tile0>(stream, p, plan); break;
    case 1: launch<layout, Tile1>(stream, p, plan); break;
    case 2: launch<layout, Tile2>(stream, p, plan); break;
    default: launch<layout, Tile3>(stream, p, plan);
    }
}

void matmul_vectorised(GpuStream stream, MatmulLayout layout, MatmulProduct product,
                       MatmulPlan plan, float *workspace) {
    MatmulProduct p = product;
    if (plan.parts > 1) {
        p.C = workspace;
        p.ld_C = p.n;
        p.bias = NULL;
        p.accumulate = false;
    }
    switch (layout) {
    case MATMUL_NT: launch_tile<MATMUL_NT>(stream, p, plan); break;
    case MATMUL_NN: launch_tile<MATMUL_NN>(stream, p, plan); break;
    default: launch_tile<MATMUL_TN>(stream, p, plan);
    }
    if (plan.parts > 1) {
        LAUNCH(add_parts, pieces((long)p.m * p.n, 256), 256, 0, stream, product,
               workspace, plan.parts);
    }
}
