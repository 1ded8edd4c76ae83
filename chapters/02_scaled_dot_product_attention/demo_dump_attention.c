/*
 * demo_dump_attention.c: every tensor of [AIAYN eq.1], forward and backward, for make
 * compare: the worked example of this chapter, whose numbers are known by hand; and,
 * under names that begin with causal., five tokens of random numbers with a mask.
 */
#include <math.h>

#include "attention.h"
#include "attention_demos.h"
#include "dump.h"
#include "random.h"
#include "real_math.h"

enum { MOST = 5 * 5 }; /* numbers in one tensor, at most */

static Dump *dump;          /* the one that is being made; else NULL */
static const char *of_case; /* "" or "causal." */

/* ---- inside the layer ---------------------------------------------------- */

/*
 * S and dA pass through the layer's memory for a moment: the softmax overwrites them.
 * So the layer's calls of the softmax are sent here, by the linker (the Makefile's
 * --wrap=softmax_fast_forward), and from here to the function that they meant.
 */
void softmax_forward_seen(Tensor S, Tensor A) __asm__("__wrap_softmax_fast_forward");
void softmax_forward_itself(Tensor S, Tensor A) __asm__("__real_softmax_fast_forward");
void softmax_backward_seen(Tensor A, Tensor dA,
                           Tensor dS) __asm__("__wrap_softmax_backward");
void softmax_backward_itself(Tensor A, Tensor dA,
                             Tensor dS) __asm__("__real_softmax_backward");

void softmax_forward_seen(Tensor S, Tensor A) {
    if (dump && *of_case == '\0') { /* masked scores are -inf: no number for a file */
        dump_made(dump, S, "[AIAYN eq.1] S = Q K^T / sqrt(d_k)", "notes/02", "S");
    }
    softmax_forward_itself(S, A);
}

void softmax_backward_seen(Tensor A, Tensor dA, Tensor dS) {
    if (dump) {
        dump_made(dump, dA, "dA = dO V^T", "notes/02", "%sdA", of_case);
    }
    softmax_backward_itself(A, dA, dS);
    if (dump) {
        dump_made(dump, dS, "dS = A o (dA - rowsum(dA o A))", "notes/01 and 02", "%sdS",
                  of_case);
    }
}

/* ---- a pass -------------------------------------------------------------- */

/* dO: of the shape of O. mask (n, m), or NULL. */
static void pass(const char *name, Tensor Q, Tensor K, Tensor V, Tensor dO,
                 const Tensor *mask) {
    const int n = tensor_rows(Q), m = tensor_rows(K);
    real a[MOST], o[MOST], dq[MOST], dk[MOST], dv[MOST], ds[MOST];
    Tensor A = tensor2(a, n, m), O = tensor2(o, n, tensor_cols(V)), dQ = Q, dK = K,
           dV = V;
    dQ.data = dq, dK.data = dk, dV.data = dv;
    of_case = name;
    dump_input(dump, Q, "%sQ", name);
    dump_input(dump, K, "%sK", name);
    dump_input(dump, V, "%sV", name);
    attention_forward(Q, K, V, mask, A, O);
    dump_made(dump, A,
              mask ? "[AIAYN eq.1] A = softmax(S), S = Q K^T / sqrt(d_k) + mask"
                   : "[AIAYN eq.1] A = softmax(S), row by row: over the keys",
              "notes/01 and 02", "%sA", name);
    dump_made(dump, O, "[AIAYN eq.1] O = A V", "notes/02", "%sO", name);
    dump_input(dump, dO, "%sdO", name);
    attention_backward(Q, K, V, A, dO, dQ, dK, dV, tensor2(ds, n, m));
    dump_made(dump, dV, "dV = A^T dO", "notes/02", "%sdV", name);
    dump_made(dump, dQ, "dQ = dS K / sqrt(d_k)", "notes/02", "%sdQ", name);
    dump_made(dump, dK, "dK = dS^T Q / sqrt(d_k)", "notes/02", "%sdK", name);
}

static void causal_pass(void) {
    enum { N = 5, D_K = 4, D_V = 3 };
    real q[N * D_K], k[N * D_K], v[N * D_V], d_o[N * D_V], forbid[N * N], allow[N * N];
    Tensor in[] = {tensor2(q, N, D_K), tensor2(k, N, D_K), tensor2(v, N, D_V),
                   tensor2(d_o, N, D_V)};
    Tensor mask = tensor2(forbid, N, N), allowed = tensor2(allow, N, N);
    for (uint32_t t = 0; t < 4; t++) {
        random_fill_normal((Random){9, RANDOM_DEMO, t}, in[t], 1.0);
    }
    for (int i = 0; i < N * N; i++) {
        allow[i] = i % N <= i / N; /* query i / N looks at itself and what was before */
        forbid[i] = allow[i] > 0 ? 0 : -R(INFINITY);
    }
    dump_input(dump, allowed, "causal.allowed");
    pass("causal.", in[0], in[1], in[2], in[3], &mask);
}

bool DUMP_IN_THIS_REAL(chapter2_dump)(const char *path, Error *error) {
    Tensor Q, K, V, dO;
    dump = dump_new(error);
    if (!dump) {
        return false;
    }
    worked_example_inputs(&Q, &K, &V, &dO);
    pass("", Q, K, V, dO, NULL);
    causal_pass();
    const bool ok = dump_write(dump, path, error);
    dump_free(dump);
    dump = NULL;
    return ok;
}
