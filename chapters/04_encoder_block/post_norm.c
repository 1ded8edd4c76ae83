/* post_norm.c: [AIAYN 3.1]. See post_norm.h. */
#include "chapters/04_encoder_block/post_norm.h"

Tensor post_norm_forward(const EncoderBlock *block, Tensor z,
                         EncoderBlockActivations *a, const Dropout *dropout) {
    const int B = z.shape[0];
    Tensor x1 = tensor_first(a->x1, B), z_prime = tensor_first(a->z_prime, B);
    Tensor x2 = tensor_first(a->x2, B), y = tensor_first(a->y, B);

    /* [AIAYN 3.1]   z' = LN(z + MSA(z)) */
    multi_head_attention_forward(&block->attn, z, &a->attn, x1);
    dropout_apply(dropout, dropout_place(block, AFTER_ATTENTION), x1);
    tensor_add(x1, z);
    layer_norm_forward(&block->norm1, x1, &a->norm1, z_prime);
    /* [AIAYN 3.1]   y = LN(z' + MLP(z')) */
    mlp_forward(&block->mlp, z_prime, &a->mlp, dropout,
                dropout_place(block, INSIDE_MLP), x2);
    dropout_apply(dropout, dropout_place(block, AFTER_MLP), x2);
    tensor_add(x2, z_prime);
    layer_norm_forward(&block->norm2, x2, &a->norm2, y);
    return y;
}

void post_norm_backward(const EncoderBlock *block, EncoderBlock *d, Tensor z,
                        const EncoderBlockActivations *a, const Dropout *dropout,
                        Tensor dz, EncoderBlockScratch *s) {
    const int B = z.shape[0];
    Tensor x1 = tensor_first(a->x1, B), z_prime = tensor_first(a->z_prime, B);
    Tensor x2 = tensor_first(a->x2, B), dx = tensor_first(s->dx, B);

    /* y = LN(z' + MLP(z')) */
    layer_norm_backward(&block->norm2, &d->norm2, x2, &a->norm2, dz, dz);
    tensor_copy(dx, dz);
    dropout_apply(dropout, dropout_place(block, AFTER_MLP), dx);
    mlp_backward(&block->mlp, &d->mlp, z_prime, &a->mlp, dropout,
                 dropout_place(block, INSIDE_MLP), dx, dx, s->dpre);
    tensor_add(dz, dx);
    /* z' = LN(z + MSA(z)) */
    layer_norm_backward(&block->norm1, &d->norm1, x1, &a->norm1, dz, dz);
    tensor_copy(dx, dz);
    dropout_apply(dropout, dropout_place(block, AFTER_ATTENTION), dx);
    multi_head_attention_backward(&block->attn, &d->attn, z, &a->attn, dx, dx,
                                  &s->attn);
    tensor_add(dz, dx);
}
