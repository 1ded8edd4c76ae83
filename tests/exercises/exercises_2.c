/* exercises_2.c: scaled dot-product attention, graded. See exercise.h. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "chapters/02_scaled_dot_product_attention/attention.h"
#include "tests/exercises/exercise.h"
#include "tests/naive_layers.h"

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

static Case make_case(int n, int m, int d_k, int d_v, const char *more) {
    Case c = {.n = n,
              .m = m,
              .d_k = d_k,
              .d_v = d_v,
              .Q = wide(normal('Q', SHAPE(n, d_k))),
              .K = wide_by(normal('K', SHAPE(m, d_k)), 4),
              .V = wide_by(normal('V', SHAPE(m, d_v)), 6),
              .dO = wide_by(named("dO", normal('O', SHAPE(n, d_v))), 5)};
    c.q = doubles_of(c.Q);
    c.k = doubles_of(c.K);
    c.v = doubles_of(c.V);
    c.g = doubles_of(c.dO);
    case_is("%d queries, %d keys, d_k = %d, d_v = %d%s%s", n, m, d_k, d_v,
            more[0] ? ", " : "", more);
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

/* Query i sees the keys i - before .. i + after. */
static double *window(int n, int m, int before, int after) {
    double *mask = doubles((long)n * m);
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < m; j++) {
            mask[i * m + j] = i - before <= j && j <= i + after ? 0 : -(double)INFINITY;
        }
    }
    return mask;
}

/* What a wrong scale is made of. */
static const char *const scale_texts[] = {
    "a result without 1/sqrt(d_k): see notes/02, 3",
    "1/d_k in place of 1/sqrt(d_k), or 1/sqrt(d_k) twice",
    "a scale of 0: between two integers 1 / d_k is 0",
    "a product with sqrt(d_k): divide by it",
    "a product with d_k: divide by sqrt(d_k)",
    "a scale of 1/2, which is right for d_k = 4 only, or of a root that is cut to a "
    "whole number: d_k is tensor_cols(Q), and its root is a real",
    "a scale made of Q.ld, the distance of rows: d_k is their length, tensor_cols(Q)",
    "a scale made of the number of queries or keys: d_k is tensor_cols(Q)",
    "a scale made of the number of queries or keys: d_k is tensor_cols(Q)",
    "a scale made of the number of queries or keys: d_k is tensor_cols(Q)",
    "a scale made of the number of queries or keys: d_k is tensor_cols(Q)",
    "a scale made of d_v: d_k is tensor_cols(Q)",
    "a scale made of d_v: d_k is tensor_cols(Q)",
};
enum { SCALES = sizeof scale_texts / sizeof scale_texts[0] };

static double wrong_scale(const Case *c, int slip) {
    const double d_k = c->d_k;
    const double scales[SCALES] = {1,
                                   1 / d_k,
                                   0,
                                   sqrt(d_k),
                                   d_k,
                                   0.5,
                                   1 / sqrt(c->Q.ld),
                                   1 / sqrt(c->n),
                                   1.0 / c->n,
                                   1 / sqrt(c->m),
                                   1.0 / c->m,
                                   1 / sqrt(c->d_v),
                                   1.0 / c->d_v};
    return scales[slip];
}

/* Number k of T lies among the first numbers of its memory: T.data[i * cols + j] in
 * place of tensor_row(T, i)[j] reaches these, and numbers between the rows. */
static bool among_first(Tensor T, long k) {
    const int cols = tensor_cols(T);
    return k / cols * T.ld + k % cols < tensor_count(T);
}

static const char by_data[] =
    "T.data[i * cols + j]: a view's rows lie further apart; write tensor_row(T, i)[j]";

/* S scaled by such a loop */
static double *scaled_by_data(const Case *c, Tensor T, const double *S) {
    double *some = doubles((long)c->n * c->m);
    for (long k = 0; k < (long)c->n * c->m; k++) {
        some[k] = S[k] * (among_first(T, k) ? 1 / sqrt(c->d_k) : 1);
    }
    return some;
}

/* ---- 2.1 ------------------------------------------------------------------------- */

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

static void predict(void) {
    hint("What are the two scores, and what is d_k?");
    ask('a',
        "q = (1, 1, 1, 1), k_0 = (2, 0, 0, 0), k_1 = (0, 0, 0, 0): the weight A_00, "
        "to 3 digits.",
        sigmoid(1), 2e-3);
    mistake_number("the weight without 1/sqrt(d_k); d_k is 4", sigmoid(2));
    mistake_number("the weight with 1/d_k in place of 1/sqrt(d_k)", sigmoid(0.5));
    mistake_number("the weight of the other key", sigmoid(-1));
    hint("What does a weight multiply, and what is summed?");
    ask('b', "With the values v_0 = 10, v_1 = 20: the output, to 3 digits.",
        10 * sigmoid(1) + 20 * sigmoid(-1), 2e-3);
    mistake_number("the values with each other's weights",
                   20 * sigmoid(1) + 10 * sigmoid(-1));
    mistake_number("the values' plain mean", 15);
    hint("What does one row of A add up to, and how many rows are there?");
    ask('c', "Any 3 queries and 5 keys: what do the 15 numbers of A add up to?", 3,
        1e-6);
    mistake_number("the sum if each key's weights added up to 1: each query's do", 5);
    mistake_number("the sum of a single row", 1);
    hint("By how much does each score of one query grow?");
    ask('d',
        "(a) once more, but (100, 0, 0, 0) is added to both keys: the weight A_00, to "
        "3 "
        "digits.",
        sigmoid(1), 2e-3);
    mistake_number("what a hundred added to the first key alone would make", 1);
    mistake_number("the weights of keys that are alike", 0.5);
}

/* ---- 2.2 ------------------------------------------------------------------------- */

static void forward_case(int n, int m, int d_k, int d_v, double larger) {
    Case c = make_case(n, m, d_k, d_v, larger > 1 ? "large scores" : "mask = NULL");
    const double tolerance = larger > 1 ? 1e-8 : TOLERANCE;
    tensor_scale(c.Q, (real)larger);
    c.q = doubles_of(input('Q', c.Q));
    Tensor A = wide(unset(SHAPE(n, m))), O = wide(unset(SHAPE(n, d_v)));
    double *want_A = doubles((long)n * m), *want_O = doubles((long)n * d_v);
    naive_attention(n, m, d_k, d_v, c.q, c.k, c.v, NULL, want_A, want_O);
    attention_forward(c.Q, c.K, c.V, NULL, A, O);

    const double *S = scores(&c, 1 / sqrt(d_k));
    expect("A", A, want_A, tolerance);
    for (int i = 0; i < SCALES; i++) {
        mistake(scale_texts[i], softmax(&c, scores(&c, wrong_scale(&c, i))));
    }
    mistake(by_data, softmax(&c, scaled_by_data(&c, A, scores(&c, 1))));
    double *late = softmax(&c, scores(&c, 1));
    for (int i = 0; i < n * m; i++) {
        late[i] /= sqrt(d_k);
    }
    mistake("weights scaled after the softmax: the scores are scaled before it", late);
    mistake("a scale of 1/8, which is right for d_k = 64 only, or of a root that is "
            "cut to a "
            "whole number: d_k is tensor_cols(Q), and its root is a real",
            softmax(&c, scores(&c, 0.125)));
    mistake("softmax over the query axis: rows must sum to 1",
            softmax_over_queries(&c, S));
    mistake("the scores, without a softmax", S);
    mistake_if("a softmax whose exp overflows: take the row's maximum out, as "
               "softmax_forward does",
               larger > 1 && !isfinite((double)A.data[0]));
    mistake_unwritten();
    expect("O", O, want_O, tolerance);
    mistake("the weights applied to K, not to V",
            product(n, d_v, m, 1, want_A, m, 1, c.k, d_k, 1));
    mistake_unwritten();
}

/* A mask of another shape, which apply_mask doesn't take, all of one number. */
static void unfit_mask(void *number) {
    Tensor M = zeros(SHAPE(3, 3)), Q = normal('Q', SHAPE(2, 2));
    tensor_fill(M, *(const real *)number);
    attention_forward(Q, Q, Q, &M, unset(SHAPE(2, 2)), unset(SHAPE(2, 2)));
}

static void forward(void) {
    forward_case(3, 5, 4, 4, 1);
    forward_case(7, 7, 9, 5, 1);
    forward_case(1, 1, 1, 1, 1);
    forward_case(2, 130, 70, 3, 1);
    forward_case(3, 5, 4, 4, 2000);
    case_is("a mask that isn't NULL");
    real low = -1, zero = 0;
    expect_true(stops(unfit_mask, &low),
                "A mask (3,3) for 2 queries and 2 keys is not seen. Does "
                "attention_forward call apply_mask?");
    mistake_if("attention_forward without its third step: where there is a mask, "
               "apply_mask(A, *mask)",
               true);
    expect_true(
        stops(unfit_mask, &zero),
        "A mask (3,3) of zeros for 2 queries and 2 keys is not seen, though one "
        "of other numbers is.");
    mistake_if("a condition on what the mask holds: there is a mask where its pointer "
               "isn't NULL",
               true);
}

/* ---- 2.3 ------------------------------------------------------------------------- */

/* The student's attention on a mask that lets each query see some key. */
typedef struct {
    Case c;
    Tensor M, A, O;
} Masked;

static void masked_forward(void *context) {
    Masked *a = context;
    attention_forward(a->c.Q, a->c.K, a->c.V, &a->M, a->A, a->O);
}

static Masked make_masked(const double *mask, int n, int m, const char *what) {
    Masked a = {.c = make_case(n, m, 4, 2, what),
                .A = wide(unset(SHAPE(n, m))),
                .O = wide(unset(SHAPE(n, 2)))};
    a.M = tensor_columns(zeros(SHAPE(n, m + 6)), 3, m);
    tensor_copy(a.M, values(SHAPE(n, m), mask));
    input('M', a.M);
    return a;
}

/* What a wrong apply_mask makes of the score s and the mask's number b. */
enum { ONLY_FORBID, ALL_FORBID, NEGATIVE_FORBIDS, ZERO_SCORE, NO_SCORE, BODIES };
static double wrong_score(int body, double s, double b) {
    const double none = -(double)INFINITY;
    switch (body) {
    case ONLY_FORBID: return isinf(b) ? none : s;
    case ALL_FORBID: return b != 0 ? none : s;
    case NEGATIVE_FORBIDS: return b < 0 ? none : s;
    case ZERO_SCORE: return b < 0 ? 0 : s;
    default: return b; /* NO_SCORE */
    }
}
static const char *const body_texts[BODIES] = {
    "minus infinity alone: this mask also holds finite numbers, and they are added",
    "a mask in which other numbers than minus infinity forbid: they are only added",
    "a mask in which other numbers than minus infinity forbid: they are only added",
    "a score of 0 where the mask forbids: exp(0) is 1, not 0",
    "the mask in place of the scores: it is added to them, +=",
};

static void mistakes_of_bodies(const Masked *a, const double *S, const double *mask) {
    const long count = tensor_count(a->A);
    for (int body = 0; body < BODIES; body++) {
        double *wrong = doubles(count);
        for (long i = 0; i < count; i++) {
            wrong[i] = wrong_score(body, S[i], mask[i]);
        }
        mistake(body_texts[body], softmax(&a->c, wrong));
    }
}

/* S + mask, the one, the other or both by T.data[i * cols + j] */
static double *masked_by_data(const Masked *a, const double *S, bool to, bool from) {
    const int m = tensor_cols(a->A);
    double *sum = doubles(tensor_count(a->A));
    memcpy(sum, S, (size_t)tensor_count(a->A) * sizeof *S);
    for (int k = 0; k < (int)tensor_count(a->A); k++) {
        const int row = to ? k / a->A.ld : k / m, column = to ? k % a->A.ld : k % m;
        if (column < m) {
            sum[row * m + column] +=
                (double)(from ? a->M.data[k] : tensor_row(a->M, k / m)[k % m]);
        }
    }
    return sum;
}

/* The mask at another place of attention_forward. */
static void mistakes_of_order(const Masked *a, const double *S, const double *mask) {
    const long count = tensor_count(a->A);
    const double *ignored = softmax(&a->c, S);
    double *zeroed = doubles(count), *added = doubles(count), *scaled = doubles(count);
    for (long i = 0; i < count; i++) {
        zeroed[i] = mask[i] < 0 ? 0 : ignored[i];
        added[i] = ignored[i] + mask[i];
        scaled[i] = S[i] + 0.5 * mask[i];
    }
    mistake("attention that ignores its mask: add it to the scores", ignored);
    mistake("a mask applied after the softmax: rows no longer sum to 1", zeroed);
    mistake("a mask added after the softmax: in attention_forward, apply_mask comes "
            "before softmax_forward",
            added);
    mistake("a mask that is scaled too: in attention_forward, tensor_scale comes "
            "before apply_mask",
            softmax(&a->c, scaled));
}

static void mask_case(const double *mask, int n, int m, const char *what) {
    Masked a = make_masked(mask, n, m, what);
    double *want = doubles((long)n * m), *O_want = doubles((long)n * 2);
    naive_attention(n, m, 4, 2, a.c.q, a.c.k, a.c.v, mask, want, O_want);
    const bool stopped = stops(masked_forward, &a);
    expect_true(!stopped, "It stops, but each query may see a key (%s): \"%s\"", what,
                stopped_with());
    mistake_if(
        "a stop where a key is still allowed: one is enough, wherever it stands, "
        "and only minus infinity forbids",
        true);
    if (stopped) {
        return;
    }
    masked_forward(&a);

    const double *S = scores(&a.c, 0.5);
    expect("A", a.A, want, TOLERANCE);
    double *turned = doubles((long)n * m);
    bool allowed = false;
    for (int i = 0; i < n * m; i++) {
        turned[i] = S[i] + (n == m ? mask[i % m * m + i / m] : 0);
        allowed =
            allowed || (isinf(mask[i]) && (double)tensor_row(a.A, i / m)[i % m] > 0);
    }
    mistakes_of_order(&a, S, mask);
    if (n == m) {
        mistake("a mask read transposed: row i is query i's", softmax(&a.c, turned));
    }
    mistake_if(
        "a low number where minus infinity belongs: what is forbidden has weight "
        "0, however low the other scores are",
        allowed && fmin(mask[1], mask[2]) == -1e300);
    mistakes_of_bodies(&a, S, mask);
    for (int which = 1; which < 4; which++) {
        mistake(by_data, softmax(&a.c, masked_by_data(&a, S, which & 1, which & 2)));
    }
    expect("O", a.O, O_want, TOLERANCE);
}

/* A mask that leaves query 1 no key. */
static void blind_query(void *unused) {
    (void)unused;
    const double none[4] = {0, 0, -(double)INFINITY, -(double)INFINITY};
    Tensor M = values(SHAPE(2, 2), none), Q = normal('Q', SHAPE(2, 2));
    attention_forward(Q, Q, Q, &M, unset(SHAPE(2, 2)), unset(SHAPE(2, 2)));
}

/* A mask of finite numbers, however low, forbids nothing. */
static void low_mask(void *unused) {
    (void)unused;
    const double low[4] = {0, 0, -1e9, -1e9};
    Tensor M = values(SHAPE(2, 2), low), Q = normal('Q', SHAPE(2, 2));
    attention_forward(Q, Q, Q, &M, unset(SHAPE(2, 2)), unset(SHAPE(2, 2)));
}

static void mask(void) {
    const double finite[9] = {-0.25, -0.5, -1, -2, 1.5, 0, -(double)INFINITY, 0.25, 0};
    needs("2.2");
    const double none = -(double)INFINITY, low[3] = {none, -1e300, -1e300};
    mask_case(window(4, 4, 4, 0), 4, 4, "a mask that forbids later keys");
    mask_case(window(5, 5, 1, 1), 5, 5, "a mask that allows neighbours only");
    mask_case(finite, 3, 3, "finite numbers in the mask too");
    mask_case(window(3, 6, 6, 1), 3, 6, "more keys than queries");
    mask_case(window(6, 3, 6, 0), 6, 3, "more queries than keys");
    case_is("a query whose mask is -1e9 for both keys");
    expect_true(!stops(low_mask, NULL),
                "It stops, though only minus infinity forbids: \"%s\"", stopped_with());
    mistake_if("a low number counted as minus infinity: both keys lose the same, and "
               "the softmax doesn't see it",
               true);
    mask_case(low, 1, 3, "a mask of minus infinity, -1e300 and -1e300");
    case_is("a query that may look at no key");
    expect_true(stops(blind_query, NULL),
                "A query that may look at no key goes on. It must stop with bug().");
    mistake_if(
        "a softmax of nothing, 0/0: each query, in each call, needs a key that it "
        "may see",
        true);
    const char *said = stopped_with();
    hint("The whole message stands in answers.txt and in the lesson.");
    expect_true(strstr(said, "attention_forward: the mask forbids query 1 every key") &&
                    strstr(said, "Let each query see at least itself"),
                "It stops with \"%s\". It should say \"attention_forward: the mask "
                "forbids query 1 every key\" and \"Let each query see at least "
                "itself\".",
                said);
}

/* ---- 2.4 ------------------------------------------------------------------------- */

/* dS (n, m) = factor A o (dA - r); r = rowsum(dA o A), or 0, or the sum made anew for
 * each element, of what then stands in the buffer of dA and dS */
typedef enum { SUM, NO_SUM, SUM_ANEW, SUM_OF_ALL } Sum;
static double *score_gradient(const Case *c, const double *A, const double *dA,
                              double factor, Sum sum) {
    double *dS = doubles((long)c->n * c->m);
    for (int i = 0; i < c->n; i++) {
        const double *a = A + (long)i * c->m, *da = dA + (long)i * c->m;
        double *ds = dS + (long)i * c->m, r = 0;
        for (int j = 0; j < c->m; j++) {
            r += sum == NO_SUM ? 0 : a[j] * da[j];
        }
        r = sum == SUM_OF_ALL ? dot((long)c->n * c->m, A, dA) : r;
        for (int j = 0; j < c->m; j++) {
            ds[j] = a[j] * (da[j] - r);
            r += sum == SUM_ANEW ? a[j] * (ds[j] - da[j]) : 0;
        }
        for (int j = 0; j < c->m; j++) {
            ds[j] *= factor;
        }
    }
    return dS;
}

/* dQ = dS K, dK = dS^T Q */
static double *query_gradient(const Case *c, const double *dS) {
    return product(c->n, c->d_k, c->m, 1, dS, c->m, 1, c->k, c->d_k, 1);
}
static double *key_gradient(const Case *c, const double *dS) {
    return product(c->m, c->d_k, c->n, 1, dS, 1, c->m, c->q, c->d_k, 1);
}

static const char zero_text[] =
    "zeros: a scale of 0 (between two integers 1 / d_k is 0), or a dA that is zeroed "
    "before it is read: d.dS may be d.dA";

/* a is A, s the right dS. Where n = m, any product fits. */
static void expect_dQ(const Case *c, Tensor dQ, Tensor dS, const double *a,
                      const double *dA, const double *s) {
    const double f = 1 / sqrt(c->d_k);
    const double *unscaled = score_gradient(c, a, dA, 1, SUM);
    double *dA_scaled = doubles((long)c->n * c->m),
           *diagonal = doubles((long)c->n * c->m);
    for (long i = 0; i < (long)c->n * c->m; i++) {
        dA_scaled[i] = f * dA[i];
        diagonal[i] = f * a[i] * (1 - a[i]) * dA[i];
    }
    expect("dQ", dQ, query_gradient(c, s), TOLERANCE);
    for (int i = 0; i < SCALES; i++) {
        mistake(wrong_scale(c, i) == 0 ? zero_text : scale_texts[i],
                query_gradient(c, score_gradient(c, a, dA, wrong_scale(c, i), SUM)));
    }
    mistake("one row sum for all rows: each has its own",
            query_gradient(c, score_gradient(c, a, dA, f, SUM_OF_ALL)));
    mistake(by_data, query_gradient(c, scaled_by_data(c, dS, unscaled)));
    mistake("the gradient without the softmax's row sum, notes/02, 2",
            query_gradient(c, score_gradient(c, a, dA, f, NO_SUM)));
    mistake("a row sum made while dS overwrites dA: make it before the row's first dS",
            query_gradient(c, score_gradient(c, a, dA, f, SUM_ANEW)));
    mistake("the gradient without the softmax's backward: dA in place of dS",
            query_gradient(c, dA_scaled));
    mistake("the Jacobian's diagonal alone, a (1 - a): every weight depends on every "
            "score",
            query_gradient(c, diagonal));
    if (c->n == c->m) {
        mistake("dS^T K: the queries' gradient is dS K",
                product(c->n, c->d_k, c->m, 1, s, 1, c->m, c->k, c->d_k, 1));
        mistake("dS Q: the queries' gradient comes from the keys",
                product(c->n, c->d_k, c->m, 1, s, c->m, 1, c->q, c->d_k, 1));
        mistake("dK: dQ and dK have changed places", key_gradient(c, s));
    }
    mistake_unwritten();
}

static void expect_dK(const Case *c, Tensor dK, const double *a, const double *dA,
                      const double *s) {
    expect("dK", dK, key_gradient(c, s), TOLERANCE);
    mistake("dK without 1/sqrt(d_k), where dQ has it",
            key_gradient(c, score_gradient(c, a, dA, 1, SUM)));
    for (int i = 0; i < SCALES; i++) {
        mistake(wrong_scale(c, i) == 0 ? zero_text : scale_texts[i],
                key_gradient(c, score_gradient(c, a, dA, wrong_scale(c, i), SUM)));
    }
    if (c->n == c->m) {
        mistake("dS^T K: the keys' gradient comes from the queries",
                product(c->m, c->d_k, c->n, 1, s, 1, c->m, c->k, c->d_k, 1));
        mistake("dS Q in place of dS^T Q",
                product(c->m, c->d_k, c->n, 1, s, c->m, 1, c->q, c->d_k, 1));
    }
    mistake_unwritten();
}

static void backward_case(int n, int m, int d_k, int d_v, bool apart) {
    Case c = make_case(n, m, d_k, d_v, apart ? "dS is not dA" : "dS is dA");
    const double f = 1 / sqrt(d_k);
    const double *a = softmax(&c, scores(&c, f));
    Tensor A = named("A", wide_by(values(SHAPE(n, m), a), 2)),
           dS = wide(unset(SHAPE(n, m)));
    Tensor dQ = wide_by(unset(SHAPE(n, d_k)), 4), dK = wide(unset(SHAPE(m, d_k))),
           dV = wide_by(unset(SHAPE(m, d_v)), 5);
    Tensor into = apart ? wide_by(unset(SHAPE(n, m)), 6) : dS;
    attention_backward(c.Q, c.K, c.V, A, c.dO,
                       (AttentionGradients){dQ, dK, dV, into, dS});

    expect("dV", dV, product(m, d_v, n, 1, a, 1, m, c.g, d_v, 1), TOLERANCE);
    if (n == m) {
        mistake("dO itself: dV is A^T dO", c.g);
        mistake("A dO in place of A^T dO", product(m, d_v, n, 1, a, m, 1, c.g, d_v, 1));
    }
    double *short_of = doubles((long)m * d_v);
    for (int j = 0; j < m * d_v; j++) {
        for (int i = 0; i < n - 1; i++) {
            short_of[j] += a[i * m + j / d_v] * c.g[i * d_v + j % d_v];
        }
    }
    mistake("dV without the last query's share: each query used every value", short_of);
    mistake_unwritten();
    const double *dA = product(n, m, d_v, 1, c.g, d_v, 1, c.v, 1, d_v);
    const double *s = score_gradient(&c, a, dA, f, SUM);
    expect_dQ(&c, dQ, dS, a, dA, s);
    expect_dK(&c, dK, a, dA, s);
    expect("dS", dS, score_gradient(&c, a, dA, 1, SUM), TOLERANCE);
    mistake(
        "dS times 1/sqrt(d_k): dS is the softmax's gradient, of the scores as it saw "
        "them; the scale belongs to dQ and dK",
        s);
    mistake_unwritten();
    if (apart) {
        double *scaled = doubles((long)n * m);
        for (int i = 0; i < n * m; i++) {
            scaled[i] = f * dA[i];
        }
        expect("dA", into, dA, TOLERANCE);
        mistake("dA times 1/sqrt(d_k): dA is dO V^T; the scale belongs to dQ and dK",
                scaled);
        mistake("dS in dA's place: they may be two tensors, and both are wanted",
                score_gradient(&c, a, dA, 1, SUM));
        mistake_unwritten();
    }
}

static void backward(void) {
    backward_case(5, 5, 4, 3, false);
    backward_case(3, 6, 5, 2, true);
    backward_case(2, 1, 3, 3, true); /* one key: no gradient for queries and keys */
    backward_case(70, 2, 3, 130, false);
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
    hint("A check that compares the code with itself can't see that both are wrong.");
    ask_which('a',
              "Leave 1/sqrt(d_k) out of forward and backward together. Which of "
              "these can notice? a: the example worked by hand. b: the rows of "
              "A sum to 1. c: keys and values in another order, same O. d: zeros "
              "appended to queries and keys change A. e: the gradient check. "
              "(Letters, such as abc.)",
              notices);
    ask_in_words('b', "Why can't a gradient check notice it?");
}

/* ---- 2.6 ------------------------------------------------------------------------- */

static void measure(void) {
    hint("How many multiply-adds make one element of a product, and how many "
         "elements are there?");
    ask('a',
        "ViT-B/16: n = 197 tokens, d_k = d_v = 64. The flops of Q K^T and A V of one "
        "head, a multiply-add counting as two: exactly, or to 4 digits.",
        4.0 * 197 * 197 * 64, 1e-3);
    mistake_number("the count of multiply-adds: each is two flops",
                   2.0 * 197 * 197 * 64);
    hint("Which shape has A, and which the others?");
    ask('b',
        "From how many tokens n on does A of one head have more elements than Q, K, V "
        "and "
        "O together (d_k = d_v = 64)? The n at which they have equally many.",
        256, 1e-6);
    mistake_number("where A outgrows one of the four", 64);
    mistake_number("where it outgrows Q, K and V: O is an (n, d_v) as well", 192);
    hint("How many elements has A of one head, how many heads are there, and what does "
         "a float take?");
    ask('c',
        "The bytes of A in float for all 12 heads of 12 layers, one image: exactly, "
        "or to 4 digits.",
        4.0 * 12 * 12 * 197 * 197, 1e-3);
    mistake_number("the number of weights, not of bytes", 12.0 * 12 * 197 * 197);
    mistake_number("the bytes of one layer", 4.0 * 12 * 197 * 197);
}

const Exercise exercises[] = {
    {"2.1", "Answers: weights and a mean by hand",
     "Predict, with pencil and paper; then check with the program.",
     "Scores first; what does a softmax not see?", "the lesson, \"With a pencil\"",
     predict},
    {"2.2", "attention_forward",
     "attention.c: [AIAYN eq.1], in the memory that the caller gives. A mask is added "
     "by "
     "apply_mask, which you write next.",
     "Which product, in which memory, and what is d_k?",
     "the lesson, \"What happens without the scale\"; notes/02, 1", forward},
    {"2.3", "apply_mask",
     "attention.c: add the mask to the scores. Where query i may see no key, stop with "
     "the message that the lesson shows.",
     "What tells forbidden from very unlikely, and in which of a row's columns?",
     "the lesson, \"What must not be seen\"; notes/02, 1", mask},
    {"2.4", "attention_backward",
     "attention.c: from dO to d.dV, d.dA, d.dS, d.dQ, d.dK. d.dS is the gradient of "
     "the "
     "scores that the softmax saw. One buffer may serve d.dA and then d.dS: chapter 3 "
     "does so.",
     "Which of the five needs dO only? Which tensor was used by every query?",
     "the lesson, \"Backward\"; notes/02, 2", backward},
    {"2.5", "Answers: break it, and see who notices",
     "Leave the scale out of forward and backward together, in your copy of "
     "attention.c. `make mine N=2` builds the program, and then its tests FAIL: that "
     "is expected. Run work/chapter2/my_chapter2. Put the scale back, and explain.",
     "What does each check compare the result with?",
     "section 2.5 of the program's output; notes/02, 1 (the last of its list)",
     break_it},
    {"2.6", "Answers: what it costs",
     "Derive from shapes; compare with section 2.6 of the program's output.",
     "Write down the shape of each tensor first.", "notes/02, 5 [AIAYN T.1]", measure},
};
const int exercise_count = sizeof exercises / sizeof exercises[0];
