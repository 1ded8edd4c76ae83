/* ladders.c: see ladders.h. */
#include "chapters/06_cuda_training/measuring/ladders.h"

#include <stdlib.h>

#include "chapters/06_cuda_training/kernels/gpu_attention.h"
#include "chapters/06_cuda_training/kernels/gpu_gelu.h"
#include "chapters/06_cuda_training/kernels/gpu_layer_norm.h"
#include "chapters/06_cuda_training/kernels/gpu_matmul.h"
#include "chapters/06_cuda_training/kernels/gpu_softmax.h"
#include "common/random.h"

static void run_nt(GpuStream stream, int version, const Tensor *T) {
    const MatmulForm form = {.layout = MATMUL_NT};
    gpu_matmul(stream, (MatmulVersion)version, form, T[0], T[1], T[2]);
}

static void run_nn(GpuStream stream, int version, const Tensor *T) {
    const MatmulForm form = {.layout = MATMUL_NN};
    gpu_matmul(stream, (MatmulVersion)version, form, T[0], T[1], T[2]);
}

static void run_tn(GpuStream stream, int version, const Tensor *T) {
    const MatmulForm form = {.layout = MATMUL_TN};
    gpu_matmul(stream, (MatmulVersion)version, form, T[0], T[1], T[2]);
}

static void run_softmax(GpuStream stream, int version, const Tensor *T) {
    gpu_softmax_forward(stream, (SoftmaxVersion)version, 0.125f, T[0], T[1]);
}

static void run_softmax_backward(GpuStream stream, int version, const Tensor *T) {
    gpu_softmax_backward(stream, (SoftmaxVersion)version, 0.125f, T[0], T[1], T[2]);
}

static void run_gelu(GpuStream stream, int version, const Tensor *T) {
    gpu_bias_gelu_forward(stream, (GeluVersion)version, T[0], T[1], T[2]);
}

static void run_layer_norm(GpuStream stream, int version, const Tensor *T) {
    const GpuLayerNorm pass = {T[0], T[1], T[2], T[3], T[4]};
    gpu_layer_norm_forward(stream, (LayerNormVersion)version, &pass, T[5]);
}

static void run_layer_norm_backward(GpuStream stream, int version, const Tensor *T) {
    const GpuLayerNorm pass = {T[0], T[1], T[2], T[3], T[4]};
    const GpuLayerNormGradients d = {T[7], T[8], T[9]};
    gpu_layer_norm_backward(stream, (LayerNormVersion)version, &pass, T[5], T[6], &d);
}

/* What either version keeps lies in the scores' memory: (B, h, n, n) is the larger. */
static GpuAttention attention_of(int version, const Tensor *T) {
    GpuAttention pass = {.version = (AttentionVersion)version, .qkv = T[0], .O = T[1]};
    pass.heads = T[2].shape[1];
    gpu_attention_shapes(pass.version, T[2].shape[0], pass.heads, T[2].shape[2],
                         &pass.kept);
    pass.kept.A.data = pass.kept.lse.data = T[2].data;
    return pass;
}

static void run_attention(GpuStream stream, int version, const Tensor *T) {
    const GpuAttention pass = attention_of(version, T);
    gpu_attention_forward(stream, &pass);
}

static void run_attention_backward(GpuStream stream, int version, const Tensor *T) {
    GpuAttention pass = attention_of(version, T);
    pass.kept.dA.data = pass.kept.delta.data = T[5].data;
    gpu_attention_backward(stream, &pass, T[3], T[4]);
}

const Ladder ladder_nt = {gpu_matmul_names, MATMUL_VERSIONS, run_nt};
const Ladder ladder_nn = {gpu_matmul_names, MATMUL_VERSIONS, run_nn};
const Ladder ladder_tn = {gpu_matmul_names, MATMUL_VERSIONS, run_tn};
const Ladder ladder_softmax = {gpu_softmax_names, SOFTMAX_VERSIONS, run_softmax};
const Ladder ladder_softmax_backward = {gpu_softmax_names, SOFTMAX_VERSIONS,
                                        run_softmax_backward};
const Ladder ladder_gelu = {gpu_gelu_names, GELU_VERSIONS, run_gelu};
const Ladder ladder_layer_norm = {gpu_layer_norm_names, LAYER_NORM_VERSIONS,
                                  run_layer_norm};
const Ladder ladder_layer_norm_backward = {gpu_layer_norm_names, LAYER_NORM_VERSIONS,
                                           run_layer_norm_backward};
const Ladder ladder_attention = {gpu_attention_names, ATTENTION_VERSIONS,
                                 run_attention};
const Ladder ladder_attention_backward = {gpu_attention_names, ATTENTION_VERSIONS,
                                          run_attention_backward};

/* ---- memory ---------------------------------------------------------------------- */

bool ladder_memory_make(LadderMemory *memory, Error *error) {
    const Random random = {.seed = 6, .use = RANDOM_DEMO, .sequence = 5};
    *memory = (LadderMemory){0};
    memory->floats = allocate(LADDER_FLOATS * sizeof(float), "a ladder", error);
    if (memory->floats) {
        random_fill_normal(random, tensor1(memory->floats, LADDER_FLOATS), 1);
    }
    return memory->floats != NULL;
}

void ladder_give_back(LadderMemory *memory) {
    while (memory->count > 0) {
        gpu_free(memory->blocks[--memory->count]);
    }
}

void ladder_memory_free(LadderMemory *memory) {
    ladder_give_back(memory);
    free(memory->floats);
}

bool ladder_tensors(LadderMemory *memory, Tensor *T, int count, Error *error) {
    for (int i = 0; i < count; i++) {
        const size_t floats = (size_t)tensor_count(T[i]);
        T[i].data = gpu_allocate(floats * sizeof(float), "a ladder's tensors", error);
        if (!T[i].data) {
            return false;
        }
        memory->blocks[memory->count++] = T[i].data;
        for (size_t at = 0; at < floats; at += LADDER_FLOATS) {
            const size_t left = floats - at;
            gpu_upload(NULL, T[i].data + at, memory->floats,
                       (left < LADDER_FLOATS ? left : LADDER_FLOATS) * sizeof(float));
        }
    }
    gpu_wait(NULL);
    return true;
}
