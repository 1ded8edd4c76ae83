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

/* ---- flops, from the shapes of the tensors that the layer works on ------- */

typedef struct {
    double projections; /* z U_qkv and concat U_msa */
    double attention;   /* Q K^T and A V, all heads */
} Flops;

/* A product C(m,n) = A(m,k) B(k,n) is m n sums of k products: 2 m n k flops. */
static double product_flops(double m, double k, double n) {
    return 2 * m * k * n;
}

/* The shapes are the layer's own: an arena that only counts makes the activations
 * without their memory. */
static Flops flops_of(int B, int n, int D, int heads) {
    MultiHeadAttentionActivations a;
    Arena counting = {0};
    multi_head_attention_activations(&a, &counting, B, n, D, heads);
    const int h = a.A.shape[1], d_k = tensor_cols(a.concat) / h;
    const double in_all = (double)B * h; /* attentions: one an image and head */
    return (Flops){
        .projections = product_flops(tensor_rows(a.qkv), D, tensor_cols(a.qkv)) +
                       product_flops(tensor_rows(a.concat), D, tensor_cols(a.concat)),
        .attention = in_all * (product_flops(a.A.shape[2], d_k, a.A.shape[3]) +
                               product_flops(a.A.shape[2], a.A.shape[3], d_k)),
    };
}

/* ---- the papers' sizes --------------------------------------------------- */

static bool counts_of(const char *model, int n, int D, int heads, Error *error) {
    ParameterList list;
    if (!msa_instance_list(&list, D, heads, error)) {
        return false;
    }
    printf("\n%s: D = %d, h = %d, d_k = %d, n = %d tokens\n", model, D, heads,
           D / heads, n);
    for (int i = 0; i < list.count; i++) {
        char shape[TENSOR_SHAPE_TEXT];
        const Parameter *p = &list.items[i];
        printf("    %-18s %-12s %9ld\n", p->name, tensor_shape_text(p->shape, shape),
               tensor_count(p->shape));
    }
    const Flops flops = flops_of(1, n, D, heads);
    printf("    %-18s %-12s %9ld\n", "parameters", "", list.total);
    printf("    %-31s %9.1f million flops  (8 n D^2)\n", "U_qkv and U_msa",
           flops.projections * 1e-6);
    printf("    %-31s %9.1f million flops  (4 n^2 D)\n", "Q K^T and A V, all heads",
           flops.attention * 1e-6);
    const double d = D, t = n, formula = 8 * t * d * d + 4 * t * t * d;
    const long want = 4L * D * D + 4L * D;
    report_check(list.total == want, "parameters: the list has %ld, 4D^2 + 4D is %ld",
                 list.total, want);
    const double got = flops.projections + flops.attention;
    report_check(got == formula, "flops: the products make %.0f, 8nD^2 + 4n^2D is %.0f",
                 got, formula);
    parameters_list_free(&list);
    return true;
}

bool papers_cost_demo(Error *error) {
    report_section("3.6 What it costs");
    printf("Counted from the layer's own list of parameters and its tensors' "
           "shapes.\n");
    if (!counts_of("Transformer base [AIAYN T.3]", 100, 512, 8, error) ||
        !counts_of("ViT-B/16 [ViT T.1]", 197, 768, 12, error)) {
        return false;
    }
    printf("\nThe second term grows with n^2, and overtakes the first at n = 2D tokens."
           "\nAt ViT's n = 197 it is small; for a long text or a large image it "
           "rules.\n");
    return true;
}

/* ---- one head against h --------------------------------------------------- */

static void forward(void *msa) {
    msa_instance_forward(msa);
}

bool heads_cost_demo(Error *error) {
    enum { N = 197, D = 768, SIZES = 4 };
    const int heads[SIZES] = {1, 4, 12, 24};
    bool same = true;
    long first = 0;
    double first_flops = 0;
    report_section("3.7 One head, or many?");
    printf("One image of n = %d tokens, D = %d, in " REAL_NAME
           ", on one thread; your times will differ.\n\n",
           N, D);
    printf("     h   d_k   parameters   million flops   weights A kept   forward\n");
    for (int i = 0; i < SIZES; i++) {
        MsaInstance msa;
        if (!msa_instance_make(&msa, (MsaSizes){1, N, D, heads[i]}, 1, 1, error)) {
            return false;
        }
        const int threads = threads_limit(1);
        const double ms = fastest_ms(forward, &msa, 5, 0);
        threads_limit(threads);
        const Flops f = flops_of(1, N, D, heads[i]);
        const double flops = f.projections + f.attention;
        first = i == 0 ? msa.list.total : first;
        first_flops = i == 0 ? flops : first_flops;
        same = same && msa.list.total == first && flops == first_flops;
        printf("    %2d   %3d   %10ld   %13.1f   %14ld   %5.1f ms\n", heads[i],
               D / heads[i], msa.list.total, flops * 1e-6, tensor_count(msa.a.A), ms);
        msa_instance_free(&msa);
    }
    printf("\nh heads of d_k = D/h columns are as many multiplications as one head of "
           "D.\nWhat grows with h is the softmax: h n^2 exponentials, and as many "
           "weights A\nkept for the backward pass.\n");
    report_check(same, "parameters and flops don't depend on the number of heads");
    return true;
}
