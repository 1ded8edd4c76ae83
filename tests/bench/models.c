/* models.c: see models.h. */
#include "tests/bench/models.h"

#include <string.h>

/* Everything but the name and the batch in one line. */
#define MODEL(side, C, P, dim, L, h, mlp, K)                                           \
    {                                                                                  \
        .height = side, .width = side, .channels = C, .patch = P, .depth = L,          \
        .block = {.D = dim, .heads = h, .M = mlp}, .classes = K                        \
    }

const BenchModel bench_models[BENCH_MODELS] = {
    {"tiny", MODEL(28, 1, 4, 64, 4, 4, 128, 10), 64, true, false},
    {"small", MODEL(28, 1, 4, 128, 6, 4, 256, 10), 64, false, false},
    {"cifar", MODEL(32, 3, 4, 192, 6, 3, 768, 10), 64, true, false},
    {"b16", MODEL(224, 3, 16, 768, 12, 12, 3072, 1000), 4, false, true},
};

int model_index(const char *name) {
    for (int i = 0; i < BENCH_MODELS; i++) {
        if (strcmp(name, bench_models[i].name) == 0) {
            return i;
        }
    }
    return -1;
}

VitConfig model_of_side(int side) {
    VitConfig config = bench_models[1].config;
    config.height = config.width = side;
    return config;
}

const char *phase_name(Phase phase) {
    return phase == TRAIN ? "train" : "infer";
}

double task_flops(const Task *task) {
    const double forward = task->batch * vit_forward_flops(&task->config);
    return task->phase == TRAIN ? 3 * forward : forward;
}

double attention_share(const VitConfig *c) {
    const double n = vit_tokens(c), D = c->block.D, M = c->block.M;
    const double quadratic = 4 * n * n * D;
    return quadratic / (8 * n * D * D + quadratic + 4 * n * D * M);
}
