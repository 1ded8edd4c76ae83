/*
 * gpu_attention.cu: see gpu_attention.h. With n tokens, d = D_h, for one head:
 *
 *   materialised  Chapter 2's lines, each one kernel over all heads of all images:
 *                 S = q k^T, A = softmax(S / sqrt(d)), O = A v. The scores go through
 *                 device memory four times (S written, read and written by softmax,
 *                 read): 16 n^2 bytes, against 16 n d for q, k, v and O. Since nearly
 *                 always n > d, it mostly waits for the scores.
 *
 *   fused         gpu_attention_fused.cu: the scores never leave the chip.
 *
 * Both cost 4 n^2 d flops forward, 8 n^2 d backward (fused: 12, since it computes the
 * scores again instead of reading them).
 */
#include "chapters/06_cuda_training/kernels/gpu_attention.h"

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

/* One matrix per head, which begins at image * per_image + head * per_head. */
struct Heads {
    float *data;
    long per_image, per_head;
    int ld;
};

/* C (m, n) = op(A) op(B) for every head; layouts as in gpu_matmul.h. */
struct Products {
    Heads A, B, C;
    int m, n, k, heads;
};

enum { TILE = 32, LANES = 8, EACH = TILE / LANES };

/* Block (x, y, z) makes tile (y, x) of C for head z % heads of image z / heads. Each of
 * its 32 x 8 threads makes 4 elements of one column. */
template <MatmulLayout layout> static __global__ void product(Products p) {
    __shared__ float tile_A[TILE][TILE + 1]; /* [l][i] */
    __shared__ float tile_B[TILE][TILE + 1]; /* [l][j] */
    const bool A_turned = layout == MATMUL_TN, B_turned = layout == MATMUL_NT;
    const int x = threadIdx.x, y = threadIdx.y;
    const int i0 = blockIdx.y * TILE, j0 = blockIdx.x * TILE;
    const int image = blockIdx.z / p.heads, head = blockIdx.z % p.heads;
    const float *a = p.A.data + image * p.A.per_image + head * p.A.per_head;
    const float *b = p.B.data + image * p.B.per_image + head * p.B.per_head;
    float *c = p.C.data + image * p.C.per_image + head * p.C.per_head, sum[EACH] = {};
    for (int l0 = 0; l0 < p.k; l0 += TILE) {
        for (int r = y; r < TILE; r += LANES) { /* x goes along rows in memory */
            const int A_i = A_turned ? x : r, A_l = A_turned ? r : x;
            const int B_j = B_turned ? r : x, B_l = B_turned ? x : r;
            const long i = i0 + A_i, j = j0 + B_j, la = l0 + A_l, lb = l0 + B_l;
            tile_A[A_l][A_i] = i >= p.m || la >= p.k ? 0.0f
                               : A_turned            ? a[la * p.A.ld + i]
                                                     : a[i * p.A.ld + la];
            tile_B[B_l][B_j] = j >= p.n || lb >= p.k ? 0.0f
                               : B_turned            ? b[j * p.B.ld + lb]
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

struct Sizes {
    int B, heads, n, d;
    float scale;
};

static Sizes sizes_of(const GpuAttention *pass) {
    const int heads = pass->heads, d = tensor_cols(pass->O) / heads;
    return {pass->O.shape[0], heads, pass->O.shape[1], d, 1.0f / sqrtf((float)d)};
}

/* Per head C is (n, n) in layout NT, with sums over d; else (n, d), over n. */
template <MatmulLayout layout>
static void launch(GpuStream stream, const Sizes &s, Heads A, Heads B, Heads C) {
    const int cols = layout == MATMUL_NT ? s.n : s.d, inner = s.n + s.d - cols;
    const dim3 grid(pieces(cols, TILE), pieces(s.n, TILE), s.B * s.heads);
    const Products p = {A, B, C, s.n, cols, inner, s.heads};
    LAUNCH(product<layout>, grid, dim3(TILE, LANES), 0, stream, p);
}

/* T has matrices side by side: the heads' d columns of matrix `which`. */
static Heads columns_of(Tensor T, int which, const Sizes &s) {
    return {T.data + which * s.heads * s.d, (long)s.n * T.ld, s.d, T.ld};
}

/* The weights of the first B images, in a tensor that may be made for more; rows_of:
 * the same as one matrix. */
static Heads weights_of(Tensor A, const Sizes &s) {
    const long per_head = (long)s.n * s.n;
    return {A.data, s.heads * per_head, per_head, s.n};
}

static Tensor rows_of(Tensor A, const Sizes &s) {
    return tensor2(A.data, s.B * s.heads * s.n, s.n);
}

static void forward_materialised(GpuStream stream, const GpuAttention *pass) {
    const Sizes s = sizes_of(pass);
    const Tensor qkv = pass->qkv, A_rows = rows_of(pass->kept.A, s);
    const Heads Q = columns_of(qkv, 0, s), K = columns_of(qkv, 1, s);
    const Heads V = columns_of(qkv, 2, s), O = columns_of(pass->O, 0, s);
    const Heads A = weights_of(pass->kept.A, s);
    /* S = q k^T;   [ViT eq.6] A = softmax(S / sqrt(d));   [ViT eq.7] O = A v */
    launch<MATMUL_NT>(stream, s, Q, K, A);
    gpu_softmax_forward(stream, SOFTMAX_BEST, s.scale, A_rows, A_rows);
    launch<MATMUL_NN>(stream, s, A, V, O);
}

static void backward_materialised(GpuStream stream, const GpuAttention *pass, Tensor dO,
                                  Tensor dqkv) {
    const Sizes s = sizes_of(pass);
    const Tensor qkv = pass->qkv;
    const Heads Q = columns_of(qkv, 0, s), K = columns_of(qkv, 1, s);
    const Heads V = columns_of(qkv, 2, s), dV = columns_of(dqkv, 2, s);
    const Heads dQ = columns_of(dqkv, 0, s), dK = columns_of(dqkv, 1, s);
    const Heads A = weights_of(pass->kept.A, s), dA = weights_of(pass->kept.dA, s);
    const Heads dOs = columns_of(dO, 0, s);
    const Tensor A_rows = rows_of(pass->kept.A, s), dA_rows = rows_of(pass->kept.dA, s);
    /* O = A v:   dV = A^T dO,   dA = dO v^T */
    launch<MATMUL_TN>(stream, s, A, dOs, dV);
    launch<MATMUL_NT>(stream, s, dOs, V, dA);
    /* dS = A o (dA - rowsum(dA o A)), with the 1 / sqrt(d) of dQ and dK */
    gpu_softmax_backward(stream, SOFTMAX_BEST, s.scale, A_rows, dA_rows, dA_rows);
    /* S = q k^T:   dQ = dS k,   dK = dS^T q */
    launch<MATMUL_NN>(stream, s, dA, K, dQ);
    launch<MATMUL_TN>(stream, s, dA, Q, dK);
}

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
