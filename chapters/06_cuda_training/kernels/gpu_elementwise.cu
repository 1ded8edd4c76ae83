/*
 * gpu_elementwise.cu: see gpu_elementwise.h.
 *
 * Fill, copy, add: a thread an element, or four where rows allow loads of 16 bytes.
 * Memory is what limits them: an addition moves 12 bytes for one flop. Dropout's thread
 * makes four elements, since a call of the generator gives four words: some 100 integer
 * operations a call, 16 bytes read and 16 written: on a large card both take about the
 * same time.
 *
 * gpu_sum_rows_add: columns are summed by SUM_ROWS_PARTS blocks, each over a run of
 * rows, neighbouring threads on neighbouring columns; a second kernel adds the parts.
 * 4 bytes read for a flop. Atomics would need no second kernel, and would add in
 * another order every time.
 */
#include "chapters/06_cuda_training/kernels/gpu_elementwise.h"

#include "chapters/06_cuda_training/kernels/gpu_philox.h"
#include "common/random.h"

enum { THREADS = 256 };

/* ---- fill, copy, add ------------------------------------------------------------ */

/* A matrix as a kernel sees it: of floats, or of float4 where rows allow that, so that
 * a thread moves 16 bytes. Indices of 32 bits: a division of 64 bits costs more than
 * all the rest. */
template <class T> struct Matrix {
    T *at;
    unsigned cols, ld; /* in T */

    __forceinline__ __device__ T &operator[](unsigned i) const {
        return at[static_cast<long>(i / cols) * ld + i % cols];
    }
};

static __global__ void fill(Matrix<float> A, float value, unsigned count) {
    const unsigned i = static_cast<unsigned>(my_element());
    if (i < count) {
        A[i] = value;
    }
}

template <class T>
static __global__ void copy(Matrix<T> A, Matrix<T> B, unsigned count) {
    const unsigned i = static_cast<unsigned>(my_element());
    if (i < count) {
        A[i] = B[i];
    }
}

/* Y = X + R */
template <class T>
static __global__ void add(Matrix<T> X, Matrix<T> R, Matrix<T> Y, unsigned count) {
    const unsigned i = static_cast<unsigned>(my_element());
    if (i < count) {
        Y[i] = X[i] + R[i];
    }
}

static unsigned count_of(Tensor A) {
    const long count = tensor_count(A);
    if (count > UINT32_MAX - THREADS) {
        bug("gpu_elementwise: %ld elements are more than these kernels can count",
            count);
    }
    return static_cast<unsigned>(count);
}

template <class T> static constexpr unsigned floats_in() {
    return static_cast<unsigned>(sizeof(T) / sizeof(float));
}

template <class T> static Matrix<T> matrix_of(Tensor A) {
    const unsigned floats = floats_in<T>();
    return {reinterpret_cast<T *>(A.data),
            static_cast<unsigned>(tensor_cols(A)) / floats,
            static_cast<unsigned>(A.ld) / floats};
}

static bool in_fours(Tensor A) {
    return in_fours(A.data, tensor_cols(A), A.ld);
}

void gpu_tensor_fill(GpuStream stream, Tensor A, float value) {
    const unsigned count = count_of(A);
    LAUNCH(fill, pieces(count, THREADS), THREADS, 0, stream, matrix_of<float>(A), value,
           count);
}

template <class T> static void launch_copy(GpuStream stream, Tensor A, Tensor B) {
    const unsigned count = count_of(A) / floats_in<T>();
    LAUNCH(copy<T>, pieces(count, THREADS), THREADS, 0, stream, matrix_of<T>(A),
           matrix_of<T>(B), count);
}

template <class T>
static void launch_add(GpuStream stream, Tensor X, Tensor R, Tensor Y) {
    const unsigned count = count_of(X) / floats_in<T>();
    LAUNCH(add<T>, pieces(count, THREADS), THREADS, 0, stream, matrix_of<T>(X),
           matrix_of<T>(R), matrix_of<T>(Y), count);
}

void gpu_tensor_copy(GpuStream stream, Tensor A, Tensor B) {
    expect_same_shape(A, B);
    if (in_fours(A) && in_fours(B)) {
        launch_copy<float4>(stream, A, B);
    } else {
        launch_copy<float>(stream, A, B);
    }
}

static void add_to(GpuStream stream, Tensor X, Tensor R, Tensor Y) {
    if (in_fours(X) && in_fours(R) && in_fours(Y)) {
        launch_add<float4>(stream, X, R, Y);
    } else {
        launch_add<float>(stream, X, R, Y);
    }
}

void gpu_tensor_add(GpuStream stream, Tensor A, Tensor B) {
    expect_same_shape(A, B);
    add_to(stream, A, B, A);
}

/* ---- sums of columns ------------------------------------------------------------- */

enum { SUM_COLS = 32, SUM_LANES = 8 }; /* a block: 32 columns, 8 rows at a time */

/* Which column a thread sums; -1: none. */
static __forceinline__ __device__ int my_column(int cols) {
    const int col = blockIdx.x * SUM_COLS + threadIdx.x;
    return col < cols ? col : -1;
}

/* partial (parts, cols): block (x, y) sums columns 32 x ... of run y of the rows. */
static __global__ void sum_rows_parts(const float *dY, float *partial, int rows,
                                      int cols, int ld, int rows_a_part) {
    __shared__ float lanes[SUM_LANES][SUM_COLS];
    const int col = my_column(cols), from = blockIdx.y * rows_a_part;
    const float sum = column_sum<SUM_LANES>(dY + static_cast<long>(from) * ld, col,
                                            min(rows_a_part, rows - from), ld, lanes);
    if (threadIdx.y == 0 && col >= 0) {
        partial[static_cast<long>(blockIdx.y) * cols + col] = sum;
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
    const int rows_a_part = max(pieces(rows, SUM_ROWS_PARTS), 2 * SUM_LANES);
    const int parts = pieces(rows, rows_a_part);
    LAUNCH(sum_rows_parts, dim3(pieces(cols, SUM_COLS), parts),
           dim3(SUM_COLS, SUM_LANES), 0, stream, dY.data, partial.data, rows, cols,
           dY.ld, rows_a_part);
    LAUNCH(sum_rows_finish, pieces(cols, SUM_COLS), dim3(SUM_COLS, SUM_LANES), 0,
           stream, partial.data, db.data, parts, cols);
}

/* ---- dropout --------------------------------------------------------------------- */

/* What dropout_apply of dropout.h knows, as a kernel needs it. */
struct Mask {
    uint64_t first; /* the first block of four of the stream */
    int skip;       /* and how many of its four come before element 0 */
    unsigned sequence, use;
    uint2 key;
    uint64_t keep_from; /* an element stays if its 32 bits are at least this */
    float scale;        /* 1 / (1 - rate) */
};

static Mask mask_of(const Dropout *dropout, int place, Tensor X) {
    const long per_image = tensor_count(X) / X.shape[0];
    const uint64_t first =
        static_cast<uint64_t>(dropout->image) * static_cast<uint64_t>(per_image);
    Mask mask;
    mask.first = first / 4;
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
static __global__ void drop(Matrix<const float> X, Matrix<const float> R,
                            Matrix<float> Y, long count, Mask mask) {
    const long four = my_element();
    const uint64_t block = mask.first + static_cast<uint64_t>(four);
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
            const unsigned at = static_cast<unsigned>(i);
            const float y = words[k] >= mask.keep_from ? X[at] * mask.scale : 0.0f;
            Y[at] = R.at ? y + R[at] : y;
        }
    }
}

static void launch_drop(GpuStream stream, const Dropout *dropout, int which, Tensor X,
                        Matrix<const float> R, Tensor Y) {
    const long count = count_of(X);
    const Mask mask = mask_of(dropout, which, X);
    LAUNCH(drop, pieces(pieces(count + mask.skip, 4), THREADS), THREADS, 0, stream,
           matrix_of<const float>(X), R, matrix_of<float>(Y), count, mask);
}

void gpu_dropout_apply(GpuStream stream, const Dropout *dropout, int place, Tensor X) {
    if (dropout->rate > 0) {
        launch_drop(stream, dropout, place, X, Matrix<const float>{}, X);
    }
}

void gpu_dropout_add(GpuStream stream, const Dropout *dropout, int place, Tensor X,
                     Tensor R, Tensor Y) {
    expect_same_shape(R, X);
    expect_same_shape(Y, X);
    if (dropout->rate > 0) {
        launch_drop(stream, dropout, place, X, matrix_of<const float>(R), Y);
    } else {
        add_to(stream, X, R, Y);
    }
}
