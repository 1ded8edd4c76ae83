/*
 * demo_dump_attention.c: every tensor of [AIAYN eq.1], forward and backward, for make
 * compare. They are those of this chapter's worked example, known by hand, and, under
 * names that begin with causal., those of five random tokens with a mask.
 */
#include "chapters/02_scaled_dot_product_attention/attention_demos.h"
#include "common/files/dump.h"

static void dump_pass(Dump *dump, Pass p) {
    pass_forward(&p);
    pass_backward(&p);
    dump_input(dump, p.Q, "Q");
    dump_input(dump, p.K, "K");
    dump_input(dump, p.V, "V");
    dump_made(dump, p.A, "A", "01 and 02",
              p.masked ? "[AIAYN eq.1] A = softmax(S), S = Q K^T / sqrt(d_k) + mask"
                       : "[AIAYN eq.1] A = softmax(S) over the keys, "
                         "S = Q K^T / sqrt(d_k)");
    dump_made(dump, p.O, "O", "02", "[AIAYN eq.1] O = A V");
    dump_input(dump, p.dO, "dO");
    dump_made(dump, p.d.dV, "dV", "02", "dV = A^T dO");
    dump_made(dump, p.d.dA, "dA", "02", "dA = dO V^T");
    dump_made(dump, p.d.dS, "dS", "01 and 02", "dS = A o (dA - rowsum(dA o A))");
    dump_made(dump, p.d.dQ, "dQ", "02", "dQ = dS K / sqrt(d_k)");
    dump_made(dump, p.d.dK, "dK", "02", "dK = dS^T Q / sqrt(d_k)");
}

static void fill(Dump *dump, void *none) {
    enum { N = 5, D_K = 4, D_V = 3 };
    static real memory[PASS_ELEMENTS];
    real allow[N * N];
    (void)none;
    dump_pass(dump, worked_example());
    Pass p = pass_in((Arena){memory, 0, PASS_ELEMENTS}, N, N, D_K, D_V);
    pass_draw(&p, 9, 0);
    pass_mask_future(&p);
    for (int i = 0; i < N * N; i++) {
        allow[i] = p.mask.data[i] == 0; /* 1 or 0: a file has no minus infinity */
    }
    dump_group(dump, "causal.");
    dump_input(dump, tensor2(allow, N, N), "allowed");
    dump_pass(dump, p);
}

bool chapter2_dump(const char *path, Error *error) {
    return dump_write(path, fill, NULL, error);
}
