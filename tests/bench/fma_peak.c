/*
 * fma_peak.c: see fma_peak.h.
 *
 * Each multiply-add waits for the one before on the same accumulator, some 4
 * cycles; so there are CHAINS of them side by side. The empty asm says that it
 * changes the register that it names; so the compiler can't do without a step.
 */
#include "tests/bench/fma_peak.h"

#include "common/lesson/stopwatch.h"
#include "common/tensor.h"

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#define KEEP(x) __asm__ volatile("" : "+v"(x))
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#define KEEP(x) __asm__ volatile("" : "+x"(x))
#elif defined(__x86_64__)
#define VECTOR_BYTES 16
#define KEEP(x) __asm__ volatile("" : "+x"(x))
#elif defined(__aarch64__)
#define VECTOR_BYTES 16
#define KEEP(x) __asm__ volatile("" : "+w"(x))
#endif

#ifdef KEEP

typedef real vector __attribute__((vector_size(VECTOR_BYTES)));

enum { CHAINS = 12, LANES = VECTOR_BYTES / sizeof(real) };

/* clang-format off */
#define EACH(DO) \
    DO(s0) DO(s1) DO(s2) DO(s3) DO(s4) DO(s5)                                          \
    DO(s6) DO(s7) DO(s8) DO(s9) DO(s10) DO(s11)
#define START(sum) vector sum = y;
#define STEP(sum) sum = sum * x + y; KEEP(sum);
/* clang-format on */

/* `steps` multiply-adds on each of CHAINS vectors: variables, not an array, so that
 * they stay in registers. */
static void multiply_add(long steps) {
    vector x = (vector){0} + (real)0.5, y = (vector){0} + 1;
    KEEP(x);
    KEEP(y);
    EACH(START)
    for (long step = 0; step < steps; step++) {
        EACH(STEP)
    }
}

double fma_peak(int threads, int rounds) {
    const long steps = 1000000; /* some milliseconds */
    double best = 0;
    for (int round = -1; round < rounds; round++) { /* round -1 warms up */
        const double start_ms = stopwatch_ms();
#pragma omp parallel for schedule(static, 1) num_threads(threads)
        for (int t = 0; t < threads; t++) {
            multiply_add(steps);
        }
        const double flops = 2.0 * LANES * CHAINS * (double)steps * threads;
        const double gflops = flops / (1e6 * (stopwatch_ms() - start_ms));
        best = round >= 0 && gflops > best ? gflops : best;
    }
    return best;
}

#else

double fma_peak(int threads, int rounds) {
    (void)threads;
    (void)rounds;
    return 0;
}

#endif
