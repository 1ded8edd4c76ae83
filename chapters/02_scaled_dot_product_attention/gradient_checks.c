/*
 * gradient_checks.c: attention_backward against central differences, every element
 * of Q, K and V, in double (gradcheck.h). The loss is
 *
 *     L = sum of C o O,   C random and fixed,   so that   dL/dO = C.
 */
#include "chapters/02_scaled_dot_product_attention/attention_demos.h"

#include <stdio.h>

#include "chapters/02_scaled_dot_product_attention/attention.h"
#include "common/random.h"
#include "common/real_math.h"
#include "common/lesson/report.h"

enum { MAX_SIZE = 8, WIDE = 3 * MAX_SIZE }; /* no size below is larger than MOST */

typedef struct {
    real q[MAX_SIZE * WIDE], k[MAX_SIZE * WIDE], v[MAX_SIZE * WIDE],
        mask[MAX_SIZE * MAX_SIZE];
    real a[MAX_SIZE * MAX_SIZE], o[MAX_SIZE * MAX_SIZE], c[MAX_SIZE * MAX_SIZE],
        ds[MAX_SIZE * MAX_SIZE];
    real dq[MAX_SIZE * WIDE], dk[MAX_SIZE * WIDE], dv[MAX_SIZE * WIDE];
    Tensor Q, K, V, M, A, O, C;
    AttentionGradients d;
    bool masked;
} Case;

static double loss(void *context) {
    Case *c = context;
    attention_forward(c->Q, c->K, c->V, c->masked ? &c->M : NULL, c->A, c->O);
    return tensor_dot(c->O, c->C);
}

static Case make_case(int n, int m, int d_k, int d_v) {
    return (Case){.Q = {.ndim = 2, .shape = {n, d_k}, .ld = d_k},
                  .K = {.ndim = 2, .shape = {m, d_k}, .ld = d_k},
                  .V = {.ndim = 2, .shape = {m, d_v}, .ld = d_v}};
}

/* Points the tensors at the case's numbers, and draws them. */
static void fill(Case *c) {
    const int n = tensor_rows(c->Q), m = tensor_rows(c->K), d_v = tensor_cols(c->V);
    c->d = (AttentionGradients){.dQ = c->Q, .dK = c->K, .dV = c->V}; /* the shapes */
    c->Q.data = c->q, c->K.data = c->k, c->V.data = c->v;
    c->d.dQ.data = c->dq, c->d.dK.data = c->dk, c->d.dV.data = c->dv;
    c->A = tensor2(c->a, n, m);
    c->d.dA = c->d.dS = tensor2(c->ds, n, m);
    c->M = tensor2(c->mask, n, m);
    c->O = tensor2(c->o, n, d_v);
    c->C = tensor2(c->c, n, d_v);
    Tensor *drawn[] = {&c->Q, &c->K, &c->V, &c->C};
    for (uint32_t t = 0; t < 4; t++) {
        random_fill_normal((Random){8, RANDOM_DEMO, t}, *drawn[t], 1.0);
    }
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < m; j++) {
            tensor_row(c->M, i)[j] = j <= i ? 0 : -R(INFINITY); /* causal */
        }
    }
}

static void backward(Case *c) {
    loss(c);
    attention_backward(c->Q, c->K, c->V, c->A, c->C, c->d);
}

static void check(Case *c, const char *name) {
    const struct {
        const char *name;
        Tensor x, dx;
    } inputs[] = {{"dQ", c->Q, c->d.dQ}, {"dK", c->K, c->d.dK}, {"dV", c->V, c->d.dV}};
    for (int t = 0; t < 3; t++) {
        char line[64];
        Gradcheck result = gradcheck(loss, c, inputs[t].x, inputs[t].dx);
        snprintf(line, sizeof line, "%s: %s", name, inputs[t].name);
        report_gradcheck(line, &result);
    }
}

static void check_case(Case c, const char *name) {
    fill(&c);
    backward(&c);
    check(&c, name);
}

/* Q, K and V as columns of one wide matrix, as chapter 3 will have them. */
static void check_views(void) {
    Case c = make_case(6, 6, 4, 4);
    real qkv[6 * 12], dqkv[6 * 12];
    fill(&c);
    Tensor *views[] = {&c.Q, &c.K, &c.V}, *gradients[] = {&c.d.dQ, &c.d.dK, &c.d.dV};
    for (int t = 0; t < 3; t++) {
        Tensor view = tensor_columns(tensor2(qkv, 6, 12), 4 * t, 4);
        tensor_copy(view, *views[t]);
        *views[t] = view;
        *gradients[t] = tensor_columns(tensor2(dqkv, 6, 12), 4 * t, 4);
    }
    backward(&c);
    check(&c, "columns of one (6,12)");
}

/* Two mistakes that shapes and row sums don't show; the checks must. */
static void check_the_check(void) {
    Case c = make_case(6, 6, 4, 3);
    real kept[6 * 4];
    Tensor swapped = tensor2(kept, 6, 4);
    fill(&c);
    backward(&c);
    tensor_copy(swapped, c.d.dK);
    tensor_scale(c.d.dK, 2); /* dS^T Q, the 1/sqrt(4) forgotten */
    Gradcheck wrong = gradcheck(loss, &c, c.K, c.d.dK);
    report_check(!gradcheck_passed(&wrong),
                 "dK without 1/sqrt(d_k) is caught: error %.0e", wrong.worst);
    wrong = gradcheck(loss, &c, c.Q, swapped);
    report_check(!gradcheck_passed(&wrong),
                 "dK taken for dQ (they have one shape) is caught: error %.0e",
                 wrong.worst);
}

void chapter2_gradient_checks(void) {
    report_section("2.8 Gradient checks, in double");
    printf("\nL = sum(C o O), C random; central differences against the gradients of\n"
           "attention_backward:\n\n");
    check_case(make_case(5, 7, 4, 3), "5 queries, 7 keys");
    Case causal = make_case(6, 6, 4, 3);
    causal.masked = true;
    check_case(causal, "6 tokens, causal mask");
    check_views();
    check_case(make_case(3, 1, 4, 2), "one key only: A = 1");
    printf("\nA check that can't fail proves nothing. Two wrong gradients:\n\n");
    check_the_check();
}
