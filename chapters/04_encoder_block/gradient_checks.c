/*
 * gradient_checks.c: every gradient of chapter 4 against central differences, in
 * double: stacks of two blocks in all variants, dropout on. The loss is
 * L = sum of C o y with random C, so that dL/dy = C. Dropout's mask is a function of
 * the element's place, so forward can be asked again and again with the same one.
 */
#include "chapters/04_encoder_block/block_demos.h"

#include <stdio.h>
#include <string.h>

#include "common/lesson/report.h"

enum { L = 2, B = 2, N = 3, D = 6, HEADS = 2, M = 10, PARTS = 12 };

static BlockStack stack;

static double stack_loss(void *context) {
    (void)context;
    block_stack_forward(&stack);
    return tensor_dot(stack.dy, stack.y);
}

/* Parameters first, first + step, ... before end: the worst of them. */
static Gradcheck check_parameters(int first, int step, int end) {
    Gradcheck worst = {0};
    for (int i = first; i < end; i += step) {
        const Parameter *p = &stack.list.items[i];
        worst = gradcheck_worse(
            worst, gradcheck(stack_loss, NULL, parameter_in(p, stack.weight_block),
                             parameter_in(p, stack.gradient_block)));
    }
    return worst;
}

static void prepare(NormPlace norm, Activation activation, double rate) {
    BlockStackPlan plan = {.L = L, .B = B, .n = N, .seed = 9, .jitter = 0.3};
    plan.block = (BlockConfig){D, HEADS, M, norm, activation};
    plan.dropout = (Dropout){.rate = rate, .seed = 11, .step = 3};
    block_stack_make(&stack, &plan);
    block_stack_forward(&stack);
    block_stack_backward(&stack);
}

/* A line for each kind of tensor; the same tensor of both blocks in one line. */
static void check_each(void) {
    prepare(PRE_NORM, ACTIVATION_GELU, 0.2);
    Gradcheck check = gradcheck(stack_loss, NULL, stack.z[0], stack.dz[0]);
    report_gradcheck("z_0, the input", &check);
    for (int i = 0; i < PARTS; i++) {
        char name[64];
        check = check_parameters(i, PARTS, L * PARTS);
        snprintf(name, sizeof name, "blocks.*.%s",
                 stack.list.items[i].name + strlen("blocks.0."));
        report_gradcheck(name, &check);
    }
    for (int i = L * PARTS; i < stack.list.count; i++) {
        check = check_parameters(i, 1, i + 1);
        report_gradcheck(stack.list.items[i].name, &check);
    }
    block_stack_free(&stack);
}

/* The same for another variant, in one line. */
static void check_all(const char *name, NormPlace norm, Activation act, double rate) {
    prepare(norm, act, rate);
    Gradcheck check = gradcheck(stack_loss, NULL, stack.z[0], stack.dz[0]);
    check = gradcheck_worse(check, check_parameters(0, 1, stack.list.count));
    report_gradcheck(name, &check);
    block_stack_free(&stack);
}

void chapter4_gradient_checks(void) {
    report_section("4.7 Gradient checks");
    printf("In " REAL_NAME ", every element by central differences: L = %d blocks, "
           "B = %d, n = %d, D = %d,\nh = %d, M = %d. Pre-norm, GELU, dropout 0.2:\n",
           L, B, N, D, HEADS, M);
    check_each();
    printf("The other variants, z_0 and all weights in one line:\n");
    check_all("pre-norm, ReLU, dropout 0.2", PRE_NORM, ACTIVATION_RELU, 0.2);
    check_all("post-norm, GELU, dropout 0.2", POST_NORM, ACTIVATION_GELU, 0.2);
    check_all("post-norm, ReLU, dropout 0.2", POST_NORM, ACTIVATION_RELU, 0.2);
    check_all("pre-norm, GELU, no dropout", PRE_NORM, ACTIVATION_GELU, 0);
    check_all("pre-norm, ReLU, no dropout", PRE_NORM, ACTIVATION_RELU, 0);
    check_all("post-norm, GELU, no dropout", POST_NORM, ACTIVATION_GELU, 0);
    check_all("post-norm, ReLU, no dropout", POST_NORM, ACTIVATION_RELU, 0);
}
