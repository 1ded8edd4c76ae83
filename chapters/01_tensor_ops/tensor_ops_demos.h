/*
 * tensor_ops_demos.h: the sections of chapter 1's program. Each prints one part of
 * the lesson and its checks (report.h), needs nothing and leaves nothing behind.
 */
#pragma once

void shapes_demo(void);          /* rows, columns, ld, views, transpose */
void shape_mistake_demo(void);   /* the message of a product that doesn't fit */
void matmul_demo(void);          /* three layouts of one product, and a bias */
void matmul_ladder_demo(void);   /* the same sums, faster */
void softmax_demo(void);         /* of small and of large scores; its Jacobian */
void gelu_demo(void);            /* against x Phi(x); the tanh approximation */
void gradcheck_curve_demo(void); /* the V: truncation against rounding */

/* chapter1_gradient_checks: a section with a line for each gradient, in double. */
void chapter1_gradient_checks(void);

/* ladder_demo: every rung of ladder.h on (N, N) matrices, and the roofline. */
void ladder_demo(int N);
