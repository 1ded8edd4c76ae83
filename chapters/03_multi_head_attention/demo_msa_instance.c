/* demo_msa_instance.c: see demo_msa_instance.h. */
#include "chapters/03_multi_head_attention/demo_msa_instance.h"

#include <math.h>
#include <stdlib.h>

#include "common/random.h"

/* ---- layout ------------------------------------------------------------ */

/* What the layout function needs: sizes, and where to put the tensors. */
typedef struct {
    int D, heads;
    MultiHeadAttention *layer;
} Layout;

static void layout_parameters(ParameterBlock *block, void *model) {
    Layout *layout = model;
    multi_head_attention_parameters(layout->layer, block, layout->D, layout->heads,
                                    "attn.");
}

static void layout_activations(MsaInstance *msa, Arena *arena) {
    const int B = msa->B, n = msa->n, D = msa->D;
    multi_head_attention_activations(&msa->a, arena, B, n, D, msa->heads);
    multi_head_attention_scratch(&msa->s, arena, B, n, D);
    msa->z = arena_tensor3(arena, B, n, D);
    msa->Y = arena_tensor3(arena, B, n, D);
    msa->dY = arena_tensor3(arena, B, n, D);
    msa->dz = arena_tensor3(arena, B, n, D);
}

bool msa_instance_list(ParameterList *list, int D, int heads, Error *error) {
    MultiHeadAttention layer;
    Layout layout = {D, heads, &layer};
    return parameters_list(list, layout_parameters, &layout, error);
}

static bool make(MsaInstance *msa, Error *error) {
    Layout weights = {msa->D, msa->heads, &msa->layer};
    Layout gradients = {msa->D, msa->heads, &msa->d};
    if (!parameters_list(&msa->list, layout_parameters, &weights, error)) {
        return false;
    }
    const size_t bytes = (size_t)msa->list.total * sizeof(real);
    Arena plan = {0};
    layout_activations(msa, &plan);
    msa->weights = allocate(bytes, "attention's weights", error);
    msa->gradients =
        msa->weights ? allocate(bytes, "attention's gradients", error) : NULL;
    if (!msa->gradients ||
        !arena_make(&msa->arena, &plan, "attention's activations", error)) {
        return false;
    }
    parameters_view(&msa->list, layout_parameters, &weights, msa->weights);
    parameters_view(&msa->list, layout_parameters, &gradients, msa->gradients);
    layout_activations(msa, &msa->arena);
    arena_check_full(&msa->arena);
    return true;
}

bool msa_instance_make(MsaInstance *msa, int B, int n, int D, int heads, Error *error) {
    *msa = (MsaInstance){.B = B, .n = n, .D = D, .heads = heads};
    if (!make(msa, error)) {
        msa_instance_free(msa);
        return false;
    }
    return true;
}

void msa_instance_free(MsaInstance *msa) {
    arena_free(&msa->arena);
    free(msa->gradients);
    free(msa->weights);
    parameters_list_free(&msa->list);
    *msa = (MsaInstance){0};
}

/* ---- numbers ----------------------------------------------------------- */

void msa_instance_randomise(MsaInstance *msa, uint64_t seed, double scale) {
    for (int i = 0; i < msa->list.count; i++) {
        const Parameter *p = &msa->list.items[i];
        const Random random = {seed, RANDOM_DEMO, (uint32_t)i};
        const double sigma = p->decay == DECAY ? scale / sqrt(msa->D) : 0.1;
        random_fill_normal(random, parameter_in(p, msa->weights), sigma);
    }
    random_fill_normal((Random){seed, RANDOM_DEMO, 100}, msa->z, 1);
    random_fill_normal((Random){seed, RANDOM_DEMO, 101}, msa->dY, 1);
}

void msa_instance_forward(MsaInstance *msa) {
    multi_head_attention_forward(&msa->layer, msa->z, &msa->a, msa->Y);
}
