/*
 * extremes.h: what the two files of the suite gpu_extremes share: test_gpu_extremes.c
 * (rows and elements) and test_gpu_extremes_products.c (attention and matmul).
 */
#pragma once

#include <check.h>

#include "common/tensor.h"

/* Around multiples of a quad, a tile, a warp, a block. */
enum { EXTREME_SIZES = 15 };
extern const int extreme_sizes[EXTREME_SIZES];

/* extreme_difference: NULL, or a message: got must be finite exactly where want is, and
 * there close to it: relative to the element, to its column's root mean square or to
 * at_least, whichever is the largest. */
const char *extreme_difference(Tensor got, const double *want, double tolerance,
                               double at_least, const char *what);

/* extreme_products: the second file's test cases. */
void extreme_products(Suite *suite);
