/*
 * gpu_elementwise.h: sums, copies and dropout on the device. Tensors are seen as
 * (rows, cols); rows may be ld apart.
 */
#pragma once

#include "chapters/04_encoder_block/dropout.h"
#include "chapters/06_cuda_training/gpu.h"

FOR_C void gpu_tensor_copy(GpuStream stream, Tensor A, Tensor B); /* A = B  */
FOR_C void gpu_tensor_add(GpuStream stream, Tensor A, Tensor B);  /* A += B */

/*
 * gpu_sum_rows_add: db (cols) += the sum of dY (rows, cols) over its rows, which is the
 * gradient of a bias. Different blocks sum runs of rows into
 *   partial (SUM_ROWS_PARTS, cols)   scratch
 * and then in order: the same bits every time.
 */
enum { SUM_ROWS_PARTS = 128 };
FOR_C void gpu_sum_rows_add(GpuStream stream, Tensor dY, Tensor db, Tensor partial);

/*
 * gpu_dropout_apply: X o mask / (1 - rate) in place: dropout_apply of dropout.h, with
 * the same mask, to the bit. X (B, n, D); nothing is launched when rate is 0.
 */
FOR_C void gpu_dropout_apply(GpuStream stream, const Dropout *dropout, int place,
                             Tensor X);

/* gpu_dropout_add: Y = X o mask / (1 - rate) + R, in one pass; Y may be X or R. */
FOR_C void gpu_dropout_add(GpuStream stream, const Dropout *dropout, int place,
                           Tensor X, Tensor R, Tensor Y);
