/*
 * demo_mask.c: the optional mask that Figure 2 draws inside [AIAYN eq.1]. A key
 * that query i may not look at gets the score minus infinity, and so the weight
 * exp(-infinity) = 0, exactly.
 */
#include <math.h>
#include <stdio.h>

#include "chapters/02_scaled_dot_product_attention/attention_demos.h"
#include "common/lesson/report.h"
#include "common/random.h"

enum { TOKENS = 5, D_K = 4, D_V = 3 };

/* Causal: token i looks at itself and at what came before it. */
static Pass make_causal(real memory[PASS_ELEMENTS]) {
    Pass x = pass_in((Arena){memory, 0, PASS_ELEMENTS}, TOKENS, TOKENS, D_K, D_V);
    pass_draw(&x, 4, 1);
    pass_mask_future(&x);
    return x;
}

static void check_weights(Tensor A) {
    bool zeros = true;
    double worst = 0;
    for (int i = 0; i < TOKENS; i++) {
        double sum = 0;
        for (int j = 0; j < TOKENS; j++) {
            const double w = (double)tensor_row(A, i)[j];
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

/* For each i, keys and values after i become others, a hundred times as large. */
static void check_future(Tensor O) {
    static real memory[PASS_ELEMENTS];
    bool same = true, felt = true;
    for (int i = 0; i < TOKENS; i++) {
        Pass other = make_causal(memory);
        for (int j = i + 1; j < TOKENS; j++) {
            const Random random = {5, RANDOM_DEMO, (uint32_t)j};
            random_fill_normal(random, tensor_slice(other.K, j), 100.0);
            random_fill_normal(random, tensor_slice(other.V, j), 100.0);
        }
        pass_forward(&other);
        for (int row = 0; row < TOKENS; row++) {
            const bool equal = row_is_same(other.O, O, row);
            same = same && (row > i || equal);
            felt = felt && (row <= i || !equal);
        }
    }
    report_check(same,
                 "other keys and values after i: O as before up to row i, exactly");
    report_check(felt, "and O does change after row i");
}

/* Backward: the loss of row i alone sends nothing to later keys and values. */
static void check_backward(Pass *x) {
    bool silent = true;
    for (int i = 0; i < TOKENS; i++) {
        tensor_fill(x->dO, 0);
        tensor_fill(tensor_slice(x->dO, i), 1);
        pass_backward(x);
        for (int j = i + 1; j < TOKENS; j++) {
            Tensor dk = tensor_slice(x->d.dK, j), dv = tensor_slice(x->d.dV, j);
            silent = silent && tensor_dot(dk, dk) == 0 && tensor_dot(dv, dv) == 0;
        }
    }
    report_check(silent, "backward: no gradient reaches a later key or value, exactly");
}

void mask_demo(void) {
    static real memory[PASS_ELEMENTS];
    Pass x = make_causal(memory);
    report_section("2.4 Masks");
    printf("\nA decoder that writes a text must not look at the words to come. Its\n"
           "mask is added to S before the softmax: row i is 0 up to column i, and\n"
           "minus infinity after it.\n\n");
    report_matrix("mask", x.mask, 0);
    pass_forward(&x);
    report_matrix("A", x.A, 3);
    printf("\nToken 0 sees only itself. (ViT has no mask: each patch sees all.)\n\n");
    check_weights(x.A);
    report_check(row_is_same(x.O, x.V, 0), "token 0 gets its own value, V's row 0");
    check_future(x.O);
    check_backward(&x);
}
