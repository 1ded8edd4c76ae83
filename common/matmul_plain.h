/*
 * matmul_plain.h: matrix products as they are written on paper, in the three layouts of
 * matmul.h: n = as it is, t = transposed. Layers call matmul.h, which computes the same
 * many times faster; a test holds the two equal.
 *
 *   A, B        matrices; may be views of some columns of wider tensors
 *   C (m, n)    out; must not alias A or B; may be a view too
 *
 * Cost: 2 m n k flops.
 */
#pragma once

#include "common/tensor.h"

void matmul_plain_nn(Tensor A, Tensor B, Tensor C); /* C(m,n) = A(m,k) B(k,n)    */
void matmul_plain_nt(Tensor A, Tensor B, Tensor C); /* C(m,n) = A(m,k) B(n,k)^T  */
void matmul_plain_tn(Tensor A, Tensor B, Tensor C); /* C(m,n) = A(k,m)^T B(k,n)  */
