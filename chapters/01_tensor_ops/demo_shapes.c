/*
 * demo_shapes.c: what a Tensor is. The elements stay where they are; a shape and a
 * distance from row to row (ld) say how to read them.
 */
#include <stdio.h>

#include "common/lesson/report.h"
#include "common/tensor.h"
#include "chapters/01_tensor_ops/tensor_ops_demos.h"

static void show_slices(Tensor T) {
    printf("\nThe numbers 0 to 23, one after the other in memory, seen as T (2,3,4):\n"
           "2 slices of 3 rows of 4 columns. The last index runs fastest.\n\n");
    report_matrix("T[0]", tensor_slice(T, 0), 0);
    report_matrix("T[1]", tensor_slice(T, 1), 0);

    Tensor M = tensor_matrix(T);
    printf("\nMost operations see any tensor as a matrix: its columns are the last\n"
           "dimension, its rows all others multiplied. T has %d rows of %d.\n"
           "Where an element lies: (i,j) is data[i*ld + j], and here ld = %d.\n\n",
           tensor_rows(T), tensor_cols(T), T.ld);
    report_check(tensor_rows(M) == 6 && tensor_cols(M) == 4,
                 "T (2,3,4) has 2*3 = 6 rows and 4 columns");
    report_check(tensor_slice(T, 1).data == T.data + 12,
                 "T[1] begins at number 1*3*4 = 12");
}

static void show_view(Tensor T) {
    const double want[] = {13, 14, 17, 18, 21, 22};
    Tensor slice = tensor_slice(T, 1);
    Tensor view = tensor_columns(slice, 1, 2);
    printf("\nColumns 1 and 2 of T[1] are a view: its rows have 2 numbers but are\n"
           "still ld = %d apart. Nothing is copied. Chapter 3's heads are such views.\n"
           "\n",
           view.ld);
    report_matrix("view", view, 0);
    by_hand(view, want, 0, "view = columns 1 and 2 of T[1]");
    tensor_row(view, 0)[0] = -1;
    report_check(tensor_row(slice, 0)[1] == -1,
                 "writing -1 to view(0,0) changes T[1](0,1): two names, one memory");
}

static void show_transpose(void) {
    real a[] = {1, 2, 3, 4, 5, 6}, at[6];
    const double want[] = {1, 4, 2, 5, 3, 6};
    Tensor A = tensor2(a, 2, 3), AT = tensor2(at, 3, 2);
    tensor_transpose(A, AT);
    printf("\nTranspose: rows become columns, A^T(j,i) = A(i,j). This one copies.\n\n");
    report_matrix("A", A, 0);
    report_matrix("A^T", AT, 0);
    by_hand(AT, want, 0, "A^T");
}

void shapes_demo(void) {
    real numbers[24];
    for (int i = 0; i < 24; i++) {
        numbers[i] = (real)i;
    }
    Tensor T = tensor3(numbers, 2, 3, 4);
    report_section("1.1 Shapes and views");
    show_slices(T);
    show_view(T);
    show_transpose();
}
