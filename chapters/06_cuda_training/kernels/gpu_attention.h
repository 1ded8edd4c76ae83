/*
 * gpu_attention.h: all heads' attention of all images, on the device.
 *
 *     A_i = softmax(q_i k_i^T / sqrt(D_h)),   O_i = A_i v_i        [ViT eq.6, eq.7]
 *
 * q, k and v are columns of qkv (B, n, 3D); head i's are D_h columns of each. Heads'
 * results are side by side in O [ViT eq.8].
 */
#ifndef GPU_ATTENTION_H
#define GPU_ATTENTION_H

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
    Tensor lse;   /* (B, h, n, 2)  fused: of each row's scores the largest, and the log
                     of the sum of exp(score - largest) */
    Tensor dA;    /* (B, h, n, n)  scratch of the materialised backward */
    Tensor delta; /* (B, h, n)     scratch of the fused backward: rowsum(dO o O) */
} AttentionKept;

/* gpu_attention_shapes: what a version doesn't need has none. */
FOR_C void gpu_attention_shapes(AttentionVersion version, int B, int heads, int n,
                                AttentionKept *shapes);

/* A pass. D_h = D / heads, at most ATTENTION_MAX_D. */
enum { ATTENTION_MAX_D = 128 };
typedef struct {
    AttentionVersion version;
    int heads;
    Tensor qkv;         /* (B, n, 3D)  in */
    AttentionKept kept; /* out; in backward in, and scratch */
    Tensor O;           /* (B, n, D)   out; in backward in */
} GpuAttention;

/* gpu_attention_forward: O, and what backward needs. */
FOR_C void gpu_attention_forward(GpuStream stream, const GpuAttention *pass);

/* gpu_attention_backward: from dO (B, n, D), of the pass that forward left, dqkv
 * (B, n, 3D); every element is written. */
FOR_C void gpu_attention_backward(GpuStream stream, const GpuAttention *pass, Tensor dO,
                                  Tensor dqkv);

/* gpu_attention_fused.cu: ATTENTION_FUSED's; the two above have checked the shapes. */
FOR_C void attention_fused_forward(GpuStream stream, const GpuAttention *pass);
FOR_C void attention_fused_backward(GpuStream stream, const GpuAttention *pass,
                                    Tensor dO, Tensor dqkv);

#endif
