/* cpu_attention.c: see cpu_in_double.h. */
#include <stddef.h>

#include "attention.h"
#include "cpu_in_double.h"

/* Head `head` of image `image`: d of the columns of a (B, rows, cols) array. */
static Tensor part(const double *data, int image, int rows, int cols, int from, int d) {
    const double *at = data + (long)image * rows * cols;
    return tensor_columns(tensor2((real *)at, rows, cols), from, d);
}

static Tensor weights(double *A, int image, int heads, int head, int n) {
    return tensor2(A + ((long)image * heads + head) * n * n, n, n);
}

void cpu_attention(int B, int heads, int n, int d, const double *qkv, double *A,
                   double *O) {
    const int D = heads * d;
    for (int i = 0; i < B * heads; i++) {
        const int b = i / heads, h = i % heads;
        attention_forward(part(qkv, b, n, 3 * D, h * d, d),
                          part(qkv, b, n, 3 * D, D + h * d, d),
                          part(qkv, b, n, 3 * D, 2 * D + h * d, d), NULL,
                          weights(A, b, heads, h, n), part(O, b, n, D, h * d, d));
    }
}

void cpu_attention_backward(int B, int heads, int n, int d, const double *qkv,
                            double *A, const double *dO, double *dS, double *dqkv) {
    const int D = heads * d;
    for (int i = 0; i < B * heads; i++) {
        const int b = i / heads, h = i % heads;
        attention_backward(part(qkv, b, n, 3 * D, h * d, d),
                           part(qkv, b, n, 3 * D, D + h * d, d),
                           part(qkv, b, n, 3 * D, 2 * D + h * d, d),
                           weights(A, b, heads, h, n), part(dO, b, n, D, h * d, d),
                           (AttentionGradients){.dQ = part(dqkv, b, n, 3 * D, h * d, d),
                                                .dK = part(dqkv, b, n, 3 * D, D + h * d, d),
                                                .dV = part(dqkv, b, n, 3 * D, 2 * D + h * d, d),
                                                .dA = tensor2(dS, n, n),
                                                .dS = tensor2(dS, n, n)});
    }
}
