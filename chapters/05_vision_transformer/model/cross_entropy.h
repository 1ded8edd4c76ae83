/*
 * cross_entropy.h: how surprised the model is by the right answer.
 *
 *     p = softmax(logits)
 *     q = (1 - eps) onehot(label) + eps / K        label smoothing [AIAYN 5.4]
 *     loss = - sum_k q_k log p_k                   of one image
 *     dloss/dlogits = p - q
 *
 * Derivation: notes/05_vision_transformer.md.
 */
#pragma once

#include "common/tensor.h"

/*
 * cross_entropy: the sum of the images' losses, and the gradient of
 * scale * that sum (scale = 1 / batch gives the mean's).
 *   logits (B, K)    in
 *   labels           one per image, from 0 to K-1
 *   smoothing        eps, 0 for none
 *   dlogits (B, K)   out; may be logits; data NULL: not wanted
 */
double cross_entropy(Tensor logits, const int *labels, double smoothing, double scale,
                     Tensor dlogits);

/* argmax_row: the most likely class of row i, the first of equals; -1 where there is
 * no softmax to compare: the row has a NaN, or infinity as its largest element. */
int argmax_row(Tensor logits, int i);
