/* demo_msa_instance.c: one multi-head attention with all that it needs. */
#include <math.h>

#include "chapters/03_multi_head_attention/msa_demos.h"
#include "common/lesson/chapter.h"
#include "common/random.h"

static void lay_out_parameters(ParameterBlock *block, void *model) {
    MsaInstance *msa = model;
    multi_head_attention_parameters(&msa->layer, block, msa->size.D, msa->size.heads,
                                    "attn.");
}

static void lay_out(Arena *arena, void *instance) {
    MsaInstance *msa = instance;
    const int B = msa->size.B, n = msa->size.n, D = msa->size.D;
    msa->weights = arena_tensor1(arena, (int)msa->list.total).data;
    msa->gradients = arena_tensor1(arena, (int)msa->list.total).data;
    multi_head_attention_activations(&msa->a, arena, B, n, D, msa->size.heads);
    multi_head_attention_scratch(&msa->s, arena, B, n, D);
    Tensor *tokens[] = {&msa->z, &msa->Y, &msa->dY, &msa->dz};
    for (int i = 0; i < 4; i++) {
        *tokens[i] = arena_tensor3(arena, B, n, D);
    }
}

void msa_instance_make(MsaInstance *msa, MsaSizes size, uint64_t seed, double scale) {
    Error error;
    *msa = (MsaInstance){.size = size};
    chapter_needs(parameters_list(&msa->list, lay_out_parameters, msa, &error) &&
                      arena_make(&msa->arena, lay_out, msa, "attention", &error),
                  &error);
    parameters_view(&msa->list, lay_out_parameters, msa, msa->gradients);
    msa->d = msa->layer;
    parameters_view(&msa->list, lay_out_parameters, msa, msa->weights);
    for (int i = 0; i < msa->list.count; i++) {
        const Parameter *p = &msa->list.items[i];
        const double sigma = p->decay == DECAY ? scale / sqrt(size.D) : 0.1;
        random_fill_normal((Random){seed, RANDOM_DEMO, (uint32_t)i},
                           parameter_in(p, msa->weights), sigma);
    }
    random_fill_normal((Random){seed, RANDOM_DEMO, 100}, msa->z, 1);
    random_fill_normal((Random){seed, RANDOM_DEMO, 101}, msa->dY, 1);
}

void msa_instance_free(MsaInstance *msa) {
    arena_free(&msa->arena);
    parameters_list_free(&msa->list);
    *msa = (MsaInstance){0};
}

void msa_instance_forward(MsaInstance *msa) {
    multi_head_attention_forward(&msa->layer, msa->z, &msa->a, msa->Y);
}

void msa_instance_backward(MsaInstance *msa) {
    multi_head_attention_backward(&msa->layer, &msa->d, msa->z, &msa->a, msa->dY,
                                  msa->dz, &msa->s);
}
