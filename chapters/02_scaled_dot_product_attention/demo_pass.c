/* demo_pass.c: the tensors of one pass of attention (attention_demos.h). */
#include <math.h>

#include "chapters/02_scaled_dot_product_attention/attention_demos.h"
#include "common/random.h"
#include "common/real_math.h"

Pass pass_in(Arena arena, int n, int m, int d_k, int d_v) {
    return (Pass){.Q = arena_tensor2(&arena, n, d_k),
                  .K = arena_tensor2(&arena, m, d_k),
                  .V = arena_tensor2(&arena, m, d_v),
                  .A = arena_tensor2(&arena, n, m),
                  .O = arena_tensor2(&arena, n, d_v),
                  .dO = arena_tensor2(&arena, n, d_v),
                  .mask = arena_tensor2(&arena, n, m),
                  .d = {.dQ = arena_tensor2(&arena, n, d_k),
                        .dK = arena_tensor2(&arena, m, d_k),
                        .dV = arena_tensor2(&arena, m, d_v),
                        .dA = arena_tensor2(&arena, n, m),
                        .dS = arena_tensor2(&arena, n, m)}};
}

void pass_draw(Pass *pass, uint64_t seed, uint32_t first) {
    const Tensor drawn[] = {pass->Q, pass->K, pass->V, pass->dO};
    for (uint32_t t = 0; t < 4; t++) {
        random_fill_normal((Random){seed, RANDOM_DEMO, first + t}, drawn[t], 1.0);
    }
}

void pass_mask_future(Pass *pass) {
    pass->masked = true;
    for (int i = 0; i < tensor_rows(pass->mask); i++) {
        for (int j = 0; j < tensor_cols(pass->mask); j++) {
            tensor_row(pass->mask, i)[j] = j <= i ? 0 : -R(INFINITY);
        }
    }
}

void pass_forward(void *pass) {
    Pass *p = pass;
    attention_forward(p->Q, p->K, p->V, p->masked ? &p->mask : NULL, p->A, p->O);
}

void pass_backward(void *pass) {
    Pass *p = pass;
    attention_backward(p->Q, p->K, p->V, p->A, p->dO, p->d);
}
