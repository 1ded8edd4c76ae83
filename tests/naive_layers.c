/* naive_layers.c: see naive_layers.h. */
#include "tests/naive_layers.h"

#include <math.h>
#include <stdlib.h>

static double *new_doubles(int count) {
    double *x = calloc((size_t)count + 1, sizeof *x);
    if (!x) {
        abort();
    }
    return x;
}

void naive_softmax(int rows, int cols, const double *S, double *A) {
    for (int i = 0; i < rows; i++) {
        const double *s = S + i * cols;
        double max = s[0], sum = 0;
        for (int j = 1; j < cols; j++) {
            max = fmax(max, s[j]);
        }
        for (int j = 0; j < cols; j++) {
            sum += exp(s[j] - max);
        }
        for (int j = 0; j < cols; j++) {
            A[i * cols + j] = exp(s[j] - max) / sum;
        }
    }
}

void naive_attention(int n, int m, int d_k, int d_v, const double *Q, const double *K,
                     const double *V, const double *mask, double *A, double *O) {
    double *S = new_doubles(n * m);
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < m; j++) {
            double dot = 0;
            for (int c = 0; c < d_k; c++) {
                dot += Q[i * d_k + c] * K[j * d_k + c];
            }
            S[i * m + j] = dot / sqrt(d_k) + (mask ? mask[i * m + j] : 0);
        }
    }
    naive_softmax(n, m, S, A);
    for (int i = 0; i < n; i++) {
        for (int c = 0; c < d_v; c++) {
            O[i * d_v + c] = 0;
            for (int j = 0; j < m; j++) {
                O[i * d_v + c] += A[i * m + j] * V[j * d_v + c];
            }
        }
    }
    free(S);
}

void naive_linear(int rows, int in, int out, const double *X, const double *W,
                  const double *b, double *Y) {
    for (int i = 0; i < rows; i++) {
        for (int o = 0; o < out; o++) {
            double sum = b[o];
            for (int c = 0; c < in; c++) {
                sum += X[i * in + c] * W[o * in + c];
            }
            Y[i * out + o] = sum;
        }
    }
}

double naive_normal_cdf(double x) {
    return 0.5 * erfc(-x / sqrt(2.0));
}

double naive_gelu(double x) {
    return x * naive_normal_cdf(x);
}

double naive_gelu_derivative(double x) {
    return naive_normal_cdf(x) + x * exp(-x * x / 2) / sqrt(2 * acos(-1.0));
}

void naive_layer_norm(const NaiveLayerNorm *layer, int rows, const double *X,
                      double *Y) {
    const int D = layer->D;
    for (int i = 0; i < rows; i++) {
        const double *x = X + i * D;
        double mean = 0, variance = 0;
        for (int j = 0; j < D; j++) {
            mean += x[j] / D;
        }
        for (int j = 0; j < D; j++) {
            variance += (x[j] - mean) * (x[j] - mean) / D;
        }
        for (int j = 0; j < D; j++) {
            double xhat = (x[j] - mean) / sqrt(variance + 1e-6);
            Y[i * D + j] = layer->gamma[j] * xhat + layer->beta[j];
        }
    }
}

/* x W_i + b_i for one head: rows first..first+d_k-1 of W (3D, D). */
static void project(int n, int D, int first, int d_k, const double *z, const double *W,
                    const double *b, double *X) {
    naive_linear(n, D, d_k, z, W + first * D, b + first, X);
}

/* One image: z, Y (n, D), A (h, n, n). */
static void one_image(const NaiveMultiHeadAttention *layer, int n, const double *z,
                      double *A, double *Y) {
    const int D = layer->D, d_k = D / layer->heads;
    double *Q = new_doubles(n * d_k), *K = new_doubles(n * d_k);
    double *V = new_doubles(n * d_k), *head = new_doubles(n * d_k);
    double *concat = new_doubles(n * D);
    for (int i = 0; i < layer->heads; i++) {
        project(n, D, i * d_k, d_k, z, layer->W_qkv, layer->b_qkv, Q);
        project(n, D, D + i * d_k, d_k, z, layer->W_qkv, layer->b_qkv, K);
        project(n, D, 2 * D + i * d_k, d_k, z, layer->W_qkv, layer->b_qkv, V);
        naive_attention(n, n, d_k, d_k, Q, K, V, NULL, A + i * n * n, head);
        for (int t = 0; t < n; t++) {
            for (int c = 0; c < d_k; c++) {
                concat[t * D + i * d_k + c] = head[t * d_k + c];
            }
        }
    }
    naive_linear(n, D, D, concat, layer->W_O, layer->b_O, Y);
    free(Q);
    free(K);
    free(V);
    free(head);
    free(concat);
}

void naive_multi_head_attention(const NaiveMultiHeadAttention *layer, int B, int n,
                                const double *z, double *A, double *Y) {
    const int D = layer->D, weights = layer->heads * n * n;
    double *own = new_doubles(B * weights);
    for (int b = 0; b < B; b++) {
        one_image(layer, n, z + b * n * D, (A ? A : own) + b * weights, Y + b * n * D);
    }
    free(own);
}

void naive_mlp(const NaiveMlp *layer, int rows, const double *X, double *Y) {
    const int M = layer->M;
    double *hidden = new_doubles(rows * M);
    naive_linear(rows, layer->D, M, X, layer->W_1, layer->b_1, hidden);
    for (int i = 0; i < rows * M; i++) {
        hidden[i] = layer->relu ? fmax(0, hidden[i]) : naive_gelu(hidden[i]);
        hidden[i] *= layer->dropout ? layer->dropout[i] : 1;
    }
    naive_linear(rows, M, layer->D, hidden, layer->W_2, layer->b_2, Y);
    free(hidden);
}

/* out = x + factors o f, the residual connection. */
static void add_residual(int count, const double *x, const double *f,
                         const double *factors, double *out) {
    for (int i = 0; i < count; i++) {
        out[i] = x[i] + f[i] * (factors ? factors[i] : 1);
    }
}

void naive_block(const NaiveBlock *block, int B, int n, const double *z, double *y) {
    const int rows = B * n, count = rows * block->attn.D;
    double *x = new_doubles(count), *f = new_doubles(count);
    double *z_prime = new_doubles(count);
    if (block->post_norm) {
        /* z' = LN(z + MSA(z)),   y = LN(z' + MLP(z')) */
        naive_multi_head_attention(&block->attn, B, n, z, NULL, f);
        add_residual(count, z, f, block->dropout_attn, x);
        naive_layer_norm(&block->norm1, rows, x, z_prime);
        naive_mlp(&block->mlp, rows, z_prime, f);
        add_residual(count, z_prime, f, block->dropout_mlp, x);
        naive_layer_norm(&block->norm2, rows, x, y);
    } else {
        /* z' = MSA(LN(z)) + z,   y = MLP(LN(z')) + z' */
        naive_layer_norm(&block->norm1, rows, z, x);
        naive_multi_head_attention(&block->attn, B, n, x, NULL, f);
        add_residual(count, z, f, block->dropout_attn, z_prime);
        naive_layer_norm(&block->norm2, rows, z_prime, x);
        naive_mlp(&block->mlp, rows, x, f);
        add_residual(count, z_prime, f, block->dropout_mlp, y);
    }
    free(x);
    free(f);
    free(z_prime);
}
