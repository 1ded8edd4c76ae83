/* fma_peak.h: how many multiply-adds the cores can do when nothing else holds them
 * up: the roof over every matrix product. */
#pragma once

/* fma_peak: GFLOP/s on `threads` threads, a multiply-add counting as two; the best
 * of `rounds` bursts. 0 where it isn't known how to measure it. */
double fma_peak(int threads, int rounds);
