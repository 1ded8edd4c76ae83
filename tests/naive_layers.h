/*
 * naive_layers.h: the layers of chapters 2 to 4 once more, as plainly as the papers'
 * equations can be written: double, plain arrays, one loop for each index, nothing
 * shared with the code under test. Only forward: central differences give their
 * gradients (assert_gradient_of_naive).
 *
 * Matrices are stored row by row without gaps. Weights are (out, in), as in common/.
 * Results must not alias inputs.
 */
#pragma once

#include <stdbool.h>

/* A = softmax of each row of S (rows, cols). */
void naive_softmax(int rows, int cols, const double *S, double *A);

/* [AIAYN eq.1]   A = softmax(Q K^T / sqrt(d_k) + mask), O = A V; mask may be NULL. */
void naive_attention(int n, int m, int d_k, int d_v, const double *Q, const double *K,
                     const double *V, const double *mask, double *A, double *O);

/* Y (rows, out) = X (rows, in) W^T + b */
void naive_linear(int rows, int in, int out, const double *X, const double *W,
                  const double *b, double *Y);

/* Phi(x), GELU(x) and GELU'(x), from their definitions. */
double naive_normal_cdf(double x);
double naive_gelu(double x);
double naive_gelu_derivative(double x);

typedef struct {
    int D;
    double *gamma, *beta;
} NaiveLayerNorm;

void naive_layer_norm(const NaiveLayerNorm *layer, int rows, const double *X,
                      double *Y);

typedef struct {
    int D, heads;
    double *W_qkv, *b_qkv, *W_O, *b_O;
} NaiveMultiHeadAttention;

/* [AIAYN 3.2.2]   z, Y (B, n, D); A (B, h, n, n) is written unless NULL. */
void naive_multi_head_attention(const NaiveMultiHeadAttention *layer, int B, int n,
                                const double *z, double *A, double *Y);

typedef struct {
    int D, M;
    bool relu;
    double *W_1, *b_1, *W_2, *b_2;
    const double *dropout; /* (rows, M) factors for the hidden elements, or NULL */
} NaiveMlp;

/* [ViT eq.3] [AIAYN eq.2]   X, Y (rows, D) */
void naive_mlp(const NaiveMlp *layer, int rows, const double *X, double *Y);

typedef struct {
    bool post_norm;
    NaiveLayerNorm norm1, norm2;
    NaiveMultiHeadAttention attn;
    NaiveMlp mlp;
    const double *dropout_attn, *dropout_mlp; /* (B, n, D) factors, or NULL */
} NaiveBlock;

/* [ViT eq.2] [ViT eq.3], or [AIAYN 3.1]; z, y (B, n, D). */
void naive_block(const NaiveBlock *block, int B, int n, const double *z, double *y);
