/* layer_norm.c: see layer_norm.h. */
#include "chapters/04_encoder_block/layer_norm.h"

#include "common/error.h"
#include "common/real_math.h"

void layer_norm_parameters(LayerNorm *layer, ParameterBlock *block, int D,
                           const char *name) {
    layer->gamma = parameter1(block, NO_DECAY, D, "%sweight", name);
    layer->beta = parameter1(block, NO_DECAY, D, "%sbias", name);
    layer->epsilon = R(LAYER_NORM_EPSILON);
}

void layer_norm_activations(LayerNormActivations *a, Arena *arena, int rows) {
    a->mean = arena_tensor1(arena, rows);
    a->rstd = arena_tensor1(arena, rows);
}

/* The activations must have a mean and an rstd for each of X's rows. */
static void expect_rows(const char *function, const LayerNormActivations *a, Tensor X) {
    const int rows = tensor_rows(X), made_for = tensor_cols(a->mean);
    if (rows > made_for) {
        bug("%s: the activations were made for %d rows, X has %d", function, made_for,
            rows);
    }
}

/* exercise 4.2, cut: */
static real mean_of(const real *x, int D) {
    real sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int j = 0; j < D; j++) {
        sum += x[j];
    }
    return sum / (real)D;
}

static real rstd_of(const real *x, real mean, real epsilon, int D) {
    real sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int j = 0; j < D; j++) {
        sum += (x[j] - mean) * (x[j] - mean);
    }
    if (isinf(sum)) {
        return (real)NAN; /* 1 / infinity would make a row of zeros, like a result */
    }
    return R(1) / real_sqrt(sum / (real)D + epsilon);
}
/* end of exercise 4.2 */

void layer_norm_forward(const LayerNorm *layer, Tensor X, LayerNormActivations *a,
                        Tensor Y) {
    const int D = tensor_cols(X);
    expect_same_shape(Y, X);
    expect_shape(layer->gamma, "gamma has one number for each of D columns.", D);
    expect_same_shape(layer->beta, layer->gamma);
    expect_rows(__func__, a, X);
    /* exercise 4.2 */
    const real *gamma = layer->gamma.data, *beta = layer->beta.data;
    for (int i = 0; i < tensor_rows(X); i++) {
        const real *x = tensor_row(X, i);
        real *y = tensor_row(Y, i);
        real mean = a->mean.data[i] = mean_of(x, D);
        real rstd = a->rstd.data[i] = rstd_of(x, mean, layer->epsilon, D);
        for (int j = 0; j < D; j++) {
            y[j] = gamma[j] * ((x[j] - mean) * rstd) + beta[j];
        }
    }
    /* end of exercise 4.2 */
}

void layer_norm_backward(const LayerNorm *layer, LayerNorm *d, Tensor X,
                         const LayerNormActivations *a, Tensor dY, Tensor dX) {
    expect_same_shape(dY, X);
    expect_same_shape(dX, X);
    expect_same_shape(d->gamma, layer->gamma);
    expect_same_shape(d->beta, layer->beta);
    expect_rows(__func__, a, X);
    /* exercise 4.3 */
    /* with g = dy o gamma:   dx = rstd (g - mean(g) - xhat mean(g o xhat)) */
    const int D = tensor_cols(X);
    const real *gamma = layer->gamma.data;
    real *dgamma = d->gamma.data, *dbeta = d->beta.data;
    for (int i = 0; i < tensor_rows(X); i++) {
        const real *x = tensor_row(X, i), *dy = tensor_row(dY, i);
        const real mean = a->mean.data[i], rstd = a->rstd.data[i];
        real *dx = tensor_row(dX, i);
        real mean_g = 0, mean_g_xhat = 0;
#pragma omp simd reduction(+ : mean_g, mean_g_xhat)
        for (int j = 0; j < D; j++) {
            real xhat = (x[j] - mean) * rstd, g = dy[j] * gamma[j];
            mean_g += g;
            mean_g_xhat += g * xhat;
        }
        mean_g /= (real)D;
        mean_g_xhat /= (real)D;
#pragma omp simd
        for (int j = 0; j < D; j++) {
            /* y = gamma xhat + beta, xhat = (x - mean) rstd */
            real xhat = (x[j] - mean) * rstd, g = dy[j] * gamma[j];
            dgamma[j] += dy[j] * xhat;
            dbeta[j] += dy[j];
            dx[j] = rstd * (g - mean_g - xhat * mean_g_xhat);
        }
    }
    /* end of exercise 4.3 */
}
