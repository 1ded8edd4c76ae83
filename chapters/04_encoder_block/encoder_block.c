/* encoder_block.c: [ViT eq.2], [ViT eq.3]. See encoder_block.h. */
#include "chapters/04_encoder_block/encoder_block.h"
#include "chapters/04_encoder_block/post_norm.h"

#include <stdio.h>

/* ---- layout ------------------------------------------------------------ */

void encoder_block_parameters(EncoderBlock *block, ParameterBlock *parameters,
                              const BlockConfig *config, int index) {
    char name[4][32];
    const char *part[4] = {"norm1.", "attn.", "norm2.", "mlp."};
    for (int i = 0; i < 4; i++) {
        snprintf(name[i], sizeof name[i], "blocks.%d.%s", index, part[i]);
    }
    block->norm = config->norm;
    block->index = index;
    layer_norm_parameters(&block->norm1, parameters, config->D, name[0]);
    multi_head_attention_parameters(&block->attn, parameters, config->D, config->heads,
                                    name[1]);
    layer_norm_parameters(&block->norm2, parameters, config->D, name[2]);
    mlp_parameters(&block->mlp, parameters, config->D, config->M, config->activation,
                   name[3]);
}

void encoder_block_activations(EncoderBlockActivations *a, Arena *arena, int B, int n,
                               const BlockConfig *config) {
    const int D = config->D;
    layer_norm_activations(&a->norm1, arena, B * n);
    layer_norm_activations(&a->norm2, arena, B * n);
    multi_head_attention_activations(&a->attn, arena, B, n, D, config->heads);
    mlp_activations(&a->mlp, arena, B, n, config->M);
    a->x1 = arena_tensor3(arena, B, n, D);
    a->z_prime = arena_tensor3(arena, B, n, D);
    a->x2 = arena_tensor3(arena, B, n, D);
    a->y = arena_tensor3(arena, B, n, D);
}

void encoder_block_scratch(EncoderBlockScratch *s, Arena *arena, int B, int n,
                           const BlockConfig *config) {
    multi_head_attention_scratch(&s->attn, arena, B, n, config->D);
    s->dpre = arena_tensor3(arena, B, n, config->M);
    s->dx = arena_tensor3(arena, B, n, config->D);
}

/* ---- forward ------------------------------------------------------------ */

/* [AIAYN fig.1]   left: one of the encoder's N equal layers */
Tensor encoder_block_forward(const EncoderBlock *block, Tensor z,
                             EncoderBlockActivations *a, const Dropout *dropout) {
    if (block->norm == POST_NORM) {
        return post_norm_forward(block, z, a, dropout);
    }
    const int B = z.shape[0];
    Tensor x1 = tensor_first(a->x1, B), z_prime = tensor_first(a->z_prime, B);
    Tensor x2 = tensor_first(a->x2, B), y = tensor_first(a->y, B);
    const int p_attn = dropout_place(block, AFTER_ATTENTION);
    const int p_in = dropout_place(block, INSIDE_MLP);
    const int p_mlp = dropout_place(block, AFTER_MLP);

    /* exercise 4.4 */
    /* [ViT eq.2]   z' = MSA(LN(z)) + z */
    layer_norm_forward(&block->norm1, z, &a->norm1, x1);
    multi_head_attention_forward(&block->attn, x1, &a->attn, z_prime);
    dropout_apply(dropout, p_attn, z_prime);
    tensor_add(z_prime, z);
    /* [ViT eq.3]   y = MLP(LN(z')) + z' */
    layer_norm_forward(&block->norm2, z_prime, &a->norm2, x2);
    mlp_forward(&block->mlp, x2, &a->mlp, dropout, p_in, y);
    dropout_apply(dropout, p_mlp, y);
    tensor_add(y, z_prime);
    /* end of exercise 4.4 */
    return y;
}

/* ---- backward ------------------------------------------------------------ */

void encoder_block_backward(const EncoderBlock *block, EncoderBlock *d, Tensor z,
                            const EncoderBlockActivations *a, const Dropout *dropout,
                            Tensor dz, EncoderBlockScratch *s) {
    expect_same_shape(dz, z);
    if (block->norm == POST_NORM) {
        post_norm_backward(block, d, z, a, dropout, dz, s);
        return;
    }
    const int B = z.shape[0];
    Tensor x1 = tensor_first(a->x1, B), z_prime = tensor_first(a->z_prime, B);
    Tensor x2 = tensor_first(a->x2, B), dx = tensor_first(s->dx, B);
    const int p_attn = dropout_place(block, AFTER_ATTENTION);
    const int p_in = dropout_place(block, INSIDE_MLP);
    const int p_mlp = dropout_place(block, AFTER_MLP);

    /* exercise 4.5 */
    /* y = MLP(LN(z')) + z': dz flows on unchanged, and through the MLP */
    tensor_copy(dx, dz);
    dropout_apply(dropout, p_mlp, dx);
    mlp_backward(&block->mlp, &d->mlp, x2, &a->mlp, dropout, p_in, dx, dx, s->dpre);
    layer_norm_backward(&block->norm2, &d->norm2, z_prime, &a->norm2, dx, dx);
    tensor_add(dz, dx);
    /* z' = MSA(LN(z)) + z: the same again */
    tensor_copy(dx, dz);
    dropout_apply(dropout, p_attn, dx);
    multi_head_attention_backward(&block->attn, &d->attn, x1, &a->attn, dx, dx,
                                  &s->attn);
    layer_norm_backward(&block->norm1, &d->norm1, z, &a->norm1, dx, dx);
    tensor_add(dz, dx);
    /* end of exercise 4.5 */
}
