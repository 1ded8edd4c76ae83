/*
 * gpu_attention.h: all heads' attention of all images, on the device.
 *
 *     A_i = softmax(q_i k_i^T / sqrt(D_h)),   O_i = A_i v_i        [ViT eq.6, eq.7]
 *
 * q, k and v are columns of qkv (B, n, 3D); head i has D_h columns of each. The heads'
 * results are side by side in O [ViT eq.8].
 */
#pragma once

#include "chapters/06_cuda_training/gpu.h"

typedef enum {
    ATTENTION_MATERIALISED, /* scores (B, h, n, n) in device memory, as on the CPU */
    ATTENTION_FUSED,        /* one kernel: scores live in shared memory and registers,
                               softmax is online (Milakov, 2018; Dao, 2022) */
    ATTENTION_VERSIONS
} AttentionVersion;
#define ATTENTION_BEST ATTENTION_FUSED
extern const char *const gpu_attention_names[ATTENTION_VERSIONS];

/* What forward keeps for backward, and scratch; gpu_attention_shapes says which of
 * them a version needs. */
typedef struct {
    Tensor A;     /* (B, h, n, n)  materialised: the weights */
    Tensor lse;   /* (B, h, n, 2)  fused: per row the largest score, and the log of
                     the sum of exp(score - largest) */
    Tensor dA;    /* (B, h, n, n)  scratch of the materialised backward */
    Tensor delta; /* (B, h, n)     scratch of the fused backward: rowsum(dO o O) */
} AttentionKept;

/* gpu_attention_shapes: the shapes that a version needs; other tensors are empty. */
FOR_C void gpu_attention_shapes(AttentionVersion version, int B, int heads, int n,
                                AttentionKept *shapes);

/* One pass. D_h = D / heads, at most ATTENTION_MAX_D. */
enum { ATTENTION_MAX_D = 128 };
typedef struct {
    AttentionVersion version;
    int heads;
    Tensor qkv;         /* (B, n, 3D)  in */
    AttentionKept kept; /* forward: out; backward: in, and scratch */
    Tensor O;           /* (B, n, D)   forward: out; backward: in */
} GpuAttention;

/* gpu_attention_forward: O, and what backward needs. */
FOR_C void gpu_attention_forward(GpuStream stream, const GpuAttention *pass);

/* gpu_attention_backward: dqkv (B, n, 3D) from dO (B, n, D), for the pass as forward
 * left it; every element of dqkv is written. */
FOR_C void gpu_attention_backward(GpuStream stream, const GpuAttention *pass, Tensor dO,
                                  Tensor dqkv);

/* gpu_attention_fused.cu: ATTENTION_FUSED; the two above check the shapes. */
FOR_C void attention_fused_forward(GpuStream stream, const GpuAttention *pass);
FOR_C void attention_fused_backward(GpuStream stream, const GpuAttention *pass,
                                    Tensor dO, Tensor dqkv);
