/* models.h: what is measured: four models, and what is done with them. */
#pragma once

#include "chapters/05_vision_transformer/model/vit.h"

typedef struct {
    const char *name;
    VitConfig config;
    int train_batch; /* images per step; inference is of one image */
    bool by_ranks;   /* with ranks, too, if no model is named */
    bool large;      /* gigabytes per process: fewer of them at a time */
} BenchModel;

enum { BENCH_MODELS = 4 };
extern const BenchModel bench_models[BENCH_MODELS];

/* model_index: of the model called so; -1 if there is none. */
int model_index(const char *name);

/* model_of_side: the small model on square images of `side` pixels. */
VitConfig model_of_side(int side);

typedef enum { TRAIN, INFER } Phase;

/* phase_name: "train" or "infer". */
const char *phase_name(Phase phase);

/* A piece of work for both sides: steps of `batch` images each. */
typedef struct {
    VitConfig config;
    Phase phase;
    int batch;
} Task;

/* task_flops: of one step. Backward costs two forwards: each product has two
 * gradients. */
double task_flops(const Task *task);

/* attention_share: of a block's arithmetic, the part that grows with the square of
 * the tokens: 4 n^2 D / (8 n D^2 + 4 n^2 D + 4 n D M). */
double attention_share(const VitConfig *config);
