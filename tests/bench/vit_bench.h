/* vit_bench.h: training steps, inference of one image and memory of the four
 * models, compared with PyTorch's. */
#pragma once

#include "tests/bench/bench.h"

/* vit_bench: prints the tables and writes plots/bench_models.csv. */
bool vit_bench(Bench *bench, Error *error);
