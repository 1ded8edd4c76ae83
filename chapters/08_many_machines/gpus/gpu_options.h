/*
 * gpu_options.h: the words of ./chapter8_gpu's command line that are neither chapter
 * 5's nor chapter 6's.
 *
 *     --bucket KB     the least that is summed at once [4096]
 *     --patience S    how long the others may let a rank wait [600]
 *     --ranks N       cuda_on_cpu alone: so many in one program [2]
 */
#pragma once

#include <stdbool.h>

#include "common/error.h"

typedef struct {
    long bucket_bytes;
    double patience_s;
    int ranks;
} GpuOptions;

/* gpu_options_take: takes them out of argv; `rest` (argc + 1 pointers) gets the others.
 * False and one line if a value is missing or wrong. */
bool gpu_options_take(GpuOptions *own, int argc, char **argv, int *count, char **rest,
                      Error *error);

/* gpu_options_help: what --help adds. */
void gpu_options_help(void);
