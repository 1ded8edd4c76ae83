/*
 * demo_dump_attention.c: every tensor of [AIAYN eq.1], forward and backward, for make
 * compare: the worked example of this chapter, whose numbers are known by hand; and,
 * under names that begin with causal., five tokens of random numbers with a mask.
 */
#include <math.h>

#include "chapters/02_scaled_dot_product_attention/attention.h"
#include "chapters/02_scaled_dot_product_attention/attention_demos.h"
#include "common/files/dump.h"
#include "common/random.h"
#include "common/real_math.h"

enum { MAX_ELEMENTS = 5 * 5 }; /* of one tensor */

/* dO: of the shape of O. mask (n, m), or NULL. Names begin with `prefix`. */
static void pass(Dump *dump, const char *prefix, const Tensor in[4],
                 const Tensor *mask) {
    Tensor Q = in[0], K = in[1], V = in[2], dO = in[3];
    const int n = tensor_rows(Q), m = tensor_rows(K);
    real a[MAX_ELEMENTS], o[MAX_ELEMENTS], g[5][MAX_ELEMENTS];
    Tensor A = tensor2(a, n, m), O = tensor2(o, n, tensor_cols(V));
    AttentionGradients d = {Q, K, V, A, A}; /* the shapes */
    d.dQ.data = g[0], d.dK.data = g[1], d.dV.data = g[2];
    d.dA.data = g[3], d.dS.data = g[4];
    dump_input(dump, Q, "%sQ", prefix);
    dump_input(dump, K, "%sK", prefix);
    dump_input(dump, V, "%sV", prefix);
    attention_forward(Q, K, V, mask, A, O);
    dump_made(dump, A,
              mask ? "[AIAYN eq.1] A = softmax(S), S = Q K^T / sqrt(d_k) + mask"
                   : "[AIAYN eq.1] A = softmax(S) over the keys, S = Q K^T / sqrt(d_k)",
              "notes/01 and 02", "%sA", prefix);
    dump_made(dump, O, "[AIAYN eq.1] O = A V", "notes/02", "%sO", prefix);
    dump_input(dump, dO, "%sdO", prefix);
    attention_backward(Q, K, V, A, dO, d);
    dump_made(dump, d.dV, "dV = A^T dO", "notes/02", "%sdV", prefix);
    dump_made(dump, d.dA, "dA = dO V^T", "notes/02", "%sdA", prefix);
    dump_made(dump, d.dS, "dS = A o (dA - rowsum(dA o A))", "notes/01 and 02", "%sdS",
              prefix);
    dump_made(dump, d.dQ, "dQ = dS K / sqrt(d_k)", "notes/02", "%sdQ", prefix);
    dump_made(dump, d.dK, "dK = dS^T Q / sqrt(d_k)", "notes/02", "%sdK", prefix);
}

static void causal_pass(Dump *dump) {
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
    pass(dump, "causal.", in, &mask);
}

bool chapter2_dump(const char *path, Error *error) {
    Tensor in[4];
    Dump *dump = dump_new(error);
    if (!dump) {
        return false;
    }
    worked_example_inputs(&in[0], &in[1], &in[2], &in[3]);
    pass(dump, "", in, NULL);
    causal_pass(dump);
    const bool ok = dump_write(dump, path, error);
    dump_free(dump);
    return ok;
}
