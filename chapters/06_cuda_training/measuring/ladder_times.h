/*
 * ladder_times.h: how long every rung of every ladder takes on this device, beside
 * cuBLASLt and beside what the device can do at most (gpu_limits.h).
 */
#ifndef LADDER_TIMES_H
#define LADDER_TIMES_H

#include <stdbool.h>

#include "common/error.h"

/*
 * ladder_times: a table for each ladder; and, if `csv` isn't NULL, into this file, a
 * line for each time:
 *     ladder,version,sizes,milliseconds,gflops,gb_per_s
 * milliseconds: the median of several rounds, by the device's own events, after a
 * warm-up. gflops and gb_per_s: of the operations, and of the bytes, that the
 * computation needs at least, whatever the rung does.
 *   small   sizes of a few hundred numbers: to see that it works, on cuda_on_cpu
 * False and an error: no memory, or the file can't be written.
 */
bool ladder_times(const char *csv, bool small, Error *error);

#endif
