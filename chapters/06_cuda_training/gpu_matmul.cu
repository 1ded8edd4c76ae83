/*
 * gpu_matmul.cu: see gpu_matmul.h. Five rungs from the definition to a product that
 * keeps the arithmetic units busy. For C (m, n) with inner size k, 2 m n k flops:
 *
 *   naive       A thread an element of C. Neighbouring threads have neighbouring rows:
 *               their loads are ld apart, and every one fetches a line of its own.
 *               2 m n k loads from global memory.
 *   coalesced   Neighbours have neighbouring columns: one element of A for the whole
 *               warp, and (NN, TN) 32 elements of B in a row. As many loads, but a
 *               warp's come in one or two lines. In NT neighbours read B's rows, ld
 *               apart: only tiles cure that.
 *   shared      A block makes 32 x 32 of C. It brings 32 x 32 of A and of B into shared
 *               memory, where each element is used 32 times: m n k / 16 global loads.
 *               Now 2 shared loads for each multiply-add are the limit.
 *   registers   A block makes 64 x 64, a thread 4 x 4 of it: 8 shared loads feed 16
 *               multiply-adds. m n k / 32 global loads.
 *   vectorised  A block makes 128 x 128 (64 x 64 where that would leave the card
 *               empty), a thread 8 x 8: 4 shared loads of 16 bytes feed 64
 *               multiply-adds. Global loads are of 16 bytes too; the next tile is
 *               fetched into registers while this one is multiplied, and two buffers
 *               of shared memory need one barrier a tile instead of two. Where C is
 *               small and k long (a weight's gradient: k = all tokens), the blocks
 *               share k, and a second kernel adds their sums in order. m n k / 64
 *               global loads; limited by the multiply-adds themselves.
 *
 * All of them read A and B through at_A and at_B: what the layout means is said once.
 */
#include "gpu_matmul.h"

#include "gpu_cublaslt.h"
#include "gpu_kernel.h"

const char *const gpu_matmul_names[MATMUL_VERSIONS] = {
    "naive", "coalesced", "shared", "registers", "vectorised", "cublas", "cublas_tf32"};

bool gpu_matmul_available(MatmulVersion version) {
    return version < MATMUL_CUBLAS || cublaslt_available();
}

/* What a kernel is told; passed by value. */
struct Product {
    int m, n, k;
    const float *A, *B, *bias; /* bias (n) or NULL */
    float *C;
    int ld_A, ld_B, ld_C;
    bool accumulate;
};

/* op(A)[i][l] and op(B)[l][j], i < m, l < k, j < n */
template <MatmulLayout layout>
static __forceinline__ __device__ const float *at_A(const Product &p, int i, int l) {
    return p.A + (layout == MATMUL_TN ? static_cast<long>(l) * p.ld_A + i
                                      : static_cast<long>(i) * p.ld_A + l);
}

template <MatmulLayout layout>
static __forceinline__ __device__ const float *at_B(const Product &p, int l, int j) {
    return p.B + (layout == MATMUL_NT ? static_cast<long>(j) * p.ld_B + l
                                      : static_cast<long>(l) * p.ld_B + j);
}

static __forceinline__ __device__ void put(const Product &p, int i, int j, float sum) {
    if (i < p.m && j < p.n) {
        float *at = p.C + static_cast<long>(i) * p.ld_C + j;
        sum += p.bias ? p.bias[j] : 0.0f;
        *at = p.accumulate ? *at + sum : sum;
    }
}

static __forceinline__ __device__ int my_x(int block) {
    return static_cast<int>(blockIdx.x) * block + static_cast<int>(threadIdx.x);
}

static __forceinline__ __device__ int my_y(int block) {
    return static_cast<int>(blockIdx.y) * block + static_cast<int>(threadIdx.y);
}

/* ---- 1. naive, 2. coalesced: the same sum, other neighbours -------------------------- */

enum { SIDE_X = 32, SIDE_Y = 8 };

template <MatmulLayout layout>
static __forceinline__ __device__ float dot(const Product &p, int i, int j) {
    float sum = 0;
    for (int l = 0; l < p.k; l++) {
        sum += *at_A<layout>(p, i, l) * *at_B<layout>(p, l, j);
    }
    return sum;
}

template <MatmulLayout layout> static __global__ void naive(Product p) {
    const int i = my_x(SIDE_X), j = my_y(SIDE_Y);
    if (i < p.m && j < p.n) {
        put(p, i, j, dot<layout>(p, i, j));
    }
}

template <MatmulLayout layout> static __global__ void coalesced(Product p) {
    const int j = my_x(SIDE_X), i = my_y(SIDE_Y);
    if (i < p.m && j < p.n) {
        put(p, i, j, dot<layout>(p, i, j));
    }
}

/* ---- 3. shared ------------------------------------------------------------------------ */

enum { TILE = 32 };

/* Rows of 33: the 32 elements of a column lie in 32 different banks. */
template <MatmulLayout layout> static __global__ void shared_tiles(Product p) {
    __shared__ float A[TILE][TILE + 1]; /* [l][i] */
    __shared__ float B[TILE][TILE + 1]; /* [l][j] */
    const int x = static_cast<int>(threadIdx.x), y = static_cast<int>(threadIdx.y);
    const int i0 = static_cast<int>(blockIdx.y) * TILE;
    const int j0 = static_cast<int>(blockIdx.x) * TILE;
    float sum = 0;
    for (int l0 = 0; l0 < p.k; l0 += TILE) {
        /* Neighbours (x) go along the direction in which the matrix lies in memory. */
        const int A_i = layout == MATMUL_TN ? x : y, A_l = layout == MATMUL_TN ? y : x;
        const int B_j = layout == MATMUL_NT ? y : x, B_l = layout == MATMUL_NT ? x : y;
        A[A_l][A_i] = i0 + A_i < p.m && l0 + A_l < p.k
                          ? *at_A<layout>(p, i0 + A_i, l0 + A_l)
                          : 0.0f;
        B[B_l][B_j] = j0 + B_j < p.n && l0 + B_l < p.k
                          ? *at_B<layout>(p, l0 + B_l, j0 + B_j)
                          : 0.0f;
        __syncthreads(); /* the tiles are whole */
        for (int l = 0; l < TILE; l++) {
            sum += A[l][y] * B[l][x];
        }
        __syncthreads(); /* nobody reads them any more */
    }
    put(p, i0 + y, j0 + x, sum);
}

/* ---- 4. registers ------------------------------------------------------------------------ */

enum { BLOCK4 = 64, DEPTH4 = 16, EACH4 = 4, THREADS4 = 256 };

/* 64 rows of op(A) (or columns of op(B)) and 16 of the inner size, into tile[l][r]. */
template <bool of_A, MatmulLayout layout>
static __forceinline__ __device__ void load_tile(const Product &p, int r0, int l0,
                                                 float (*tile)[BLOCK4 + 1]) {
    const bool along_l = of_A ? layout != MATMUL_TN : layout == MATMUL_NT;
    const int rows = of_A ? p.m : p.n;
    for (int e = static_cast<int>(threadIdx.x); e < BLOCK4 * DEPTH4; e += THREADS4) {
        const int l = along_l ? e % DEPTH4 : e / BLOCK4;
        const int r = along_l ? e / DEPTH4 : e % BLOCK4;
        const bool inside = r0 + r < rows && l0 + l < p.k;
        tile[l][r] = !inside ? 0.0f
                     : of_A  ? *at_A<layout>(p, r0 + r, l0 + l)
                             : *at_B<layout>(p, l0 + l, r0 + r);
    }
}

/* A thread's 4 x 4 elements lie 16 apart: neighbours read neighbouring banks. */
template <MatmulLayout layout> static __global__ void registers(Product p) {
    __shared__ float A[DEPTH4][BLOCK4 + 1], B[DEPTH4][BLOCK4 + 1];
    const int x = static_cast<int>(threadIdx.x) % 16, y = static_cast<int>(threadIdx.x) / 16;
    const int i0 = static_cast<int>(blockIdx.y) * BLOCK4;
    const int j0 = static_cast<int>(blockIdx.x) * BLOCK4;
    float C[EACH4][EACH4] = {};
    for (int l0 = 0; l0 < p.k; l0 += DEPTH4) {
        load_tile<true, layout>(p, i0, l0, A);
        load_tile<false, layout>(p, j0, l0, B);
        __syncthreads();
#pragma unroll
        for (int l = 0; l < DEPTH4; l++) {
            float a[EACH4], b[EACH4];
#pragma unroll
            for (int r = 0; r < EACH4; r++) {
                a[r] = A[l][y + 16 * r];
                b[r] = B[l][x + 16 * r];
            }
#pragma unroll
            for (int r = 0; r < EACH4; r++) {
#pragma unroll
                for (int c = 0; c < EACH4; c++) {
                    C[r][c] += a[r] * b[c];
                }
            }
        }
        __syncthreads();
    }
    for (int r = 0; r < EACH4; r++) {
        for (int c = 0; c < EACH4; c++) {
            put(p, i0 + y + 16 * r, j0 + x + 16 * c, C[r][c]);
        }
    }
}

/* ---- 5. vectorised -------------------------------------------------------------------------- */

enum { DEPTH = 8, EACH = 8, PAD = 4 };

/* Four neighbours in memory, zeros beyond the edge. `left` of them exist. */
template <bool aligned>
static __forceinline__ __device__ float4 load4(const float *at, int left) {
    if (aligned && left >= 4) {
        return *reinterpret_cast<const float4 *>(at);
    }
    return make_float4(left > 0 ? at[0] : 0.0f, left > 1 ? at[1] : 0.0f,
                       left > 2 ? at[2] : 0.0f, left > 3 ? at[3] : 0.0f);
}

/*
 * A thread's share of a tile of SIDE rows of op(A) (columns of op(B)) by DEPTH of the
 * inner size: COUNT times four numbers that are neighbours in memory. Fetched from
 * global memory into registers, later stored as tile[l][r].
 */
template <bool of_A, MatmulLayout layout, int SIDE, int THREADS, bool aligned>
struct Share {
    static constexpr bool along_l = of_A ? layout != MATMUL_TN : layout == MATMUL_NT;
    static constexpr int COUNT = SIDE * DEPTH / 4 / THREADS;
    float4 numbers[COUNT];

    static __forceinline__ __device__ int l_of(int e) {
        return along_l ? e % (DEPTH / 4) * 4 : e / (SIDE / 4);
    }
    static __forceinline__ __device__ int r_of(int e) {
        return along_l ? e / (DEPTH / 4) : e % (SIDE / 4) * 4;
    }

    __forceinline__ __device__ void fetch(const Product &p, int r0, int l0, int l_end) {
        const int rows = of_A ? p.m : p.n;
#pragma unroll
        for (int c = 0; c < COUNT; c++) {
            const int e = static_cast<int>(threadIdx.x) + c * THREADS;
            const int l = l0 + l_of(e), r = r0 + r_of(e);
            const bool inside = r < rows && l < l_end;
            numbers[c] = make_float4(0, 0, 0, 0);
            if (inside) {
                numbers[c] = load4<aligned>(
                    of_A ? at_A<layout>(p, r, l) : at_B<layout>(p, l, r),
                    along_l ? l_end - l : rows - r);
            }
        }
    }

    __forceinline__ __device__ void store(float (*tile)[SIDE + PAD]) const {
#pragma unroll
        for (int c = 0; c < COUNT; c++) {
            const int e = static_cast<int>(threadIdx.x) + c * THREADS;
            const int l = l_of(e), r = r_of(e);
            if (along_l) {
                tile[l][r] = numbers[c].x;
                tile[l + 1][r] = numbers[c].y;
                tile[l + 2][r] = numbers[c].z;
                tile[l + 3][r] = numbers[c].w;
            } else {
                *reinterpret_cast<float4 *>(&tile[l][r]) = numbers[c];
            }
        }
    }
};

/* C += the product of two tiles: 8 x 8 for a thread, in four pieces of 4 x 4 that lie
 * half a tile apart. */
template <int SIDE>
static __forceinline__ __device__ void multiply(const float (*A)[SIDE + PAD],
                                                const float (*B)[SIDE + PAD], int y, int x,
                                                float (*C)[EACH]) {
#pragma unroll
    for (int l = 0; l < DEPTH; l++) {
        float a[EACH], b[EACH];
        *reinterpret_cast<float4 *>(a) = *reinterpret_cast<const float4 *>(&A[l][4 * y]);
        *reinterpret_cast<float4 *>(a + 4) =
            *reinterpret_cast<const float4 *>(&A[l][SIDE / 2 + 4 * y]);
        *reinterpret_cast<float4 *>(b) = *reinterpret_cast<const float4 *>(&B[l][4 * x]);
        *reinterpret_cast<float4 *>(b + 4) =
            *reinterpret_cast<const float4 *>(&B[l][SIDE / 2 + 4 * x]);
#pragma unroll
        for (int r = 0; r < EACH; r++) {
#pragma unroll
            for (int c = 0; c < EACH; c++) {
                C[r][c] += a[r] * b[c];
            }
        }
    }
}

/*
 * Block (x, y, z): tile (y, x) of C, part z of the inner size, k_a_part long. With more
 * than one part, p.C is the workspace (parts, m, n).
 * The lanes of a warp stand as 4 rows of 8 in the tile: together they read 12 times 16
 * bytes of shared memory for their 64 multiply-adds each.
 */
template <MatmulLayout layout, int SIDE, bool aligned>
static __global__ void __launch_bounds__(SIDE *SIDE / 64, SIDE == 128 ? 2 : 6)
    vectorised(Product p, int k_a_part) {
    enum { THREADS = SIDE * SIDE / 64, WARPS_ACROSS = SIDE / 64 };
    __shared__ __align__(16) float A[2][DEPTH][SIDE + PAD], B[2][DEPTH][SIDE + PAD];
    const int warp = static_cast<int>(threadIdx.x) / 32,
              lane = static_cast<int>(threadIdx.x) % 32;
    const int y = warp / WARPS_ACROSS * 4 + lane / 8;
    const int x = warp % WARPS_ACROSS * 8 + lane % 8;
    const int i0 = static_cast<int>(blockIdx.y) * SIDE;
    const int j0 = static_cast<int>(blockIdx.x) * SIDE;
    const int l_begin = static_cast<int>(blockIdx.z) * k_a_part;
    const int l_end = min(p.k, l_begin + k_a_part);
    Share<true, layout, SIDE, THREADS, aligned> share_A;
    Share<false, layout, SIDE, THREADS, aligned> share_B;
    float C[EACH][EACH] = {};

    share_A.fetch(p, i0, l_begin, l_end);
    share_B.fetch(p, j0, l_begin, l_end);
    share_A.store(A[0]);
    share_B.store(B[0]);
    __syncthreads();
    for (int l = l_begin, now = 0; l < l_end; l += DEPTH, now ^= 1) {
        const bool more = l + DEPTH < l_end;
        if (more) { /* on their way while the arithmetic runs */
            share_A.fetch(p, i0, l + DEPTH, l_end);
            share_B.fetch(p, j0, l + DEPTH, l_end);
        }
        multiply<SIDE>(A[now], B[now], y, x, C);
        if (more) {
            share_A.store(A[now ^ 1]);
            share_B.store(B[now ^ 1]);
            __syncthreads();
        }
    }
    p.C += static_cast<long>(blockIdx.z) * p.m * p.n; /* z is 0 unless k is shared */
#pragma unroll
    for (int r = 0; r < EACH; r++) {
#pragma unroll
        for (int c = 0; c < EACH; c++) {
            put(p, i0 + r / 4 * (SIDE / 2) + 4 * y + r % 4,
                j0 + c / 4 * (SIDE / 2) + 4 * x + c % 4, C[r][c]);
        }
    }
}

/* C from the parts' sums (parts, m, n), in order. */
static __global__ void add_parts(Product p, const float *partial, int parts) {
    const long i = static_cast<long>(blockIdx.x) * blockDim.x + threadIdx.x;
    const long count = static_cast<long>(p.m) * p.n;
    if (i < count) {
        float sum = 0;
        for (int part = 0; part < parts; part++) {
            sum += partial[part * count + i];
        }
        put(p, static_cast<int>(i / p.n), static_cast<int>(i % p.n), sum);
    }
}

/* ---- launches ---------------------------------------------------------------------------------- */

static const size_t WORKSPACE_BYTES = 32u << 20;
static float *workspace;

/* As many blocks as a large card can run at once: about its multiprocessors. A constant,
 * so that the order of sums, and with it every bit, is the same on every card. */
enum { CARD_BLOCKS = 132, LEAST_K_A_PART = 128 };

bool gpu_matmul_make_workspace(Error *error) {
    if (!workspace) {
        workspace = static_cast<float *>(
            gpu_allocate(WORKSPACE_BYTES, "a product's partial sums", error));
    }
    return workspace && cublaslt_open(error);
}

void gpu_matmul_free_workspace(void) {
    cublaslt_close();
    gpu_free(workspace);
    workspace = NULL;
}

static unsigned cover(int whole, int piece) {
    return static_cast<unsigned>(pieces(whole, piece));
}

/* Into how many parts k is cut so that the card is full. */
static int parts_of_k(const Product &p, int tiles) {
    const size_t one = static_cast<size_t>(p.m) * static_cast<size_t>(p.n) * sizeof(float);
    int parts = CARD_BLOCKS / tiles;
    parts = min(parts, p.k / LEAST_K_A_PART);
    parts = workspace ? min(parts, static_cast<int>(WORKSPACE_BYTES / one)) : 1;
    return max(parts, 1);
}

template <MatmulLayout layout, int SIDE, bool aligned>
static void launch_tiles(GpuStream stream, Product p) {
    const dim3 tiles(cover(p.n, SIDE), cover(p.m, SIDE));
    const int parts = parts_of_k(p, static_cast<int>(tiles.x * tiles.y));
    const int k_a_part = pieces(pieces(p.k, parts), DEPTH) * DEPTH;
    if (parts == 1) {
        LAUNCH((vectorised<layout, SIDE, aligned>), tiles, SIDE *SIDE / 64, 0, stream, p,
               k_a_part);
        return;
    }
    Product part = p;
    part.C = workspace;
    part.ld_C = p.n;
    part.bias = NULL;
    part.accumulate = false;
    const int used = pieces(p.k, k_a_part);
    LAUNCH((vectorised<layout, SIDE, aligned>),
           dim3(tiles.x, tiles.y, static_cast<unsigned>(used)), SIDE *SIDE / 64, 0, stream,
           part, k_a_part);
    LAUNCH(add_parts, pieces(static_cast<long>(p.m) * p.n, 256), 256, 0, stream, p,
           workspace, used);
}

static bool is_aligned(const float *at, int ld) {
    return reinterpret_cast<uintptr_t>(at) % 16 == 0 && ld % 4 == 0;
}

template <MatmulLayout layout> static void launch_vectorised(GpuStream stream, Product p) {
    const bool aligned = is_aligned(p.A, p.ld_A) && is_aligned(p.B, p.ld_B);
    const bool large = cover(p.m, 128) * cover(p.n, 128) >= CARD_BLOCKS;
    if (large && aligned) {
        launch_tiles<layout, 128, true>(stream, p);
    } else if (large) {
        launch_tiles<layout, 128, false>(stream, p);
    } else if (aligned) {
        launch_tiles<layout, 64, true>(stream, p);
    } else {
        launch_tiles<layout, 64, false>(stream, p);
    }
}

template <MatmulLayout layout>
static void launch(GpuStream stream, MatmulVersion version, Product p) {
    const dim3 sides(SIDE_X, SIDE_Y), tile(TILE, TILE);
    switch (version) {
    case MATMUL_NAIVE:
        LAUNCH(naive<layout>, dim3(cover(p.m, SIDE_X), cover(p.n, SIDE_Y)), sides, 0,
               stream, p);
        break;
    case MATMUL_COALESCED:
        LAUNCH(coalesced<layout>, dim3(cover(p.n, SIDE_X), cover(p.m, SIDE_Y)), sides, 0,
               stream, p);
        break;
    case MATMUL_SHARED:
        LAUNCH(shared_tiles<layout>, dim3(cover(p.n, TILE), cover(p.m, TILE)), tile, 0,
               stream, p);
        break;
    case MATMUL_REGISTERS:
        LAUNCH(registers<layout>, dim3(cover(p.n, BLOCK4), cover(p.m, BLOCK4)), THREADS4,
               0, stream, p);
        break;
    default: launch_vectorised<layout>(stream, p);
    }
}

void gpu_matmul(GpuStream stream, MatmulVersion version, MatmulLayout layout, Tensor A,
                Tensor B, MatmulEnd end, Tensor C) {
    const int A_rows = tensor_rows(A), A_cols = tensor_cols(A);
    const int B_rows = tensor_rows(B), B_cols = tensor_cols(B);
    const int m = layout == MATMUL_TN ? A_cols : A_rows;
    const int k = layout == MATMUL_TN ? A_rows : A_cols;
    const int n = layout == MATMUL_NT ? B_rows : B_cols;
    const int k_of_B = layout == MATMUL_NT ? B_cols : B_rows;
    static const char *const meaning[] = {"A B^T", "A B", "A^T B"};
    if (k_of_B != k || tensor_rows(C) != m || tensor_cols(C) != n) {
        bug("gpu_matmul: C = %s: A is (%d,%d), B is (%d,%d), C is (%d,%d): the inner "
            "sizes are %d and %d, C must be (%d,%d)",
            meaning[layout], A_rows, A_cols, B_rows, B_cols, tensor_rows(C),
            tensor_cols(C), k, k_of_B, m, n);
    }
    const Product p = {m,      n,    k,    A.data, B.data,        end.bias,
                       C.data, A.ld, B.ld, C.ld,   end.accumulate};
    if (version >= MATMUL_CUBLAS) {
        cublaslt_matmul(stream, version == MATMUL_CUBLAS_TF32, layout, A, B, end, C);
        return;
    }
    switch (layout) {
    case MATMUL_NT: launch<MATMUL_NT>(stream, version, p); break;
    case MATMUL_NN: launch<MATMUL_NN>(stream, version, p); break;
    default: launch<MATMUL_TN>(stream, version, p);
    }
}
