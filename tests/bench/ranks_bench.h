/* ranks_bench.h: chapter 8's ranks compared with threads, and what communication costs
 * them compared with PyTorch's DDP. */
#pragma once

#include "tests/bench/bench.h"

/* ranks_bench: prints the tables and writes plots/bench_ranks.csv. */
bool ranks_bench(Bench *bench, Error *error);
