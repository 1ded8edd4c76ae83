/*
 * gpu_attention_fused.cu: attention in one kernel (Dao et al., 2022, with the online
 * softmax of Milakov and Gimelshein, 2018).
 *
 * A block has queries of one head of one image; it loads keys and values into shared
 * memory, 32 at a time. SHARE threads hold one query, each a part of its d elements in
 * registers. They are lanes 32 / SHARE apart, so that neighbours want the same 16 bytes
 * of a key (shared memory answers a warp in two passes). Each computes its part of a
 * dot product, and a shuffle or two add the parts. The result is O [ViT eq.7]; lse is
 * kept for the backward pass.
 *
 * Per head q, k, v are read and O is written, 16 n d bytes (each block reads k and v,
 * all but the first from the L2 cache). The scores' 16 n^2 bytes are saved.
 *
 * Backward computes p again, as exp(s - lse), in two kernels without atomics: one holds
 * queries and goes through the keys (dQ), the other holds keys and goes through the
 * queries (dK, dV):
 *
 *     delta_i = dO_i . O_i          (= rowsum(dA o A): O is A v)
 *     dp = dO_i . v_j,   ds = p (dp - delta_i) / sqrt(d)
 *     dq_i += ds k_j,    dk_j += ds q_i,    dv_j += p dO_i
 *
 * lse is stored as max and log sum: their sum would keep three digits of log sum for
 * scores near 10000. All three kernels scale q before it meets k: s is the same to the
 * last bit.
 *
 * Two things limit it. A shared load of 16 bytes feeds 4 multiply-adds, so shared
 * memory feeds at most half of the arithmetic; and registers (66 to 155 per thread for
 * d = 64) leave few warps to hide the waiting. d is padded to 16, 32, 64 or 128.
 */
#include "chapters/06_cuda_training/kernels/gpu_attention.h"
#include "chapters/06_cuda_training/kernels/gpu_kernel.h"

enum { THREADS = 128, TILE = 32 }; /* threads per block; keys per tile */

/* The kernels' argument; rows are counted within an image. */
struct Fused {
    int B, heads, n, d, D;
    float scale;
    const float *qkv, *dO; /* (B, n, 3D), (B, n, D) */
    float *O, *dqkv;       /* (B, n, D), (B, n, 3D) */
    float *lse;            /* (B, h, n, 2): max and log sum */
    float *delta;          /* (B, h, n) */
    bool aligned;          /* may 16 bytes be loaded and stored at once? */
};

struct Here { /* where a thread works */
    int row, part, head, image;
    bool mine; /* does this row exist? If not, the thread goes along with row 0 */
    bool any;  /* has the warp any such row? */
};

/* Row `row` of the head's q (which = 0), k (1) or v (2). */
static DEVICE long qkv_at(const Fused &f, const Here &h, int which, int row) {
    return ((long)h.image * f.n + row) * 3 * f.D + which * f.D + h.head * f.d;
}

static DEVICE long O_at(const Fused &f, const Here &h, int row) {
    return ((long)h.image * f.n + row) * f.D + h.head * f.d;
}

/* Query `row`: its index in delta; its index in lse is twice that. */
static DEVICE long query(const Fused &f, const Here &h, int row) {
    return ((long)h.image * f.heads + h.head) * f.n + row;
}

/* Elements j..j+3 of a row of d; zeros beyond its end. */
static DEVICE float4 four_of(const float *row, int j, int d, bool aligned) {
    if (aligned && j + 3 < d) {
        return four_at(row + j);
    }
    return make_float4(j < d ? row[j] : 0.0f, j + 1 < d ? row[j + 1] : 0.0f,
                       j + 2 < d ? row[j + 2] : 0.0f, j + 3 < d ? row[j + 3] : 0.0f);
}

static DEVICE void store4(float *row, int j, int d, bool aligned, float4 quad) {
    if (aligned && j + 3 < d) {
        four_at(row + j) = quad;
        return;
    }
    const float elements[4] = {quad.x, quad.y, quad.z, quad.w};
#pragma unroll
    for (int k = 0; k < 4; k++) {
        if (j + k < d) {
            row[j + k] = elements[k];
        }
    }
}

static DEVICE float dot4(float4 a, float4 b) {
    return a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w;
}

/* A thread's part of a row that SHARE threads share: four of every 4 SHARE neighbours,
 * 16 elements in all (8 of a row of 16). Fewer would mean more shuffles, more would
 * mean more registers and fewer warps. */
template <int PAD_D> struct Part {
    static constexpr int SHARE = PAD_D > 32 ? PAD_D / 16 : 2;
    static constexpr int QUADS = PAD_D / SHARE / 4;
    static constexpr int WARP_ROWS = 32 / SHARE, BLOCK_ROWS = THREADS / SHARE;
    float4 x[QUADS] = {};

    static DEVICE int column(int c, int part) {
        return 4 * (c * SHARE + part);
    }
    DEVICE void load(const float *row, int part, const Fused &f) {
#pragma unroll
        for (int c = 0; c < QUADS; c++) {
            x[c] = four_of(row, column(c, part), f.d, f.aligned);
        }
    }
    DEVICE void store(float *row, int part, const Fused &f) const {
#pragma unroll
        for (int c = 0; c < QUADS; c++) {
            store4(row, column(c, part), f.d, f.aligned, x[c]);
        }
    }
    DEVICE void scale(float by) {
#pragma unroll
        for (int c = 0; c < QUADS; c++) {
            x[c] = by * x[c];
        }
    }
    /* this += factor * row; the row (PAD_D) is in shared memory. */
    DEVICE void add(float factor, const float *row, int part) {
#pragma unroll
        for (int c = 0; c < QUADS; c++) {
            x[c] = x[c] + factor * four_at(row + column(c, part));
        }
    }
    /* The dot product of the whole rows, the same in each of the row's threads. */
    DEVICE float dot(const float *row, int part) const {
        float sum = 0;
#pragma unroll
        for (int c = 0; c < QUADS; c++) {
            sum += dot4(x[c], four_at(row + column(c, part)));
        }
        return sum_of_parts(sum);
    }
    static DEVICE float sum_of_parts(float sum) {
#pragma unroll
        for (int bit = WARP_ROWS; bit < 32; bit *= 2) {
            sum += __shfl_xor_sync(FULL_WARP, sum, bit);
        }
        return sum;
    }
};

template <int PAD_D> static DEVICE Here here(int rows) {
    enum { WARP_ROWS = Part<PAD_D>::WARP_ROWS };
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int first = blockIdx.x * Part<PAD_D>::BLOCK_ROWS + warp * WARP_ROWS;
    const int row = first + lane % WARP_ROWS, head = blockIdx.y, image = blockIdx.z;
    return {row < rows ? row : 0, lane / WARP_ROWS, head, image,
            row < rows,           first < rows};
}

/* Loads rows `first` and on of a matrix, ld apart, times `by`, into a tile; zeros from
 * row n on. */
template <int PAD_D>
static DEVICE void fill_tile(float (*tile)[PAD_D], const float *from, long ld,
                             int first, const Fused &f, float by = 1.0f) {
    for (int e = threadIdx.x; e < TILE * PAD_D / 4; e += THREADS) {
        const int r = e / (PAD_D / 4), j = e % (PAD_D / 4) * 4;
        const float4 quad = first + r < f.n ? four_of(from + r * ld, j, f.d, f.aligned)
                                            : make_float4(0, 0, 0, 0);
        four_at(&tile[r][j]) = by * quad;
    }
}

/* ---- forward --------------------------------------------------------------------- */

template <int PAD_D> static __global__ void forward(Fused f) {
    __shared__ __align__(16) float K[TILE][PAD_D], V[TILE][PAD_D];
    const Here h = here<PAD_D>(f.n);
    Part<PAD_D> q, o;
    q.load(f.qkv + qkv_at(f, h, 0, h.row), h.part, f);
    q.scale(f.scale);
    /* exercise 6.5 */
    /* From -infinity, a first score of -infinity would make exp(-inf - -inf): NaN. */
    float max = -FLT_MAX, sum = 0;
    /* end of exercise 6.5 */
    for (int j0 = 0; j0 < f.n; j0 += TILE) {
        fill_tile<PAD_D>(K, f.qkv + qkv_at(f, h, 1, j0), 3 * f.D, j0, f);
        fill_tile<PAD_D>(V, f.qkv + qkv_at(f, h, 2, j0), 3 * f.D, j0, f);
        __syncthreads();
        /* The tile's keys are K[0] ..., their values V[0] ...; then come zeros. What is
         * kept of the keys so far must be true of these too. A score s [ViT eq.6] is
         * q.dot(K[j], h.part), as q is scaled. */
        /* exercise 6.5 */
        const int count = h.any ? min(TILE, f.n - j0) : 0;
        enum { AT_ONCE = 4 }; /* keys at a time */
        for (int j = 0; j < count; j += AT_ONCE) {
            float s[AT_ONCE], larger = max;
#pragma unroll
            for (int k = 0; k < AT_ONCE; k++) {
                s[k] = q.dot(K[j + k], h.part);
                s[k] = j + k < count ? s[k] : -INFINITY;
                larger = fmaxf(larger, s[k]);
            }
            if (larger > max) { /* the row's threads agree */
                const float shrink = expf(max - larger);
                sum *= shrink;
                o.scale(shrink);
                max = larger;
            }
#pragma unroll
            for (int k = 0; k < AT_ONCE; k++) {
                const float p = expf(s[k] - max);
                sum += p;
                o.add(p, V[j + k], h.part);
            }
        }
        /* end of exercise 6.5 */
        __syncthreads();
    }
    if (h.mine) {
        float *const lse = f.lse + 2 * query(f, h, h.row);
        /* exercise 6.5 */
        o.scale(1.0f / sum);
        if (h.part == 0) {
            lse[0] = max;
            lse[1] = logf(sum);
        }
        /* end of exercise 6.5 */
        o.store(f.O + O_at(f, h, h.row), h.part, f);
    }
}

/* ---- backward -------------------------------------------------------------------- */

/* delta (B, h, n) = rowsum(dO o O) */
template <int PAD_D> static __global__ void make_delta(Fused f) {
    const Here h = here<PAD_D>(f.n);
    Part<PAD_D> o, d_o;
    o.load(f.O + O_at(f, h, h.row), h.part, f);
    d_o.load(f.dO + O_at(f, h, h.row), h.part, f);
    float delta = 0;
#pragma unroll
    for (int c = 0; c < Part<PAD_D>::QUADS; c++) {
        delta += dot4(o.x[c], d_o.x[c]);
    }
    delta = Part<PAD_D>::sum_of_parts(delta);
    if (h.mine && h.part == 0) {
        f.delta[query(f, h, h.row)] = delta;
    }
}

enum { PAIR = 2 }; /* keys, or queries, at a time */

template <int PAD_D> static __global__ void backward_queries(Fused f) {
    __shared__ __align__(16) float K[TILE][PAD_D], V[TILE][PAD_D];
    const Here h = here<PAD_D>(f.n);
    Part<PAD_D> q, d_o, dq;
    q.load(f.qkv + qkv_at(f, h, 0, h.row), h.part, f);
    q.scale(f.scale);
    d_o.load(f.dO + O_at(f, h, h.row), h.part, f);
    const float *lse = f.lse + 2 * query(f, h, h.row);
    const float max = lse[0], log_sum = lse[1], delta = f.delta[query(f, h, h.row)];
    for (int j0 = 0; j0 < f.n; j0 += TILE) {
        fill_tile<PAD_D>(K, f.qkv + qkv_at(f, h, 1, j0), 3 * f.D, j0, f);
        fill_tile<PAD_D>(V, f.qkv + qkv_at(f, h, 2, j0), 3 * f.D, j0, f);
        __syncthreads();
        const int count = h.any ? min(TILE, f.n - j0) : 0;
        for (int j = 0; j < count; j += PAIR) {
            float ds[PAIR];
#pragma unroll
            for (int k = 0; k < PAIR; k++) {
                const float p = expf(q.dot(K[j + k], h.part) - max - log_sum);
                const float dp = d_o.dot(V[j + k], h.part);
                ds[k] = j + k < count ? p * (dp - delta) : 0.0f;
            }
#pragma unroll
            for (int k = 0; k < PAIR; k++) {
                dq.add(ds[k], K[j + k], h.part);
            }
        }
        __syncthreads();
    }
    if (h.mine) {
        dq.scale(f.scale);
        dq.store(f.dqkv + qkv_at(f, h, 0, h.row), h.part, f);
    }
}

template <int PAD_D> static __global__ void backward_keys(Fused f) {
    __shared__ __align__(16) float Q[TILE][PAD_D], dO[TILE][PAD_D];
    __shared__ float max[TILE], log_sum[TILE], delta[TILE];
    const Here h = here<PAD_D>(f.n);
    const int thread = threadIdx.x;
    Part<PAD_D> key, value, dk, dv;
    key.load(f.qkv + qkv_at(f, h, 1, h.row), h.part, f);
    value.load(f.qkv + qkv_at(f, h, 2, h.row), h.part, f);
    for (int i0 = 0; i0 < f.n; i0 += TILE) {
        fill_tile<PAD_D>(Q, f.qkv + qkv_at(f, h, 0, i0), 3 * f.D, i0, f, f.scale);
        fill_tile<PAD_D>(dO, f.dO + O_at(f, h, i0), f.D, i0, f);
        if (thread < TILE) {
            const bool exists = i0 + thread < f.n;
            const long at = exists ? query(f, h, i0 + thread) : 0;
            max[thread] = exists ? f.lse[2 * at] : 0.0f;
            log_sum[thread] = exists ? f.lse[2 * at + 1] : 0.0f;
            delta[thread] = exists ? f.delta[at] : 0.0f;
        }
        __syncthreads();
        const int count = h.any ? min(TILE, f.n - i0) : 0;
        for (int i = 0; i < count; i += PAIR) {
            float p[PAIR], ds[PAIR];
#pragma unroll
            for (int k = 0; k < PAIR; k++) {
                const float s = key.dot(Q[i + k], h.part);
                const float dp = value.dot(dO[i + k], h.part);
                p[k] = i + k < count ? expf(s - max[i + k] - log_sum[i + k]) : 0.0f;
                ds[k] = i + k < count ? p[k] * (dp - delta[i + k]) : 0.0f;
            }
#pragma unroll
            for (int k = 0; k < PAIR; k++) {
                dv.add(p[k], dO[i + k], h.part);
                dk.add(ds[k], Q[i + k], h.part);
            }
        }
        __syncthreads();
    }
    if (h.mine) { /* dk is scaled already, by Q's rows */
        dk.store(f.dqkv + qkv_at(f, h, 1, h.row), h.part, f);
        dv.store(f.dqkv + qkv_at(f, h, 2, h.row), h.part, f);
    }
}

/* In a forward pass dO and dqkv have data NULL. */
static Fused describe(const GpuAttention *pass, Tensor dO, Tensor dqkv) {
    const int B = pass->O.shape[0], n = pass->O.shape[1], D = tensor_cols(pass->O);
    const int d = D / pass->heads;
    const float scale = 1.0f / sqrtf((float)d);
    float *const lse = pass->kept.lse.data, *const delta = pass->kept.delta.data;
    Fused f = {B,       pass->heads,  n,         d,   D,     scale, pass->qkv.data,
               dO.data, pass->O.data, dqkv.data, lse, delta, false};
    f.aligned = in_fours(f.qkv, d, 3 * D) && in_fours(f.dO, d, D) &&
                in_fours(f.O, d, D) && in_fours(f.dqkv, d, 3 * D);
    return f;
}

/* A forward pass, or a backward pass if dqkv is given. */
template <int PAD_D> static void launch(GpuStream stream, const Fused &f) {
    const dim3 grid(pieces(f.n, Part<PAD_D>::BLOCK_ROWS), f.heads, f.B);
    if (!f.dqkv) {
        LAUNCH(forward<PAD_D>, grid, THREADS, 0, stream, f);
        return;
    }
    LAUNCH(make_delta<PAD_D>, grid, THREADS, 0, stream, f);
    LAUNCH(backward_queries<PAD_D>, grid, THREADS, 0, stream, f);
    LAUNCH(backward_keys<PAD_D>, grid, THREADS, 0, stream, f);
}

static void launch_padded(GpuStream stream, const Fused &f) {
    if (f.d <= 16) {
        launch<16>(stream, f);
    } else if (f.d <= 32) {
        launch<32>(stream, f);
    } else if (f.d <= 64) {
        launch<64>(stream, f);
    } else {
        launch<128>(stream, f);
    }
}

void attention_fused_forward(GpuStream stream, const GpuAttention *pass) {
    launch_padded(stream, describe(pass, Tensor(), Tensor()));
}

void attention_fused_backward(GpuStream stream, const GpuAttention *pass, Tensor dO,
                              Tensor dqkv) {
    launch_padded(stream, describe(pass, dO, dqkv));
}
