/*
 * demo_heads_cost.c: what multi-head attention costs, counted from the layer itself
 * and compared with the formulas:
 *
 *     parameters  4 D^2 + 4 D              flops  B (8 n D^2 + 4 n^2 D)
 *
 * Neither depends on the number of heads h.
 */
#include <stdio.h>

#include "chapters/03_multi_head_attention/msa_demos.h"
#include "common/lesson/report.h"
#include "common/lesson/stopwatch.h"
#include "common/lesson/threads.h"

/* A product C(m,n) = A(m,k) B(k,n) is m n sums of k products: 2 m n k flops. */
static double product_flops(double m, double k, double n) {
    return 2 * m * k * n;
}

/* z U_qkv and concat U_msa, from the shapes of the tensors that the layer works on. */
static double projection_flops(const MsaInstance *msa) {
    const int tokens = tensor_rows(msa->a.qkv), D = tensor_cols(msa->a.concat);
    return product_flops(tokens, D, tensor_cols(msa->a.qkv)) +
           product_flops(tokens, D, D);
}

/* Q K^T and A V, all images and heads. */
static double attention_flops(const MsaInstance *msa) {
    Tensor A = msa->a.A;
    const int h = A.shape[1], n = A.shape[2], d_k = tensor_cols(msa->a.concat) / h;
    return A.shape[0] * h * (product_flops(n, d_k, n) + product_flops(n, n, d_k));
}

static long parameters_formula(long D) {
    return 4 * D * D + 4 * D;
}

static double flops_formula(double n, double D) {
    return 8 * n * D * D + 4 * n * n * D;
}

/* ---- the papers' sizes --------------------------------------------------- */

static void counts_of(const char *model, int n, int D, int heads) {
    MsaInstance msa;
    msa_instance_make(&msa, (MsaSizes){1, n, D, heads}, 1, 1);
    printf("\n%s: D = %d, h = %d, d_k = %d, n = %d tokens\n", model, D, heads,
           D / heads, n);
    for (int i = 0; i < msa.list.count; i++) {
        char shape[TENSOR_SHAPE_TEXT];
        const Parameter *p = &msa.list.items[i];
        printf("    %-18s %-12s %9ld\n", p->name, tensor_shape_text(p->shape, shape),
               tensor_count(p->shape));
    }
    const double projections = projection_flops(&msa);
    const double attention = attention_flops(&msa), all = projections + attention;
    const double flops = flops_formula(n, D);
    const long total = msa.list.total, parameters = parameters_formula(D);
    printf("    %-18s %-12s %9ld\n", "parameters", "", total);
    printf("    %-31s %9.1f million flops  (8 n D^2)\n", "U_qkv and U_msa",
           projections * 1e-6);
    printf("    %-31s %9.1f million flops  (4 n^2 D)\n", "Q K^T and A V, all heads",
           attention * 1e-6);
    report_check(total == parameters, "parameters: the list has %ld, 4D^2 + 4D is %ld",
                 total, parameters);
    report_check(all == flops, "flops: the products make %.0f, 8nD^2 + 4n^2D is %.0f",
                 all, flops);
    msa_instance_free(&msa);
}

void papers_cost_demo(void) {
    report_section("3.6 What it costs");
    printf("Counted from the layer's own list of parameters and its tensors' "
           "shapes.\n");
    counts_of("Transformer base [AIAYN T.3]", 100, 512, 8);
    counts_of("ViT-B/16 [ViT T.1]", 197, 768, 12);
    printf("\nThe second term grows with n^2, and overtakes the first at n = 2D tokens."
           "\nAt ViT's n = 197 it is small; for a long text or a large image it "
           "rules.\n");
}

/* ---- one head against h --------------------------------------------------- */

static void forward(void *msa) {
    msa_instance_forward(msa);
}

void heads_cost_demo(void) {
    enum { N = 197, D = 768, SIZES = 4 };
    const int heads[SIZES] = {1, 4, 12, 24};
    bool same = true;
    report_section("3.7 One head, or many?");
    printf("One image of n = %d tokens, D = %d, in " REAL_NAME
           ", on one thread; your times will differ.\n\n",
           N, D);
    printf("     h   d_k   parameters   million flops   weights A kept   forward\n");
    for (int i = 0; i < SIZES; i++) {
        MsaInstance msa;
        msa_instance_make(&msa, (MsaSizes){1, N, D, heads[i]}, 1, 1);
        const int threads = threads_limit(1);
        const double ms = fastest_ms(forward, &msa, 5, 0);
        threads_limit(threads);
        const double flops = projection_flops(&msa) + attention_flops(&msa);
        same = same && msa.list.total == parameters_formula(D) &&
               flops == flops_formula(N, D);
        printf("    %2d   %3d   %10ld   %13.1f   %14ld   %5.1f ms\n", heads[i],
               D / heads[i], msa.list.total, flops * 1e-6, tensor_count(msa.a.A), ms);
        msa_instance_free(&msa);
    }
    printf("\nh heads of d_k = D/h columns are as many multiplications as one head of "
           "D.\nWhat grows with h is the softmax: h n^2 exponentials, and as many "
           "weights A\nkept for the backward pass.\n");
    report_check(same, "parameters and flops don't depend on the number of heads");
}
