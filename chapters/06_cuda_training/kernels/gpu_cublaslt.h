/*
 * gpu_cublaslt.h: NVIDIA's matrix product beside ours, where it was there when this
 * was built (-DHAVE_CUBLASLT).
 */
#ifndef GPU_CUBLASLT_H
#define GPU_CUBLASLT_H

#include "chapters/06_cuda_training/kernels/gpu_matmul.h"

bool cublaslt_available(void);

/* cublaslt_open: its handle and workspace; true and nothing where it isn't there. */
bool cublaslt_open(Error *error);
void cublaslt_close(void);
size_t cublaslt_workspace_bytes(void); /* 0 where it isn't there */

/* cublaslt_matmul: gpu_matmul's arguments. tf32: the products' factors have 10 bits of
 * mantissa (sums stay in fp32). Needs cublaslt_open. */
void cublaslt_matmul(GpuStream stream, bool tf32, MatmulForm form, Tensor A, Tensor B,
                     Tensor C);

#endif
