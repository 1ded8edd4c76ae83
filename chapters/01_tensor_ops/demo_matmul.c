/*
 * demo_matmul.c: one product in the three layouts of matmul.h, and the dense layer
 * made of it, on numbers that can be checked by hand.
 */
#include <stdio.h>

#include "common/linear.h"
#include "common/matmul.h"
#include "common/lesson/report.h"
#include "chapters/01_tensor_ops/tensor_ops_demos.h"

static real a[] = {1, 2, 3, 4, 5, 6};   /* A (2,3) */
static real at[] = {1, 4, 2, 5, 3, 6};  /* the same elements as A^T (3,2) */
static real b[] = {1, 0, 2, -1, 0, 3};  /* B (3,2) */
static real bt[] = {1, 2, 0, 0, -1, 3}; /* the same elements as B^T (2,3) */
static const double ab[] = {5, 7, 14, 13};

static void show_layouts(void) {
    real c[4];
    Tensor C = tensor2(c, 2, 2);
    const double twice[] = {10, 14, 28, 26};

    printf("\nC = A B: C(i,j) is row i of A times column j of B, summed over k:\n"
           "    C(0,0) = 1*1 + 2*2 + 3*0 = 5        C(0,1) = 1*0 - 2*1 + 3*3 =  7\n"
           "    C(1,0) = 4*1 + 5*2 + 6*0 = 14       C(1,1) = 4*0 - 5*1 + 6*3 = 13\n\n");
    matmul_nn(tensor2(a, 2, 3), tensor2(b, 3, 2), C);
    report_matrix("A", tensor2(a, 2, 3), 0);
    report_matrix("B", tensor2(b, 3, 2), 0);
    report_matrix("C", C, 0);
    printf("\nTraining needs the same product with one side stored transposed:\n"
           "forward, and for both gradients; n = as it is, t = transposed. Nothing is\n"
           "transposed in memory: the loops read the other way.\n\n");
    by_hand(C, ab, 0, "matmul_nn: A (2,3), B (3,2)");
    matmul_nt(tensor2(a, 2, 3), tensor2(bt, 2, 3), C);
    by_hand(C, ab, 0, "matmul_nt: A (2,3), B stored as B^T (2,3)");
    matmul_tn(tensor2(at, 3, 2), tensor2(b, 3, 2), C);
    by_hand(C, ab, 0, "matmul_tn: A stored as A^T (3,2), B (3,2)");
    matmul_nn_add(tensor2(a, 2, 3), tensor2(b, 3, 2), C);
    by_hand(C, twice, 0, "matmul_nn_add: C += A B, so C is twice A B");
}

static void show_linear(void) {
    real bias[] = {10, 20}, y[4], dy[] = {1, 2, 3, 4};
    real dx[6], dw[6] = {0}, db[2] = {0};
    const double y_want[] = {15, 27, 24, 33}, db_want[] = {4, 6};
    const double dw_want[] = {13, 17, 21, 18, 24, 30};
    const double dx_want[] = {1, 0, 6, 3, 2, 12};
    Tensor X = tensor2(a, 2, 3), W = tensor2(bt, 2, 3);
    Tensor Y = tensor2(y, 2, 2), dY = tensor2(dy, 2, 2);

    printf("\nA dense layer adds a bias b: one number for each column, the same for\n"
           "each row (\"broadcast\"). What went out to every row comes back from\n"
           "every row: its gradient is the sum of dY over the rows. With X = A,\n"
           "W = B^T and b = (10, 20), Y = X W^T + b is C with 10 and 20 added:\n\n");
    linear_forward(X, W, tensor1(bias, 2), Y);
    report_matrix("Y", Y, 0);
    printf("\nBackward, from a dY that we choose:\n\n");
    report_matrix("dY", dY, 0);
    linear_backward(X, W, dY, tensor2(dx, 2, 3), tensor2(dw, 2, 3), tensor1(db, 2));
    report_matrix("db", tensor1(db, 2), 0);
    report_matrix("dW", tensor2(dw, 2, 3), 0);
    report_matrix("dX", tensor2(dx, 2, 3), 0);
    printf("\n");
    by_hand(Y, y_want, 0, "Y  = X W^T + b");
    by_hand(tensor1(db, 2), db_want, 0, "db = (1+3, 2+4)");
    by_hand(tensor2(dw, 2, 3), dw_want, 0, "dW");
    by_hand(tensor2(dx, 2, 3), dx_want, 0, "dX");
}

void matmul_demo(void) {
    report_section("1.3 Matrix product and bias");
    show_layouts();
    show_linear();
}
