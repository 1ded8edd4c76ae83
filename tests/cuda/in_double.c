/* in_double.c: see in_double.h. */
#include "tests/cuda/in_double.h"

#include <math.h>
#include <stdlib.h>

#include "chapters/06_cuda_training/kernels/gpu_matmul.h"

void naive_product(int layout, const int size[3], const double *A, const double *B,
                   double *C) {
    const int m = size[0], n = size[1], k = size[2];
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            double sum = 0;
            for (int l = 0; l < k; l++) {
                const double a = layout == MATMUL_TN ? A[l * m + i] : A[i * k + l];
                sum += a * (layout == MATMUL_NT ? B[j * k + l] : B[l * n + j]);
            }
            C[i * n + j] = sum;
        }
    }
}

static double dot(const double *x, const double *y, int count) {
    double sum = 0;
    for (int i = 0; i < count; i++) {
        sum += x[i] * y[i];
    }
    return sum;
}

void naive_softmax_backward(int rows, int cols, const double *A, const double *dA,
                            double *dS) {
    for (int i = 0; i < rows * cols; i++) {
        const int row = i / cols * cols;
        dS[i] = A[i] * (dA[i] - dot(A + row, dA + row, cols));
    }
}

static void norm_backward(const NaiveNorm *o, int i) {
    const double *x = o->X + i * o->D, *dy = o->dY + i * o->D;
    double mean_g = 0, mean_g_xhat = 0;
    for (int j = 0; j < o->D; j++) {
        const double xhat = (x[j] - o->mean[i]) * o->rstd[i];
        o->dgamma[j] += dy[j] * xhat;
        o->dbeta[j] += dy[j];
        mean_g += dy[j] * o->gamma[j] / o->D;
        mean_g_xhat += dy[j] * o->gamma[j] * xhat / o->D;
    }
    for (int j = 0; j < o->D; j++) {
        const double xhat = (x[j] - o->mean[i]) * o->rstd[i];
        o->dX[i * o->D + j] =
            o->rstd[i] * (dy[j] * o->gamma[j] - mean_g - xhat * mean_g_xhat);
    }
}

void naive_norm(const NaiveNorm *o) {
    for (int i = 0; i < o->rows; i++) {
        const double *x = o->X + i * o->D;
        double mean = 0, variance = 0;
        for (int j = 0; j < o->D; j++) {
            mean += x[j] / o->D;
        }
        for (int j = 0; j < o->D; j++) {
            variance += (x[j] - mean) * (x[j] - mean) / o->D;
        }
        o->mean[i] = mean;
        o->rstd[i] = 1 / sqrt(variance + 1e-6);
        for (int j = 0; j < o->D; j++) {
            o->Y[i * o->D + j] = o->gamma[j] * (x[j] - mean) * o->rstd[i] + o->beta[j];
        }
        if (o->dY) {
            norm_backward(o, i);
        }
    }
}

/* Query i of a head whose queries, keys and values begin in the model's column c. Its
 * attention weights are a (n). */
static void one_query(const NaiveHeads *s, int image, int c, int i) {
    const int n = s->n, d = s->d, D = s->heads * d, step = 3 * D;
    const int first = image * n * step + c, out = (image * s->n + i) * D + c;
    const double *q = s->qkv + first + i * step, *k = s->qkv + first + D, *v = k + D;
    double *a = calloc((size_t)n, sizeof *a), max = -HUGE_VAL, sum = 0, mean_dA = 0;
    for (int j = 0; j < n; j++) {
        a[j] = dot(q, k + j * step, d) / sqrt(d);
        max = fmax(max, a[j]);
    }
    for (int j = 0; j < n; j++) {
        sum += exp(a[j] - max);
    }
    for (int j = 0; j < n; j++) {
        a[j] = exp(a[j] - max) / sum;
        mean_dA += s->dO ? a[j] * dot(s->dO + out, v + j * step, d) : 0;
        for (int e = 0; e < d; e++) {
            s->O[out + e] = (j > 0 ? s->O[out + e] : 0) + a[j] * v[j * step + e];
        }
    }
    for (int j = 0; s->dO && j < n; j++) {
        const double dA = dot(s->dO + out, v + j * step, d);
        const double dS = a[j] * (dA - mean_dA) / sqrt(d);
        double *dq = s->dqkv + first + i * step, *dk = s->dqkv + first + D + j * step;
        for (int e = 0; e < d; e++) {
            dq[e] += dS * k[j * step + e];
            dk[e] += dS * q[e];
            dk[D + e] += a[j] * s->dO[out + e];
        }
    }
    free(a);
}

void naive_heads(const NaiveHeads *s) {
    for (int image = 0; image < s->B; image++) {
        for (int head = 0; head < s->heads; head++) {
            for (int i = 0; i < s->n; i++) {
                one_query(s, image, head * s->d, i);
            }
        }
    }
}

double naive_loss(const NaiveLoss *o, const double *logits, double *dlogits) {
    double max = -HUGE_VAL, sum = 0, loss = 0;
    for (int k = 0; k < o->K; k++) {
        max = fmax(max, logits[k]);
    }
    for (int k = 0; k < o->K; k++) {
        sum += exp(logits[k] - max);
    }
    for (int k = 0; k < o->K; k++) {
        const double q = (k == o->label) * (1 - o->eps) + o->eps / o->K;
        const double log_p = logits[k] - max - log(sum);
        loss -= q > 0 ? q * log_p : 0; /* 0 log 0 is 0 */
        dlogits[k] = o->scale * (exp(log_p) - q);
    }
    return loss;
}

int naive_argmax(int K, const double *logits) {
    int best = 0;
    for (int k = 0; k < K; k++) {
        if (isnan(logits[k])) {
            return -1;
        }
        best = logits[k] > logits[best] ? k : best;
    }
    return isinf(logits[best]) ? -1 : best;
}

double naive_norm_of(const double *x, long count) {
    double sum = 0;
    for (long i = 0; i < count; i++) {
        sum += x[i] * x[i];
    }
    return sqrt(sum);
}
