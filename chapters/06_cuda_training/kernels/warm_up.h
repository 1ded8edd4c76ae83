/*
 * warm_up.h: six operations to learn on, one idea each. Pointers are to the device; x
 * has count elements, and is cut into runs of WARM_UP_BLOCK, one for each block.
 */
#pragma once

#include "chapters/06_cuda_training/gpu.h"

enum { WARM_UP_BLOCK = 128, WARM_UP_BLOCKS = 3 };

/* a: y_i = x_i^2; count is a multiple of WARM_UP_BLOCK. */
FOR_C void warm_up_square(const float *x, float *y, int count);

/* b: z = x + y; count is any number. */
FOR_C void warm_up_add(const float *x, const float *y, float *z, int count);

/* c: y += a x, by at most WARM_UP_BLOCKS blocks, however large count is. */
FOR_C void warm_up_add_scaled(float a, const float *x, float *y, int count);

/* d: Y_ij = by_i X_ij, where rows are X.ld and Y.ld apart. */
FOR_C void warm_up_scale_rows(const float *by, Tensor X, Tensor Y);

/* e: each run of x is turned round, in place; the last one may be shorter. */
FOR_C void warm_up_reverse(float *x, int count);

/* f: sums_b is the sum of run b of x. */
FOR_C void warm_up_sums(const float *x, float *sums, int count);
