/* dump_block.c: see dump_block.h. */
#include "chapters/04_encoder_block/dump_block.h"

#include <stdio.h>

#include "chapters/03_multi_head_attention/dump_msa.h"

void dump_block(Dump *dump, const EncoderBlockActivations *a, int index) {
    char attention[32];
    snprintf(attention, sizeof attention, "blocks.%d.attn.", index);
    dump_made(dump, a->x1, "[ViT eq.2] LN(z), biased variance, eps 1e-6", "notes/04",
              "blocks.%d.x1", index);
    dump_msa(dump, &a->attn, attention);
    dump_made(dump, a->z_prime, "[ViT eq.2] z' = concat W_O^T + b_O + z",
              "notes/03 and 04", "blocks.%d.z_prime", index);
    dump_made(dump, a->x2, "[ViT eq.3] LN(z')", "notes/04", "blocks.%d.x2", index);
    dump_made(dump, a->mlp.pre, "[ViT eq.3] x2 W_1^T + b_1", "notes/04",
              "blocks.%d.mlp.pre", index);
    dump_made(dump, a->mlp.hidden, "[ViT eq.3] GELU(pre), exact", "notes/01",
              "blocks.%d.mlp.hidden", index);
    dump_made(dump, a->y, "[ViT eq.3] y = hidden W_2^T + b_2 + z'", "notes/04",
              "blocks.%d.y", index);
}

void dump_block_gradients(Dump *dump, const EncoderBlock *d) {
    const int i = d->index;
    char attention[32];
    snprintf(attention, sizeof attention, "blocks.%d.attn.", i);
    dump_made(dump, d->mlp.W_2, "dW_2 = dy^T hidden", "notes/04",
              "d.blocks.%d.mlp.fc2.weight", i);
    dump_made(dump, d->mlp.b_2, "db_2 = sum of dy over tokens", "notes/04",
              "d.blocks.%d.mlp.fc2.bias", i);
    dump_made(dump, d->mlp.W_1, "dW_1 = dpre^T x2, dpre = dhidden o GELU'(pre)",
              "notes/01 and 04", "d.blocks.%d.mlp.fc1.weight", i);
    dump_made(dump, d->mlp.b_1, "db_1 = sum of dpre over tokens", "notes/04",
              "d.blocks.%d.mlp.fc1.bias", i);
    dump_made(dump, d->norm2.gamma, "dgamma = sum of dx2 o xhat", "notes/04",
              "d.blocks.%d.norm2.weight", i);
    dump_made(dump, d->norm2.beta, "dbeta = sum of dx2", "notes/04",
              "d.blocks.%d.norm2.bias", i);
    /* Y of attention: z', whose gradient has come around the MLP as well */
    dump_msa_gradients(dump, &d->attn, attention);
    dump_made(dump, d->norm1.gamma, "dgamma = sum of dx1 o xhat", "notes/04",
              "d.blocks.%d.norm1.weight", i);
    dump_made(dump, d->norm1.beta, "dbeta = sum of dx1", "notes/04",
              "d.blocks.%d.norm1.bias", i);
}
