/* inspect.c: see inspect.h. */
#include "chapters/05_vision_transformer/looking_inside/inspect.h"

#include <math.h>
#include <string.h>

#include "chapters/05_vision_transformer/looking_inside/eigen.h"
#include "common/error.h"

/* ---- weights --------------------------------------------------------------- */

/* covariance (n, n) of the rows of E, seen as (D, n). */
static void covariance_of(Tensor E, int n, double *covariance) {
    const int D = E.shape[0];
    for (int i = 0; i < n; i++) {
        for (int j = 0; j <= i; j++) {
            double mean_i = 0, mean_j = 0, mean_ij = 0;
            for (int d = 0; d < D; d++) {
                const real *e = E.data + (long)d * n;
                mean_i += (double)e[i] / D;
                mean_j += (double)e[j] / D;
            }
            for (int d = 0; d < D; d++) {
                const real *e = E.data + (long)d * n;
                mean_ij += ((double)e[i] - mean_i) * ((double)e[j] - mean_j) / D;
            }
            covariance[i * n + j] = covariance[j * n + i] = mean_ij;
        }
    }
}

void inspect_filters(Tensor E, double *scratch, double *variance, double *components) {
    if (E.ndim != 4) {
        bug("inspect_filters: E has %d dimensions, want (D, C, P, P)", E.ndim);
    }
    expect_contiguous(E);
    const int n = E.shape[1] * E.shape[2] * E.shape[3];
    /* [ViT fig.7]   left: the eigenvectors of the filters' covariance */
    covariance_of(E, n, scratch);
    eigen_symmetric(scratch, n, variance, components);
}

void inspect_positions(Tensor pos_embed, double *S) {
    const int D = tensor_cols(pos_embed), N = tensor_rows(pos_embed) - 1;
    expect_shape(pos_embed, "The class token's position, then the patches'.", 1, N + 1,
                 D);
    for (int i = 0; i < N; i++) {
        Tensor p = tensor1(tensor_row(pos_embed, 1 + i), D);
        for (int j = 0; j < N; j++) {
            Tensor q = tensor1(tensor_row(pos_embed, 1 + j), D);
            /* [ViT fig.7]   centre: cos(p, q) = p.q / (|p| |q|) */
            const double sizes = sqrt(tensor_dot(p, p)) * sqrt(tensor_dot(q, q));
            S[(long)i * N + j] = sizes > 0 ? tensor_dot(p, q) / sizes : 0;
        }
    }
}

/* ---- attention ------------------------------------------------------------- */

void inspect_patches(const VitActivations *a, int layer, int image, int queries,
                     Tensor weights) {
    expect_shape(weights, "One weight for each patch.", a->embedding.embedded.shape[1]);
    Tensor A = tensor_slice(a->blocks[layer].attn.A, image); /* (h, n, n) */
    const int h = A.shape[0], N = a->embedding.embedded.shape[1];
    const int first = A.shape[1] - N; /* patches are the last N keys */
    tensor_fill(weights, 0);
    for (int i = 0; i < h; i++) {
        for (int q = 0; q < queries; q++) {
            const real *row = tensor_row(tensor_slice(A, i), q);
            for (int p = 0; p < N; p++) {
                weights.data[p] += row[first + p] / (real)(h * queries);
            }
        }
    }
}

/* Between the centres of patches i and j, in patches. */
static double between(int i, int j, int columns) {
    const int down = i / columns - j / columns, right = i % columns - j % columns;
    return hypot(down, right);
}

double inspect_distance(Tensor A, int columns, int patch) {
    const int N = tensor_cols(A) - 1;
    expect_shape(A, "The weights of one head of one image.", N + 1, N + 1);
    if (columns < 1 || N < 1 || N % columns != 0) {
        bug("inspect_distance: %d patches are no rows of %d", N, columns);
    }
    double mean = 0;
    for (int i = 0; i < N; i++) {
        const real *weights = tensor_row(A, 1 + i) + 1;
        double sum = 0, all = 0;
        for (int j = 0; j < N; j++) {
            sum += (double)weights[j] * between(i, j, columns);
            all += (double)weights[j];
        }
        /* [ViT fig.7]   right: the distance to what is looked at, times P pixels */
        mean += all > 0 ? patch * sum / all / N : 0;
    }
    return mean;
}

double inspect_breadth(const real *a, int n) {
    double entropy = 0;
    for (int j = 0; j < n; j++) {
        /* [AIAYN fig.3]   -a_j log a_j, which goes to 0 with a_j */
        entropy -= a[j] > 0 ? (double)a[j] * log((double)a[j]) : 0;
    }
    return exp(entropy);
}

/* Element (i, j) of mean over heads of A (h, n, n), plus I. */
static double with_residual(Tensor A, int i, int j) {
    double sum = 0;
    for (int k = 0; k < A.shape[0]; k++) {
        sum += (double)tensor_row(tensor_slice(A, k), i)[j];
    }
    return sum / A.shape[0] + (i == j);
}

/* to = from A^ */
static void roll(const double *from, Tensor A, double *to) {
    const int n = A.shape[1];
    memset(to, 0, (size_t)n * sizeof *to);
    for (int i = 0; i < n; i++) {
        double sum = 0;
        for (int j = 0; from[i] > 0 && j < n; j++) { /* of layer L only row 0 */
            sum += with_residual(A, i, j);
        }
        for (int j = 0; from[i] > 0 && j < n; j++) {
            /* [ViT fig.6]   A^ = mean over heads of A, plus I, over its row's sum */
            to[j] += from[i] * with_residual(A, i, j) / sum;
        }
    }
}

void inspect_rollout(const Tensor *A, int layers, double *row, double *other) {
    const int h = A[0].shape[0], n = tensor_cols(A[0]);
    for (int l = 0; l < layers; l++) {
        expect_shape(A[l], "All layers have as many heads and tokens.", h, n, n);
    }
    /* Row 0 of the product is row 0 of I, times A^_L, times A^_{L-1}, ..., A^_1. */
    memset(row, 0, (size_t)n * sizeof *row);
    row[0] = 1;
    for (int l = layers - 1; l >= 0; l--) {
        roll(row, A[l], other);
        memcpy(row, other, (size_t)n * sizeof *row);
    }
}
