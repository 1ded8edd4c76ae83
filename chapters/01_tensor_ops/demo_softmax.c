/*
 * demo_softmax.c: scores to weights, also of large scores, and the softmax's Jacobian.
 */
#include <math.h>
#include <stdio.h>

#include "common/real_math.h"
#include "common/lesson/report.h"
#include "common/softmax.h"
#include "chapters/01_tensor_ops/tensor_ops_demos.h"

/* softmax just as the formula says: DON'T. */
static void softmax_naive(Tensor S, Tensor A) {
    real sum = 0;
    for (int j = 0; j < tensor_cols(S); j++) {
        A.data[j] = real_exp(S.data[j]);
        sum += A.data[j];
    }
    for (int j = 0; j < tensor_cols(S); j++) {
        A.data[j] /= sum;
    }
}

static void print_row(const char *name, Tensor T) {
    printf("    %-34s", name);
    for (int j = 0; j < tensor_cols(T); j++) {
        double x = (double)T.data[j];
        if (isnan(x)) { /* never "-nan": a NaN's sign says nothing */
            printf(" %12s", "nan");
        } else {
            printf(" %12.7g", x);
        }
    }
    printf("\n");
}

static void show_large_scores(void) {
    real small[] = {1, 2, 3}, large[] = {1000, 1001, 1002}, w[3], x[3], y[3], e[3];
    const double want[] = {0.0900306, 0.2447285, 0.6652410};
    Tensor weights = tensor1(w, 3), stable = tensor1(x, 3), naive = tensor1(y, 3);
    for (int j = 0; j < 3; j++) {
        e[j] = real_exp(large[j]);
    }
    softmax_forward(tensor1(small, 3), weights);
    softmax_forward(tensor1(large, 3), stable);
    softmax_naive(tensor1(large, 3), naive);

    printf("\nScores become weights: positive, more for a higher score, sum 1.\n\n");
    print_row("s", tensor1(small, 3));
    print_row("softmax(s)", weights);
    printf("\nAdd 999 to every score: nothing may change, exp(999) cancels. But a %s\n"
           "ends at %.1e: exp overflows from 89 on (in double: from 710 on).\n\n",
           REAL_NAME, (double)3.40282347e38f);
    print_row("s", tensor1(large, 3));
    print_row("exp(s)", tensor1(e, 3));
    print_row("the formula as it stands", naive);
    print_row("softmax_forward", stable);
    printf("\n");
    by_hand(weights, want, 1e-6, "softmax(1, 2, 3)");
    report_check(isinf(e[0]) && isnan(naive.data[0]),
                 "the formula as it stands: exp(1000) = inf, and inf / inf = nan");
    report_check(tensor_max_abs_difference(stable, weights) == 0,
                 "softmax_forward: (1000, 1001, 1002) has the weights of (1, 2, 3)");
}

/* J(i,j) = da_i / ds_j: column j is what comes back for dA = e_j, J being symmetric. */
static void show_jacobian(void) {
    real s[] = {1, 2, 3}, a[3], jacobian[9];
    const double want[] = {0.0819251,  -0.0220330, -0.0598920, //
                           -0.0220330, 0.1848365,  -0.1628034, //
                           -0.0598920, -0.1628034, 0.2226954};
    Tensor J = tensor2(jacobian, 3, 3);
    double worst = 0;
    softmax_forward(tensor1(s, 3), tensor1(a, 3));
    for (int i = 0; i < 3; i++) {
        real dA[3] = {0};
        dA[i] = 1;
        real *row = tensor_row(J, i);
        softmax_backward(tensor1(a, 3), tensor1(dA, 3), tensor1(row, 3));
        worst = fmax(worst, fabs((double)row[0] + (double)row[1] + (double)row[2]));
    }
    printf("\nIts Jacobian at s = (1, 2, 3):\n"
           "    J(i,j) = da_i/ds_j = a_i (1 if i = j, else 0) - a_i a_j\n\n");
    report_matrix("J", J, 7);
    printf("\nEvery score pulls on every weight: the sum they share binds them. A row\n"
           "sums to 0: raising all scores together moves nothing. softmax_backward\n"
           "never builds J: it costs n, not n^2.\n\n");
    by_hand(J, want, 1e-6, "J, one row for each unit vector dA");
    report_check(worst < 1e-7, "its rows sum to 0 (largest %.0e)", worst);
}

void softmax_demo(void) {
    report_section("1.5 Softmax, of small and of large scores");
    show_large_scores();
    show_jacobian();
}
