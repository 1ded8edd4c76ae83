/*
 * demo_worked_example.c: [AIAYN eq.1], forward and backward, step by step on numbers
 * small enough for paper and pencil: 2 queries, 3 keys, d_k = 4 (so that the scale
 * is 1/2), d_v = 2. The numbers "by hand" are literals, worked out in
 * notes/02_scaled_dot_product_attention.md, not computed by this program.
 */
#include <stdio.h>

#include "chapters/02_scaled_dot_product_attention/attention_demos.h"
#include "common/matmul.h"
#include "common/lesson/report.h"
#include "common/softmax.h"

enum { QUERIES = 2, KEYS = 3, D_K = 4, D_V = 2 };

/* Five digits by hand are right to half a unit of the last. */
#define HAND_TOLERANCE 1e-5

static real q[] = {1, 0, 1, 0, /**/ 0, 1, 0, -1};
static real k[] = {1, 1, 1, 1, /**/ 0, 1, 0, -1, /**/ 2, -1, 2, 1};
static real v[] = {1, 0, /**/ 0, 2, /**/ 2, 1};
static real d_o[] = {1, 0, /**/ -2, 1};

/* by hand: */
static const double hand_scores[] = {2, 0, 4, /**/ 0, 2, -2};
static const double hand_S[] = {1, 0, 2, /**/ 0, 1, -1};
static const double hand_A[] = {0.24473, 0.09003, 0.66524, /**/
                                0.24473, 0.66524, 0.09003};
static const double hand_O[] = {1.57521, 0.84530, /**/ 0.42479, 1.42051};
static const double hand_dV[] = {-0.24473, 0.24473, /**/ -1.24045, 0.66524, /**/
                                 0.48518,  0.09003};
static const double hand_dA[] = {1, 0, 2, /**/ -2, 2, -3};
static const double hand_dS[] = {-0.14077, -0.14182, 0.28259, /**/
                                 -0.62918, 0.95067,  -0.32149};
static const double hand_dQ[] = {0.21220,  -0.28259, 0.21220,  0.14182, /**/
                                 -0.63608, 0.32149,  -0.63608, -0.95067};
static const double hand_dK[] = {-0.07039, -0.31459, -0.07039, 0.31459,  /**/
                                 -0.07091, 0.47534,  -0.07091, -0.47534, /**/
                                 0.14129,  -0.16075, 0.14129,  0.16075};

/* T's rows next to those by hand, and whether they agree. */
static void compare(const char *name, const char *why, Tensor T, const double *hand) {
    const int cols = tensor_cols(T);
    char shape[TENSOR_SHAPE_TEXT];
    printf("\n%s %s   %s\n    %*s    %*s\n", name, tensor_shape_text(T, shape), why,
           9 * cols, "computed", 9 * cols, "by hand");
    for (int i = 0; i < tensor_rows(T); i++) {
        printf("    ");
        for (int j = 0; j < cols; j++) {
            printf(" %8.5f", (double)tensor_row(T, i)[j]);
        }
        printf("   |");
        for (int j = 0; j < cols; j++) {
            printf(" %8.5f", hand[i * cols + j]);
        }
        printf("\n");
    }
    by_hand(T, hand, HAND_TOLERANCE, name);
}

/* ---- step by step, one line of the equation at a time ----------------- */

static void forward_by_steps(Pass p) {
    matmul_nt(p.Q, p.K, p.A);
    compare("Q K^T", "how well does query i fit key j? A dot product", p.A,
            hand_scores);
    tensor_scale(p.A, (real)0.5);
    compare("S = Q K^T / sqrt(d_k)", "here: half of it", p.A, hand_S);
    softmax_forward(p.A, p.A);
    compare("A = softmax(S)", "row by row: a query's weights sum to 1", p.A, hand_A);
    matmul_nn(p.A, p.V, p.O);
    compare("O = A V", "each row: the values' average, so weighted", p.O, hand_O);
}

static void backward_by_steps(Pass p) {
    const AttentionGradients d = p.d;
    matmul_tn(p.A, p.dO, d.dV);
    compare("dV = A^T dO", "each value: the weights that used it", d.dV, hand_dV);
    matmul_nt(p.dO, p.V, d.dA);
    compare("dA = dO V^T", "what more weight on key j would do to L", d.dA, hand_dA);
    softmax_backward(p.A, d.dA, d.dS);
    compare("dS = A o (dA - rowsum(dA o A))", "chapter 1; rows sum to 0", d.dS,
            hand_dS);
    matmul_nn(d.dS, p.K, d.dQ);
    tensor_scale(d.dQ, (real)0.5);
    compare("dQ = dS K / sqrt(d_k)", "each query: its keys, by dS", d.dQ, hand_dQ);
    matmul_tn(d.dS, p.Q, d.dK);
    tensor_scale(d.dK, (real)0.5);
    compare("dK = dS^T Q / sqrt(d_k)", "each key: its queries, likewise", d.dK,
            hand_dK);
}

/* The layer, which later chapters call, gives the same. */
static void check_the_layer(Pass p) {
    printf("\nThe same by the layer that all later chapters call (attention.c):\n\n");
    attention_forward(p.Q, p.K, p.V, NULL, p.A, p.O);
    by_hand(p.A, hand_A, HAND_TOLERANCE, "attention_forward: A");
    by_hand(p.O, hand_O, HAND_TOLERANCE, "attention_forward: O");
    attention_backward(p.Q, p.K, p.V, p.A, p.dO, p.d);
    by_hand(p.d.dQ, hand_dQ, HAND_TOLERANCE, "attention_backward: dQ");
    by_hand(p.d.dK, hand_dK, HAND_TOLERANCE, "attention_backward: dK");
    by_hand(p.d.dV, hand_dV, HAND_TOLERANCE, "attention_backward: dV");
}

Pass worked_example(void) {
    static real memory[PASS_ELEMENTS];
    tensor_fill(tensor1(memory, PASS_ELEMENTS), 0); /* nothing is left of the last */
    Pass p = pass_in((Arena){memory, 0, PASS_ELEMENTS}, QUERIES, KEYS, D_K, D_V);
    p.Q.data = q, p.K.data = k, p.V.data = v, p.dO.data = d_o;
    return p;
}

void worked_example_demo(void) {
    Pass p = worked_example();
    report_section("2.1 A worked example, forward");
    printf("\n2 queries look at 3 keys; each key carries a value. d_k = 4, d_v = 2.\n"
           "A query asks, a key says what there is, a value is what is given.\n\n");
    report_matrix("Q", p.Q, 0);
    report_matrix("K", p.K, 0);
    report_matrix("V", p.V, 0);
    forward_by_steps(p);
    report_section("2.2 The same example, backward");
    printf("\nTake the loss L = O(0,0) - 2 O(1,0) + O(1,1). Then dO = dL/dO is\n\n");
    report_matrix("dO", p.dO, 0);
    printf("\nNow the forward lines are read from the last to the first.\n");
    backward_by_steps(p);
    check_the_layer(worked_example());
}
