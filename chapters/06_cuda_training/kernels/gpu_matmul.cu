/*
 * gpu_matmul.cu: see gpu_matmul.h. Five rungs from the definition to a product that
 * keeps the arithmetic units busy. For C (m, n) with inner size k, 2 m n k flops:
 *
 *   naive       One thread per element of C. Neighbours have neighbouring rows: their
 *               loads are ld apart, each in a line of its own. 2 m n k global loads.
 *   coalesced   Neighbours have neighbouring columns: a warp reads one element of A and
 *               (NN, TN) 32 consecutive elements of B; in NT rows of B, ld apart.
 *   shared      A block makes 32 x 32 of C. It brings 32 x 32 of A and of B into shared
 *               memory, where each element is used 32 times: m n k / 16 global loads.
 *   registers   A block makes 64 x 64, a thread 4 x 4 of it: 8 shared loads feed 16
 *               multiply-adds. m n k / 32 global loads.
 *   vectorised  gpu_matmul_vectorised.cu: 128 x 128, a thread 8 x 8, 16 bytes per load,
 *               the next tile fetched meanwhile. m n k / 64 global loads; limited by
 *               the multiply-adds themselves.
 *
 * The first four read A and B through at_A and at_B, which alone know the layouts.
 */
#include "chapters/06_cuda_training/kernels/gpu_matmul.h"

#include "chapters/06_cuda_training/kernels/gpu_kernel.h"
#include "chapters/06_cuda_training/kernels/gpu_matmul_parts.h"

const char *const gpu_matmul_names[MATMUL_VERSIONS] = {
    "naive",      "coalesced", "shared",     "registers" /* not in your copy */,
    "vectorised", "cublas",    "cublas_tf32"};

/* op(A)[i][l] and op(B)[l][j], i < m, l < k, j < n */
template <MatmulLayout layout>
static DEVICE const float *at_A(const MatmulProduct &p, int i, int l) {
    return p.A + (layout == MATMUL_TN ? (long)l * p.ld_A + i : (long)i * p.ld_A + l);
}

template <MatmulLayout layout>
static DEVICE const float *at_B(const MatmulProduct &p, int l, int j) {
    return p.B + (layout == MATMUL_NT ? (long)j * p.ld_B + l : (long)l * p.ld_B + j);
}

/* ---- 1. naive, 2. coalesced: the same sum, other neighbours ---------------------- */

enum { SIDE_X = 32, SIDE_Y = 8 };

template <MatmulLayout layout>
static DEVICE float dot(const MatmulProduct &p, int i, int j) {
    float sum = 0;
    for (int l = 0; l < p.k; l++) {
        sum += *at_A<layout>(p, i, l) * *at_B<layout>(p, l, j);
    }
    return sum;
}

template <MatmulLayout layout> static __global__ void naive(MatmulProduct p) {
    const int i = blockIdx.x * SIDE_X + threadIdx.x;
    const int j = blockIdx.y * SIDE_Y + threadIdx.y;
    if (i < p.m && j < p.n) {
        put(p, i, j, dot<layout>(p, i, j));
    }
}

template <MatmulLayout layout> static __global__ void coalesced(MatmulProduct p) {
    const int j = blockIdx.x * SIDE_X + threadIdx.x;
    const int i = blockIdx.y * SIDE_Y + threadIdx.y;
    if (i < p.m && j < p.n) {
        put(p, i, j, dot<layout>(p, i, j));
    }
}

/* ---- 3. shared ------------------------------------------------------------------- */

enum { TILE = 32 };

/* With rows of 33 the 32 elements of a column are in 32 different banks. */
template <MatmulLayout layout> static __global__ void shared_tiles(MatmulProduct p) {
    __shared__ float A[TILE][TILE + 1]; /* [l][i] */
    __shared__ float B[TILE][TILE + 1]; /* [l][j] */
    const int x = threadIdx.x, y = threadIdx.y;
    const int i0 = blockIdx.y * TILE, j0 = blockIdx.x * TILE;
    /* exercise 6.4 */
    float sum = 0;
    for (int l0 = 0; l0 < p.k; l0 += TILE) {
        /* Neighbours (x) go along the direction in which the matrix is stored. */
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
    /* end of exercise 6.4 */
}

/* exercise 6.4, cut: */
/* ---- 4. registers ---------------------------------------------------------------- */

/* With rows of 66 a warp that goes along l stores 16 x 2 elements in 32 banks. */
enum { BLOCK4 = 64, DEPTH4 = 16, EACH4 = 4, THREADS4 = 256, ROW4 = BLOCK4 + 2 };

/* Loads 64 rows of op(A) (or columns of op(B)), 16 steps of k, into tile[l][r]. */
template <bool of_A, MatmulLayout layout>
static DEVICE void load_tile(const MatmulProduct &p, int r0, int l0,
                             float (*tile)[ROW4]) {
    const bool along_l = of_A ? layout != MATMUL_TN : layout == MATMUL_NT;
    const int rows = of_A ? p.m : p.n;
    for (int e = threadIdx.x; e < BLOCK4 * DEPTH4; e += THREADS4) {
        const int l = along_l ? e % DEPTH4 : e / BLOCK4;
        const int r = along_l ? e / DEPTH4 : e % BLOCK4;
        const bool inside = r0 + r < rows && l0 + l < p.k;
        tile[l][r] = !inside ? 0.0f
                     : of_A  ? *at_A<layout>(p, r0 + r, l0 + l)
                             : *at_B<layout>(p, l0 + l, r0 + r);
    }
}

/* A thread's 4 x 4 elements are 16 apart, so neighbours read neighbouring banks. */
template <MatmulLayout layout> static __global__ void registers(MatmulProduct p) {
    __shared__ float A[DEPTH4][ROW4], B[DEPTH4][ROW4];
    const int x = threadIdx.x % 16, y = threadIdx.x / 16;
    const int i0 = blockIdx.y * BLOCK4, j0 = blockIdx.x * BLOCK4;
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
/* end of exercise 6.4 */

/* Room for the parts' sums of the last rung. */
static const long WORKSPACE_FLOATS = 16l << 20;
static const size_t WORKSPACE_BYTES = WORKSPACE_FLOATS * sizeof(float);
static float *workspace;
static int workspace_users; /* a run, and the check that comes before it */

size_t gpu_matmul_workspace_bytes(void) {
    return WORKSPACE_BYTES + cublaslt_workspace_bytes();
}

bool gpu_matmul_make_workspace(Error *error) {
    if (!workspace) {
        workspace =
            (float *)gpu_allocate(WORKSPACE_BYTES, "a product's partial sums", error);
    }
    if (!workspace || !cublaslt_open(error)) {
        return false;
    }
    workspace_users++;
    return true;
}

void gpu_matmul_free_workspace(void) {
    if (workspace_users > 0 && --workspace_users > 0) {
        return;
    }
    cublaslt_close();
    gpu_free(workspace);
    workspace = NULL;
}

template <MatmulLayout layout>
static void launch(GpuStream stream, MatmulVersion version, MatmulProduct p) {
    const dim3 sides(SIDE_X, SIDE_Y), tile(TILE, TILE);
    if (version == MATMUL_NAIVE) {
        LAUNCH(naive<layout>, dim3(pieces(p.m, SIDE_X), pieces(p.n, SIDE_Y)), sides, 0,
               stream, p);
    } else if (version == MATMUL_COALESCED) {
        LAUNCH(coalesced<layout>, dim3(pieces(p.n, SIDE_X), pieces(p.m, SIDE_Y)), sides,
               0, stream, p);
    } else if (version == MATMUL_SHARED) {
        LAUNCH(shared_tiles<layout>, dim3(pieces(p.n, TILE), pieces(p.m, TILE)), tile,
               0, stream, p);
        /* exercise 6.4, cut: */
    } else if (version == MATMUL_REGISTERS) {
        LAUNCH(registers<layout>, dim3(pieces(p.n, BLOCK4), pieces(p.m, BLOCK4)),
               THREADS4, 0, stream, p);
        /* end of exercise 6.4 */
    } else {
        const long room = workspace ? WORKSPACE_FLOATS : 0;
        matmul_vectorised(stream, layout, p, matmul_plan(p.m, p.n, p.k, room),
                          workspace);
    }
}

void gpu_matmul(GpuStream stream, MatmulVersion version, MatmulForm form, Tensor A,
                Tensor B, Tensor C) {
    const MatmulLayout layout = form.layout;
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
    if (C.data == A.data || C.data == B.data) {
        bug("gpu_matmul: C lies where %s lies: it would be overwritten while other "
            "blocks still read it",
            C.data == A.data ? "A" : "B");
    }
    const MatmulProduct p = {m,      n,    k,    A.data, B.data,         form.bias,
                             C.data, A.ld, B.ld, C.ld,   form.accumulate};
    if (version >= MATMUL_CUBLAS) {
        cublaslt_matmul(stream, version == MATMUL_CUBLAS_TF32, layout, p);
        return;
    }
    switch (layout) {
    case MATMUL_NT: launch<MATMUL_NT>(stream, version, p); break;
    case MATMUL_NN: launch<MATMUL_NN>(stream, version, p); break;
    default: launch<MATMUL_TN>(stream, version, p);
    }
}
