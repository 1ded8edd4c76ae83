/*
 * gpu_attention.cu: see gpu_attention.h. With n tokens, d = D_h, for one head:
 *
 *   materialised  Chapter 2's lines, each a kernel over all heads of all images:
 *                 S = q k^T, A = softmax(S / sqrt(d)), O = A v. The scores go through
 *                 device memory four times (S written, read and written by softmax,
 *                 read): 16 n^2 bytes, against 16 n d for q, k, v and O. Where n > d,
 *                 which is nearly always, the scores are what it waits for.
 *
 *   fused         gpu_attention_fused.cu: the scores never leave the chip.
 *
 * Both cost 4 n^2 d flops forward, 8 n^2 d backward (fused: 12, since it computes the
 * scores again instead of reading them).
 */
#include "chapters/06_cuda_training/kernels/gpu_attention.h"

#include "chapters/06_cuda_training/kernels/gpu_attention_fused.h"
#include "chapters/06_cuda_training/kernels/gpu_kernel.h"
#include "chapters/06_cuda_training/kernels/gpu_softmax.h"

const char *const gpu_attention_names[ATTENTION_VERSIONS] = {"materialised", "fused"};

void gpu_attention_shapes(AttentionVersion version, int B, int heads, int n,
                          AttentionKept *shapes) {
    *shapes = AttentionKept();
    if (version == ATTENTION_MATERIALISED) {
        shapes->A = shapes->dA = tensor4(NULL, B, heads, n, n);
    } else {
        shapes->lse = tensor4(NULL, B, heads, n, 2);
        shapes->delta = tensor3(NULL, B, heads, n);
    }
}

/* ---- a product for each head ----------------------------------------------------- */

/* Matrices of one kind, a head's at image * per_image + head * per_head. */
struct Heads {
    float *data;
    long per_image, per_head;
    int ld;
};

typedef enum { NT, NN, TN } Layout; /* C = A B^T, A B, A^T B: as in gpu_matmul.h */

enum { TILE = 32, LANES = 8, EACH = TILE / LANES };

/* Block (x, y, z): tile (y, x) of C of head z % heads of image z / heads. 32 x 8
 * threads, each with 4 rows of the tile. */
template <Layout layout>
static __global__ void product(Heads A, Heads B, Heads C, int m, int n, int k,
                               int heads) {
    __shared__ float tile_A[TILE][TILE + 1],
        tile_B[TILE][TILE + 1]; /* [l][i], [l][j] */
    const int x = static_cast<int>(threadIdx.x), y = static_cast<int>(threadIdx.y);
    const int i0 = static_cast<int>(blockIdx.y) * TILE;
    const int j0 = static_cast<int>(blockIdx.x) * TILE;
    const int image = static_cast<int>(blockIdx.z) / heads;
    const int head = static_cast<int>(blockIdx.z) % heads;
    const float *a = A.data + image * A.per_image + head * A.per_head;
    const float *b = B.data + image * B.per_image + head * B.per_head;
    float *c = C.data + image * C.per_image + head * C.per_head, sum[EACH] = {};
    for (int l0 = 0; l0 < k; l0 += TILE) {
        for (int r = y; r < TILE; r += LANES) { /* x goes along memory's rows */
            const int A_i = layout == TN ? x : r, A_l = layout == TN ? r : x;
            const int B_j = layout == NT ? r : x, B_l = layout == NT ? x : r;
            const int i = i0 + A_i, j = j0 + B_j, la = l0 + A_l, lb = l0 + B_l;
            tile_A[A_l][A_i] = i >= m || la >= k ? 0.0f
                               : layout == TN    ? a[static_cast<long>(la) * A.ld + i]
                                                 : a[static_cast<long>(i) * A.ld + la];
            tile_B[B_l][B_j] = j >= n || lb >= k ? 0.0f
                               : layout == NT    ? b[static_cast<long>(j) * B.ld + lb]
                                                 : b[static_cast<long>(lb) * B.ld + j];
        }
        __syncthreads();
#pragma unroll
        for (int l = 0; l < TILE; l++) {
            const float factor = tile_B[l][x];
#pragma unroll
            for (int r = 0; r < EACH; r++) {
                sum[r] += tile_A[l][y + LANES * r] * factor;
            }
        }
        __syncthreads();
    }
#pragma unroll
    for (int r = 0; r < EACH; r++) {
        const int i = i0 + y + LANES * r, j = j0 + x;
        if (i < m && j < n) {
            c[static_cast<long>(i) * C.ld + j] = sum[r];
        }
    }
}

/* The sizes of a call, and its matrices head by head. */
struct Attention {
    int B, heads, n, d, D;
    Heads Q, K, V, A, O;
};

static Heads columns_of(Tensor T, int from, int d) {
    return {T.data + from, static_cast<long>(T.shape[1]) * T.ld, d, T.ld};
}

static Heads weights_of(Tensor A, int heads, int n) {
    return {A.data, static_cast<long>(heads) * n * n, static_cast<long>(n) * n, n};
}

static Attention describe(int heads, Tensor qkv, const AttentionKept *kept, Tensor O) {
    Attention a = {};
    a.B = qkv.shape[0];
    a.n = qkv.shape[1];
    a.D = tensor_cols(O);
    a.heads = heads;
    a.d = a.D / heads;
    a.Q = columns_of(qkv, 0, a.d);
    a.K = columns_of(qkv, a.D, a.d);
    a.V = columns_of(qkv, 2 * a.D, a.d);
    a.A = weights_of(kept->A, heads, a.n);
    a.O = columns_of(O, 0, a.d);
    return a;
}

template <Layout layout>
static void launch(GpuStream stream, const Attention &a, Heads A, Heads B, Heads C,
                   int m, int n, int k) {
    const dim3 grid(static_cast<unsigned>(pieces(n, TILE)),
                    static_cast<unsigned>(pieces(m, TILE)),
                    static_cast<unsigned>(a.B * a.heads));
    LAUNCH(product<layout>, grid, dim3(TILE, LANES), 0, stream, A, B, C, m, n, k,
           a.heads);
}

/* The first B heads n rows of a tensor made for as many or more. */
static Tensor rows_of(Tensor T, const Attention &a) {
    return tensor2(T.data, a.B * a.heads * a.n, a.n);
}

static float scale_of(int d) {
    return 1.0f / sqrtf(static_cast<float>(d));
}

static void forward_materialised(GpuStream stream, const Attention &a,
                                 const AttentionKept *kept) {
    const Tensor A = rows_of(kept->A, a);
    launch<NT>(stream, a, a.Q, a.K, a.A, a.n, a.n, a.d); /* S = q k^T        */
    gpu_softmax_forward(stream, SOFTMAX_BEST, scale_of(a.d), A,
                        A);                              /* [ViT eq.6]       */
    launch<NN>(stream, a, a.A, a.V, a.O, a.n, a.d, a.n); /* O = A v [ViT eq.7] */
}

static void backward_materialised(GpuStream stream, const Attention &a,
                                  const AttentionKept *kept, Tensor dO, Tensor dqkv) {
    const Heads dOs = columns_of(dO, 0, a.d);
    const Heads dQ = columns_of(dqkv, 0, a.d), dK = columns_of(dqkv, a.D, a.d);
    const Heads dV = columns_of(dqkv, 2 * a.D, a.d);
    const Heads dA = weights_of(kept->dA, a.heads, a.n);
    const Tensor A = rows_of(kept->A, a), dA_rows = rows_of(kept->dA, a);
    launch<TN>(stream, a, a.A, dOs, dV, a.n, a.d, a.n); /* dV = A^T dO */
    launch<NT>(stream, a, dOs, a.V, dA, a.n, a.n, a.d); /* dA = dO v^T */
    /* dS = A o (dA - rowsum(dA o A)), with the 1 / sqrt(d) of dQ and dK */
    gpu_softmax_backward(stream, SOFTMAX_BEST, scale_of(a.d), A, dA_rows, dA_rows);
    launch<NN>(stream, a, dA, a.K, dQ, a.n, a.d, a.n); /* dQ = dS k   */
    launch<TN>(stream, a, dA, a.Q, dK, a.n, a.d, a.n); /* dK = dS^T q */
}

/* ---- the public functions -------------------------------------------------------- */

static void expect_sizes(int heads, Tensor qkv, Tensor O) {
    const int B = qkv.shape[0], n = qkv.shape[1], D = tensor_cols(qkv) / 3;
    expect_contiguous(qkv);
    expect_shape(qkv, "[q, k, v] of every token.", B, n, 3 * D);
    expect_contiguous(O);
    expect_shape(O, "One row for each token.", B, n, D);
    if (D % heads != 0 || D / heads > ATTENTION_MOST_D) {
        bug("gpu_attention: %d heads of %d columns: D_h must be whole and at most %d",
            heads, D, ATTENTION_MOST_D);
    }
}

void gpu_attention_forward(GpuStream stream, AttentionVersion version, int heads,
                           Tensor qkv, const AttentionKept *kept, Tensor O) {
    expect_sizes(heads, qkv, O);
    if (version == ATTENTION_FUSED) {
        attention_fused_forward(stream, heads, qkv, kept->lse.data, O);
    } else {
        forward_materialised(stream, describe(heads, qkv, kept, O), kept);
    }
}

void gpu_attention_backward(GpuStream stream, AttentionVersion version, int heads,
                            Tensor qkv, const AttentionKept *kept, Tensor O, Tensor dO,
                            Tensor dqkv) {
    expect_sizes(heads, qkv, O);
    expect_same_shape(dO, O);
    expect_contiguous(dO);
    expect_same_shape(dqkv, qkv);
    expect_contiguous(dqkv);
    if (version == ATTENTION_FUSED) {
        attention_fused_backward(stream, heads, qkv, kept->lse.data, kept->delta.data,
                                 O, dO, dqkv);
    } else {
        backward_materialised(stream, describe(heads, qkv, kept, O), kept, dO, dqkv);
    }
}
