/* matmul_bench.h: our matrix products compared with OpenBLAS's and BLIS's. */
#pragma once

#include "tests/bench/bench.h"

/* matmul_bench: prints the table and writes plots/bench_matmul.csv. */
bool matmul_bench(Bench *bench, Error *error);
