/* rollout.c: see rollout.h. */
#include "chapters/07_pretrained_weights/model/rollout.h"

#include <string.h>

#include "common/error.h"
#include "common/matmul.h"

/* exercise 7.4, cut: */
/* A^ (n, n) = mean over heads of A (h, n, n), plus I, each row divided by its sum */
static void with_residual(Tensor A, Tensor A_hat) {
    const int h = A.shape[0], n = A.shape[1];
    tensor_fill(A_hat, 0);
    for (int i = 0; i < h; i++) {
        tensor_add(A_hat, tensor_slice(A, i));
    }
    tensor_scale(A_hat, (real)1 / (real)h);
    for (int i = 0; i < n; i++) {
        real *row = tensor_row(A_hat, i), sum = 0;
        row[i] += 1;
        for (int j = 0; j < n; j++) {
            sum += row[j];
        }
        for (int j = 0; j < n; j++) {
            row[j] /= sum;
        }
    }
}
/* end of exercise 7.4 */

void rollout(const Tensor *A, int layers, Rollout *to) {
    const int h = A[0].shape[0], n = tensor_cols(A[0]);
    for (int l = 0; l < layers; l++) {
        expect_shape(A[l], "All layers have as many heads and tokens.", h, n, n);
    }
    expect_shape(to->R, "R has a row and a column for each token.", n, n);
    expect_same_shape(to->room[0], to->R);
    expect_same_shape(to->room[1], to->R);
    /* exercise 7.4 */
    with_residual(A[0], to->R);
    for (int l = 1; l < layers; l++) {
        /* [ViT fig.6]   R_l = A^_l R_{l-1} */
        with_residual(A[l], to->room[0]);
        matmul_nn(to->room[0], to->R, to->room[1]);
        tensor_copy(to->R, to->room[1]);
    }
    /* end of exercise 7.4 */
}

void rollout_rows(Tensor A, int tokens, real *row) {
    /* exercise 7.4 */
    const int n = tensor_cols(A), count = tokens > 0 ? tokens : n;
    Tensor mean = tensor1(row, n);
    tensor_fill(mean, 0);
    for (int i = 0; i < count; i++) {
        tensor_add(mean, tensor1(tensor_row(A, i), n));
    }
    tensor_scale(mean, (real)1 / (real)count);
    /* end of exercise 7.4 */
}

void rollout_of_patches(const real *row, int n, Tensor weights) {
    const int N = tensor_cols(weights);
    if (N > n) {
        bug("rollout_of_patches: %d patches of %d tokens", N, n);
    }
    /* exercise 7.4 */
    const real *patches = row + (n - N);
    real max = 0;
    for (int p = 0; p < N; p++) {
        max = patches[p] > max ? patches[p] : max;
    }
    for (int p = 0; p < N; p++) {
        weights.data[p] = max > 0 ? patches[p] / max : 0;
    }
    /* end of exercise 7.4 */
}
