/* sweep_bench.h: how speed changes with the batch, and with the tokens. */
#pragma once

#include "tests/bench/bench.h"

/* sweep_bench: prints the tables and writes plots/bench_sweeps.csv. */
bool sweep_bench(Bench *bench, Error *error);
