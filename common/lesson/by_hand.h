/*
 * by_hand.h: a result beside numbers that were worked out on paper.
 */
#ifndef BY_HAND_H
#define BY_HAND_H

#include <stdbool.h>

#include "common/tensor.h"

/*
 * by_hand: one line PASS or FAIL: does T agree with `want` (its numbers row by
 * row) to within `tolerance`? 0 asks for exactly these numbers. NaN fails.
 */
bool by_hand(Tensor T, const double *want, double tolerance, const char *what);

#endif
