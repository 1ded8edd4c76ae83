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
#include "chapters/06_cuda_training/kernels/gpu_matmul.h"
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

/* Matrices of one kind: a head's begins at image * per_image + head * per_head. */
struct Heads {
    float *data;
    long per_image, per_head;
    int ld;
};

/* C (m, n) = op(A) op(B) for every head; layouts as in gpu_matmul.h. */
struct Products {
    Heads A, B, C;
    int m, n, k, images, heads;
};

enum { TILE = 32, LANES = 8, EACH = TILE / LANES };

/* Block (x, y, z): tile (y, x) of C of head z % heads of image z / heads. 32 x 8
 * threads, each with 4 rows of the tile. */
template <MatmulLayout layout> static __global__ void product(Products p) {
    __shared__ float tile_A[TILE][TILE + 1],
        tile_B[TILE][TILE + 1]; /* [l][i], [l][j] */
    const int x = threadIdx.x, y = threadIdx.y;
    const int i0 = blockIdx.y * TILE, j0 = blockIdx.x * TILE;
    const int image = blockIdx.z / p.heads, head = blockIdx.z % p.heads;
    const float *a = p.A.data + image * p.A.per_image + head * p.A.per_head;
    const float *b = p.B.data + image * p.B.per_image + head * p.B.per_head;
    float *c = p.C.data + image * p.C.per_image + head * p.C.per_head, sum[EACH] = {};
    for (int l0 = 0; l0 < p.k; l0 += TILE) {
        for (int r = y; r < TILE; r += LANES) { /* x goes along memory's rows */
            const int A_i = layout == MATMUL_TN ? x : r,
                      A_l = layout == MATMUL_TN ? r : x;
            const int B_j = layout == MATMUL_NT ? r : x,
                      B_l = layout == MATMUL_NT ? x : r;
            const long i = i0 + A_i, j = j0 + B_j, la = l0 + A_l, lb = l0 + B_l;
            tile_A[A_l][A_i] = i >= p.m || la >= p.k ? 0.0f
                               : layout == MATMUL_TN ? a[la * p.A.ld + i]
                                                     : a[i * p.A.ld + la];
            tile_B[B_l][B_j] = j >= p.n || lb >= p.k ? 0.0f
                               : layout == MATMUL_NT ? b[j * p.B.ld + lb]
                                                     : b[lb * p.B.ld + j];
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
        const long i = i0 + y + LANES * r, j = j0 + x;
        if (i < p.m && j < p.n) {
            c[i * p.C.ld + j] = sum[r];
        }
    }
}

template <MatmulLayout layout> static void launch(GpuStream stream, const Products &p) {
    const dim3 grid(pieces(p.n, TILE), pieces(p.m, TILE), p.images * p.heads);
    LAUNCH(product<layout>, grid, dim3(TILE, LANES), 0, stream, p);
}

/* ---- all heads ------------------------------------------------------------------- */

/* The d columns of each head, from column `first` on. */
static Heads columns_of(Tensor T, int first, int d) {
    return {T.data + first, static_cast<long>(T.shape[1]) * T.ld, d, T.ld};
}

struct Sizes {
    int B, heads, n, d;
    float scale;
};

static Sizes sizes_of(const GpuAttention *pass) {
    const int d = tensor_cols(pass->O) / pass->heads;
    return {pass->qkv.shape[0], pass->heads, pass->qkv.shape[1], d,
            1.0f / sqrtf(static_cast<float>(d))};
}

/* The weights of the first B images, of a tensor made for as many or more. */
static Heads weights_of(Tensor A, const Sizes &s) {
    return {A.data, static_cast<long>(s.heads) * s.n * s.n,
            static_cast<long>(s.n) * s.n, s.n};
}

static Tensor rows_of(Tensor A, const Sizes &s) {
    return tensor2(A.data, s.B * s.heads * s.n, s.n);
}

static void forward_materialised(GpuStream stream, const GpuAttention *pass) {
    const Sizes s = sizes_of(pass);
    const int n = s.n, d = s.d, B = s.B, D = s.heads * d;
    const Heads Q = columns_of(pass->qkv, 0, d), K = columns_of(pass->qkv, D, d);
    const Heads V = columns_of(pass->qkv, 2 * D, d), O = columns_of(pass->O, 0, d);
    const Heads A = weights_of(pass->kept.A, s);
    const Tensor A_rows = rows_of(pass->kept.A, s);
    /* S = q k^T;   [ViT eq.6] A = softmax(S / sqrt(d));   [ViT eq.7] O = A v */
    launch<MATMUL_NT>(stream, {Q, K, A, n, n, d, B, s.heads});
    gpu_softmax_forward(stream, SOFTMAX_BEST, s.scale, A_rows, A_rows);
    launch<MATMUL_NN>(stream, {A, V, O, n, d, n, B, s.heads});
}

static void backward_materialised(GpuStream stream, const GpuAttention *pass, Tensor dO,
                                  Tensor dqkv) {
    const Sizes s = sizes_of(pass);
    const int n = s.n, d = s.d, B = s.B, D = s.heads * d;
    const Heads Q = columns_of(pass->qkv, 0, d), K = columns_of(pass->qkv, D, d);
    const Heads V = columns_of(pass->qkv, 2 * D, d), A = weights_of(pass->kept.A, s);
    const Heads dQ = columns_of(dqkv, 0, d), dK = columns_of(dqkv, D, d);
    const Heads dV = columns_of(dqkv, 2 * D, d), dOs = columns_of(dO, 0, d);
    const Heads dA = weights_of(pass->kept.dA, s);
    const Tensor A_rows = rows_of(pass->kept.A, s), dA_rows = rows_of(pass->kept.dA, s);
    /* O = A v:   dV = A^T dO,   dA = dO v^T */
    launch<MATMUL_TN>(stream, {A, dOs, dV, n, d, n, B, s.heads});
    launch<MATMUL_NT>(stream, {dOs, V, dA, n, n, d, B, s.heads});
    /* dS = A o (dA - rowsum(dA o A)), with the 1 / sqrt(d) of dQ and dK */
    gpu_softmax_backward(stream, SOFTMAX_BEST, s.scale, A_rows, dA_rows, dA_rows);
    /* S = q k^T:   dQ = dS k,   dK = dS^T q */
    launch<MATMUL_NN>(stream, {dA, K, dQ, n, d, n, B, s.heads});
    launch<MATMUL_TN>(stream, {dA, Q, dK, n, d, n, B, s.heads});
}

/* ---- the public functions -------------------------------------------------------- */

static void expect_sizes(const GpuAttention *pass) {
    const Tensor qkv = pass->qkv;
    const int B = qkv.shape[0], n = qkv.shape[1], D = tensor_cols(qkv) / 3;
    expect_contiguous(qkv);
    expect_shape(qkv, "[q, k, v] of every token.", B, n, 3 * D);
    expect_contiguous(pass->O);
    expect_shape(pass->O, "One row for each token.", B, n, D);
    if (D % pass->heads != 0 || D / pass->heads > ATTENTION_MAX_D) {
        bug("gpu_attention: %d heads of %d columns: D_h must be whole and at most %d",
            pass->heads, D, ATTENTION_MAX_D);
    }
}

void gpu_attention_forward(GpuStream stream, const GpuAttention *pass) {
    expect_sizes(pass);
    if (pass->version == ATTENTION_FUSED) {
        attention_fused_forward(stream, pass);
    } else {
        forward_materialised(stream, pass);
    }
}

void gpu_attention_backward(GpuStream stream, const GpuAttention *pass, Tensor dO,
                            Tensor dqkv) {
    expect_sizes(pass);
    expect_same_shape(dO, pass->O);
    expect_contiguous(dO);
    expect_same_shape(dqkv, pass->qkv);
    expect_contiguous(dqkv);
    if (pass->version == ATTENTION_FUSED) {
        attention_fused_backward(stream, pass, dO, dqkv);
    } else {
        backward_materialised(stream, pass, dO, dqkv);
    }
}
