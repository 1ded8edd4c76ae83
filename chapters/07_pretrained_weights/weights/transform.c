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

/* Of HEADS_IN and HEADS_OUT: the shape of ours. */
static Tensor joined_shape(Change change, const Array *array) {
    /* exercise 7.1 */
    const int *n = array->shape;
    return change == HEADS_IN ? tensor2(NULL, n[1] * n[2], n[0])
                              : tensor2(NULL, n[2], n[0] * n[1]);
    /* end of exercise 7.1 */
}

bool transform_shape(Change change, const Array *a, Tensor *shape) {
    static const int dimensions[] = {
        [AS_IS] = 0,     [TRANSPOSE] = 2,  [HEADS_IN] = 3,
        [HEADS_OUT] = 3, [HEADS_BIAS] = 2, [HWIO_TO_OIHW] = 4};
    const int *n = a->shape;
    if (a->count == 0) {
        return false;
    }
    *shape = shape_of(a);
    if (change == AS_IS) {
        return true;
    }
    if (a->ndim != dimensions[change] || a->count > INT32_MAX) {
        return false;
    }
    switch (change) {
    case HEADS_BIAS: *shape = tensor1(NULL, n[0] * n[1]); break;
    case HEADS_IN:
    case HEADS_OUT: *shape = joined_shape(change, a); break;
    case HWIO_TO_OIHW: *shape = tensor4(NULL, n[3], n[2], n[0], n[1]); break;
    default: *shape = tensor2(NULL, n[1], n[0]); break;
    }
    return true;
}

Tensor transform_part(Tensor T, Part part) {
    if (part == WHOLE) {
        return T;
    }
    /* exercise 7.1 */
    const int third = T.shape[0] / 3, first = ((int)part - QUERY) * third;
    if (T.ndim == 1) {
        return tensor1(T.data + first, third);
    }
    Tensor rows = tensor2(tensor_row(T, first), third, T.shape[1]);
    rows.ld = T.ld;
    return rows;
    /* end of exercise 7.1 */
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

/* Of HEADS_IN and HEADS_OUT: the elements of ours. */
static void join_heads(Change change, const Array *array, const real *a, Tensor T) {
    /* exercise 7.1 */
    /* Heads side by side are one dimension: in memory it is so already. */
    const int *n = array->shape;
    Tensor A = change == HEADS_IN ? tensor2((real *)a, n[0], n[1] * n[2])
                                  : tensor2((real *)a, n[0] * n[1], n[2]);
    transpose(A, T);
    /* end of exercise 7.1 */
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
    switch (change) {
    case HWIO_TO_OIHW: patches_first(array, elements, T); break;
    case TRANSPOSE:
        transpose(tensor2((real *)elements, array->shape[0], array->shape[1]), T);
        break;
    default: join_heads(change, array, elements, T); break;
    }
}
