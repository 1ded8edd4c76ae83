/*
 * dump_msa.h: what multi-head attention keeps and its weights' gradients, for a dump
 * (dump.h), under timm's names ("attn.qkv") in the dump's group. Chapters 3 to 6 use
 * the same names, so that their dumps can be compared.
 */
#pragma once

#include "common/files/dump.h"
#include "chapters/03_multi_head_attention/multi_head_attention.h"

/* dump_msa: qkv, A and the concatenation. */
void dump_msa(Dump *dump, const MultiHeadAttentionActivations *a);

/* dump_msa_gradients: of W_O and b_O, then of W_qkv and b_qkv. */
void dump_msa_gradients(Dump *dump, const MultiHeadAttention *d);
