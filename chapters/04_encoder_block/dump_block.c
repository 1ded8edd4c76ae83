/* dump_block.c: see dump_block.h. */
#include "chapters/04_encoder_block/dump_block.h"

#include <stdio.h>

#include "chapters/03_multi_head_attention/dump_msa.h"

void dump_block(Dump *dump, const EncoderBlockActivations *a, int index) {
    char group[32];
    snprintf(group, sizeof group, "blocks.%d.", index);
    dump_group(dump, group);
    dump_made(dump, a->x1, "x1", "04", "[ViT eq.2] LN(z), biased variance, eps 1e-6");
    dump_msa(dump, &a->attn);
    dump_made(dump, a->z_prime, "z_prime", "03 and 04",
              "[ViT eq.2] z' = concat W_O^T + b_O + z");
    dump_made(dump, a->x2, "x2", "04", "[ViT eq.3] LN(z')");
    dump_made(dump, a->mlp.pre, "mlp.pre", "04", "[ViT eq.3] x2 W_1^T + b_1");
    dump_made(dump, a->mlp.hidden, "mlp.hidden", "01", "[ViT eq.3] GELU(pre), exact");
    dump_made(dump, a->y, "y", "04", "[ViT eq.3] y = hidden W_2^T + b_2 + z'");
    dump_group(dump, "");
}

void dump_block_gradients(Dump *dump, const EncoderBlock *d) {
    char group[32];
    snprintf(group, sizeof group, "d.blocks.%d.", d->index);
    dump_group(dump, group);
    dump_made(dump, d->mlp.W_2, "mlp.fc2.weight", "04", "dW_2 = dy^T hidden");
    dump_made(dump, d->mlp.b_2, "mlp.fc2.bias", "04", "db_2 = sum of dy over tokens");
    dump_made(dump, d->mlp.W_1, "mlp.fc1.weight", "01 and 04",
              "dW_1 = dpre^T x2, dpre = dhidden o GELU'(pre)");
    dump_made(dump, d->mlp.b_1, "mlp.fc1.bias", "04", "db_1 = sum of dpre over tokens");
    dump_made(dump, d->norm2.gamma, "norm2.weight", "04", "dgamma = sum of dx2 o xhat");
    dump_made(dump, d->norm2.beta, "norm2.bias", "04", "dbeta = sum of dx2");
    /* Y of attention: z', whose gradient has come around the MLP as well */
    dump_msa_gradients(dump, &d->attn);
    dump_made(dump, d->norm1.gamma, "norm1.weight", "04", "dgamma = sum of dx1 o xhat");
    dump_made(dump, d->norm1.beta, "norm1.bias", "04", "dbeta = sum of dx1");
    dump_group(dump, "");
}
