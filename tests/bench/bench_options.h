/* bench_options.h: the benchmark's command line. */
#pragma once

#include "tests/bench/bench.h"

/* bench_options_parse: false and an error for what isn't an option. */
bool bench_options_parse(Bench *bench, int argc, char **argv, Error *error);

void bench_options_help(void);
