/*
 * tensor.h: a Tensor is a pointer to elements, and a shape.
 *
 * Shapes have 1 to 4 dimensions. Elements are stored row by row, the last index running
 * fastest. Many operations see a Tensor of any shape as a matrix: its columns are the
 * last dimension, its rows all the others multiplied.
 *
 *     x (B, n, D)   is   B*n rows of D elements   (one row = one token)
 *
 * A Tensor owns nothing and is passed by value, like a pointer: the elements belong to
 * whoever made the block of memory that they are in.
 *
 * `ld` ("leading dimension") is the distance from one row to the next. It is the number
 * of columns, unless the Tensor is a view of some columns of a wider one. So a part of
 * each row needs no copy.
 *
 * `real` is float; or double, when compiled with -DREAL_IS_DOUBLE. Training
 * runs in float. Gradients are checked in double, from the same source, because
 * in float a wrong gradient can't be told from rounding.
 */
#pragma once

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifdef REAL_IS_DOUBLE
typedef double real;
#define REAL_NAME "double"
#else
typedef float real;
#define REAL_NAME "float"
#endif

#define TENSOR_MAX_DIMS 4

typedef struct {
    real *data;                 /* the first element; not owned */
    int ndim;                   /* 1 to 4 */
    int shape[TENSOR_MAX_DIMS]; /* the first ndim are used */
    int ld;                     /* from one row to the next, in elements */
} Tensor;

/* ---- making views: nothing is copied, nothing allocated ---------------- */

Tensor tensor1(real *data, int n);
Tensor tensor2(real *data, int rows, int cols);
Tensor tensor3(real *data, int n0, int n1, int n2);
Tensor tensor4(real *data, int n0, int n1, int n2, int n3);

Tensor tensor_slice(Tensor T, int i);     /* T[i]: (B, n, D) gives (n, D)         */
Tensor tensor_first(Tensor T, int count); /* T[0] to T[count-1]                   */
Tensor tensor_matrix(Tensor T);           /* all of T: (B, n, D) gives (B*n, D)   */

/* tensor_columns: columns from..from+count-1 of every row: (rows, count). */
Tensor tensor_columns(Tensor T, int from, int count);

/* ---- asking ------------------------------------------------------------ */

/* tensor_cols: the last dimension. */
static inline int tensor_cols(Tensor T) {
    return T.shape[T.ndim - 1];
}

/* tensor_rows: all other dimensions, multiplied. */
static inline int tensor_rows(Tensor T) {
    int rows = 1;
    for (int d = 0; d < T.ndim - 1; d++) {
        rows *= T.shape[d];
    }
    return rows;
}

/* tensor_count: rows * cols. */
static inline long tensor_count(Tensor T) {
    return (long)tensor_rows(T) * tensor_cols(T);
}

/* tensor_row: row i, counted over all leading dimensions. */
static inline real *tensor_row(Tensor T, int i) {
    return T.data + (long)i * T.ld;
}

bool tensor_same_shape(Tensor A, Tensor B);

/* tensor_shape_text: "(2,3)" into text, which it returns. */
#define TENSOR_SHAPE_TEXT 64
char *tensor_shape_text(Tensor T, char text[TENSOR_SHAPE_TEXT]);

/* tensor_index_text: "[0][2]", where T's element i (counted by rows) is; as above. */
char *tensor_index_text(Tensor T, long i, char text[TENSOR_SHAPE_TEXT]);

/* ---- shapes are asserted at the entry of every public function --------- */

/*
 * expect_shape(K, "hint", m, d_k): stop with a message that names the function,
 * the tensor, its shape and the shape wanted, then the hint (or NULL):
 *
 *   attention_forward: K is (5,2), want (5,3). K has one row of d_k per key.
 */
#define expect_shape(T, hint, ...)                                                     \
    do {                                                                               \
        const int wanted_[] = {__VA_ARGS__};                                           \
        tensor_expect((T), #T, __func__, (hint),                                       \
                      (int)(sizeof wanted_ / sizeof wanted_[0]), wanted_);             \
    } while (0)
void tensor_expect(Tensor T, const char *name, const char *function, const char *hint,
                   int ndim, const int *shape);

/* expect_same_shape(A, B): A and B have the same dimensions. */
#define expect_same_shape(A, B)                                                        \
    tensor_expect((A), #A, __func__, "It must have the shape of " #B ".", (B).ndim,    \
                  (B).shape)

/* expect_contiguous(T): T is not a view of some columns. */
#define expect_contiguous(T) tensor_expect_contiguous((T), #T, __func__)
void tensor_expect_contiguous(Tensor T, const char *name, const char *function);

/* ---- whole-tensor operations ------------------------------------------- */

void tensor_fill(Tensor T, real value);  /* T = value                        */
void tensor_copy(Tensor A, Tensor B);    /* A = B       same shape           */
void tensor_add(Tensor A, Tensor B);     /* A += B      same shape           */
void tensor_scale(Tensor A, real alpha); /* A *= alpha                       */

/* tensor_add_bias: A (rows, cols) += b (cols), the same b for every row. */
void tensor_add_bias(Tensor A, Tensor b);

/* tensor_sum_rows_add: db (cols) += the sum of dA (rows, cols) over its rows:
 * the backward of tensor_add_bias. */
void tensor_sum_rows_add(Tensor dA, Tensor db);

/* tensor_transpose: AT (cols, rows) = A (rows, cols) transposed; no aliasing. */
void tensor_transpose(Tensor A, Tensor AT);

/* tensor_dot: the sum of A o B, in double. */
double tensor_dot(Tensor A, Tensor B);

/* tensor_max_abs_difference: max |A - B| over all elements; NaN if any is. */
double tensor_max_abs_difference(Tensor A, Tensor B);

#ifdef __cplusplus
}
#endif
