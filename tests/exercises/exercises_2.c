/* exercises_2.c: scaled dot-product attention, graded. See exercise.h. */
#include <math.h>
#include <stddef.h>

#include "attention.h"
#include "exercise.h"
#include "naive_layers.h"

const int chapter_number = 2;
const char chapter_title[] = "scaled dot-product attention";

#define TOLERANCE 1e-12

/* ---- formulas, right and wrong --------------------------------------------------- */

/* Inputs, also in double; dO is the gradient that comes in. */
typedef struct {
    int n, m, d_k, d_v;
    Tensor Q, K, V, dO;
    const double *q, *k, *v, *g; /* (n, d_k), (m, d_k), (m, d_v), (n, d_v) */
} Case;

static Case make_case(int n, int m, int d_k, int d_v) {
    Case c = {.n = n,
              .m = m,
              .d_k = d_k,
              .d_v = d_v,
              .Q = wide(normal('Q', SHAPE(n, d_k))),
              .K = wide(normal('K', SHAPE(m, d_k))),
              .V = wide(normal('V', SHAPE(m, d_v))),
              .dO = wide(normal('O', SHAPE(n, d_v)))};
    c.q = doubles_of(c.Q);
    c.k = doubles_of(c.K);
    c.v = doubles_of(c.V);
    c.g = doubles_of(c.dO);
    case_is("%d queries, %d keys, d_k = %d, d_v = %d", n, m, d_k, d_v);
    return c;
}

/* C (m, n) = factor A B, A and B (rows, cols) read as they lie or transposed. */
static double *product(int m, int n, int k, double factor, const double *A, int A_i,
                       int A_l, const double *B, int B_l, int B_j) {
    double *C = doubles((long)m * n);
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            for (int l = 0; l < k; l++) {
                C[i * n + j] += factor * A[i * A_i + l * A_l] * B[l * B_l + j * B_j];
            }
        }
    }
    return C;
}

/* S (n, m) = factor Q K^T */
static double *scores(const Case *c, double factor) {
    return product(c->n, c->m, c->d_k, factor, c->q, c->d_k, 1, c->k, 1, c->d_k);
}

static double *softmax(const Case *c, const double *S) {
    double *A = doubles((long)c->n * c->m);
    naive_softmax(c->n, c->m, S, A);
    return A;
}

static double *softmax_over_queries(const Case *c, const double *S) {
    double *A = doubles((long)c->n * c->m);
    for (int j = 0; j < c->m; j++) {
        double sum = 0;
        for (int i = 0; i < c->n; i++) {
            sum += A[i * c->m + j] = exp(S[i * c->m + j]);
        }
        for (int i = 0; i < c->n; i++) {
            A[i * c->m + j] /= sum;
        }
    }
    return A;
}

/* Causal: query i sees the keys 0 .. i. */
static double *causal(int n, int m) {
    double *mask = doubles((long)n * m);
    for (int i = 0; i < n; i++) {
        for (int j = i + 1; j < m; j++) {
            mask[i * m + j] = -INFINITY;
        }
    }
    return mask;
}

/* ---- 2.1 ------------------------------------------------------------------------- */

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

static void predict(void) {
    ask('a',
        "q = (1, 1, 1, 1), k_0 = (2, 0, 0, 0), k_1 = (0, 0, 0, 0): the weight A_00, "
        "to 3 digits.",
        sigmoid(1), 2e-3);
    mistake_number("the weight without 1/sqrt(d_k); d_k is 4", sigmoid(2));
    mistake_number("the weight with 1/d_k in place of 1/sqrt(d_k)", sigmoid(0.5));
    mistake_number("the weight of the other key", sigmoid(-1));
    ask('b', "With the values v_0 = 10, v_1 = 20: the output, to 3 digits.",
        10 * sigmoid(1) + 20 * sigmoid(-1), 2e-3);
    mistake_number("the values with each other's weights",
                   20 * sigmoid(1) + 10 * sigmoid(-1));
    mistake_number("the values' plain mean", 15);
    ask('c', "Any 3 queries and 5 keys: what do the 15 numbers of A add up to?", 3,
        1e-6);
    mistake_number("the sum if each key's weights added up to 1: each query's do", 5);
    mistake_number("the sum of a single row", 1);
}

/* ---- 2.2 ------------------------------------------------------------------------- */

static void forward_case(int n, int m, int d_k, int d_v) {
    Case c = make_case(n, m, d_k, d_v);
    Tensor A = unset(SHAPE(n, m)), O = wide(unset(SHAPE(n, d_v)));
    double *want_A = doubles((long)n * m), *want_O = doubles((long)n * d_v);
    naive_attention(n, m, d_k, d_v, c.q, c.k, c.v, NULL, want_A, want_O);
    attention_forward(c.Q, c.K, c.V, NULL, A, O);

    const double *S = scores(&c, 1 / sqrt(d_k));
    expect("A", A, want_A, TOLERANCE);
    mistake("softmax without 1/sqrt(d_k): see notes/02, 3", softmax(&c, scores(&c, 1)));
    mistake("softmax with 1/d_k in place of 1/sqrt(d_k)",
            softmax(&c, scores(&c, 1.0 / d_k)));
    mistake("softmax over the query axis: rows must sum to 1, see section 2.5",
            softmax_over_queries(&c, S));
    mistake("the scores, without a softmax", S);
    expect("O", O, want_O, TOLERANCE);
    mistake("the weights applied to K, not to V",
            product(n, d_v, m, 1, want_A, m, 1, c.k, d_k, 1));
}

static void forward(void) {
    forward_case(3, 5, 4, 4);
    forward_case(7, 7, 9, 3);
    forward_case(1, 1, 1, 1);
}

/* ---- 2.3 ------------------------------------------------------------------------- */

static void mask_case(const double *mask, int n, int m) {
    Case c = make_case(n, m, 4, 2);
    Tensor M = values(SHAPE(n, m), mask);
    Tensor A = unset(SHAPE(n, m)), O = unset(SHAPE(n, 2));
    double *want = doubles((long)n * m), *O_want = doubles((long)n * 2);
    naive_attention(n, m, 4, 2, c.q, c.k, c.v, mask, want, O_want);
    attention_forward(c.Q, c.K, c.V, &M, A, O);

    double *S = scores(&c, 0.5), *ignored = softmax(&c, S);
    double *after = doubles((long)n * m), *zero = doubles((long)n * m);
    for (long i = 0; i < (long)n * m; i++) {
        after[i] = mask[i] < 0 ? 0 : ignored[i];
        zero[i] = mask[i] < 0 ? 0 : S[i];
    }
    expect("A", A, want, TOLERANCE);
    mistake("attention that ignores its mask", ignored);
    mistake("a mask applied after the softmax: rows no longer sum to 1", after);
    mistake("a score of 0 where the mask forbids: exp(0) is 1, not 0",
            softmax(&c, zero));
    expect("O", O, O_want, TOLERANCE);
}

/* A mask that leaves query 1 no key. */
static void blind_query(void *unused) {
    (void)unused;
    const double none[4] = {0, 0, -INFINITY, -INFINITY};
    Tensor M = values(SHAPE(2, 2), none), Q = normal('Q', SHAPE(2, 2));
    attention_forward(Q, Q, Q, &M, unset(SHAPE(2, 2)), unset(SHAPE(2, 2)));
}

static void mask(void) {
    const double bias[6] = {0, 0.5, 1, 1.5, 2, 2.5};
    mask_case(causal(4, 4), 4, 4);
    mask_case(bias, 2, 3);
    expect_true(stops(blind_query, NULL),
                "A query that may look at no key goes on. It must stop with bug().");
    mistake_if("a softmax of nothing, 0/0: count the keys that each query may see",
               true);
}

/* ---- 2.4 ------------------------------------------------------------------------- */

/* dS (n, m) = factor A o (dA - r), r = rowsum(dA o A), or 0 */
static double *score_gradient(const Case *c, const double *A, const double *dA,
                              double factor, bool with_sum) {
    double *dS = doubles((long)c->n * c->m);
    for (int i = 0; i < c->n; i++) {
        const double *a = A + (long)i * c->m, *da = dA + (long)i * c->m;
        double r = 0;
        for (int j = 0; j < c->m; j++) {
            r += with_sum ? a[j] * da[j] : 0;
        }
        for (int j = 0; j < c->m; j++) {
            dS[i * c->m + j] = factor * a[j] * (da[j] - r);
        }
    }
    return dS;
}

static void backward_case(int n, int m, int d_k, int d_v) {
    Case c = make_case(n, m, d_k, d_v);
    const double f = 1 / sqrt(d_k);
    const double *a = softmax(&c, scores(&c, f));
    Tensor A = values(SHAPE(n, m), a), dS = unset(SHAPE(n, m));
    Tensor dQ = wide(unset(SHAPE(n, d_k))), dK = wide(unset(SHAPE(m, d_k))),
           dV = wide(unset(SHAPE(m, d_v)));
    attention_backward(c.Q, c.K, c.V, A, c.dO, dQ, dK, dV, dS);

    expect("dV", dV, product(m, d_v, n, 1, a, 1, m, c.g, d_v, 1), TOLERANCE);
    if (n == m) {
        mistake("dO itself: dV is A^T dO", c.g);
        mistake("A dO in place of A^T dO", product(m, d_v, n, 1, a, m, 1, c.g, d_v, 1));
    }
    const double *dA = product(n, m, d_v, 1, c.g, d_v, 1, c.v, 1, d_v);
    const double *s = score_gradient(&c, a, dA, f, true),
                 *unscaled = score_gradient(&c, a, dA, 1, true),
                 *no_sum = score_gradient(&c, a, dA, f, false);
    expect("dQ", dQ, product(n, d_k, m, 1, s, m, 1, c.k, d_k, 1), TOLERANCE);
    mistake("the gradient without 1/sqrt(d_k)",
            product(n, d_k, m, 1, unscaled, m, 1, c.k, d_k, 1));
    mistake("the gradient without the softmax's row sum, notes/02, 2",
            product(n, d_k, m, 1, no_sum, m, 1, c.k, d_k, 1));
    mistake("the gradient without the softmax's backward: dA in place of dS",
            product(n, d_k, m, f, dA, m, 1, c.k, d_k, 1));
    if (n == m) {
        mistake("dS Q: the queries' gradient comes from the keys",
                product(n, d_k, m, 1, s, m, 1, c.q, d_k, 1));
    }
    expect("dK", dK, product(m, d_k, n, 1, s, 1, m, c.q, d_k, 1), TOLERANCE);
    mistake("dK without 1/sqrt(d_k), where dQ has it",
            product(m, d_k, n, 1, unscaled, 1, m, c.q, d_k, 1));
    if (n == m) {
        mistake("dS Q in place of dS^T Q", product(m, d_k, n, 1, s, m, 1, c.q, d_k, 1));
    }
}

static void backward(void) {
    backward_case(5, 5, 4, 3);
    backward_case(3, 6, 5, 2);
    backward_case(2, 1, 3, 3); /* one key: no gradient for queries and keys */
}

/* ---- 2.5 ------------------------------------------------------------------------- */

/* Which properties hold of attention without its scale? Found by trying each. */
static void break_it(void) {
    Case c = {.n = 4, .m = 4, .d_k = 4, .d_v = 1};
    double q[32], k[32], wrong[16], A_sum = 0, moved = 0, padded = 0;
    for (int i = 0; i < 32; i++) { /* 8 numbers a row: the last four are 0 */
        q[i] = i % 8 < 4 ? sin(i + 1) : 0;
        k[i] = i % 8 < 4 ? cos(2 * i) : 0;
    }
    double q4[16], k4[16], back[16];
    for (int i = 0; i < 16; i++) {
        q4[i] = q[i / 4 * 8 + i % 4];
        k4[i] = k[i / 4 * 8 + i % 4];
        back[i] = k[(3 - i / 4) * 8 + i % 4]; /* the keys in reverse */
    }
    c.q = q4;
    c.k = k4;
    const double *A = softmax(&c, scores(&c, 1));
    c.k = back;
    const double *B = softmax(&c, scores(&c, 1));
    Case c8 = {.n = 4, .m = 4, .d_k = 8, .d_v = 1, .q = q, .k = k};
    const double *scaled8 = softmax(&c8, scores(&c8, 1 / sqrt(8))),
                 *wrong8 = softmax(&c8, scores(&c8, 1));
    naive_softmax(4, 4, scores(&c8, 1 / sqrt(4)), wrong);
    for (int i = 0; i < 16; i++) {
        A_sum += A[i];
        moved = fmax(moved, fabs(A[i] - B[i / 4 * 4 + 3 - i % 4]));
        padded = fmax(padded, fabs(wrong8[i] - A[i])); /* right attention: not equal */
    }
    char notices[6] = "a"; /* the example by hand has other numbers */
    int count = 1;
    if (!(fabs(A_sum - 4) < 1e-12)) {
        notices[count++] = 'b';
    }
    if (!(moved < 1e-12)) {
        notices[count++] = 'c';
    }
    if (padded < 1e-12 && fabs(scaled8[0] - wrong[0]) > 1e-6) {
        notices[count++] = 'd';
    }
    notices[count] = '\0'; /* (e): a gradient check compares forward with backward */
    ask_which('a',
              "Leave out 1/sqrt(d_k) in the forward AND in the backward pass. Which of "
              "these can notice? a: the example worked by hand. b: the rows of "
              "A sum to 1. c: keys and values in another order, same O. d: zeros "
              "appended to queries and keys change A. e: the gradient check. "
              "(Letters, such as abc.)",
              notices);
}

/* ---- 2.6 ------------------------------------------------------------------------- */

static void measure(void) {
    ask('a',
        "ViT-B/16: n = 197 tokens, d_k = d_v = 64. The flops of Q K^T and A V of one "
        "head, a multiply-add counting as two.",
        4.0 * 197 * 197 * 64, 1e-3);
    mistake_number("the count of multiply-adds: each is two flops",
                   2.0 * 197 * 197 * 64);
    ask('b', "Twice the tokens: how many times the work?", 4, 1e-6);
    mistake_number("linear growth: both n and m double", 2);
    ask('c', "The bytes of A in float for all 12 heads of 12 layers, one image.",
        4.0 * 12 * 12 * 197 * 197, 1e-3);
    mistake_number("the number of weights, not of bytes", 12.0 * 12 * 197 * 197);
    mistake_number("the bytes of one layer", 4.0 * 12 * 197 * 197);
}

const Exercise exercises[] = {
    {"2.1", "Answers: weights and an average by hand",
     "Predict, with pencil and paper; then check with the program.",
     "Scores first, each divided by sqrt(d_k); then exp; then divide by their sum.",
     "the lesson's worked example; notes/02, 4", predict},
    {"2.2", "attention_forward",
     "attention.c: write A = softmax(Q K^T / sqrt(d_k) + mask), O = A V, with "
     "matmul_nt, tensor_scale, softmax_forward and matmul_nn. With a mask, call "
     "apply_mask(A, *mask).",
     "Four calls: scores into A, their scale, the softmax in place, the product with "
     "V.",
     "the lesson, \"The forward pass\"; notes/02, 1", forward},
    {"2.3", "apply_mask",
     "attention.c: add the mask to the scores; where a query may see no key, stop with "
     "bug(\"attention_forward: the mask forbids query %d every key\", i).",
     "S_ij += mask_ij before the softmax; a row needs one number above -INFINITY.",
     "the lesson, section 2.4; notes/02, 1", mask},
    {"2.4", "attention_backward",
     "attention.c: from dO to dV, dA, dS, dQ, dK. One buffer serves dA and then dS.",
     "Read the forward lines from the last to the first; each product gives two.",
     "the lesson, \"The backward pass\"; notes/02, 2", backward},
    {"2.5", "Answers: break it, and see who notices",
     "Leave the scale out in your copy of attention.c, both ways; `make mine N=2`, run "
     "it, put the scale back, and explain.",
     "A check that compares the code with itself can't see that both are wrong.",
     "section 2.5; notes/02, 1 (the last of its list)", break_it},
    {"2.6", "Answers: what it costs", "Derive from shapes; compare with section 2.6.",
     "A product (n, k) by (k, m) takes 2 n k m flops.", "notes/02, 5 [AIAYN T.1]",
     measure},
};
const int exercise_count = sizeof exercises / sizeof exercises[0];
