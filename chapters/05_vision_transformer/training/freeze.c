/* freeze.c: see freeze.h. */
#include "chapters/05_vision_transformer/training/freeze.h"

#include <stdio.h>
#include <string.h>

#include "common/linear.h"

int parameter_part(const Parameter *p) {
    int part = -1;
    if (strncmp(p->name, "norm.", 5) == 0 || strncmp(p->name, "head.", 5) == 0) {
        return VIT_MAX_DEPTH;
    }
    sscanf(p->name, "blocks.%d.", &part);
    return part;
}

ParameterList not_frozen(const ParameterList *list, int freeze) {
    int first = 0;
    while (freeze > 0 && first < list->count &&
           parameter_part(&list->items[first]) < freeze) {
        first++;
    }
    return (ParameterList){&list->items[first], list->count - first, list->total};
}

/* The gradients from the first of norm's, or of a block's, on are complete. */
static void tell(const Passed *passed, const LayerNorm *first) {
    if (passed && passed->done) {
        const long from = first ? first->gamma.data - passed->gradients : 0;
        passed->done(passed->listener, passed->worker, from);
    }
}

void backward_down_to(const Vit *vit, Vit *d, VitActivations *a, const Dropout *dropout,
                      Tensor dlogits, int freeze, const Passed *passed) {
    const int B = dlogits.shape[0], L = vit->config.depth;
    if (freeze == 0 && (!passed || !passed->done)) {
        vit_backward(vit, d, a, dropout, dlogits);
        return;
    }
    Tensor z_L = tensor_first(a->blocks[L - 1].y, B), y = tensor_first(a->y, B);
    Tensor dy = tensor_first(a->dy, B), dz = tensor_first(a->dz, B);
    /* logits = y W_head^T + b_head */
    linear_backward(y, vit->W_head, dlogits, dy, d->W_head, d->b_head);
    vit_pool_backward(vit, d, z_L, a, dy, dz);
    tell(passed, &d->norm);
    /* z_l = block_l(z_{l-1}), down to the first block that is trained */
    for (int l = L - 1; l >= freeze; l--) {
        Tensor z_before = tensor_first(l > 0 ? a->blocks[l - 1].y : a->z_0, B);
        encoder_block_backward(&vit->blocks[l], &d->blocks[l], z_before, &a->blocks[l],
                               dropout, dz, &a->scratch);
        tell(passed, &d->blocks[l].norm1);
    }
    if (freeze == 0) {
        /* z_0 = [x_class; x_p E] + E_pos */
        dropout_apply(dropout, AFTER_POSITIONS, dz);
        patch_embedding_backward(&vit->embedding, &d->embedding, &a->embedding, dz);
        tell(passed, NULL);
    }
}
