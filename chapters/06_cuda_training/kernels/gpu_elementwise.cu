/*
 * gpu_elementwise.cu: see gpu_elementwise.h.
 *
 * Copy and add take one element per thread, or four where rows allow loads of 16 bytes.
 * Memory limits them: an addition moves 12 bytes for one flop. A thread of dropout
 * makes four elements, since a call of the generator gives four words. It takes some
 * 100 integer operations, 16 bytes read and 16 written: on a large card arithmetic and
 * memory take about the same time.
 *
 * In gpu_sum_rows_add neighbouring threads have neighbouring columns, and 4 bytes are
 * read per flop. Atomics would need no second kernel, but would add in another order
 * every time.
 */
#include "chapters/06_cuda_training/kernels/gpu_elementwise.h"

#include "chapters/06_cuda_training/kernels/gpu_kernel.h"
#include "common/random.h"

enum { THREADS = 256 };

/* ---- copy, add ------------------------------------------------------------------ */

/* A matrix as a kernel sees it: of floats, or of float4 where rows allow that, so that
 * a thread moves 16 bytes. Indices have 32 bits, since a division of 64 bits costs more
 * than all the rest. */
template <class T> struct Matrix {
    T *at;
    unsigned count, cols, ld; /* in T */

    DEVICE T &operator[](unsigned i) const {
        return at[(long)(i / cols) * ld + i % cols];
    }
};

template <class T> static Matrix<T> matrix_of(Tensor A) {
    const unsigned floats = (unsigned)(sizeof(T) / sizeof(float));
    const long count = tensor_count(A);
    if (count > UINT32_MAX - THREADS) {
        bug("gpu_elementwise: %ld elements are more than these kernels can count",
            count);
    }
    return {(T *)A.data, (unsigned)count / floats, (unsigned)tensor_cols(A) / floats,
            (unsigned)A.ld / floats};
}

/* Y = X + R; if R is NULL, Y = X. */
template <class T> static __global__ void add(Matrix<T> X, Matrix<T> R, Matrix<T> Y) {
    const unsigned i = (unsigned)my_element();
    if (i < X.count) {
        Y[i] = R.at ? X[i] + R[i] : X[i];
    }
}

template <class T>
static void launch_add(GpuStream stream, Tensor X, Tensor R, Tensor Y) {
    const Matrix<T> x = matrix_of<T>(X);
    LAUNCH(add<T>, pieces(x.count, THREADS), THREADS, 0, stream, x, matrix_of<T>(R),
           matrix_of<T>(Y));
}

static void add_to(GpuStream stream, Tensor X, Tensor R, Tensor Y) {
    if (in_fours(X) && in_fours(R) && in_fours(Y)) {
        launch_add<float4>(stream, X, R, Y);
    } else {
        launch_add<float>(stream, X, R, Y);
    }
}

void gpu_tensor_copy(GpuStream stream, Tensor A, Tensor B) {
    Tensor none = B;
    none.data = NULL;
    expect_same_shape(A, B);
    add_to(stream, B, none, A);
}

void gpu_tensor_add(GpuStream stream, Tensor A, Tensor B) {
    expect_same_shape(A, B);
    add_to(stream, A, B, A);
}

/* ---- sums of columns ------------------------------------------------------------- */

enum { SUM_COLS = 32, SUM_LANES = 8 }; /* a block: 32 columns, 8 rows at a time */

/* partial (parts, cols): block (x, y) sums columns 32 x and on of run y of the rows. */
static __global__ void sum_rows_parts(Tensor dY, float *partial, int rows_per_part) {
    __shared__ float lanes[SUM_LANES][SUM_COLS];
    const int rows = dY.shape[0], cols = dY.shape[1], col = my_column(cols);
    const int from = blockIdx.y * rows_per_part;
    const float sum = column_sum<SUM_LANES>(
        row_of(dY, from), col, min(rows_per_part, rows - from), dY.ld, lanes);
    if (threadIdx.y == 0 && col >= 0) {
        partial[(long)blockIdx.y * cols + col] = sum;
    }
}

static __global__ void sum_rows_finish(const float *partial, float *db, int parts,
                                       int cols) {
    __shared__ float lanes[SUM_LANES][SUM_COLS];
    const int col = my_column(cols);
    const float sum = column_sum<SUM_LANES>(partial, col, parts, cols, lanes);
    if (threadIdx.y == 0 && col >= 0) {
        db[col] += sum;
    }
}

void gpu_sum_rows_add(GpuStream stream, Tensor dY, Tensor db, Tensor partial) {
    const int rows = tensor_rows(dY), cols = tensor_cols(dY);
    expect_shape(db, "One sum for each column.", cols);
    expect_shape(partial, "Room for the sums of runs of rows.", SUM_ROWS_PARTS, cols);
    const int rows_per_part = max(pieces(rows, SUM_ROWS_PARTS), 2 * SUM_LANES);
    const int parts = pieces(rows, rows_per_part);
    LAUNCH(sum_rows_parts, dim3(pieces(cols, SUM_COLS), parts),
           dim3(SUM_COLS, SUM_LANES), 0, stream, tensor_matrix(dY), partial.data,
           rows_per_part);
    LAUNCH(sum_rows_finish, pieces(cols, SUM_COLS), dim3(SUM_COLS, SUM_LANES), 0,
           stream, partial.data, db.data, parts, cols);
}

/* ---- dropout --------------------------------------------------------------------- */

/* random.h's generator: Philox4x32-10 (Salmon, Moraes, Dror and Shaw, 2011). The same
 * four words from the same counter and key as on the CPU. */
static DEVICE uint4 philox4x32(uint4 counter, uint2 key) {
#pragma unroll
    for (int round = 0; round < 10; round++) {
        const unsigned low0 = 0xD2511F53u * counter.x, low1 = 0xCD9E8D57u * counter.z;
        const unsigned high0 = __umulhi(0xD2511F53u, counter.x);
        const unsigned high1 = __umulhi(0xCD9E8D57u, counter.z);
        counter = make_uint4(high1 ^ counter.y ^ key.x, low1, high0 ^ counter.w ^ key.y,
                             low0);
        key.x += 0x9E3779B9u;
        key.y += 0xBB67AE85u;
    }
    return counter;
}

/* What dropout_apply of dropout.h knows, as a kernel needs it. */
struct Mask {
    uint64_t first; /* the first block of four of the stream */
    int skip;       /* and how many of its four come before element 0 */
    unsigned sequence;
    uint2 key;
    uint64_t keep_from; /* an element stays if its 32 bits are at least ceil(rate 2^32):
                           2^-32 bits >= rate in double, exactly */
    float scale;        /* 1 / (1 - rate) */
};

static Mask mask_of(const Dropout *dropout, int place, Tensor X) {
    const long per_image = tensor_count(X) / X.shape[0];
    const uint64_t first = (uint64_t)dropout->image * (uint64_t)per_image;
    return {first / 4,
            (int)(first % 4),
            dropout->step * 1024u + (unsigned)place,
            make_uint2((unsigned)dropout->seed, (unsigned)(dropout->seed >> 32)),
            (uint64_t)ceil(dropout->rate * 4294967296.0),
            (float)(1.0 / (1.0 - dropout->rate))};
}

/* Y = X o mask scale + R, four elements per thread; if R is NULL nothing is added. */
static __global__ void drop(Matrix<float> X, Matrix<float> R, Matrix<float> Y,
                            Mask mask) {
    const long four = my_element(), count = X.count;
    const uint64_t block = mask.first + (uint64_t)four;
    if (4 * four - mask.skip >= count) {
        return;
    }
    const uint4 counter = {(unsigned)block, (unsigned)(block >> 32), mask.sequence,
                           RANDOM_DROPOUT};
    const uint4 bits = philox4x32(counter, mask.key);
    const unsigned words[4] = {bits.x, bits.y, bits.z, bits.w};
#pragma unroll
    for (int k = 0; k < 4; k++) {
        const long i = 4 * four + k - mask.skip;
        if (i >= 0 && i < count) {
            const unsigned at = (unsigned)i;
            const float y = words[k] >= mask.keep_from ? X[at] * mask.scale : 0.0f;
            Y[at] = R.at ? y + R[at] : y;
        }
    }
}

static void launch_drop(GpuStream stream, const Dropout *dropout, int place, Tensor X,
                        Matrix<float> R, Tensor Y) {
    const Matrix<float> x = matrix_of<float>(X);
    const Mask mask = mask_of(dropout, place, X);
    LAUNCH(drop, pieces(pieces((long)x.count + mask.skip, 4), THREADS), THREADS, 0,
           stream, x, R, matrix_of<float>(Y), mask);
}

void gpu_dropout_apply(GpuStream stream, const Dropout *dropout, int place, Tensor X) {
    if (dropout->rate > 0) {
        launch_drop(stream, dropout, place, X, Matrix<float>{}, X);
    }
}

void gpu_dropout_add(GpuStream stream, const Dropout *dropout, int place, Tensor X,
                     Tensor R, Tensor Y) {
    expect_same_shape(R, X);
    expect_same_shape(Y, X);
    if (dropout->rate > 0) {
        launch_drop(stream, dropout, place, X, matrix_of<float>(R), Y);
    } else {
        add_to(stream, X, R, Y);
    }
}
