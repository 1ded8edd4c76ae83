/* demo_dump_block.c: every tensor of one pre-norm block [ViT eq.2, eq.3], forward and
 * backward, for make compare. */
#include <string.h>

#include "chapters/04_encoder_block/block_demos.h"
#include "chapters/04_encoder_block/dump_block.h"

static const BlockConfig config = {
    .D = 8, .heads = 2, .M = 12, .norm = PRE_NORM, .activation = ACTIVATION_GELU};

static void forward(Dump *dump, BlockStack *stack, const Dropout *none) {
    for (int i = 0; i < stack->list.count; i++) {
        const Parameter *p = &stack->list.items[i];
        if (strncmp(p->name, "blocks.", strlen("blocks.")) == 0) { /* no last norm */
            dump_input(dump, parameter_in(p, stack->weight_block), "%s", p->name);
        }
    }
    dump_input(dump, stack->z_0, "z");
    encoder_block_forward(&stack->weights.blocks[0], stack->z_0, &stack->a[0], none);
    dump_block(dump, &stack->a[0], 0);
}

/* What the scratch still has after the pass is dumped as well. */
static void backward(Dump *dump, BlockStack *stack, const Dropout *none) {
    const EncoderBlockScratch *s = &stack->s;
    dump_input(dump, stack->dy, "d.blocks.0.y");
    tensor_copy(stack->dz[0], stack->dy);
    encoder_block_backward(&stack->weights.blocks[0], &stack->d.blocks[0], stack->z_0,
                           &stack->a[0], none, stack->dz[0], &stack->s);
    dump_made(dump, s->mlp.dhidden, "dpre = dy W_2 o GELU'(pre)", "notes/01 and 04",
              "d.blocks.0.mlp.pre");
    dump_made(dump, s->attn.dconcat,
              "[ViT eq.3] dconcat = dz' W_O, dz' = dy + LN's gradient of dpre W_1",
              "notes/03 and 04", "d.blocks.0.attn.concat");
    dump_made(dump, s->attn.dqkv, "dqkv: dQ, dK and dV of each head, in its columns",
              "notes/02 and 03", "d.blocks.0.attn.qkv");
    dump_block_gradients(dump, &stack->d.blocks[0]);
    dump_made(dump, stack->dz[0], "[ViT eq.2] dz = dz' + LN's gradient of dqkv W_qkv",
              "notes/04", "d.z");
}

bool chapter4_dump(const char *path, Error *error) {
    static BlockStack stack;
    const Dropout none = {.rate = 0};
    Dump *dump = dump_new(error);
    bool ok = dump && block_stack_make(&stack, &config, 1, 2, 5, error);
    if (ok) {
        block_stack_initialise(&stack, 9);
        block_stack_jitter(&stack, 9, 0.3);
        dump_about(dump, "heads", "2");
        forward(dump, &stack, &none);
        backward(dump, &stack, &none);
        ok = dump_write(dump, path, error);
        block_stack_free(&stack);
    }
    dump_free(dump);
    return ok;
}
