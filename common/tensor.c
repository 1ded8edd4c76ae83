/* tensor.c: see tensor.h. */
#include "common/tensor.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/error.h"

/* ---- making views ------------------------------------------------------ */

Tensor tensor1(real *data, int n) {
    return (Tensor){.data = data, .ndim = 1, .shape = {n}, .ld = n};
}

Tensor tensor2(real *data, int rows, int cols) {
    return (Tensor){.data = data, .ndim = 2, .shape = {rows, cols}, .ld = cols};
}

Tensor tensor3(real *data, int n0, int n1, int n2) {
    return (Tensor){.data = data, .ndim = 3, .shape = {n0, n1, n2}, .ld = n2};
}

Tensor tensor4(real *data, int n0, int n1, int n2, int n3) {
    return (Tensor){.data = data, .ndim = 4, .shape = {n0, n1, n2, n3}, .ld = n3};
}

Tensor tensor_slice(Tensor T, int i) {
    if (T.ndim < 2 || i < 0 || i >= T.shape[0]) {
        char shape[TENSOR_SHAPE_TEXT];
        bug("tensor_slice: no slice %d of %s", i, tensor_shape_text(T, shape));
    }
    Tensor slice = {.ndim = T.ndim - 1, .ld = T.ld};
    memcpy(slice.shape, T.shape + 1, sizeof slice.shape - sizeof slice.shape[0]);
    slice.data = T.data + (long)i * tensor_rows(slice) * T.ld;
    if (slice.ndim == 1) { /* a vector is one row, whatever the matrix's ld */
        slice.ld = slice.shape[0];
    }
    return slice;
}

Tensor tensor_first(Tensor T, int count) {
    if (count < 0 || count > T.shape[0]) {
        char shape[TENSOR_SHAPE_TEXT];
        bug("tensor_first: can't take %d slices of %s", count,
            tensor_shape_text(T, shape));
    }
    T.shape[0] = count;
    return T;
}

Tensor tensor_columns(Tensor T, int from, int count) {
    if (from < 0 || count < 1 || from + count > tensor_cols(T)) {
        char shape[TENSOR_SHAPE_TEXT];
        bug("tensor_columns: no columns %d to %d in %s", from, from + count - 1,
            tensor_shape_text(T, shape));
    }
    Tensor view = tensor2(T.data + from, tensor_rows(T), count);
    view.ld = T.ld;
    return view;
}

Tensor tensor_matrix(Tensor T) {
    return tensor_columns(T, 0, tensor_cols(T));
}

/* ---- asking ------------------------------------------------------------ */

bool tensor_same_shape(Tensor A, Tensor B) {
    return A.ndim == B.ndim &&
           memcmp(A.shape, B.shape, (size_t)A.ndim * sizeof A.shape[0]) == 0;
}

char *tensor_shape_text(Tensor T, char text[TENSOR_SHAPE_TEXT]) {
    int used = snprintf(text, TENSOR_SHAPE_TEXT, "(");
    for (int d = 0; d < T.ndim; d++) {
        used += snprintf(text + used, TENSOR_SHAPE_TEXT - (size_t)used, "%s%d",
                         d == 0 ? "" : ",", T.shape[d]);
    }
    snprintf(text + used, TENSOR_SHAPE_TEXT - (size_t)used, ")");
    return text;
}

char *tensor_index_text(Tensor T, long i, char text[TENSOR_SHAPE_TEXT]) {
    long at[TENSOR_MAX_DIMS] = {0};
    for (int d = T.ndim - 1; d >= 0; d--) {
        at[d] = i % T.shape[d];
        i /= T.shape[d];
    }
    int used = 0;
    for (int d = 0; d < T.ndim; d++) {
        used += snprintf(text + used, TENSOR_SHAPE_TEXT - (size_t)used, "[%ld]", at[d]);
    }
    return text;
}

/* ---- asserting --------------------------------------------------------- */

void tensor_expect(Tensor T, const char *name, const char *function, const char *hint,
                   int ndim, const int *shape) {
    Tensor wanted = {.ndim = ndim};
    memcpy(wanted.shape, shape, (size_t)ndim * sizeof shape[0]);
    if (!tensor_same_shape(T, wanted)) {
        char got[TENSOR_SHAPE_TEXT], want[TENSOR_SHAPE_TEXT];
        bug("%s: %s is %s, want %s. %s", function, name, tensor_shape_text(T, got),
            tensor_shape_text(wanted, want), hint ? hint : "");
    }
}

void tensor_expect_contiguous(Tensor T, const char *name, const char *function) {
    if (T.ld != tensor_cols(T)) {
        char shape[TENSOR_SHAPE_TEXT];
        bug("%s: %s is a view: %s with %d numbers from row to row. "
            "Copy it into a tensor of its own first (tensor_copy).",
            function, name, tensor_shape_text(T, shape), T.ld);
    }
}

/* ---- whole-tensor operations ------------------------------------------- */

void tensor_fill(Tensor T, real value) {
    const int rows = tensor_rows(T), cols = tensor_cols(T);
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < cols; j++) {
            tensor_row(T, i)[j] = value;
        }
    }
}

void tensor_copy(Tensor A, Tensor B) {
    expect_same_shape(A, B);
    for (int i = 0; i < tensor_rows(A); i++) {
        memcpy(tensor_row(A, i), tensor_row(B, i),
               (size_t)tensor_cols(A) * sizeof(real));
    }
}

void tensor_add(Tensor A, Tensor B) {
    expect_same_shape(A, B);
    const int rows = tensor_rows(A), cols = tensor_cols(A);
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < cols; j++) {
            tensor_row(A, i)[j] += tensor_row(B, i)[j];
        }
    }
}

void tensor_scale(Tensor A, real alpha) {
    const int rows = tensor_rows(A), cols = tensor_cols(A);
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < cols; j++) {
            tensor_row(A, i)[j] *= alpha;
        }
    }
}

void tensor_add_bias(Tensor A, Tensor b) {
    expect_shape(b, "A bias has one number for each column.", tensor_cols(A));
    const int rows = tensor_rows(A), cols = tensor_cols(A);
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < cols; j++) {
            tensor_row(A, i)[j] += b.data[j];
        }
    }
}

void tensor_sum_rows_add(Tensor dA, Tensor db) {
    expect_shape(db, "A bias has one number for each column.", tensor_cols(dA));
    const int rows = tensor_rows(dA), cols = tensor_cols(dA);
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < cols; j++) {
            db.data[j] += tensor_row(dA, i)[j];
        }
    }
}

void tensor_transpose(Tensor A, Tensor AT) {
    expect_shape(AT, "Rows and columns change places.", tensor_cols(A), tensor_rows(A));
    for (int i = 0; i < tensor_rows(A); i++) {
        for (int j = 0; j < tensor_cols(A); j++) {
            tensor_row(AT, j)[i] = tensor_row(A, i)[j];
        }
    }
}

double tensor_dot(Tensor A, Tensor B) {
    expect_same_shape(A, B);
    double sum = 0;
    for (int i = 0; i < tensor_rows(A); i++) {
        for (int j = 0; j < tensor_cols(A); j++) {
            sum += (double)tensor_row(A, i)[j] * (double)tensor_row(B, i)[j];
        }
    }
    return sum;
}

double tensor_max_abs_difference(Tensor A, Tensor B) {
    expect_same_shape(A, B);
    double worst = 0;
    for (int i = 0; i < tensor_rows(A); i++) {
        for (int j = 0; j < tensor_cols(A); j++) {
            double d = fabs((double)tensor_row(A, i)[j] - (double)tensor_row(B, i)[j]);
            if (isnan(d)) {
                return d;
            }
            worst = fmax(worst, d);
        }
    }
    return worst;
}
