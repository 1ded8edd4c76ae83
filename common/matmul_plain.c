/*
 * matmul_plain.c: see matmul_plain.h. Each element of C is a sum of k products:
 *
 *     C(i,j) = sum over l of A(i,l) B(l,j)
 *
 * The layouts differ only in where A(i,l) and B(l,j) are found.
 *
 * Three things make it slow.
 * 1. Each multiply-add loads two elements, which are not used again soon: 2 flops
 *    for 8 bytes (float).
 * 2. In nn and tn, B is read down a column: each step jumps a whole row ahead, to
 *    another line of the cache (64 bytes), of which 4 bytes are used.
 * 3. Each addition waits for the one before: one per 2 to 4 cycles, where the processor
 *    could start two whole vectors in each cycle. The compiler may not change this:
 *    another order of additions rounds differently.
 */
#include "common/matmul_plain.h"

void matmul_plain_nn(Tensor A, Tensor B, Tensor C) {
    const int m = tensor_rows(A), k = tensor_cols(A), n = tensor_cols(B);
    expect_shape(B, "C = A B needs A (m,k), B (k,n).", k, n);
    expect_shape(C, "C = A B needs C (m,n).", m, n);
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            real sum = 0;
            for (int l = 0; l < k; l++) {
                sum += tensor_row(A, i)[l] * tensor_row(B, l)[j];
            }
            tensor_row(C, i)[j] = sum;
        }
    }
}

void matmul_plain_nt(Tensor A, Tensor B, Tensor C) {
    const int m = tensor_rows(A), k = tensor_cols(A), n = tensor_rows(B);
    expect_shape(B, "C = A B^T needs A (m,k), B (n,k).", n, k);
    expect_shape(C, "C = A B^T needs C (m,n).", m, n);
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            real sum = 0;
            for (int l = 0; l < k; l++) {
                sum += tensor_row(A, i)[l] * tensor_row(B, j)[l];
            }
            tensor_row(C, i)[j] = sum;
        }
    }
}

void matmul_plain_tn(Tensor A, Tensor B, Tensor C) {
    const int m = tensor_cols(A), k = tensor_rows(A), n = tensor_cols(B);
    expect_shape(B, "C = A^T B needs A (k,m), B (k,n).", k, n);
    expect_shape(C, "C = A^T B needs C (m,n).", m, n);
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            real sum = 0;
            for (int l = 0; l < k; l++) {
                sum += tensor_row(A, l)[i] * tensor_row(B, l)[j];
            }
            tensor_row(C, i)[j] = sum;
        }
    }
}
