/*
 * ranks_on_cpu.h: several devices of cuda_on_cpu in one program, each with a rank,
 * which is a thread. nccl_on_cpu.cpp implements it.
 *
 * The threads take turns: one runs until it has to wait for another rank (in NCCL's
 * functions), or has ended. So nothing that chapter 6 keeps once for its one device is
 * ever used by two at a time, and a run is the same each time.
 */
#pragma once

#include <stdbool.h>

#include "common/error.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { MAX_RANKS_ON_CPU = 16 };

/*
 * ranks_on_cpu: `body` once for each rank, on device number `rank`; returns when all
 * have ended. Rank 0 is the caller itself. False and an error: a thread can't be made,
 * and nothing was run.
 */
bool ranks_on_cpu(int size, void (*body)(int rank, void *data), void *data,
                  Error *error);

#ifdef __cplusplus
}
#endif
