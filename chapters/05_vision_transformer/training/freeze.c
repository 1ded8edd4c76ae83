/* freeze.c: see freeze.h. */
#include "chapters/05_vision_transformer/training/freeze.h"

#include <stdio.h>
#include <string.h>

#include "common/linear.h"

/* Which block a parameter is of; -1: the embedding, in front of them. */
static int block_of(const Parameter *p) {
    int block = -1;
    sscanf(p->name, "blocks.%d.", &block);
    return block;
}

static bool behind_the_blocks(const Parameter *p) {
    return strncmp(p->name, "norm.", 5) == 0 || strncmp(p->name, "head.", 5) == 0;
}

ParameterList not_frozen(const ParameterList *list, int freeze) {
    int first = 0;
    while (freeze > 0 && first < list->count &&
           !behind_the_blocks(&list->items[first]) &&
           block_of(&list->items[first]) < freeze) {
        first++;
    }
    return (ParameterList){&list->items[first], list->count - first, list->total};
}

void not_frozen_backward(const Vit *vit, Vit *d, VitActivations *a,
                         const Dropout *dropout, Tensor dlogits, int freeze) {
    const int B = dlogits.shape[0], L = vit->config.depth;
    if (freeze == 0) {
        vit_backward(vit, d, a, dropout, dlogits);
        return;
    }
    Tensor z_L = tensor_first(a->blocks[L - 1].y, B), y = tensor_first(a->y, B);
    Tensor dy = tensor_first(a->dy, B), dz = tensor_first(a->dz, B);
    /* logits = y W_head^T + b_head */
    linear_backward(y, vit->W_head, dlogits, dy, d->W_head, d->b_head);
    vit_pool_backward(vit, d, z_L, a, dy, dz);
    /* z_l = block_l(z_{l-1}), down to the first block that is trained */
    for (int l = L - 1; l >= freeze; l--) {
        Tensor z_before = tensor_first(a->blocks[l - 1].y, B);
        encoder_block_backward(&vit->blocks[l], &d->blocks[l], z_before, &a->blocks[l],
                               dropout, dz, &a->scratch);
    }
}
