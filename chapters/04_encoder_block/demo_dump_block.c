/* demo_dump_block.c: every tensor of one pre-norm block [ViT eq.2, eq.3], forward and
 * backward, for make compare. */
#include <string.h>

#include "chapters/04_encoder_block/block_demos.h"
#include "chapters/04_encoder_block/dump_block.h"

/* What the scratch still has after the pass is dumped as well. */
static void pass(Dump *dump, BlockStack *stack) {
    const EncoderBlock *block = &stack->weights.blocks[0];
    const Dropout *none = &stack->plan.dropout;
    EncoderBlock *d = &stack->d.blocks[0];
    EncoderBlockScratch *s = &stack->s;
    Tensor z = stack->z[0], dz = stack->dy;
    for (int i = 0; i < stack->list.count; i++) {
        const Parameter *p = &stack->list.items[i];
        if (strncmp(p->name, "blocks.", strlen("blocks.")) == 0) { /* no last norm */
            dump_input(dump, parameter_in(p, stack->weight_block), "%s", p->name);
        }
    }
    dump_input(dump, z, "z");
    encoder_block_forward(block, z, &stack->a[0], none);
    dump_block(dump, &stack->a[0], 0);

    dump_input(dump, dz, "d.blocks.0.y");
    encoder_block_backward(block, d, z, &stack->a[0], none, dz, s);
    dump_made(dump, s->dpre, "dpre = dy W_2 o GELU'(pre)", "notes/01 and 04",
              "d.blocks.0.mlp.pre");
    dump_made(dump, s->attn.dconcat,
              "[ViT eq.3] dconcat = dz' W_O, dz' = dy + LN's gradient of dpre W_1",
              "notes/03 and 04", "d.blocks.0.attn.concat");
    dump_made(dump, s->attn.dqkv, "dqkv: dQ, dK and dV of each head, in its columns",
              "notes/02 and 03", "d.blocks.0.attn.qkv");
    dump_block_gradients(dump, d);
    dump_made(dump, dz, "[ViT eq.2] dz = dz' + LN's gradient of dqkv W_qkv", "notes/04",
              "d.z");
}

bool chapter4_dump(const char *path, Error *error) {
    static BlockStack stack;
    BlockStackPlan plan = {.L = 1, .B = 2, .n = 5, .seed = 9, .jitter = 0.3};
    plan.block = (BlockConfig){
        .D = 8, .heads = 2, .M = 12, .norm = PRE_NORM, .activation = ACTIVATION_GELU};
    Dump *dump = dump_new(error);
    bool ok = dump && block_stack_make(&stack, &plan, error);
    if (ok) {
        dump_about(dump, "heads", "2");
        pass(dump, &stack);
        ok = dump_write(dump, path, error);
        block_stack_free(&stack);
    }
    dump_free(dump);
    return ok;
}
