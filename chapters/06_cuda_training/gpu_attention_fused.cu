/*
 * gpu_attention_fused.cu: attention in one kernel (Dao et al., 2022, with the online
 * softmax of Milakov and Gimelshein, 2018).
 *
 * A block has 32 queries of one head of one image, four threads a query; keys and
 * values come through shared memory, 32 at a time. Of each row of d numbers a thread
 * holds a quarter in registers: of every 16 neighbours the four threads take 4 each, so
 * that together they read 64 bytes in a row, and the 8 queries of a warp read the same
 * ones (a broadcast). A dot product is a quarter each, and two shuffles.
 *
 *     for each key j:
 *         s = q . k_j / sqrt(d)                                       [ViT eq.6]
 *         if s > most:  shrink sum and O by exp(most - s), most = s
 *         p = exp(s - most),   sum += p,   O += p v_j                 [ViT eq.7]
 *     O /= sum,   lse = most + log sum
 *
 * Bytes: q, k, v read and O written, 16 n d for a head (k and v once for every 32
 * queries, from the L2 cache after the first); the scores' 16 n^2 are saved.
 *
 * Backward computes p again, as exp(s - lse), in two kernels without atomics: one has
 * 32 queries and goes through the keys (dQ), the other 32 keys and goes through the
 * queries (dK, dV):
 *
 *     delta_i = dO_i . O_i          (= rowsum(dA o A): O is A v)
 *     dp = dO_i . v_j,   ds = p (dp - delta_i) / sqrt(d)
 *     dq_i += ds k_j,    dk_j += ds q_i,    dv_j += p dO_i
 *
 * Limits: per key and thread 2 (backward 3 and 4) times d/4 multiply-adds, d/8 shared
 * loads of 16 bytes, a few shuffles and an exp. d is padded to 16, 32, 64 or 128.
 */
#include "gpu_attention_fused.h"

#include "gpu_kernel.h"

enum { ROWS = 32, SHARE = 4, THREADS = ROWS * SHARE };

/* What the kernels are told; rows are counted within an image. */
struct Fused {
    int heads, n, q, d, D;
    float scale;
    const float *qkv; /* (B, n, 3D) */
    float *O;         /* (B, q, D), or dO's place */
    long O_per_image;
    int O_ld;
    float *lse, *delta; /* (B, h, q) */
    bool aligned;       /* may 16 bytes be loaded at once? */
};

struct Here { /* of a thread */
    int row, part, head, image;
};

static __forceinline__ __device__ Here here(void) {
    return {static_cast<int>(blockIdx.x * ROWS + threadIdx.x / SHARE),
            static_cast<int>(threadIdx.x % SHARE), static_cast<int>(blockIdx.y),
            static_cast<int>(blockIdx.z)};
}

/* Row `row` of the head's q (which = 0), k (1) or v (2). */
static __forceinline__ __device__ long qkv_at(const Fused &f, const Here &h, int which,
                                              int row) {
    return (static_cast<long>(h.image) * f.n + row) * 3 * f.D + which * f.D +
           h.head * f.d;
}

static __forceinline__ __device__ long O_at(const Fused &f, const Here &h, int row) {
    return h.image * f.O_per_image + static_cast<long>(row) * f.O_ld + h.head * f.d;
}

static __forceinline__ __device__ long lse_at(const Fused &f, const Here &h, int row) {
    return (static_cast<long>(h.image) * f.heads + h.head) * f.q + row;
}

/* Numbers j..j+3 of a row of d; zeros beyond its end. */
static __forceinline__ __device__ float4 four_of(const float *row, int j, int d,
                                                 bool aligned) {
    if (aligned && j + 3 < d) {
        return *reinterpret_cast<const float4 *>(row + j);
    }
    return make_float4(j < d ? row[j] : 0.0f, j + 1 < d ? row[j + 1] : 0.0f,
                       j + 2 < d ? row[j + 2] : 0.0f, j + 3 < d ? row[j + 3] : 0.0f);
}

/* A thread's quarter of a row: PAD_D / 16 times four numbers. */
template <int PAD_D> struct Quarter {
    static constexpr int COUNT = PAD_D / 16;
    float4 x[COUNT];

    __forceinline__ __device__ void clear(void) {
#pragma unroll
        for (int c = 0; c < COUNT; c++) {
            x[c] = make_float4(0, 0, 0, 0);
        }
    }
    __forceinline__ __device__ void load(const float *row, int part, int d,
                                         bool aligned) {
#pragma unroll
        for (int c = 0; c < COUNT; c++) {
            x[c] = four_of(row, 16 * c + 4 * part, d, aligned);
        }
    }
    /* From shared memory: a padded row. */
    __forceinline__ __device__ void take(const float *row, int part) {
#pragma unroll
        for (int c = 0; c < COUNT; c++) {
            x[c] = *reinterpret_cast<const float4 *>(row + 16 * c + 4 * part);
        }
    }
    __forceinline__ __device__ void store(float *row, int part, int d,
                                          float times) const {
#pragma unroll
        for (int c = 0; c < COUNT; c++) {
            const int j = 16 * c + 4 * part;
            const float numbers[4] = {x[c].x, x[c].y, x[c].z, x[c].w};
#pragma unroll
            for (int k = 0; k < 4; k++) {
                if (j + k < d) {
                    row[j + k] = numbers[k] * times;
                }
            }
        }
    }
    __forceinline__ __device__ void scale(float by) {
#pragma unroll
        for (int c = 0; c < COUNT; c++) {
            x[c].x *= by;
            x[c].y *= by;
            x[c].z *= by;
            x[c].w *= by;
        }
    }
    /* this += factor * other */
    __forceinline__ __device__ void add(float factor, const Quarter &other) {
#pragma unroll
        for (int c = 0; c < COUNT; c++) {
            x[c].x += factor * other.x[c].x;
            x[c].y += factor * other.x[c].y;
            x[c].z += factor * other.x[c].z;
            x[c].w += factor * other.x[c].w;
        }
    }
};

/* The whole rows' dot product, for each of the row's four threads. */
template <int PAD_D>
static __forceinline__ __device__ float dot(const Quarter<PAD_D> &a,
                                            const Quarter<PAD_D> &b) {
    float sum = 0;
#pragma unroll
    for (int c = 0; c < Quarter<PAD_D>::COUNT; c++) {
        sum += a.x[c].x * b.x[c].x + a.x[c].y * b.x[c].y + a.x[c].z * b.x[c].z +
               a.x[c].w * b.x[c].w;
    }
    sum += __shfl_xor_sync(FULL_WARP, sum, 1);
    sum += __shfl_xor_sync(FULL_WARP, sum, 2);
    return sum;
}

/* Rows first..first+count-1 of a matrix, ld apart, into tile: zeros behind them. */
template <int PAD_D, int COUNT>
static __forceinline__ __device__ void fill_tile(float (*tile)[PAD_D],
                                                 const float *from, long ld, int first,
                                                 int end, int d, bool aligned) {
    for (int e = static_cast<int>(threadIdx.x); e < COUNT * PAD_D / 4; e += THREADS) {
        const int r = e / (PAD_D / 4), j = e % (PAD_D / 4) * 4;
        const bool exists = first + r < end;
        *reinterpret_cast<float4 *>(&tile[r][j]) =
            exists ? four_of(from + r * ld, j, d, aligned) : make_float4(0, 0, 0, 0);
    }
}

/* ---- forward --------------------------------------------------------------------- */

template <int PAD_D> static __global__ void forward(Fused f) {
    enum { KEYS = 32 };
    __shared__ __align__(16) float K[KEYS][PAD_D], V[KEYS][PAD_D];
    const Here h = here();
    const bool mine = h.row < f.q;
    const int row = mine ? h.row : 0; /* a thread without a query goes along */
    Quarter<PAD_D> q, o, key, value;
    q.load(f.qkv + qkv_at(f, h, 0, row), h.part, f.d, f.aligned);
    q.scale(f.scale);
    o.clear();
    float most = -INFINITY, sum = 0;
    for (int j0 = 0; j0 < f.n; j0 += KEYS) {
        fill_tile<PAD_D, KEYS>(K, f.qkv + qkv_at(f, h, 1, j0), 3 * f.D, j0, f.n, f.d,
                               f.aligned);
        fill_tile<PAD_D, KEYS>(V, f.qkv + qkv_at(f, h, 2, j0), 3 * f.D, j0, f.n, f.d,
                               f.aligned);
        __syncthreads();
        const int count = min(KEYS, f.n - j0);
        for (int j = 0; j < count; j++) {
            key.take(K[j], h.part);
            const float s = dot(q, key);
            /* exercise 6.5 */
            if (s > most) { /* the row's four threads agree */
                const float shrink = expf(most - s);
                sum *= shrink;
                o.scale(shrink);
                most = s;
            }
            const float p = expf(s - most);
            value.take(V[j], h.part);
            sum += p;
            o.add(p, value);
            /* end of exercise 6.5 */
        }
        __syncthreads();
    }
    if (mine) {
        o.store(f.O + O_at(f, h, row), h.part, f.d, 1.0f / sum);
        if (h.part == 0) {
            f.lse[lse_at(f, h, row)] = most + logf(sum);
        }
    }
}

/* ---- backward -------------------------------------------------------------------- */

/* delta (B, h, q) = rowsum(dO o O), four threads a row */
template <int PAD_D>
static __global__ void make_delta(Fused f, const float *dO, Fused of_dO) {
    const Here h = here();
    const bool mine = h.row < f.q;
    const int row = mine ? h.row : 0;
    Quarter<PAD_D> a, b;
    a.load(f.O + O_at(f, h, row), h.part, f.d, f.aligned);
    b.load(dO + O_at(of_dO, h, row), h.part, f.d, f.aligned);
    const float delta = dot(a, b);
    if (mine && h.part == 0) {
        f.delta[lse_at(f, h, row)] = delta;
    }
}

/* f.O is dO here. */
template <int PAD_D> static __global__ void backward_queries(Fused f, float *dqkv) {
    enum { KEYS = 32 };
    __shared__ __align__(16) float K[KEYS][PAD_D], V[KEYS][PAD_D];
    const Here h = here();
    const bool mine = h.row < f.q;
    const int row = mine ? h.row : 0;
    Quarter<PAD_D> q, d_o, dq, key, value;
    q.load(f.qkv + qkv_at(f, h, 0, row), h.part, f.d, f.aligned);
    q.scale(f.scale);
    d_o.load(f.O + O_at(f, h, row), h.part, f.d, f.aligned);
    dq.clear();
    const float lse = f.lse[lse_at(f, h, row)], delta = f.delta[lse_at(f, h, row)];
    for (int j0 = 0; j0 < f.n; j0 += KEYS) {
        fill_tile<PAD_D, KEYS>(K, f.qkv + qkv_at(f, h, 1, j0), 3 * f.D, j0, f.n, f.d,
                               f.aligned);
        fill_tile<PAD_D, KEYS>(V, f.qkv + qkv_at(f, h, 2, j0), 3 * f.D, j0, f.n, f.d,
                               f.aligned);
        __syncthreads();
        const int count = min(KEYS, f.n - j0);
        for (int j = 0; j < count; j++) {
            key.take(K[j], h.part);
            value.take(V[j], h.part);
            const float p = expf(dot(q, key) - lse), dp = dot(d_o, value);
            dq.add(p * (dp - delta), key);
        }
        __syncthreads();
    }
    if (mine) {
        dq.store(dqkv + qkv_at(f, h, 0, row), h.part, f.d, f.scale);
    }
}

template <int PAD_D> static __global__ void backward_keys(Fused f, float *dqkv) {
    enum { QUERIES = 32 };
    __shared__ __align__(16) float Q[QUERIES][PAD_D], dO[QUERIES][PAD_D];
    __shared__ float lse[QUERIES], delta[QUERIES];
    const Here h = here();
    const bool mine = h.row < f.n;
    const int row = mine ? h.row : 0, thread = static_cast<int>(threadIdx.x);
    Quarter<PAD_D> key, value, dk, dv, query, d_o;
    key.load(f.qkv + qkv_at(f, h, 1, row), h.part, f.d, f.aligned);
    value.load(f.qkv + qkv_at(f, h, 2, row), h.part, f.d, f.aligned);
    dk.clear();
    dv.clear();
    for (int i0 = 0; i0 < f.q; i0 += QUERIES) {
        fill_tile<PAD_D, QUERIES>(Q, f.qkv + qkv_at(f, h, 0, i0), 3 * f.D, i0, f.q, f.d,
                                  f.aligned);
        fill_tile<PAD_D, QUERIES>(dO, f.O + O_at(f, h, i0), f.O_ld, i0, f.q, f.d,
                                  f.aligned);
        if (thread < QUERIES && i0 + thread < f.q) {
            lse[thread] = f.lse[lse_at(f, h, i0 + thread)];
            delta[thread] = f.delta[lse_at(f, h, i0 + thread)];
        }
        __syncthreads();
        const int count = min(QUERIES, f.q - i0);
        for (int i = 0; i < count; i++) {
            query.take(Q[i], h.part);
            d_o.take(dO[i], h.part);
            const float p = expf(f.scale * dot(key, query) - lse[i]);
            const float ds = p * (dot(value, d_o) - delta[i]);
            dv.add(p, d_o);
            dk.add(ds, query);
        }
        __syncthreads();
    }
    if (mine) {
        dk.store(dqkv + qkv_at(f, h, 1, row), h.part, f.d, f.scale);
        dv.store(dqkv + qkv_at(f, h, 2, row), h.part, f.d, 1.0f);
    }
}

/* ---- launches -------------------------------------------------------------------- */

static bool is_aligned(const float *at) {
    return reinterpret_cast<uintptr_t>(at) % 16 == 0;
}

static Fused describe(int heads, Tensor qkv, float *lse, float *delta, Tensor O) {
    Fused f = {};
    f.heads = heads;
    f.n = qkv.shape[1];
    f.q = O.shape[1];
    f.D = tensor_cols(O);
    f.d = f.D / heads;
    f.scale = 1.0f / sqrtf(static_cast<float>(f.d));
    f.qkv = qkv.data;
    f.O = O.data;
    f.O_per_image = static_cast<long>(O.shape[1]) * O.ld;
    f.O_ld = O.ld;
    f.lse = lse;
    f.delta = delta;
    f.aligned =
        f.d % 4 == 0 && O.ld % 4 == 0 && is_aligned(qkv.data) && is_aligned(O.data);
    return f;
}

static dim3 grid_of(const Fused &f, int rows, int images) {
    return dim3(static_cast<unsigned>(pieces(rows, ROWS)),
                static_cast<unsigned>(f.heads), static_cast<unsigned>(images));
}

template <int PAD_D>
static void launch_forward(GpuStream stream, const Fused &f, int B) {
    LAUNCH(forward<PAD_D>, grid_of(f, f.q, B), THREADS, 0, stream, f);
}

void attention_fused_forward(GpuStream stream, int heads, Tensor qkv, float *lse,
                             Tensor O) {
    const Fused f = describe(heads, qkv, lse, NULL, O);
    const int B = qkv.shape[0];
    if (f.d <= 16) {
        launch_forward<16>(stream, f, B);
    } else if (f.d <= 32) {
        launch_forward<32>(stream, f, B);
    } else if (f.d <= 64) {
        launch_forward<64>(stream, f, B);
    } else {
        launch_forward<128>(stream, f, B);
    }
}

template <int PAD_D>
static void launch_backward(GpuStream stream, const Fused &of_O, Fused f, float *dqkv,
                            int B) {
    LAUNCH(make_delta<PAD_D>, grid_of(f, f.q, B), THREADS, 0, stream, of_O, f.O, f);
    LAUNCH(backward_queries<PAD_D>, grid_of(f, f.q, B), THREADS, 0, stream, f, dqkv);
    LAUNCH(backward_keys<PAD_D>, grid_of(f, f.n, B), THREADS, 0, stream, f, dqkv);
}

void attention_fused_backward(GpuStream stream, int heads, Tensor qkv, const float *lse,
                              float *delta, Tensor O, Tensor dO, Tensor dqkv) {
    float *known = const_cast<float *>(lse);
    Fused of_O = describe(heads, qkv, known, delta, O);
    Fused f = describe(heads, qkv, known, delta, dO);
    of_O.aligned = f.aligned = of_O.aligned && f.aligned;
    const int B = qkv.shape[0];
    if (f.d <= 16) {
        launch_backward<16>(stream, of_O, f, dqkv.data, B);
    } else if (f.d <= 32) {
        launch_backward<32>(stream, of_O, f, dqkv.data, B);
    } else if (f.d <= 64) {
        launch_backward<64>(stream, of_O, f, dqkv.data, B);
    } else {
        launch_backward<128>(stream, of_O, f, dqkv.data, B);
    }
}
