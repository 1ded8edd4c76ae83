/*
 * matmul.h: matrix products, in the three layouts that training needs.
 *
 * A layer Y = X W^T needs all three: one forward, and one for each of its gradients.
 *
 * The letters are BLAS's: n = as it is, t = transposed, for A and then for B.
 * The _add forms compute C += instead of C =.
 *
 * A, B and C may be views of some columns of wider tensors, and tensors of any
 * shape (seen as matrices). C must not alias A or B (where it begins as one of them,
 * that is a bug()). Cost: 2 m n k flops.
 * Called inside a parallel region, a product runs on the calling thread; called
 * outside one, a large product uses all threads.
 */
#pragma once

#include <stdbool.h>

#include "common/tensor.h"

/* A result differs from that of the three loops (matmul_plain.h) by rounding alone:
 * multiply and add are rounded once instead of twice, and where k > 256 every 256
 * products have a sum of their own. The largest difference (tested), as a part of
 * sum_k |a_ik b_kj|: */
#ifdef REAL_IS_DOUBLE
#define MATMUL_DIFFERENCE 2e-15
#else
#define MATMUL_DIFFERENCE 1e-6
#endif

void matmul_nn(Tensor A, Tensor B, Tensor C); /* C(m,n) = A(m,k) B(k,n)    */
void matmul_nt(Tensor A, Tensor B, Tensor C); /* C(m,n) = A(m,k) B(n,k)^T  */
void matmul_tn(Tensor A, Tensor B, Tensor C); /* C(m,n) = A(k,m)^T B(k,n)  */

void matmul_nn_add(Tensor A, Tensor B, Tensor C);
void matmul_nt_add(Tensor A, Tensor B, Tensor C);
void matmul_tn_add(Tensor A, Tensor B, Tensor C);

/* matmul_nt_bias: C(m,n) = A(m,k) B(n,k)^T + bias(n), the same bias for every row: a
 * dense layer in one pass over C, whose sums begin with the bias instead of 0. */
void matmul_nt_bias(Tensor A, Tensor B, Tensor bias, Tensor C);

/*
 * matmul_prepack: B (n, k) won't change: from now on matmul_nt and matmul_nt_bias find
 * it packed (matmul.c says what that is), and give the same bits sooner. For inference,
 * where the same weights meet one input after another. It takes as much memory as B;
 * false: there is none. Forget all before a prepacked B changes or is freed. Neither
 * may run while another thread multiplies.
 */
bool matmul_prepack(Tensor B);
void matmul_forget_prepacked(void);

/*
 * matmul_sizes: what the product is cut into on this machine. A tile of C in registers
 * is tile_rows x (tile_vectors * lanes), a block of B in the cache block_k x block_n.
 */
typedef struct {
    int tile_rows, tile_vectors, lanes;
    int block_k, block_n;
} MatmulSizes;

MatmulSizes matmul_sizes(void);
