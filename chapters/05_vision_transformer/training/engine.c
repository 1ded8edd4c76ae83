/* engine.c: the CPU as an engine. See engine.h. */
#include "chapters/05_vision_transformer/training/engine.h"

#include <stdio.h>

static int one_step(Trainer *trainer, const Dataset *dataset, int max_steps,
                    StepResult *results) {
    (void)max_steps;
    results[0] = trainer_step(trainer, dataset);
    return 1;
}

static void describe(const Trainer *t) {
    const int threads = t->settings.threads;
#ifdef _OPENMP
    const char *how = "";
#else
    const char *how = threads > 1 ? " (one after the other: no OpenMP)" : "";
#endif
    printf("on the CPU, %d thread%s%s, %.0f MB\n", threads, threads == 1 ? "" : "s",
           how, trainer_bytes(t) / 1e6);
}

const Engine engine_cpu = {
    .make = trainer_make,
    .free = trainer_free,
    .steps = one_step,
    .evaluate = trainer_evaluate,
    .describe = describe,
};
