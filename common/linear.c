/* linear.c: see linear.h. */
#include "common/linear.h"

#include <stddef.h>

#include "common/matmul.h"

void linear_forward(Tensor X, Tensor W, Tensor b, Tensor Y) {
    expect_shape(b, "A bias has one number for each row of W.", tensor_rows(W));
    matmul_nt_bias(X, W, b, Y); /* Y = X W^T + b */
}

void linear_backward(Tensor X, Tensor W, Tensor dY, Tensor dX, Tensor dW, Tensor db) {
    expect_same_shape(dW, W);
    /* exercise 1.5 */
    /* Y = X W^T + b: Y_ij = sum_k X_ik W_jk + b_j, hence */
    matmul_tn_add(dY, X, dW);    /* dL/dW_jk = sum_i dY_ij X_ik */
    tensor_sum_rows_add(dY, db); /* dL/db_j  = sum_i dY_ij      */
    if (dX.data != NULL) {
        matmul_nn(dY, W, dX); /* dL/dX_ik = sum_j dY_ij W_jk */
    }
    /* end of exercise 1.5 */
}
