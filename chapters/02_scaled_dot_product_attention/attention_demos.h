/*
 * attention_demos.h: the sections of chapter 2's program. Each prints one part of
 * the lesson and its checks (report.h), needs nothing and leaves nothing behind.
 */
#pragma once

#include <stdint.h>

#include "chapters/02_scaled_dot_product_attention/attention.h"
#include "common/arena.h"

void worked_example_demo(void);       /* forward and backward, checked by hand */
void why_scale_demo(void);            /* what 1/sqrt(d_k) is for, measured */
void mask_demo(void);                 /* causal mask: the past doesn't see the future */
void attention_properties_demo(void); /* what holds for any Q, K and V */
void attention_cost_demo(void);       /* time and memory against n */
void layers_cost_demo(void);          /* compared with a recurrence and a convolution */

/* chapter2_gradient_checks: a section with a line for each gradient, in double. */
void chapter2_gradient_checks(void);

/* Every tensor of one pass into a file (dump.h). */
bool chapter2_dump(const char *path, Error *error);

/* Pass: the tensors of one pass, forward and backward (attention.h has the shapes). */
typedef struct {
    Tensor Q, K, V, A, O, dO;
    Tensor mask; /* (n, m), used if `masked` */
    bool masked;
    AttentionGradients d;
} Pass;

enum { PASS_ELEMENTS = 2048 }; /* the memory of a small pass */

/* pass_in: n queries and m keys in the arena's memory; no mask. */
Pass pass_in(Arena arena, int n, int m, int d_k, int d_v);

/* pass_draw: Q, K, V and dO from N(0,1), as sequences `first`, first + 1, ... */
void pass_draw(Pass *pass, uint64_t seed, uint32_t first);

/* pass_mask_future: from now on token i looks at itself and at what came before it. */
void pass_mask_future(Pass *pass);

/* The layer's two functions, called with the tensors of a Pass. */
void pass_forward(void *pass);
void pass_backward(void *pass);

/* worked_example: its Q, K, V and dO; what follows from them is not yet computed. */
Pass worked_example(void);
