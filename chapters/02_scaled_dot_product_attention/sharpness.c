/* sharpness.c: see sharpness.h. */
#include "chapters/02_scaled_dot_product_attention/sharpness.h"

#include <math.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* |J|^2, the sum of (a_i [i = j] - a_i a_j)^2, is s2 - 2 s3 + s2^2 with s2 and s3
 * the sums of the weights' squares and cubes. */
static double jacobian_size(const real *a, int keys) {
    double s2 = 0, s3 = 0;
    for (int j = 0; j < keys; j++) {
        double w = (double)a[j];
        s2 += w * w;
        s3 += w * w * w;
    }
    return sqrt(fmax(0, s2 - 2 * s3 + s2 * s2));
}

Sharpness sharpness_of(Tensor A, double *slopes) {
    const int queries = tensor_rows(A), keys = tensor_cols(A);
    Sharpness s = {0};
    for (int i = 0; i < queries; i++) {
        double largest = 0;
        for (int j = 0; j < keys; j++) {
            const double w = (double)tensor_row(A, i)[j];
            s.entropy -= w > 0 ? w * log(w) / queries : 0;
            largest = fmax(largest, w);
        }
        s.largest += largest / queries;
        slopes[i] = jacobian_size(tensor_row(A, i), keys);
    }
    qsort(slopes, (size_t)queries, sizeof slopes[0], ascending);
    s.slope = slopes[queries / 2];
    return s;
}
