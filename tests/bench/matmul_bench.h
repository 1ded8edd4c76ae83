/* matmul_bench.h: our matrix products beside OpenBLAS's and BLIS's. */
#ifndef MATMUL_BENCH_H
#define MATMUL_BENCH_H

#include "tests/bench/bench.h"

/* matmul_bench: prints the table and writes plots/bench_matmul.csv. */
bool matmul_bench(Bench *bench, Error *error);

#endif
