/* fma_peak.h: how many multiply-adds the cores can do when nothing else holds them
 * up: the roof over every matrix product. */
#ifndef FMA_PEAK_H
#define FMA_PEAK_H

/* fma_peak: GFLOP/s on `threads` threads, a multiply-add counting as two; the best
 * of `rounds` bursts. 0 where it isn't known how to measure it. */
double fma_peak(int threads, int rounds);

#endif
