/*
 * machine_speed.h: measures what the machine can do at most (multiply-adds in
 * registers, bytes from memory), and how long a product takes on it.
 *
 * Each result is the best of several tries: the others were disturbed. `threads` is
 * how many threads run the same at once; the result is their sum.
 */
#pragma once

#include "common/tensor.h"

/* machine_peak_gflops: 10^9 flops per second, of multiply-adds in registers (2 flops
 * each), by the widest vectors that this build has; no memory takes part. */
double machine_peak_gflops(int threads);

/* machine_read_gbs: 10^9 bytes per second, when `count` elements are read and summed.
 * They come from where so many fit: a cache, or memory. `data` is aligned to
 * 64 bytes, as allocate() does it. */
double machine_read_gbs(const real *data, long count, int threads);

/* machine_triad_gbs: the same for x = y + 2 z, where x, y and z are a third of the
 * `count` elements each. 3 elements are counted; most machines move 4 when x isn't in
 * the cache: its line comes too before it is written. */
double machine_triad_gbs(real *data, long count, int threads);

/* machine_product_ms: milliseconds for C = A B, the fastest of at least so many times,
 * and of as many as fit into `budget_ms`. */
typedef struct {
    void (*product)(Tensor A, Tensor B, Tensor C);
    Tensor A, B, C;
} MachineProduct;
double machine_product_ms(MachineProduct product, int times, double budget_ms);
