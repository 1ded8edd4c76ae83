/* demo_block_steps.c: one encoder block taken apart: what it keeps, in the order of the
 * equations, and what is left of it when its branches give 0. */
#include <math.h>
#include <stdio.h>

#include "chapters/04_encoder_block/block_demos.h"
#include "common/lesson/report.h"

enum { N = 5, D = 64, HEADS = 4, M = 256 };

/* A step, the first token's elements of T, or of T - minus. */
typedef struct {
    const char *step;
    Tensor T, minus;
} Step;

/* Prints their mean and root mean square; returns the latter. */
static double print_step(const Step *s) {
    double sum = 0, squares = 0;
    for (int j = 0; j < D; j++) {
        const double x =
            (double)(s->minus.data ? s->T.data[j] - s->minus.data[j] : s->T.data[j]);
        sum += x;
        squares += x * x;
    }
    const double mean = fabs(sum / D) < 5e-4 ? 0 : sum / D; /* print no -0.000 */
    printf("    %-34s %8.3f %8.3f\n", s->step, mean, sqrt(squares / D));
    return sqrt(squares / D);
}

static void print_steps(const BlockStack *stack, NormPlace norm) {
    const EncoderBlockActivations *a = &stack->a[0];
    const Tensor z = stack->z[0], x1 = a->x1, z_prime = a->z_prime, x2 = a->x2;
    const Step steps[2][6] = {
        [PRE_NORM] = {{"LN(z)", .T = x1},
                      {"MSA(LN(z))", z_prime, z},
                      {"z' = MSA(LN(z)) + z    [ViT eq.2]", .T = z_prime},
                      {"LN(z')", .T = x2},
                      {"MLP(LN(z'))", a->y, z_prime},
                      {"y = MLP(LN(z')) + z'   [ViT eq.3]", .T = a->y}},
        [POST_NORM] = {{"MSA(z)", x1, z},
                       {"z + MSA(z)", .T = x1},
                       {"z' = LN(z + MSA(z))   [AIAYN 3.1]", .T = z_prime},
                       {"MLP(z')", x2, z_prime},
                       {"z' + MLP(z')", .T = x2},
                       {"y = LN(z' + MLP(z'))  [AIAYN 3.1]", .T = a->y}}};
    double rms[6];
    print_step(&(Step){"z", .T = z});
    for (int i = 0; i < 6; i++) {
        rms[i] = print_step(&steps[norm][i]);
    }
    const int normed = norm == PRE_NORM ? 0 : 2; /* and three further */
    report_check(fabs(rms[normed] - 1) < 1e-4 && fabs(rms[normed + 3] - 1) < 1e-4,
                 "what comes out of a layer norm has mean square 1");
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
    printf("\nNow with W^O = W_2 = 0, so that both branches give 0:\n");
    if (block->norm == PRE_NORM) {
        report_check(y == 0 && dz == 0,
                     "y = z and dL/dz = dL/dy, to the bit: an open road for the "
                     "gradient");
    } else {
        report_check(y > 0 && dz > 0,
                     "y = LN(LN(z)), not z; dL/dz and dL/dy differ by %.2f at most",
                     dz);
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
    block_stack_forward(&stack);
    print_steps(&stack, norm);
    show_identity_path(&stack);
    block_stack_free(&stack);
}
