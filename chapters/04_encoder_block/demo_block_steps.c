/* demo_block_steps.c: one encoder block taken apart: the layers called one by one, in
 * the order of the equations, compared with encoder_block_forward. */
#include <math.h>
#include <stdio.h>

#include "chapters/04_encoder_block/block_demos.h"
#include "common/lesson/report.h"

enum { N = 5, D = 64, HEADS = 4, M = 256 };

/* Mean and root mean square of the first token's elements. */
static void print_step(const char *step, Tensor T) {
    double sum = 0, squares = 0;
    for (int j = 0; j < D; j++) {
        const double x = (double)tensor_row(T, 0)[j];
        sum += x;
        squares += x * x;
    }
    const double mean = fabs(sum / D) < 5e-4 ? 0 : sum / D; /* print no -0.000 */
    printf("    %-34s %8.3f %8.3f\n", step, mean, sqrt(squares / D));
}

/* The equations' lines, one call each. The two results are in the gradients' memory,
 * which is free until backward. */
static void pre_norm_steps(BlockStack *stack) {
    const EncoderBlock *block = &stack->weights.blocks[0];
    EncoderBlockActivations *a = &stack->a[0];
    Tensor z = stack->z[0], z_prime = stack->dz[0], y = stack->dz[1];
    layer_norm_forward(&block->norm1, z, &a->norm1, a->x1);
    print_step("LN(z)", a->x1);
    multi_head_attention_forward(&block->attn, a->x1, &a->attn, z_prime);
    print_step("MSA(LN(z))", z_prime);
    tensor_add(z_prime, z);
    print_step("z' = MSA(LN(z)) + z    [ViT eq.2]", z_prime);
    layer_norm_forward(&block->norm2, z_prime, &a->norm2, a->x2);
    print_step("LN(z')", a->x2);
    mlp_forward(&block->mlp, a->x2, &a->mlp, &stack->plan.dropout, 0, y);
    print_step("MLP(LN(z'))", y);
    tensor_add(y, z_prime);
    print_step("y = MLP(LN(z')) + z'   [ViT eq.3]", y);
}

static void post_norm_steps(BlockStack *stack) {
    const EncoderBlock *block = &stack->weights.blocks[0];
    EncoderBlockActivations *a = &stack->a[0];
    Tensor z = stack->z[0], z_prime = stack->dz[0], y = stack->dz[1];
    multi_head_attention_forward(&block->attn, z, &a->attn, a->x1);
    print_step("MSA(z)", a->x1);
    tensor_add(a->x1, z);
    print_step("z + MSA(z)", a->x1);
    layer_norm_forward(&block->norm1, a->x1, &a->norm1, z_prime);
    print_step("z' = LN(z + MSA(z))   [AIAYN 3.1]", z_prime);
    mlp_forward(&block->mlp, z_prime, &a->mlp, &stack->plan.dropout, 0, a->x2);
    print_step("MLP(z')", a->x2);
    tensor_add(a->x2, z_prime);
    print_step("z' + MLP(z')", a->x2);
    layer_norm_forward(&block->norm2, a->x2, &a->norm2, y);
    print_step("y = LN(z' + MLP(z'))  [AIAYN 3.1]", y);
}

/* With W_O and W_2 zero, MSA and MLP give 0, and only the residual path is left. */
static void show_identity_path(BlockStack *stack) {
    EncoderBlock *block = &stack->weights.blocks[0];
    tensor_fill(block->attn.W_O, 0);
    tensor_fill(block->mlp.W_2, 0);
    block_stack_forward(stack);
    block_stack_backward(stack);
    const double y = tensor_max_abs_difference(stack->z[1], stack->z[0]);
    const double dz = tensor_max_abs_difference(stack->dz[0], stack->dz[1]);
    printf("\nNow let MSA and MLP give 0 (W^O = W_2 = 0), so that only the path past "
           "them is left:\n");
    if (block->norm == PRE_NORM) {
        report_check(y == 0 && dz == 0,
                     "y = z and dL/dz = dL/dy, to the bit: an open road for the "
                     "gradient");
        printf("L blocks of this kind leave a road from z_L down to each block that no "
               "layer stands in.\n");
    } else {
        report_check(y > 0 && dz > 0,
                     "y = LN(LN(z)), not z; dL/dz and dL/dy differ by %.2f at most",
                     dz);
        printf("Two layer norms a block stand in the road, and the gradient must pass "
               "2L of them.\n");
    }
}

void block_steps_demo(NormPlace norm) {
    static BlockStack stack;
    const BlockConfig block = {D, HEADS, M, norm, ACTIVATION_GELU};
    const BlockStackPlan plan = {.block = block, .L = 1, .B = 1, .n = N, .seed = 4};
    block_stack_make(&stack, &plan);
    report_section(norm == PRE_NORM
                       ? "4.4 One block, step by step: pre-norm (or: --norm post)"
                       : "4.4 One block, step by step: post-norm (or: --norm pre)");
    printf("n = %d, D = %d, h = %d, M = %d; the first token's numbers after each "
           "step:\n\n%-38s     mean      rms\n",
           N, D, HEADS, M, "");
    print_step("z", stack.z[0]);
    if (norm == PRE_NORM) {
        pre_norm_steps(&stack);
    } else {
        post_norm_steps(&stack);
    }
    block_stack_forward(&stack);
    const double worst = tensor_max_abs_difference(stack.dz[1], stack.z[1]);
    report_check(worst < 1e-6,
                 "encoder_block_forward gives the same: largest difference %.1e",
                 worst);
    show_identity_path(&stack);
    block_stack_free(&stack);
}
