/* ladders.c: see ladders.h. */
#include "chapters/06_cuda_training/measuring/ladders.h"

#include "chapters/06_cuda_training/kernels/gpu_adamw.h"
#include "chapters/06_cuda_training/kernels/gpu_attention.h"
#include "chapters/06_cuda_training/kernels/gpu_elementwise.h"
#include "chapters/06_cuda_training/kernels/gpu_gelu.h"
#include "chapters/06_cuda_training/kernels/gpu_layer_norm.h"
#include "chapters/06_cuda_training/kernels/gpu_limits.h"
#include "chapters/06_cuda_training/kernels/gpu_matmul.h"
#include "chapters/06_cuda_training/kernels/gpu_softmax.h"
#include "common/random.h"

/* ---- versions -------------------------------------------------------------------- */

static const char *const arithmetic_name = "multiply-add", *const memory_name = "copy",
                         *const adamw_name = "one kernel";

/* Bytes per element: forward reads one and writes one; backward reads two and writes
 * one; GELU reads one and writes two. */
const LadderInfo ladders[LADDERS] = {
    [LADDER_NT] = {"Y = X W^T", "%d x %d x %d", gpu_matmul_names, MATMUL_VERSIONS, 2,
                   0},
    [LADDER_NN] = {"dX = dY W", "%d x %d x %d", gpu_matmul_names, MATMUL_VERSIONS, 2,
                   0},
    [LADDER_TN] = {"dW = dY^T X", "%d x %d x %d", gpu_matmul_names, MATMUL_VERSIONS, 2,
                   0},
    [LADDER_SOFTMAX] = {"softmax", "%d x %d", gpu_softmax_names, SOFTMAX_VERSIONS, 0,
                        8},
    [LADDER_SOFTMAX_BACKWARD] = {"softmax backward", "%d x %d", gpu_softmax_names,
                                 SOFTMAX_VERSIONS, 0, 12},
    [LADDER_LAYER_NORM] = {"layer norm", "%d x %d", gpu_layer_norm_names,
                           LAYER_NORM_VERSIONS, 0, 8},
    [LADDER_LAYER_NORM_BACKWARD] = {"layer norm backward", "%d x %d",
                                    gpu_layer_norm_names, LAYER_NORM_VERSIONS, 0, 12},
    [LADDER_GELU] = {"bias and GELU", "%d x %d", gpu_gelu_names, GELU_VERSIONS, 0, 12},
    [LADDER_ATTENTION] = {"attention", "B %d h %d n %d d %d", gpu_attention_names,
                          ATTENTION_VERSIONS, 4, 0},
    [LADDER_ATTENTION_BACKWARD] = {"attention backward", "B %d h %d n %d d %d",
                                   gpu_attention_names, ATTENTION_VERSIONS, 8, 0},
    [LADDER_ARITHMETIC] = {"limit", "fp32", &arithmetic_name, 1, 2 * FMA_CHAINS, 0},
    [LADDER_MEMORY] = {"limit", "1 GiB", &memory_name, 1, 0, 8},
    [LADDER_ADAMW] = {"AdamW", "%d", &adamw_name, 1, 0, 28},
};

const char *ladder_version(Ladder ladder, int version) {
    if (version >= ladders[ladder].count ||
        (ladder <= LADDER_TN && !gpu_matmul_available((MatmulVersion)version))) {
        return NULL;
    }
    return ladders[ladder].versions[version];
}

/* ---- tensors --------------------------------------------------------------------- */

/* The tensors of layer norm; softmax and GELU use some of them. */
enum { X, GAMMA, BETA, MEAN, RSTD, Y, DX, DGAMMA, DBETA, PARTIAL };

static void shape_product(Ladder ladder, int m, int n, int k, Tensor *T) {
    T[0] = ladder == LADDER_TN ? tensor2(NULL, k, m) : tensor2(NULL, m, k);
    T[1] = ladder == LADDER_NT ? tensor2(NULL, n, k) : tensor2(NULL, k, n);
    T[2] = tensor2(NULL, m, n);
}

static void shape(Ladder ladder, const int *size, Tensor *T) {
    const int B = size[0], heads = size[1], n = size[2], D = heads * size[3];
    const int rows = size[0], cols = size[1];
    switch (ladder) {
    case LADDER_NT:
    case LADDER_NN:
    case LADDER_TN: shape_product(ladder, size[0], size[1], size[2], T); break;
    case LADDER_ATTENTION:
    case LADDER_ATTENTION_BACKWARD:
        T[0] = T[4] = tensor3(NULL, B, n, 3 * D);    /* qkv, dqkv */
        T[1] = T[3] = tensor3(NULL, B, n, D);        /* O, dO */
        T[2] = T[5] = tensor4(NULL, B, heads, n, n); /* scores, scratch */
        break;
    case LADDER_ARITHMETIC: T[0] = tensor1(NULL, size[0]); break;
    case LADDER_MEMORY: T[0] = T[1] = tensor1(NULL, size[0]); break;
    case LADDER_ADAMW:
        T[0] = T[1] = T[2] = T[3] = tensor1(NULL, size[0]);
        T[4] = T[5] = tensor1(NULL, 4);
        break;
    default:
        T[X] = T[Y] = T[DX] = tensor2(NULL, rows, cols);
        T[GAMMA] = T[BETA] = T[DGAMMA] = T[DBETA] = tensor1(NULL, cols);
        T[MEAN] = T[RSTD] = tensor1(NULL, rows);
        T[PARTIAL] = tensor3(NULL, LAYER_NORM_PARTS, 2, cols);
    }
}

/* T has weights, m, v, gradients, a DecayRun and a GpuStepResult. */
static void fill_for_adamw(const Tensor *T) {
    const DecayRun run = {.end = tensor_count(T[0]), .lambda = 0.05f};
    const GpuStepResult result = {.clip_scale = 1};
    /* v is a mean of squares: never below 0 */
    gpu_zero(NULL, T[2].data, (size_t)tensor_count(T[2]) * sizeof(float));
    gpu_upload(NULL, T[4].data, &run, sizeof run);
    gpu_upload(NULL, T[5].data, &result, sizeof result);
    gpu_wait(NULL);
}

bool ladder_make(LadderCase *on, Ladder ladder, const int *size, Error *error) {
    enum { FLOATS = 1 << 16 };
    static float floats[FLOATS]; /* uploaded again and again */
    const Random random = {.seed = 6, .use = RANDOM_DEMO, .sequence = 5};
    random_fill_normal(random, tensor1(floats, FLOATS), 1);
    *on = (LadderCase){.size = size};
    shape(ladder, size, on->T);
    for (int i = 0; i < LADDER_TENSORS && on->T[i].ndim > 0; i++) {
        Tensor *T = &on->T[i];
        const size_t count = (size_t)tensor_count(*T);
        T->data = gpu_allocate(count * sizeof(float), "a ladder's tensors", error);
        if (!T->data) {
            return false;
        }
        for (size_t at = 0; at < count; at += FLOATS) {
            const size_t left = count - at;
            gpu_upload(NULL, T->data + at, floats,
                       (left < FLOATS ? left : FLOATS) * sizeof(float));
        }
    }
    gpu_wait(NULL);
    if (ladder == LADDER_ADAMW) {
        fill_for_adamw(on->T);
    }
    return true;
}

void ladder_free(LadderCase *on) {
    for (int i = 0; i < LADDER_TENSORS; i++) {
        gpu_free(on->T[i].data);
    }
}

/* ---- launches -------------------------------------------------------------------- */

/* Either version keeps its results in the scores' memory (B, h, n, n), the larger. */
static void run_attention(GpuStream stream, bool backward, int version,
                          const Tensor *T) {
    GpuAttention pass = {(AttentionVersion)version, T[2].shape[1], .qkv = T[0],
                         .O = T[1]};
    gpu_attention_shapes(pass.version, T[2].shape[0], pass.heads, T[2].shape[2],
                         &pass.kept);
    pass.kept.A.data = pass.kept.lse.data = T[2].data;
    pass.kept.dA.data = pass.kept.delta.data = T[5].data;
    if (backward) {
        gpu_attention_backward(stream, &pass, T[3], T[4]);
    } else {
        gpu_attention_forward(stream, &pass);
    }
}

static void run_adamw(GpuStream stream, const Tensor *T) {
    static const AdamW adamw = {0.9, 0.99, 1e-8, 0.05};
    const GpuUpdate update = {
        tensor_count(T[0]),          T[0].data, T[1].data, T[2].data, T[3].data,
        (const DecayRun *)T[4].data, 1};
    gpu_adamw_step(stream, &adamw, 1e-3, 10, &update, (const GpuStepResult *)T[5].data);
}

void ladder_run(GpuStream stream, Ladder ladder, int version, const LadderCase *on) {
    const MatmulForm form = {.layout = (MatmulLayout)ladder};
    const Tensor *T = on->T;
    const GpuLayerNorm norm = {T[X], T[GAMMA], T[BETA], T[MEAN], T[RSTD]};
    const GpuLayerNormGradients d_norm = {T[DGAMMA], T[DBETA], T[PARTIAL]};
    const float scale = 0.125f;
    switch (ladder) {
    case LADDER_NT:
    case LADDER_NN:
    case LADDER_TN:
        gpu_matmul(stream, (MatmulVersion)version, form, T[0], T[1], T[2]);
        break;
    case LADDER_SOFTMAX:
        gpu_softmax_forward(stream, (SoftmaxVersion)version, scale, T[X], T[Y]);
        break;
    case LADDER_SOFTMAX_BACKWARD:
        gpu_softmax_backward(stream, (SoftmaxVersion)version, scale, T[X], T[Y], T[DX]);
        break;
    case LADDER_LAYER_NORM:
        gpu_layer_norm_forward(stream, (LayerNormVersion)version, &norm, T[Y]);
        break;
    case LADDER_LAYER_NORM_BACKWARD: /* dY is in T[Y] */
        gpu_layer_norm_backward(stream, (LayerNormVersion)version, &norm, T[Y], T[DX],
                                &d_norm);
        break;
    case LADDER_GELU:
        gpu_bias_gelu_forward(stream, (GeluVersion)version, T[X], T[GAMMA], T[Y]);
        break;
    case LADDER_ATTENTION:
    case LADDER_ATTENTION_BACKWARD:
        run_attention(stream, ladder == LADDER_ATTENTION_BACKWARD, version, T);
        break;
    case LADDER_ARITHMETIC:
        gpu_limit_arithmetic(stream, on->size[0], on->size[1], T[0]);
        break;
    case LADDER_MEMORY: gpu_limit_memory(stream, T[0], T[1]); break;
    default: run_adamw(stream, T);
    }
}
