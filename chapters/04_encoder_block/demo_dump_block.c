/* demo_dump_block.c: see demo_dump_block.h. */
#include "demo_dump_block.h"

#include <string.h>

#include "demo_block_stack.h"
#include "dump_block.h"

static const BlockConfig config = {
    .D = 8, .heads = 2, .M = 12, .norm = PRE_NORM, .activation = ACTIVATION_GELU};
static Dump *dump; /* the one that is being made; else NULL */

/* ---- inside the block ---------------------------------------------------- */

/*
 * Going back, one tensor holds dy, then dx2, dz', dx1: each for a moment. The block's
 * calls of its parts come here first (the Makefile's --wrap), and from here go to the
 * parts themselves.
 */
void mlp_backward_seen(const Mlp *layer, Mlp *d, Tensor X, const MlpActivations *a,
                       const Dropout *dropout, int place, Tensor dY, Tensor dX,
                       MlpScratch *s) __asm__("__wrap_mlp_backward");
void mlp_backward_itself(const Mlp *layer, Mlp *d, Tensor X, const MlpActivations *a,
                         const Dropout *dropout, int place, Tensor dY, Tensor dX,
                         MlpScratch *s) __asm__("__real_mlp_backward");
void msa_backward_seen(
    const MultiHeadAttention *layer, MultiHeadAttention *d, Tensor z,
    const MultiHeadAttentionActivations *a, Tensor dY, Tensor dz,
    MultiHeadAttentionScratch *s) __asm__("__wrap_multi_head_attention_backward");
void msa_backward_itself(
    const MultiHeadAttention *layer, MultiHeadAttention *d, Tensor z,
    const MultiHeadAttentionActivations *a, Tensor dY, Tensor dz,
    MultiHeadAttentionScratch *s) __asm__("__real_multi_head_attention_backward");

void mlp_backward_seen(const Mlp *layer, Mlp *d, Tensor X, const MlpActivations *a,
                       const Dropout *dropout, int place, Tensor dY, Tensor dX,
                       MlpScratch *s) {
    mlp_backward_itself(layer, d, X, a, dropout, place, dY, dX, s);
    if (dump) {
        dump_made(dump, s->dhidden, "dpre = dy W_2 o GELU'(pre)", "notes/01 and 04",
                  "d.blocks.0.mlp.pre");
        dump_made(dump, dX, "dx2 = dpre W_1", "notes/04", "d.blocks.0.x2");
    }
}

void msa_backward_seen(const MultiHeadAttention *layer, MultiHeadAttention *d, Tensor z,
                       const MultiHeadAttentionActivations *a, Tensor dY, Tensor dz,
                       MultiHeadAttentionScratch *s) {
    if (dump) {
        dump_made(dump, dY, "[ViT eq.3] dz' = dy + LN's gradient of dx2", "notes/04",
                  "d.blocks.0.z_prime");
    }
    msa_backward_itself(layer, d, z, a, dY, dz, s);
    if (dump) {
        dump_made(dump, s->dconcat, "dconcat = dz' W_O", "notes/03",
                  "d.blocks.0.attn.concat");
        dump_made(dump, s->dqkv, "dqkv: dQ, dK and dV of each head, in its columns",
                  "notes/02 and 03", "d.blocks.0.attn.qkv");
        dump_made(dump, dz, "dx1 = dqkv W_qkv", "notes/03", "d.blocks.0.x1");
    }
}

/* ---- the pass ------------------------------------------------------------ */

static void pass(BlockStack *stack) {
    const Dropout none = {.rate = 0};
    const EncoderBlock *block = &stack->weights.blocks[0];
    for (int i = 0; i < stack->list.count; i++) {
        const Parameter *p = &stack->list.list[i];
        if (strncmp(p->name, "blocks.", strlen("blocks.")) == 0) { /* no last norm */
            dump_input(dump, parameter_in(p, stack->weight_block), "%s", p->name);
        }
    }
    dump_input(dump, stack->z_0, "z");
    encoder_block_forward(block, stack->z_0, &stack->a[0], &none);
    dump_block(dump, &stack->a[0], 0);
    dump_input(dump, stack->dy, "d.blocks.0.y");
    tensor_copy(stack->dz[0], stack->dy);
    encoder_block_backward(block, &stack->d.blocks[0], stack->z_0, &stack->a[0], &none,
                           stack->dz[0], &stack->s);
    dump_block_gradients(dump, &stack->d.blocks[0]);
    dump_made(dump, stack->dz[0], "[ViT eq.2] dz = dz' + LN's gradient of dx1",
              "notes/04", "d.z");
}

bool DUMP_IN_THIS_REAL(chapter4_dump)(const char *path, Error *error) {
    static BlockStack stack;
    dump = dump_new(error);
    bool ok = dump && block_stack_make(&stack, &config, 1, 2, 5, error);
    if (ok) {
        block_stack_initialise(&stack, 9);
        block_stack_jitter(&stack, 9, 0.3);
        dump_about(dump, "heads", "2");
        pass(&stack);
        ok = dump_write(dump, path, error);
        block_stack_free(&stack);
    }
    dump_free(dump);
    dump = NULL;
    return ok;
}
