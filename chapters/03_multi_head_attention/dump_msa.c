/* dump_msa.c: see dump_msa.h. */
#include "chapters/03_multi_head_attention/dump_msa.h"

void dump_msa(Dump *dump, const MultiHeadAttentionActivations *a, const char *prefix) {
    dump_made(dump, a->qkv, "[ViT eq.5] [q, k, v] = x W_qkv^T + b_qkv", "notes/03",
              "%sqkv", prefix);
    if (a->A.data) { /* chapter 6's fused kernel has none */
        dump_made(dump, a->A, "[ViT eq.6] softmax(q k^T / sqrt(D_h)), over the keys",
                  "notes/02", "%sA", prefix);
    }
    dump_made(dump, a->concat, "[ViT eq.7] A v, the heads side by side",
              "notes/02 and 03", "%sconcat", prefix);
}

void dump_msa_gradients(Dump *dump, const MultiHeadAttention *d, const char *prefix) {
    dump_made(dump, d->W_O, "dW_O = dY^T concat", "notes/03", "d.%sproj.weight",
              prefix);
    dump_made(dump, d->b_O, "db_O = sum of dY over tokens", "notes/03", "d.%sproj.bias",
              prefix);
    dump_made(dump, d->W_qkv, "dW_qkv = dqkv^T x, by dV, dA, dS, dQ, dK",
              "notes/02 and 03", "d.%sqkv.weight", prefix);
    dump_made(dump, d->b_qkv, "db_qkv = sum of dqkv over tokens", "notes/03",
              "d.%sqkv.bias", prefix);
}
