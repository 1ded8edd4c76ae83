/*
 * gradient_checks.c: attention_backward against central differences, every element
 * of Q, K and V, in double (gradcheck.h). The loss is
 *
 *     L = sum of C o O,   C random and fixed,   so that   dL/dO = C.
 */
#include <stdio.h>

#include "chapters/02_scaled_dot_product_attention/attention_demos.h"
#include "common/lesson/report.h"

/* Random Q, K and V; C is dO. */
static Pass make_case(int n, int m, int d_k, int d_v) {
    static real memory[PASS_ELEMENTS];
    Pass pass = pass_in((Arena){memory, 0, PASS_ELEMENTS}, n, m, d_k, d_v);
    pass_draw(&pass, 8, 0);
    return pass;
}

static double loss(void *context) {
    Pass *pass = context;
    pass_forward(pass);
    return tensor_dot(pass->O, pass->dO);
}

static void check(Pass pass, const char *name) {
    const struct {
        const char *name;
        Tensor x, dx;
    } inputs[] = {{"dQ", pass.Q, pass.d.dQ},
                  {"dK", pass.K, pass.d.dK},
                  {"dV", pass.V, pass.d.dV}};
    pass_forward(&pass);
    pass_backward(&pass);
    for (int t = 0; t < 3; t++) {
        char line[64];
        Gradcheck result = gradcheck(loss, &pass, inputs[t].x, inputs[t].dx);
        snprintf(line, sizeof line, "%s: %s", name, inputs[t].name);
        report_gradcheck(line, &result);
    }
}

static void check_causal(void) {
    Pass pass = make_case(6, 6, 4, 3);
    pass_mask_future(&pass);
    check(pass, "6 tokens, causal mask");
}

/* Q, K and V as columns of one wide matrix, as chapter 3 will have them. */
static void check_views(void) {
    Pass pass = make_case(6, 6, 4, 4);
    real qkv[6 * 12], dqkv[6 * 12];
    Tensor *views[] = {&pass.Q, &pass.K, &pass.V};
    Tensor *gradients[] = {&pass.d.dQ, &pass.d.dK, &pass.d.dV};
    for (int t = 0; t < 3; t++) {
        Tensor view = tensor_columns(tensor2(qkv, 6, 12), 4 * t, 4);
        tensor_copy(view, *views[t]);
        *views[t] = view;
        *gradients[t] = tensor_columns(tensor2(dqkv, 6, 12), 4 * t, 4);
    }
    check(pass, "columns of one (6,12)");
}

/* Two mistakes that shapes and row sums don't show; the checks must. */
static void check_the_check(void) {
    Pass pass = make_case(6, 6, 4, 3);
    pass_forward(&pass);
    pass_backward(&pass);
    tensor_copy(pass.d.dQ, pass.d.dK);
    tensor_scale(pass.d.dK, 2); /* dS^T Q, the 1/sqrt(4) forgotten */
    Gradcheck wrong = gradcheck(loss, &pass, pass.K, pass.d.dK);
    report_check(!gradcheck_passed(&wrong),
                 "dK without 1/sqrt(d_k) is caught: error %.0e", wrong.worst);
    wrong = gradcheck(loss, &pass, pass.Q, pass.d.dQ);
    report_check(!gradcheck_passed(&wrong),
                 "dK taken for dQ (they have one shape) is caught: error %.0e",
                 wrong.worst);
}

void chapter2_gradient_checks(void) {
    report_section("2.8 Gradient checks, in double");
    printf("\nL = sum(C o O), C random; central differences against the gradients of\n"
           "attention_backward:\n\n");
    check(make_case(5, 7, 4, 3), "5 queries, 7 keys");
    check_causal();
    check_views();
    check(make_case(3, 1, 4, 2), "one key only: A = 1");
    printf("\nA check that can't fail proves nothing. Two wrong gradients:\n\n");
    check_the_check();
}
