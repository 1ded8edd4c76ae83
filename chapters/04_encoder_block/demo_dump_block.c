/* demo_dump_block.c: every tensor of one pre-norm block [ViT eq.2, eq.3], forward and
 * backward, for make compare. */
#include <string.h>

#include "chapters/04_encoder_block/block_demos.h"
#include "chapters/04_encoder_block/dump_block.h"

/* What the scratch still has after the pass is dumped as well. */
static void pass(Dump *dump, void *of_one_block) {
    BlockStack *stack = of_one_block;
    const EncoderBlock *block = &stack->weights.blocks[0];
    const Dropout *none = &stack->plan.dropout;
    EncoderBlock *d = &stack->d.blocks[0];
    EncoderBlockScratch *s = &stack->s;
    Tensor z = stack->z[0], dz = stack->dy;
    dump_about(dump, "heads", "2");
    for (int i = 0; i < stack->list.count; i++) {
        const Parameter *p = &stack->list.items[i];
        if (strncmp(p->name, "blocks.", strlen("blocks.")) == 0) { /* no last norm */
            dump_input(dump, parameter_in(p, stack->weight_block), p->name);
        }
    }
    dump_input(dump, z, "z");
    encoder_block_forward(block, z, &stack->a[0], none);
    dump_block(dump, &stack->a[0], 0);

    dump_group(dump, "d.blocks.0.");
    dump_input(dump, dz, "y");
    encoder_block_backward(block, d, z, &stack->a[0], none, dz, s);
    dump_made(dump, s->dpre, "mlp.pre", "01 and 04", "dpre = dy W_2 o GELU'(pre)");
    dump_made(dump, s->attn.dconcat, "attn.concat", "03 and 04",
              "[ViT eq.3] dconcat = dz' W_O, dz' = dy + LN's gradient of dpre W_1");
    dump_made(dump, s->attn.dqkv, "attn.qkv", "02 and 03",
              "dqkv: dQ, dK and dV of each head, in its columns");
    dump_block_gradients(dump, d);
    dump_made(dump, dz, "d.z", "04",
              "[ViT eq.2] dz = dz' + LN's gradient of dqkv W_qkv");
}

bool chapter4_dump(const char *path, Error *error) {
    static BlockStack stack;
    BlockStackPlan plan = {.L = 1, .B = 2, .n = 5, .seed = 9, .jitter = 0.3};
    plan.block = (BlockConfig){
        .D = 8, .heads = 2, .M = 12, .norm = PRE_NORM, .activation = ACTIVATION_GELU};
    block_stack_make(&stack, &plan);
    const bool ok = dump_write(path, pass, &stack, error);
    block_stack_free(&stack);
    return ok;
}
