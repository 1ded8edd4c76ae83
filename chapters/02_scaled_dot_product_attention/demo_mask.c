/*
 * demo_mask.c: the optional mask that Figure 2 draws inside [AIAYN eq.1]. A key
 * that query i may not look at gets the score minus infinity, and so the weight
 * exp(-infinity) = 0, exactly.
 */
#include <math.h>
#include <stdio.h>

#include "chapters/02_scaled_dot_product_attention/attention.h"
#include "chapters/02_scaled_dot_product_attention/attention_demos.h"
#include "common/random.h"
#include "common/real_math.h"
#include "common/lesson/report.h"

enum { TOKENS = 5, D_K = 4, D_V = 3 };

typedef struct {
    real q[TOKENS * D_K], k[TOKENS * D_K], v[TOKENS * D_V], mask[TOKENS * TOKENS];
    real a[TOKENS * TOKENS], o[TOKENS * D_V];
    Tensor Q, K, V, M, A, O;
} Masked;

/* Causal: token i looks at itself and at what came before it. */
static void make_causal(Masked *x) {
    x->Q = tensor2(x->q, TOKENS, D_K);
    x->K = tensor2(x->k, TOKENS, D_K);
    x->V = tensor2(x->v, TOKENS, D_V);
    x->M = tensor2(x->mask, TOKENS, TOKENS);
    x->A = tensor2(x->a, TOKENS, TOKENS);
    x->O = tensor2(x->o, TOKENS, D_V);
    random_fill_normal((Random){4, RANDOM_DEMO, 1}, x->Q, 1.0);
    random_fill_normal((Random){4, RANDOM_DEMO, 2}, x->K, 1.0);
    random_fill_normal((Random){4, RANDOM_DEMO, 3}, x->V, 1.0);
    for (int i = 0; i < TOKENS; i++) {
        for (int j = 0; j < TOKENS; j++) {
            tensor_row(x->M, i)[j] = j <= i ? 0 : -R(INFINITY);
        }
    }
}

static void check_weights(const Masked *x) {
    bool zeros = true;
    double worst = 0;
    for (int i = 0; i < TOKENS; i++) {
        double sum = 0;
        for (int j = 0; j < TOKENS; j++) {
            double w = (double)tensor_row(x->A, i)[j];
            sum += w;
            zeros = zeros && (j <= i ? w > 0 : w == 0);
        }
        worst = fmax(worst, fabs(sum - 1));
    }
    report_check(zeros, "weights are exactly 0 where masked, and only there");
    report_check(worst < 1e-6, "rows still sum to 1 (off by at most %.0e)", worst);
}

static bool row_is_same(Tensor A, Tensor B, int i) {
    return tensor_max_abs_difference(tensor_slice(A, i), tensor_slice(B, i)) == 0;
}

/* For each i: other keys and values after i, a hundred times as large. */
static void check_future(Masked *x) {
    static Masked other;
    bool same = true, felt = true;
    for (int i = 0; i < TOKENS; i++) {
        make_causal(&other);
        for (int j = i + 1; j < TOKENS; j++) {
            const Random random = {5, RANDOM_DEMO, (uint32_t)j};
            random_fill_normal(random, tensor_slice(other.K, j), 100.0);
            random_fill_normal(random, tensor_slice(other.V, j), 100.0);
        }
        attention_forward(other.Q, other.K, other.V, &other.M, other.A, other.O);
        for (int row = 0; row < TOKENS; row++) {
            bool equal = row_is_same(other.O, x->O, row);
            same = same && (row > i || equal);
            felt = felt && (row <= i || !equal);
        }
    }
    report_check(same,
                 "other keys and values after i: O as before up to row i, exactly");
    report_check(felt, "and O does change after row i");
}

/* Backward: the loss of row i alone sends nothing to later keys and values. */
static void check_backward(const Masked *x) {
    real d_o[TOKENS * D_V], dq[TOKENS * D_K], dk[TOKENS * D_K], dv[TOKENS * D_V];
    real ds[TOKENS * TOKENS];
    AttentionGradients d = {.dQ = tensor2(dq, TOKENS, D_K),
                            .dK = tensor2(dk, TOKENS, D_K),
                            .dV = tensor2(dv, TOKENS, D_V),
                            .dA = tensor2(ds, TOKENS, TOKENS),
                            .dS = tensor2(ds, TOKENS, TOKENS)};
    bool silent = true;
    for (int i = 0; i < TOKENS; i++) {
        Tensor dO = tensor2(d_o, TOKENS, D_V);
        tensor_fill(dO, 0);
        tensor_fill(tensor_slice(dO, i), 1);
        attention_backward(x->Q, x->K, x->V, x->A, dO, d);
        for (int j = i + 1; j < TOKENS; j++) {
            for (int c = 0; c < D_K; c++) {
                silent = silent && tensor_row(d.dK, j)[c] == 0;
            }
            for (int c = 0; c < D_V; c++) {
                silent = silent && tensor_row(d.dV, j)[c] == 0;
            }
        }
    }
    report_check(silent, "backward: no gradient reaches a later key or value, exactly");
}

void mask_demo(void) {
    static Masked x;
    report_section("2.4 Masks");
    make_causal(&x);
    printf("\nA decoder that writes a text must not look at the words to come. Its\n"
           "mask is added to S before the softmax: row i is 0 up to column i, and\n"
           "minus infinity after it.\n\n");
    report_matrix("mask", x.M, 0);
    attention_forward(x.Q, x.K, x.V, &x.M, x.A, x.O);
    report_matrix("A", x.A, 3);
    printf("\nToken 0 sees only itself. (ViT has no mask: each patch sees all.)\n\n");
    check_weights(&x);
    report_check(row_is_same(x.O, x.V, 0), "token 0 gets its own value, V's row 0");
    check_future(&x);
    check_backward(&x);
}
