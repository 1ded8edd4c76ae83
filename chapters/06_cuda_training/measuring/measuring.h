/*
 * measuring.h: what --check, --counts, --times, --bench and --dump run.
 */
#pragma once

#include "chapters/06_cuda_training/gpu_trainer.h"

/*
 * gpu_parity: does the model on the device compute what chapter 5's does? A small ViT
 * with random weights and images: logits, loss and every gradient compared with the
 * CPU's, pre- and post-norm, with dropout and without. Prints a line for each; returns
 * how many disagree.
 */
int gpu_parity(void);

/*
 * dump_gpu: chapter 5's dump (dump_vit.h), the same instance under the same names,
 * computed by these versions of the kernels. Fused attention keeps no A [ViT eq.6], so
 * that the file has none.
 */
bool dump_gpu(const char *path, GpuChoices choices, Error *error);

/*
 * access_counts_print: what every rung of every ladder asks of memory, counted by
 * cuda_on_cpu (counts.h says what is counted, and how): a table for each, at small
 * sizes; the counts depend on nothing but kernels and sizes. Returns how many rungs
 * were counted: 0, and one line says so, where nobody counts (a GPU; a cuda_on_cpu
 * built for speed) or where there is no memory.
 */
int access_counts_print(void);

/*
 * ladder_times: how long every rung takes on this device, compared with cuBLASLt and
 * with the device's limits (gpu_limits.h). It prints a table for each ladder and, if
 * `csv` isn't NULL, writes a line for each time into that file:
 *     ladder,version,sizes,milliseconds,gflops,gb_per_s
 * milliseconds: the median of several rounds, by the device's own events, after a
 * warm-up. gflops and gb_per_s count the operations, and the bytes, that the
 * computation needs at least, whatever the rung does.
 *   small   sizes of a few hundred elements: to see that it works, on cuda_on_cpu
 * False and an error: no memory, or the file can't be written.
 */
bool ladder_times(const char *csv, bool small, Error *error);

/*
 * made_up_run: how many images per second does this device train? A model of any of the
 * papers' sizes on images that are made up: no data set is needed, and how long a step
 * takes doesn't depend on what the pixels show. The model and the memory it takes are
 * printed before anything starts; then warm-up and MADE_UP_ROUNDS timed rounds, and
 * their median. False and an error if there is no such model, or if the batch doesn't
 * fit: then the error names one.
 */
enum { MADE_UP_ROUNDS = 7 };
typedef struct {
    const char *model; /* "this": 28x28x1, the settings' own sizes; "S/4": 32x32x3;
                          "Ti/16" to "H/14": 224x224x3, 1000 classes [ViT T.1] */
    int batch;         /* images per step; 0: the model's usual number */
    long steps;        /* per round; 0: 16 */
    const char *csv;   /* a line is added to this file; or NULL */
} MadeUpRun;
bool made_up_run(const Settings *settings, const MadeUpRun *run, Error *error);

/* made_up_model: what `name` is; false, and an error, if there is no such model. */
bool made_up_model(const char *name, const Settings *settings, VitConfig *model,
                   Error *error);

/* measuring_median: the median of `count` values, which it sorts. */
double measuring_median(double *values, int count);
