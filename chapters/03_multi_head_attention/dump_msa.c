/* dump_msa.c: see dump_msa.h. */
#include "chapters/03_multi_head_attention/dump_msa.h"

void dump_msa(Dump *dump, const MultiHeadAttentionActivations *a) {
    dump_made(dump, a->qkv, "attn.qkv", "03",
              "[ViT eq.5] [q, k, v] = x W_qkv^T + b_qkv");
    if (a->A.data) { /* chapter 6's fused kernel has none */
        dump_made(dump, a->A, "attn.A", "02",
                  "[ViT eq.6] softmax(q k^T / sqrt(D_h)), over the keys");
    }
    dump_made(dump, a->concat, "attn.concat", "02 and 03",
              "[ViT eq.7] A v, the heads side by side");
}

void dump_msa_gradients(Dump *dump, const MultiHeadAttention *d) {
    dump_made(dump, d->W_O, "attn.proj.weight", "03", "dW_O = dY^T concat");
    dump_made(dump, d->b_O, "attn.proj.bias", "03", "db_O = sum of dY over tokens");
    dump_made(dump, d->W_qkv, "attn.qkv.weight", "02 and 03",
              "dW_qkv = dqkv^T x, by dV, dA, dS, dQ, dK");
    dump_made(dump, d->b_qkv, "attn.qkv.bias", "03",
              "db_qkv = sum of dqkv over tokens");
}
