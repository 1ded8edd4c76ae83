/* demo_block_stack.c: see demo_block_stack.h. */
#include "chapters/04_encoder_block/demo_block_stack.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/random.h"

/* ---- layout ------------------------------------------------------------ */

/* What the layout function needs: sizes, and where to put the tensors. */
typedef struct {
    const BlockStack *stack;
    BlockStackWeights *weights;
} Layout;

static void layout_parameters(ParameterBlock *block, void *model) {
    const Layout *layout = model;
    const BlockConfig *config = &layout->stack->config;
    for (int l = 0; l < layout->stack->L; l++) {
        encoder_block_parameters(&layout->weights->blocks[l], block, config, l);
    }
    if (config->norm == PRE_NORM) {
        layer_norm_parameters(&layout->weights->norm, block, config->D, "norm.");
    }
}

static void layout_activations(BlockStack *stack, Arena *arena) {
    const int B = stack->B, n = stack->n, D = stack->config.D;
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

static bool make(BlockStack *stack, Error *error) {
    Layout weights = {stack, &stack->weights}, gradients = {stack, &stack->d};
    if (!parameters_list(&stack->list, layout_parameters, &weights, error)) {
        return false;
    }
    const size_t bytes = (size_t)stack->list.total * sizeof(real);
    Arena plan = {0};
    layout_activations(stack, &plan);
    stack->weight_block = allocate(bytes, "the blocks' weights", error);
    stack->gradient_block =
        stack->weight_block ? allocate(bytes, "the blocks' gradients", error) : NULL;
    if (!stack->gradient_block ||
        !arena_make(&stack->arena, &plan, "the blocks' activations", error)) {
        return false;
    }
    parameters_view(&stack->list, layout_parameters, &weights, stack->weight_block);
    parameters_view(&stack->list, layout_parameters, &gradients, stack->gradient_block);
    layout_activations(stack, &stack->arena);
    arena_check_full(&stack->arena);
    return true;
}

bool block_stack_make(BlockStack *stack, const BlockConfig *config, int L, int B, int n,
                      Error *error) {
    if (L < 1 || L > BLOCK_STACK_MAX) {
        bug("block_stack_make: %d blocks, want 1 to %d", L, BLOCK_STACK_MAX);
    }
    *stack = (BlockStack){.config = *config, .L = L, .B = B, .n = n};
    if (!make(stack, error)) {
        block_stack_free(stack);
        return false;
    }
    return true;
}

void block_stack_free(BlockStack *stack) {
    arena_free(&stack->arena);
    free(stack->gradient_block);
    free(stack->weight_block);
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
