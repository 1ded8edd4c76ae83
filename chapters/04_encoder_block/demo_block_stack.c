/* demo_block_stack.c: L encoder blocks on top of each other. See block_demos.h. */
#include <math.h>
#include <string.h>

#include "chapters/04_encoder_block/block_demos.h"
#include "common/random.h"

/* ---- layout ------------------------------------------------------------ */

/* What the layout function needs: sizes, and where to put the tensors. */
typedef struct {
    const BlockStack *stack;
    BlockStackWeights *weights;
} Layout;

static void lay_out_parameters(ParameterBlock *block, void *model) {
    const Layout *layout = model;
    const BlockConfig *config = &layout->stack->config;
    for (int l = 0; l < layout->stack->L; l++) {
        encoder_block_parameters(&layout->weights->blocks[l], block, config, l);
    }
    if (config->norm == PRE_NORM) {
        layer_norm_parameters(&layout->weights->norm, block, config->D, "norm.");
    }
}

static void lay_out(BlockStack *stack, Arena *arena) {
    const int B = stack->B, n = stack->n, D = stack->config.D;
    stack->weight_block = arena_tensor1(arena, (int)stack->list.total).data;
    stack->gradient_block = arena_tensor1(arena, (int)stack->list.total).data;
    stack->z_0 = arena_tensor3(arena, B, n, D);
    for (int l = 0; l < stack->L; l++) {
        encoder_block_activations(&stack->a[l], arena, B, n, &stack->config);
    }
    for (int l = 0; l <= stack->L; l++) {
        stack->dz[l] = arena_tensor3(arena, B, n, D);
    }
    encoder_block_scratch(&stack->s, arena, B, n, &stack->config);
    layer_norm_activations(&stack->norm, arena, B * n);
    stack->y = arena_tensor3(arena, B, n, D);
    stack->dy = arena_tensor3(arena, B, n, D);
}

bool block_stack_make(BlockStack *stack, const BlockConfig *config, int L, int B, int n,
                      Error *error) {
    Layout weights = {stack, &stack->weights}, gradients = {stack, &stack->d};
    Arena plan = {0};
    if (L < 1 || L > BLOCK_STACK_MAX) {
        bug("block_stack_make: %d blocks, want 1 to %d", L, BLOCK_STACK_MAX);
    }
    *stack = (BlockStack){.config = *config, .L = L, .B = B, .n = n};
    if (!parameters_list(&stack->list, lay_out_parameters, &weights, error)) {
        return false;
    }
    lay_out(stack, &plan);
    if (!arena_make(&stack->arena, &plan, "the blocks", error)) {
        block_stack_free(stack);
        return false;
    }
    lay_out(stack, &stack->arena);
    arena_check_full(&stack->arena);
    parameters_view(&stack->list, lay_out_parameters, &weights, stack->weight_block);
    parameters_view(&stack->list, lay_out_parameters, &gradients,
                    stack->gradient_block);
    return true;
}

void block_stack_free(BlockStack *stack) {
    arena_free(&stack->arena);
    parameters_list_free(&stack->list);
    *stack = (BlockStack){0};
}

/* ---- weights ----------------------------------------------------------- */

static bool has(const Parameter *p, const char *part) {
    return strstr(p->name, part) != NULL;
}

void block_stack_initialise(BlockStack *stack, uint64_t seed) {
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
    random_fill_normal((Random){seed, RANDOM_DEMO, 0}, stack->z_0, 1);
    random_fill_normal((Random){seed, RANDOM_DEMO, 1}, stack->dy, 1);
}

void block_stack_jitter(BlockStack *stack, uint64_t seed, double sigma) {
    const Random random = {seed, RANDOM_DEMO, 2};
    for (long i = 0; i < stack->list.total; i++) {
        stack->weight_block[i] += (real)(sigma * random_normal(random, (uint64_t)i));
    }
}

/* ---- forward and backward ---------------------------------------------- */

Tensor block_stack_z(const BlockStack *stack, int l) {
    return l == 0 ? stack->z_0 : stack->a[l - 1].y;
}

void block_stack_forward(BlockStack *stack, const Dropout *dropout) {
    /* [ViT eq.2] [ViT eq.3]   z_l = block_l(z_{l-1}) */
    Tensor z = stack->z_0;
    for (int l = 0; l < stack->L; l++) {
        z = encoder_block_forward(&stack->weights.blocks[l], z, &stack->a[l], dropout);
    }
    if (stack->config.norm == PRE_NORM) {
        /* [ViT eq.4]   y = LN(z_L) */
        layer_norm_forward(&stack->weights.norm, z, &stack->norm, stack->y);
    } else {
        tensor_copy(stack->y, z);
    }
}

void block_stack_backward(BlockStack *stack, const Dropout *dropout) {
    const int L = stack->L;
    memset(stack->gradient_block, 0, (size_t)stack->list.total * sizeof(real));
    if (stack->config.norm == PRE_NORM) {
        /* y = LN(z_L) */
        layer_norm_backward(&stack->weights.norm, &stack->d.norm,
                            block_stack_z(stack, L), &stack->norm, stack->dy,
                            stack->dz[L]);
    } else {
        tensor_copy(stack->dz[L], stack->dy);
    }
    for (int l = L; l >= 1; l--) {
        /* z_l = block_l(z_{l-1}); encoder_block_backward works in place */
        tensor_copy(stack->dz[l - 1], stack->dz[l]);
        encoder_block_backward(&stack->weights.blocks[l - 1], &stack->d.blocks[l - 1],
                               block_stack_z(stack, l - 1), &stack->a[l - 1], dropout,
                               stack->dz[l - 1], &stack->s);
    }
}
