/*
 * in_double.h: what the kernels are compared with, together with naive_layers.h and
 * naive_vit.h: gradients written out by hand, and the forward passes that those two
 * don't have. Plain loops over plain arrays of double, row by row, without gaps.
 */
#pragma once

/* C (m, n) = op(A) op(B) of MATMUL_NT, MATMUL_NN or MATMUL_TN; size: m, n, k. */
void naive_product(int layout, const int size[3], const double *A, const double *B,
                   double *C);

/* dS = A o (dA - rowsum(dA o A)); (rows, cols) */
void naive_softmax_backward(int rows, int cols, const double *A, const double *dA,
                            double *dS);

/* A pass of layer norm: X, Y, dY, dX (rows, D), dY NULL: forward only; dgamma and
 * dbeta (D) are added to. */
typedef struct {
    int rows, D;
    const double *X, *gamma, *beta, *dY;
    double *mean, *rstd, *Y, *dX, *dgamma, *dbeta;
} NaiveNorm;
void naive_norm(const NaiveNorm *norm);

/* A pass of attention, every head of every image: qkv (B, n, 3 h d), O and dO
 * (B, n, h d), dO NULL: forward only. dqkv is added to. */
typedef struct {
    int B, heads, n, d;
    const double *qkv, *dO;
    double *O, *dqkv;
} NaiveHeads;
void naive_heads(const NaiveHeads *pass);

/* The loss of one image with smoothing eps; dlogits (K) = scale (softmax - q). */
typedef struct {
    int K, label;
    double eps, scale;
} NaiveLoss;
double naive_loss(const NaiveLoss *loss, const double *logits, double *dlogits);

/* The first of the largest logits; -1 where one is NaN or the largest is infinite. */
int naive_argmax(int K, const double *logits);

double naive_norm_of(const double *x, long count);
