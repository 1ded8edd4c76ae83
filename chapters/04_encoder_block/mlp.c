/* mlp.c: see mlp.h. */
#include "chapters/04_encoder_block/mlp.h"

#include "common/gelu.h"
#include "common/linear.h"

void mlp_parameters(Mlp *layer, ParameterBlock *block, int D, int M, Activation act,
                    const char *name) {
    layer->activation = act;
    layer->W_1 = parameter2(block, DECAY, M, D, "%sfc1.weight", name);
    layer->b_1 = parameter1(block, NO_DECAY, M, "%sfc1.bias", name);
    layer->W_2 = parameter2(block, DECAY, D, M, "%sfc2.weight", name);
    layer->b_2 = parameter1(block, NO_DECAY, D, "%sfc2.bias", name);
}

void mlp_activations(MlpActivations *a, Arena *arena, int B, int n, int M) {
    a->pre = arena_tensor3(arena, B, n, M);
    a->hidden = arena_tensor3(arena, B, n, M);
}

void mlp_forward(const Mlp *layer, Tensor X, MlpActivations *a, const Dropout *dropout,
                 int site, Tensor Y) {
    const int B = X.shape[0];
    Tensor pre = tensor_first(a->pre, B), hidden = tensor_first(a->hidden, B);
    expect_shape(pre, "The activations were made for other sizes.", B, X.shape[1],
                 tensor_rows(layer->W_1));

    linear_forward(X, layer->W_1, layer->b_1, pre);
    if (layer->activation == ACTIVATION_GELU) {
        gelu_forward(pre, hidden); /* [ViT eq.3]   GELU(x W_1 + b_1)   */
    } else {
        relu_forward(pre, hidden); /* [AIAYN eq.2] max(0, x W_1 + b_1) */
    }
    dropout_apply(dropout, site, hidden);
    linear_forward(hidden, layer->W_2, layer->b_2, Y);
}

void mlp_backward(const Mlp *layer, Mlp *d, Tensor X, const MlpActivations *a,
                  const Dropout *dropout, int site, Tensor dY, Tensor dX, Tensor dpre) {
    const int B = X.shape[0];
    Tensor pre = tensor_first(a->pre, B), hidden = tensor_first(a->hidden, B);
    dpre = tensor_first(dpre, B);
    Tensor dhidden = dpre; /* one memory: dpre is written over dhidden */

    /* Y = hidden W_2^T + b_2 */
    linear_backward(hidden, layer->W_2, dY, dhidden, d->W_2, d->b_2);
    dropout_apply(dropout, site, dhidden);
    /* hidden = GELU(pre), or max(0, pre) */
    if (layer->activation == ACTIVATION_GELU) {
        gelu_backward(pre, dhidden, dpre);
    } else {
        relu_backward(pre, dhidden, dpre);
    }
    /* pre = X W_1^T + b_1 */
    linear_backward(X, layer->W_1, dpre, dX, d->W_1, d->b_1);
}
