/* eigen.c: see eigen.h. */
#include "chapters/05_vision_transformer/looking_inside/eigen.h"

#include <math.h>
#include <string.h>

#include "common/error.h"

enum { MAX_SWEEPS = 60 };

static double sum_of_squares(const double *a, int count) {
    double sum = 0;
    for (int i = 0; i < count; i++) {
        sum += a[i] * a[i];
    }
    return sum;
}

/* The same without the diagonal; A is symmetric. */
static double sum_off_diagonal(const double *A, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) {
        sum += 2 * sum_of_squares(A + i * n, i);
    }
    return sum;
}

/* n elements of p and q, `step` from each other, become c p - s q and s p + c q. */
static void rotate(double *p, double *q, int n, int step, double c, double s) {
    for (int i = 0; i < n * step; i += step) {
        const double x = p[i], y = q[i];
        p[i] = c * x - s * y;
        q[i] = s * x + c * y;
    }
}

/*
 * The rotation by phi with cot 2 phi = (a_qq - a_pp) / (2 a_pq) makes a_pq zero. Of the
 * two angles the smaller one: t = tan phi is the smaller root of t^2 + 2 t cot = 1.
 */
static void make_zero(double *A, double *V, int n, int p, int q) {
    const double a = A[p * n + q];
    if (a == 0) {
        return;
    }
    const double cotangent = (A[q * n + q] - A[p * n + p]) / (2 * a);
    const double t =
        (cotangent < 0 ? -1 : 1) / (fabs(cotangent) + sqrt(cotangent * cotangent + 1));
    const double c = 1 / sqrt(t * t + 1), s = t * c;
    rotate(A + p * n, A + q * n, n, 1, c, s); /* rows */
    rotate(A + p, A + q, n, n, c, s);         /* columns */
    A[p * n + q] = A[q * n + p] = 0;
    rotate(V + p * n, V + q * n, n, 1, c, s);
}

static void swap(double *a, double *b, int n) {
    for (int i = 0; i < n; i++) {
        const double kept = a[i];
        a[i] = b[i];
        b[i] = kept;
    }
}

static void sort(double *values, double *V, int n) {
    for (int i = 0; i < n; i++) {
        int largest = i;
        for (int j = i + 1; j < n; j++) {
            largest = values[j] > values[largest] ? j : largest;
        }
        swap(&values[i], &values[largest], 1);
        swap(V + i * n, V + largest * n, n);
    }
}

/* An eigenvector's sign is free: the component of largest size is made positive. */
static void choose_sign(double *v, int n) {
    int largest = 0;
    for (int i = 1; i < n; i++) {
        largest = fabs(v[i]) > fabs(v[largest]) ? i : largest;
    }
    const double sign = v[largest] < 0 ? -1 : 1;
    for (int i = 0; i < n; i++) {
        v[i] *= sign;
    }
}

void eigen_symmetric(double *A, int n, double *values, double *V) {
    const double all = sum_of_squares(A, n * n);
    memset(V, 0, sizeof(double) * (size_t)n * (size_t)n);
    for (int i = 0; i < n; i++) {
        V[i * n + i] = 1;
        for (int j = 0; j < i; j++) {
            if (!(fabs(A[i * n + j] - A[j * n + i]) <= 1e-9 * sqrt(all))) {
                bug("eigen_symmetric: A is not symmetric: element (%d,%d) is %g, its "
                    "mirror %g",
                    i, j, A[i * n + j], A[j * n + i]);
            }
        }
    }
    for (int sweep = 0; sum_off_diagonal(A, n) > 1e-30 * all; sweep++) {
        if (sweep == MAX_SWEEPS) {
            bug("eigen_symmetric: %d sweeps were not enough", MAX_SWEEPS);
        }
        for (int p = 0; p < n; p++) {
            for (int q = p + 1; q < n; q++) {
                make_zero(A, V, n, p, q);
            }
        }
    }
    for (int i = 0; i < n; i++) {
        values[i] = A[i * n + i];
    }
    sort(values, V, n);
    for (int i = 0; i < n; i++) {
        choose_sign(V + i * n, n);
    }
}
