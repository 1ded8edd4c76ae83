/* exercises_1.h: what exercises_1_softmax.c (1.2 and 1.3) gives to exercises_1.c. */
#pragma once

#include "common/tensor.h"

void softmax_grade(void);
void softmax_backward_grade(void);

/* T.data[i * cols + j] in place of tensor_row(T, i)[j], T being wide with nan between
 * its rows: what a loop then makes of them. The first row is right. Of the others some
 * are nan, if a row is one sum, and the last stay as they were. */
void mistake_by_data(Tensor T, const double *right, const double *before,
                     bool rows_are_sums);

/* What T's rows hold if row i was written at T.data + i * ld; else what was before. */
double *written_with_ld(Tensor T, int ld, const double *right, const double *before);
