/*
 * gpu_elementwise.cu: see gpu_elementwise.h.
 *
 * Fill, copy, add, dropout: a thread an element, neighbours beside each other, so that
 * a warp's 32 numbers are 128 bytes in a row. Memory is what limits them: an addition
 * moves 12 bytes for one flop. Dropout's thread makes four elements, since a call of
 * the generator gives four words: some 100 integer operations a call, 16 bytes read
 * and 16 written: on a large card both take about the same time.
 *
 * gpu_sum_rows_add: columns are summed by SUM_ROWS_PARTS blocks, each over a run of
 * rows, neighbouring threads on neighbouring columns; a second kernel adds the parts.
 * 4 bytes read for a flop. Atomics would need no second kernel, and would add in
 * another order every time.
 */
#include "gpu_elementwise.h"

#include "gpu_philox.h"
#include "random.h"

enum { THREADS = 256 };

static __forceinline__ __device__ long my_element(void) {
    return static_cast<long>(blockIdx.x) * blockDim.x + threadIdx.x;
}

/* ---- fill, copy, add ------------------------------------------------------------ */

/* Where element i of a matrix of `cols` columns lies, its rows `ld` apart. */
static __forceinline__ __device__ long place(long i, int cols, int ld) {
    return i / cols * ld + i % cols;
}

static __global__ void fill(float *A, float value, long count, int cols, int ld) {
    const long i = my_element();
    if (i < count) {
        A[place(i, cols, ld)] = value;
    }
}

static __global__ void copy(float *A, const float *B, long count, int cols, int ld_A,
                            int ld_B) {
    const long i = my_element();
    if (i < count) {
        A[place(i, cols, ld_A)] = B[place(i, cols, ld_B)];
    }
}

static __global__ void add(float *A, const float *B, long count, int cols, int ld_A,
                           int ld_B) {
    const long i = my_element();
    if (i < count) {
        A[place(i, cols, ld_A)] += B[place(i, cols, ld_B)];
    }
}

void gpu_tensor_fill(GpuStream stream, Tensor A, float value) {
    const long count = tensor_count(A);
    LAUNCH(fill, pieces(count, THREADS), THREADS, 0, stream, A.data, value, count,
           tensor_cols(A), A.ld);
}

void gpu_tensor_copy(GpuStream stream, Tensor A, Tensor B) {
    const long count = tensor_count(A);
    expect_same_shape(A, B);
    LAUNCH(copy, pieces(count, THREADS), THREADS, 0, stream, A.data, B.data, count,
           tensor_cols(A), A.ld, B.ld);
}

void gpu_tensor_add(GpuStream stream, Tensor A, Tensor B) {
    const long count = tensor_count(A);
    expect_same_shape(A, B);
    LAUNCH(add, pieces(count, THREADS), THREADS, 0, stream, A.data, B.data, count,
           tensor_cols(A), A.ld, B.ld);
}

/* ---- sums of columns ------------------------------------------------------------- */

enum { SUM_COLS = 32, SUM_LANES = 8 }; /* a block: 32 columns, 8 rows at a time */

/* partial (parts, cols): block (x, y) sums columns 32 x ... of run y of the rows. */
static __global__ void sum_rows_parts(const float *dY, float *partial, int rows,
                                      int cols, int ld, int rows_a_part) {
    __shared__ float sums[SUM_LANES][SUM_COLS];
    const int col = static_cast<int>(blockIdx.x * SUM_COLS + threadIdx.x);
    const int from = static_cast<int>(blockIdx.y) * rows_a_part;
    const int to = min(rows, from + rows_a_part);
    float sum = 0;
    if (col < cols) {
        for (int i = from + static_cast<int>(threadIdx.y); i < to; i += SUM_LANES) {
            sum += dY[static_cast<long>(i) * ld + col];
        }
    }
    sums[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y == 0 && col < cols) {
        float all = 0;
        for (int lane = 0; lane < SUM_LANES; lane++) {
            all += sums[lane][threadIdx.x];
        }
        partial[static_cast<long>(blockIdx.y) * cols + col] = all;
    }
}

static __global__ void sum_rows_finish(const float *partial, float *db, int parts,
                                       int cols) {
    const int col = static_cast<int>(my_element());
    if (col < cols) {
        float sum = 0;
        for (int part = 0; part < parts; part++) {
            sum += partial[static_cast<long>(part) * cols + col];
        }
        db[col] += sum;
    }
}

void gpu_sum_rows_add(GpuStream stream, Tensor dY, Tensor db, Tensor partial) {
    const int rows = tensor_rows(dY), cols = tensor_cols(dY);
    expect_shape(db, "One sum for each column.", cols);
    expect_shape(partial, "Room for the sums of runs of rows.", SUM_ROWS_PARTS, cols);
    const int rows_a_part = max(pieces(rows, SUM_ROWS_PARTS), 2 * SUM_LANES);
    const int parts = pieces(rows, rows_a_part);
    LAUNCH(sum_rows_parts,
           dim3(static_cast<unsigned>(pieces(cols, SUM_COLS)),
                static_cast<unsigned>(parts)),
           dim3(SUM_COLS, SUM_LANES), 0, stream, dY.data, partial.data, rows, cols,
           dY.ld, rows_a_part);
    LAUNCH(sum_rows_finish, pieces(cols, THREADS), THREADS, 0, stream, partial.data,
           db.data, parts, cols);
}

/* ---- dropout --------------------------------------------------------------------- */

/* What dropout_apply of dropout.h knows, as a kernel needs it. */
struct Mask {
    unsigned first_low, first_high; /* the first block of four of the stream */
    int skip;                       /* and how many of its four come before element 0 */
    unsigned sequence, use;
    uint2 key;
    uint64_t keep_from; /* a number stays if its 32 bits are at least this */
    float scale;        /* 1 / (1 - rate) */
};

static Mask mask_of(const Dropout *dropout, int place, Tensor X) {
    const long per_image = tensor_count(X) / X.shape[0];
    const uint64_t first =
        static_cast<uint64_t>(dropout->image) * static_cast<uint64_t>(per_image);
    Mask mask;
    mask.first_low = static_cast<unsigned>(first / 4);
    mask.first_high = static_cast<unsigned>(first / 4 >> 32);
    mask.skip = static_cast<int>(first % 4);
    mask.sequence = dropout->step * 1024u + static_cast<unsigned>(place);
    mask.use = RANDOM_DROPOUT;
    mask.key = make_uint2(static_cast<unsigned>(dropout->seed),
                          static_cast<unsigned>(dropout->seed >> 32));
    /* bits 2^-32 >= rate, in double, exactly: bits >= ceil(rate 2^32) */
    mask.keep_from = static_cast<uint64_t>(ceil(dropout->rate * 4294967296.0));
    mask.scale = static_cast<float>(1.0 / (1.0 - dropout->rate));
    return mask;
}

/* Y = X o mask scale + R, four elements a thread; R NULL: nothing is added. */
static __global__ void drop(const float *X, const float *R, float *Y, long count,
                            int cols, int ld_X, int ld_R, int ld_Y, Mask mask) {
    const long four = my_element();
    const uint64_t block =
        (static_cast<uint64_t>(mask.first_high) << 32 | mask.first_low) +
        static_cast<uint64_t>(four);
    if (4 * four - mask.skip >= count) {
        return;
    }
    const uint4 bits = gpu_philox4x32(make_uint4(static_cast<unsigned>(block),
                                                 static_cast<unsigned>(block >> 32),
                                                 mask.sequence, mask.use),
                                      mask.key);
    const unsigned words[4] = {bits.x, bits.y, bits.z, bits.w};
#pragma unroll
    for (int k = 0; k < 4; k++) {
        const long i = 4 * four + k - mask.skip;
        if (i >= 0 && i < count) {
            const float x = X[place(i, cols, ld_X)];
            const float y = words[k] >= mask.keep_from ? x * mask.scale : 0.0f;
            Y[place(i, cols, ld_Y)] = R ? y + R[place(i, cols, ld_R)] : y;
        }
    }
}

static __global__ void add_to(const float *X, const float *R, float *Y, long count,
                              int cols, int ld_X, int ld_R, int ld_Y) {
    const long i = my_element();
    if (i < count) {
        Y[place(i, cols, ld_Y)] = X[place(i, cols, ld_X)] + R[place(i, cols, ld_R)];
    }
}

static void launch_drop(GpuStream stream, const Dropout *dropout, int which, Tensor X,
                        const float *R, int ld_R, Tensor Y) {
    const long count = tensor_count(X);
    const Mask mask = mask_of(dropout, which, X);
    LAUNCH(drop, pieces(pieces(count + mask.skip, 4), THREADS), THREADS, 0, stream,
           X.data, R, Y.data, count, tensor_cols(X), X.ld, ld_R, Y.ld, mask);
}

void gpu_dropout_apply(GpuStream stream, const Dropout *dropout, int place, Tensor X) {
    if (dropout->rate > 0) {
        launch_drop(stream, dropout, place, X, NULL, 0, X);
    }
}

void gpu_dropout_add(GpuStream stream, const Dropout *dropout, int place, Tensor X,
                     Tensor R, Tensor Y) {
    const long count = tensor_count(X);
    expect_same_shape(R, X);
    expect_same_shape(Y, X);
    if (dropout->rate > 0) {
        launch_drop(stream, dropout, place, X, R.data, R.ld, Y);
    } else {
        LAUNCH(add_to, pieces(count, THREADS), THREADS, 0, stream, X.data, R.data,
               Y.data, count, tensor_cols(X), X.ld, R.ld, Y.ld);
    }
}
