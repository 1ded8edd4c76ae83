/*
 * block.c: one encoder block taken apart (chapter 4, section 4.4 of its program): every
 * token after each step, pre-norm or post-norm, and what its branches are worth.
 */
#include "notes/book/engine/engine.h"

#include <math.h>

/* It has no header of its own: its functions are declared in block_demos.h. */
#include "chapters/04_encoder_block/demo_block_stack.c"

enum { N = 5, D = 64, HEADS = 4, M = 256, STEPS = 7 };

static double norm = PRE_NORM, branches = 1, times = 1, y_from_z, dz_from_dy;
static BlockStack stack;
static real steps_data[STEPS * N * D], mean_data[STEPS * N], rms_data[STEPS * N];
static Tensor steps = {steps_data, 3, {STEPS, N, D}, D};
static Tensor mean = {mean_data, 2, {STEPS, N}, N};
static Tensor rms = {rms_data, 2, {STEPS, N}, N};

/* Step i is T, or T - minus: what a branch added, which the block doesn't keep. */
static void keep_step(int i, Tensor T, const Tensor *minus) {
    for (int row = 0; row < N; row++) {
        real *out = tensor_row(steps, i * N + row);
        double sum = 0, squares = 0;
        for (int j = 0; j < D; j++) {
            out[j] = tensor_row(T, row)[j] - (minus ? tensor_row(*minus, row)[j] : 0);
            sum += (double)out[j];
            squares += (double)(out[j] * out[j]);
        }
        mean_data[i * N + row] = (real)(sum / D);
        rms_data[i * N + row] = (real)sqrt(squares / D);
    }
}

/* z; LN(z), MSA, z'; LN(z'), MLP, y. Or, post-norm, MSA, the sum, its LN; twice. */
static void keep_steps(void) {
    const EncoderBlockActivations *a = &stack.a[0];
    const Tensor z = stack.z[0], z_prime = a->z_prime;
    const bool pre = stack.plan.block.norm == PRE_NORM;
    keep_step(0, z, NULL);
    keep_step(pre ? 1 : 2, a->x1, NULL);
    keep_step(pre ? 2 : 1, pre ? z_prime : a->x1, &z);
    keep_step(3, z_prime, NULL);
    keep_step(pre ? 4 : 5, a->x2, NULL);
    keep_step(pre ? 5 : 4, pre ? a->y : a->x2, &z_prime);
    keep_step(6, a->y, NULL);
}

static bool forward(Error *error) {
    (void)error;
    const BlockConfig config = {D, HEADS, M, norm > 0 ? POST_NORM : PRE_NORM,
                                ACTIVATION_GELU};
    const BlockStackPlan plan = {.block = config, .L = 1, .B = 1, .n = N, .seed = 4};
    block_stack_free(&stack);
    block_stack_make(&stack, &plan);
    if (branches < 1) {
        tensor_fill(stack.weights.blocks[0].attn.W_O, 0);
        tensor_fill(stack.weights.blocks[0].mlp.W_2, 0);
    }
    tensor_scale(stack.z[0], (real)times);
    block_stack_forward(&stack);
    block_stack_backward(&stack);
    keep_steps();
    y_from_z = tensor_max_abs_difference(stack.z[1], stack.z[0]);
    dz_from_dy = tensor_max_abs_difference(stack.dz[0], stack.dz[1]);
    return true;
}

static const EngineFunction functions[] = {{"forward", forward}, {NULL, NULL}};
static const EngineNumber numbers[] = {
    {"norm", &norm, PRE_NORM, POST_NORM, true},
    {"branches", &branches, 0, 1, true},   /* 0: W^O = W_2 = 0 */
    {"times", &times, 0.001, 1000, false}, /* z is multiplied by this */
    {"y_from_z", &y_from_z, 0, 0, false},
    {"dz_from_dy", &dz_from_dy, 0, 0, false},
    {NULL, NULL, 0, 0, false},
};
static const EngineTensor tensors[] = {
    {"steps", &steps},                 /* (7, n, D) */
    {"mean", &mean},                   /* (7, n) */
    {"rms", &rms},                     /* (7, n) */
    {"mean1", &stack.a[0].norm1.mean}, /* (n), of the first layer norm */
    {"rstd1", &stack.a[0].norm1.rstd},
    {"gamma1", &stack.weights.blocks[0].norm1.gamma},
    {"beta1", &stack.weights.blocks[0].norm1.beta},
    {"mean2", &stack.a[0].norm2.mean},
    {"rstd2", &stack.a[0].norm2.rstd},
    {"gamma2", &stack.weights.blocks[0].norm2.gamma},
    {"beta2", &stack.weights.blocks[0].norm2.beta},
    {"A", &stack.a[0].attn.A},           /* (1, h, n, n) */
    {"concat", &stack.a[0].attn.concat}, /* (1, n, D) */
    {"W_O", &stack.weights.blocks[0].attn.W_O},
    {"b_O", &stack.weights.blocks[0].attn.b_O},
    {"hidden", &stack.a[0].mlp.hidden}, /* (1, n, M) */
    {"W_2", &stack.weights.blocks[0].mlp.W_2},
    {"b_2", &stack.weights.blocks[0].mlp.b_2},
    {NULL, NULL},
};

const EngineSubject block_subject = {"block", functions, numbers, tensors, NULL};
