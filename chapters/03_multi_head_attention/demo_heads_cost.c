/*
 * demo_heads_cost.c: what multi-head attention costs, counted from the layer itself
 * and compared with the formulas, in which there is no number of heads:
 *
 *     parameters  4 D^2 + 4 D              flops  8 n D^2 + 4 n^2 D
 */
#include <stdio.h>

#include "chapters/03_multi_head_attention/msa_demos.h"
#include "common/lesson/report.h"
#include "common/lesson/stopwatch.h"
#include "common/lesson/threads.h"

static void forward(void *msa) {
    msa_instance_forward(msa);
}

/* A product C(m,n) = A(m,k) B(k,n) is m n sums of k products: 2 m n k flops. */
static double product_flops(double m, double k, double n) {
    return 2 * m * k * n;
}

/* One line of the table; do the counts agree with the formulas? */
static bool cost_of(const char *model, int n, int D, int heads) {
    MsaInstance msa;
    msa_instance_make(&msa, (MsaSizes){1, n, D, heads}, 1, 1);
    const int threads = threads_limit(1), h = msa.a.A.shape[1];
    const double ms = fastest_ms(forward, &msa, 5, 0);
    threads_limit(threads);
    const double rows = tensor_rows(msa.a.qkv);
    const int d_k = tensor_cols(msa.a.concat) / h;
    const double projections =
        product_flops(rows, D, tensor_cols(msa.a.qkv)) + product_flops(rows, D, D);
    const double attention = h * (product_flops(n, d_k, n) + product_flops(n, n, d_k));
    const long parameters = msa.list.total, weights = tensor_count(msa.a.A);
    printf("    %-11s %4d %4d %3d %4d  %10ld  %11.1f  %9.1f  %9ld  %5.1f ms\n", model,
           n, D, heads, d_k, parameters, projections * 1e-6, attention * 1e-6, weights,
           ms);
    msa_instance_free(&msa);
    return parameters == 4L * D * D + 4L * D && projections == 8.0 * n * D * D &&
           attention == 4.0 * n * n * D;
}

void heads_cost_demo(void) {
    report_section("3.4 What it costs");
    printf("Counted from the layer's own parameters and tensors, for one image; "
           "millions of\nflops. Times in " REAL_NAME
           " on one thread; yours will differ.\n\n");
    printf("    model          n    D   h  d_k  parameters  projections  attention     "
           "kept A   forward\n");
    bool same = cost_of("base", 100, 512, 8);         /* [AIAYN T.3] */
    same = cost_of("ViT-B/16", 197, 768, 12) && same; /* [ViT T.1] */
    const int heads[3] = {1, 4, 24};
    for (int i = 0; i < 3; i++) {
        same = cost_of("", 197, 768, heads[i]) && same;
    }
    printf("\nProjections take 8 n D^2, attention 4 n^2 D, whatever h is. What grows "
           "with h is\nthe softmax: h n^2 exponentials, and as many weights A kept for "
           "the backward pass.\n");
    report_check(same, "parameters and flops don't depend on the number of heads");
}
