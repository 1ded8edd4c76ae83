/* demo_block_stack.c: L encoder blocks on top of each other. See block_demos.h. */
#include <math.h>
#include <string.h>

#include "chapters/04_encoder_block/block_demos.h"
#include "common/lesson/chapter.h"
#include "common/random.h"

/* ---- layout ------------------------------------------------------------ */

static void lay_out_parameters(ParameterBlock *block, void *model) {
    BlockStack *stack = model;
    const BlockConfig *config = &stack->plan.block;
    for (int l = 0; l < stack->plan.L; l++) {
        encoder_block_parameters(&stack->weights.blocks[l], block, config, l);
    }
    if (config->norm == PRE_NORM) {
        layer_norm_parameters(&stack->weights.norm, block, config->D, "norm.");
    }
}

static void lay_out(Arena *arena, void *of_blocks) {
    BlockStack *stack = of_blocks;
    const BlockConfig *config = &stack->plan.block;
    const int L = stack->plan.L, B = stack->plan.B, n = stack->plan.n, D = config->D;
    stack->weight_block = arena_tensor1(arena, (int)stack->list.total).data;
    stack->gradient_block = arena_tensor1(arena, (int)stack->list.total).data;
    stack->z[0] = arena_tensor3(arena, B, n, D);
    stack->dz[0] = arena_tensor3(arena, B, n, D);
    for (int l = 1; l <= L; l++) {
        encoder_block_activations(&stack->a[l - 1], arena, B, n, config);
        stack->z[l] = stack->a[l - 1].y;
        stack->dz[l] = arena_tensor3(arena, B, n, D);
    }
    encoder_block_scratch(&stack->s, arena, B, n, config);
    layer_norm_activations(&stack->norm, arena, B * n);
    stack->y = arena_tensor3(arena, B, n, D);
    stack->dy = arena_tensor3(arena, B, n, D);
}

static bool has(const Parameter *p, const char *part) {
    return strstr(p->name, part) != NULL;
}

static void initialise(BlockStack *stack) {
    const uint64_t seed = stack->plan.seed;
    for (int i = 0; i < stack->list.count; i++) {
        const Parameter *p = &stack->list.items[i];
        Tensor T = parameter_in(p, stack->weight_block);
        if (p->decay == DECAY) {
            /* The fused qkv is three matrices of (D, D), each with its own bound. */
            const int in = tensor_cols(T);
            const int out = has(p, "qkv") ? tensor_rows(T) / 3 : tensor_rows(T);
            random_fill_uniform((Random){seed, RANDOM_INITIALISE, (uint32_t)i}, T,
                                sqrt(6.0 / (in + out)));
        } else {
            tensor_fill(T, has(p, "norm") && has(p, ".weight") ? 1 : 0);
        }
    }
    if (stack->plan.jitter > 0) {
        const Random random = {seed, RANDOM_DEMO, 2};
        for (long i = 0; i < stack->list.total; i++) {
            stack->weight_block[i] +=
                (real)(stack->plan.jitter * random_normal(random, (uint64_t)i));
        }
    }
    random_fill_normal((Random){seed, RANDOM_DEMO, 0}, stack->z[0], 1);
    random_fill_normal((Random){seed, RANDOM_DEMO, 1}, stack->dy, 1);
}

void block_stack_make(BlockStack *stack, const BlockStackPlan *plan) {
    Error error;
    if (plan->L < 1 || plan->L > BLOCK_STACK_MAX) {
        bug("block_stack_make: %d blocks, want 1 to %d", plan->L, BLOCK_STACK_MAX);
    }
    *stack = (BlockStack){.plan = *plan};
    chapter_needs(parameters_list(&stack->list, lay_out_parameters, stack, &error) &&
                      arena_make(&stack->arena, lay_out, stack, "the blocks", &error),
                  &error);
    parameters_view(&stack->list, lay_out_parameters, stack, stack->gradient_block);
    stack->d = stack->weights;
    parameters_view(&stack->list, lay_out_parameters, stack, stack->weight_block);
    initialise(stack);
}

void block_stack_free(BlockStack *stack) {
    arena_free(&stack->arena);
    parameters_list_free(&stack->list);
}

/* ---- forward and backward ---------------------------------------------- */

void block_stack_forward(BlockStack *stack) {
    const int L = stack->plan.L;
    for (int l = 1; l <= L; l++) {
        /* [ViT eq.2] [ViT eq.3]   z_l = block_l(z_{l-1}) */
        encoder_block_forward(&stack->weights.blocks[l - 1], stack->z[l - 1],
                              &stack->a[l - 1], &stack->plan.dropout);
    }
    if (stack->plan.block.norm == PRE_NORM) {
        /* [ViT eq.4]   y = LN(z_L) */
        layer_norm_forward(&stack->weights.norm, stack->z[L], &stack->norm, stack->y);
    } else {
        tensor_copy(stack->y, stack->z[L]);
    }
}

void block_stack_backward(BlockStack *stack) {
    const int L = stack->plan.L;
    memset(stack->gradient_block, 0, (size_t)stack->list.total * sizeof(real));
    if (stack->plan.block.norm == PRE_NORM) {
        /* y = LN(z_L) */
        layer_norm_backward(&stack->weights.norm, &stack->d.norm, stack->z[L],
                            &stack->norm, stack->dy, stack->dz[L]);
    } else {
        tensor_copy(stack->dz[L], stack->dy);
    }
    for (int l = L; l >= 1; l--) {
        /* z_l = block_l(z_{l-1}); encoder_block_backward works in place */
        tensor_copy(stack->dz[l - 1], stack->dz[l]);
        encoder_block_backward(&stack->weights.blocks[l - 1], &stack->d.blocks[l - 1],
                               stack->z[l - 1], &stack->a[l - 1], &stack->plan.dropout,
                               stack->dz[l - 1], &stack->s);
    }
}
