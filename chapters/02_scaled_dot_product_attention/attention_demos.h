/*
 * attention_demos.h: the sections of chapter 2's program. Each prints one part of
 * the lesson and its checks (report.h), needs nothing and leaves nothing behind.
 */
#ifndef ATTENTION_DEMOS_H
#define ATTENTION_DEMOS_H

#include "common/error.h"
#include "common/tensor.h"

void worked_example_demo(void);       /* forward and backward beside paper and pencil */
void why_scale_demo(void);            /* what 1/sqrt(d_k) is for, measured */
void mask_demo(void);                 /* causal mask: the past doesn't see the future */
void attention_properties_demo(void); /* what holds for any Q, K and V */
void attention_cost_demo(void);       /* time and memory against n */
void layers_cost_demo(void);          /* beside a recurrence and a convolution */

/* worked_example_inputs: views of the worked example's numbers. */
void worked_example_inputs(Tensor *Q, Tensor *K, Tensor *V, Tensor *dO);

/* chapter2_gradient_checks: a section with a line for each gradient, in double. */
void chapter2_gradient_checks(void);

/* Every tensor of one pass into a file (dump.h). */
bool chapter2_dump(const char *path, Error *error);

#endif
