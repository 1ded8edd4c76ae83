/*
 * gpu_loss.h: cross-entropy with label smoothing on the device (cross_entropy.h has
 * the equations).
 */
#pragma once

#include "chapters/06_cuda_training/gpu.h"

/* What the host asks of a step: written on the device, fetched now and then. */
typedef struct {
    float loss;          /* sum over the batch's images */
    float correct;       /* how many were right */
    float gradient_norm; /* before clipping */
    float clip_scale;    /* what the gradients were multiplied by */
} GpuStepResult;

/*
 * gpu_cross_entropy: for each image b, with q = (1 - eps) onehot(label) + eps / K:
 *     loss_b = - sum_k q_k log softmax(logits)_k,   dlogits = scale (softmax - q)
 *   logits (B, K)   in
 *   dlogits (B, K)  out, may be logits; or data NULL: not wanted
 */
typedef struct {
    const int *labels;      /* (B)  in; one that is no class makes its image's loss
                                and dlogits NaN */
    float smoothing, scale; /* eps, and a factor of dlogits */
    Tensor losses, right;   /* (B)  out: each image's loss, and 1 or 0 */
    int *predictions;      /* (B)  out, or NULL: the largest logit's class, the first of
                              equals, as argmax_row; -1 where there is no softmax */
    GpuStepResult *result; /* loss and correct: the sums over the images, in order */
} GpuLoss;
FOR_C void gpu_cross_entropy(GpuStream stream, const GpuLoss *loss, Tensor logits,
                             Tensor dlogits);
