/*
 * demo_dump_attention.c: every tensor of [AIAYN eq.1], forward and backward, for make
 * compare: the worked example of this chapter, whose numbers are known by hand; and,
 * under names that begin with causal., five tokens of random numbers with a mask.
 */
#include "chapters/02_scaled_dot_product_attention/attention_demos.h"
#include "common/files/dump.h"

/* Names begin with `prefix`. */
static void dump_pass(Dump *dump, const char *prefix, Pass p) {
    pass_forward(&p);
    pass_backward(&p);
    dump_input(dump, p.Q, "%sQ", prefix);
    dump_input(dump, p.K, "%sK", prefix);
    dump_input(dump, p.V, "%sV", prefix);
    dump_made(dump, p.A,
              p.masked ? "[AIAYN eq.1] A = softmax(S), S = Q K^T / sqrt(d_k) + mask"
                       : "[AIAYN eq.1] A = softmax(S) over the keys, "
                         "S = Q K^T / sqrt(d_k)",
              "notes/01 and 02", "%sA", prefix);
    dump_made(dump, p.O, "[AIAYN eq.1] O = A V", "notes/02", "%sO", prefix);
    dump_input(dump, p.dO, "%sdO", prefix);
    dump_made(dump, p.d.dV, "dV = A^T dO", "notes/02", "%sdV", prefix);
    dump_made(dump, p.d.dA, "dA = dO V^T", "notes/02", "%sdA", prefix);
    dump_made(dump, p.d.dS, "dS = A o (dA - rowsum(dA o A))", "notes/01 and 02", "%sdS",
              prefix);
    dump_made(dump, p.d.dQ, "dQ = dS K / sqrt(d_k)", "notes/02", "%sdQ", prefix);
    dump_made(dump, p.d.dK, "dK = dS^T Q / sqrt(d_k)", "notes/02", "%sdK", prefix);
}

static void dump_causal(Dump *dump) {
    enum { N = 5, D_K = 4, D_V = 3 };
    static real memory[PASS_ELEMENTS];
    real allow[N * N];
    Pass p = pass_in((Arena){memory, 0, PASS_ELEMENTS}, N, N, D_K, D_V);
    pass_draw(&p, 9, 0);
    pass_mask_future(&p);
    for (int i = 0; i < N * N; i++) {
        allow[i] = p.mask.data[i] == 0; /* 1 or 0: a file has no minus infinity */
    }
    dump_input(dump, tensor2(allow, N, N), "causal.allowed");
    dump_pass(dump, "causal.", p);
}

bool chapter2_dump(const char *path, Error *error) {
    Dump *dump = dump_new(error);
    if (!dump) {
        return false;
    }
    dump_pass(dump, "", worked_example());
    dump_causal(dump);
    const bool ok = dump_write(dump, path, error);
    dump_free(dump);
    return ok;
}
