/* transform.c: see transform.h. */
#include "chapters/07_pretrained_weights/weights/transform.h"

/* The array as it is. */
static Tensor shape_of(const Array *a) {
    Tensor shape = {.ndim = a->ndim > 0 ? a->ndim : 1, .shape = {1}};
    for (int d = 0; d < a->ndim; d++) {
        shape.shape[d] = a->shape[d];
    }
    shape.ld = tensor_cols(shape);
    return shape;
}

/* As the matrix that is transposed: of HEADS_IN (D, h D_h), of HEADS_OUT (h D_h, D), of
 * HWIO (P P C, D). Both sizes fit an int: the array is in memory. */
static Tensor as_matrix(Change change, const Array *a, real *elements) {
    const long rows =
        change == HEADS_OUT ? (long)a->shape[0] * a->shape[1] : a->shape[0];
    return tensor2(elements, (int)rows, (int)(a->count / rows));
}

bool transform_shape(Change change, const Array *a, Tensor *shape) {
    static const int dimensions[] = {
        [AS_IS] = 0,     [TRANSPOSE] = 2,  [HEADS_IN] = 3,
        [HEADS_OUT] = 3, [HEADS_BIAS] = 2, [HWIO_TO_OIHW] = 4};
    const int *n = a->shape;
    *shape = shape_of(a);
    if (change == AS_IS) {
        return true;
    }
    if (a->ndim != dimensions[change] || a->count > INT32_MAX) {
        return false;
    }
    const Tensor matrix = as_matrix(change, a, NULL);
    switch (change) {
    case HEADS_BIAS: *shape = tensor1(NULL, (int)a->count); break;
    case HWIO_TO_OIHW: *shape = tensor4(NULL, n[3], n[2], n[0], n[1]); break;
    default: *shape = tensor2(NULL, matrix.shape[1], matrix.shape[0]); break;
    }
    return true;
}

/* T[o][i] = A[i][o], a square of both at a time, so that each line that comes into the
 * cache is used whole. */
static void transpose(Tensor A, Tensor T) {
    enum { SIDE = 16 };
    const int rows = A.shape[0], cols = A.shape[1];
    for (int i0 = 0; i0 < rows; i0 += SIDE) {
        const int i1 = i0 + SIDE < rows ? i0 + SIDE : rows;
        for (int o0 = 0; o0 < cols; o0 += SIDE) {
            const int o1 = o0 + SIDE < cols ? o0 + SIDE : cols;
            for (int o = o0; o < o1; o++) {
                for (int i = i0; i < i1; i++) {
                    tensor_row(T, o)[i] = tensor_row(A, i)[o];
                }
            }
        }
    }
}

/* T[o][c][y][x] = a[y][x][c][o] */
static void patches_first(const Array *array, const real *a, Tensor T) {
    const int P = array->shape[0], Q = array->shape[1], C = array->shape[2],
              D = array->shape[3];
    real *t = T.data;
    for (int y = 0; y < P; y++) {
        for (int x = 0; x < Q; x++) {
            for (int c = 0; c < C; c++) {
                for (int o = 0; o < D; o++) {
                    t[(((long)o * C + c) * P + y) * Q + x] = *a++;
                }
            }
        }
    }
}

void transform(Change change, const Array *array, const real *elements, Tensor T) {
    Tensor shape;
    if (!transform_moves(change) || !transform_shape(change, array, &shape)) {
        bug("transform: %s isn't of this change", array->name);
    }
    expect_same_shape(T, shape);
    if (change == HWIO_TO_OIHW) {
        patches_first(array, elements, T);
    } else {
        transpose(as_matrix(change, array, (real *)elements), T);
    }
}
