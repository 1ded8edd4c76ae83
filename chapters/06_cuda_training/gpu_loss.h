/*
 * gpu_loss.h: cross-entropy with label smoothing on the device (cross_entropy.h has
 * the equations).
 */
#ifndef GPU_LOSS_H
#define GPU_LOSS_H

#include "gpu.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the host wants to know of a step: written on the device, fetched at times. */
typedef struct {
    float loss;          /* sum over the batch's images */
    float correct;       /* how many were right */
    float gradient_norm; /* before clipping */
    float clip_scale;    /* what the gradients were multiplied with */
} GpuStepResult;

/*
 * gpu_cross_entropy: for each image b, with q = (1 - eps) onehot(label) + eps / K:
 *     loss_b = - sum_k q_k log softmax(logits)_k,   dlogits = scale (softmax - q)
 *   logits (B, K)   in      labels (B)   in, on the device; one that is no class makes
 *                           its image's loss and dlogits NaN
 *   dlogits (B, K)  out, may be logits; or data NULL: not wanted
 *   losses, right (B)   out: each image's loss, and 1 or 0
 *   predictions (B)     out, or NULL: as argmax_row: the largest logit's class, of
 *                       equals the first; -1 where the logits have no softmax
 * The two sums over the images go to result->loss and result->correct (in order).
 */
void gpu_cross_entropy(GpuStream stream, Tensor logits, const unsigned char *labels,
                       float smoothing, float scale, Tensor dlogits, Tensor losses,
                       Tensor right, int *predictions, GpuStepResult *result);

#ifdef __cplusplus
}
#endif

#endif
