/*
 * machine_speed.c: see machine_speed.h. Loops of gcc's and clang's vectors, in which
 * one thing alone is the limit.
 */
#include "common/lesson/machine_speed.h"

#include <math.h>

#include "common/lesson/stopwatch.h"

/* The widest vectors, as many as there may be in registers at once, and the letter
 * by which an asm statement asks for such a register. */
#if defined(__AVX512F__) && defined(__x86_64__)
enum { VECTOR_BYTES = 64, CHAINS = 24 }; /* 32 registers */
#define IN_REGISTER(x) __asm__ volatile("" : "+v"(x))
#elif defined(__i386__)
enum { VECTOR_BYTES = 16, CHAINS = 6 }; /* 8 registers */
#define IN_REGISTER(x) __asm__ volatile("" : "+x"(x))
#elif defined(__x86_64__)
#ifdef __AVX__
enum { VECTOR_BYTES = 32, CHAINS = 12 }; /* 16 registers */
#else
enum { VECTOR_BYTES = 16, CHAINS = 10 };
#endif
#define IN_REGISTER(x) __asm__ volatile("" : "+x"(x))
#elif defined(__aarch64__)
enum { VECTOR_BYTES = 16, CHAINS = 24 }; /* 32 registers */
#define IN_REGISTER(x) __asm__ volatile("" : "+w"(x))
#else
enum { VECTOR_BYTES = 16, CHAINS = 10 };
#define IN_REGISTER(x) ((void)0)
#endif

enum { LANES = VECTOR_BYTES / (int)sizeof(real) };

typedef real vector __attribute__((vector_size(VECTOR_BYTES), may_alias));

/* Everything is tried 5 times or more, and for 100 ms: the best is undisturbed. */
static bool again(int tries, double first_ms) {
    return tries < 5 || stopwatch_ms() - first_ms < 100;
}

/* Where results go, so that the compiler must compute them. */
static volatile real sink;

/* ---- multiply-adds ------------------------------------------------------- */

/*
 * x += a b, for CHAINS registers x. Each x waits for itself (some 4 cycles), so a core
 * that starts two in each cycle needs 8 chains or more; 4 in each cycle, 16. The empty
 * asm statement says "a may have changed": so a b can't be computed once for all.
 */
static void run_chains(long rounds) {
    vector x[CHAINS] = {{0}}, a = (vector){0} + (real)0.5, b = a;
    IN_REGISTER(b);
    for (long round = 0; round < rounds; round++) {
#pragma GCC unroll 24
        for (int c = 0; c < CHAINS; c++) {
            IN_REGISTER(a);
            x[c] += a * b;
        }
    }
    for (int c = 1; c < CHAINS; c++) {
        x[0] += x[c];
    }
    sink = x[0][0];
}

static double peak_of_this_thread(void) {
    const long rounds = 200000; /* some 1 ms, less than a time slice */
    const double first = stopwatch_ms();
    double best_ms = HUGE_VAL;
    for (int tries = 0; again(tries, first); tries++) {
        const double start = stopwatch_ms();
        run_chains(rounds);
        best_ms = fmin(best_ms, stopwatch_ms() - start);
    }
    return 2.0 * LANES * CHAINS * (double)rounds / (best_ms * 1e6);
}

double machine_peak_gflops(int threads) {
    double gflops = 0;
#pragma omp parallel for num_threads(threads) reduction(+ : gflops)
    for (int t = 0; t < threads; t++) {
        gflops += peak_of_this_thread();
    }
    return gflops;
}

/* ---- bytes --------------------------------------------------------------- */

enum { SUMS = 8 }; /* enough that adding is no limit */

static void read_once(const real *data, long count, vector sum[SUMS]) {
    const vector *x = (const vector *)data;
    const long vectors = count / LANES;
    for (long i = 0; i + SUMS <= vectors; i += SUMS) {
#pragma GCC unroll 8
        for (int s = 0; s < SUMS; s++) {
            sum[s] += x[i + s];
        }
    }
}

static void read_often(const real *data, long count, long repeats) {
    vector sum[SUMS] = {{0}};
    for (long r = 0; r < repeats; r++) {
        read_once(data, count, sum);
    }
    for (int s = 1; s < SUMS; s++) {
        sum[0] += sum[s];
    }
    sink = sum[0][0];
}

/* Where the part of thread t begins; parts are whole rounds of vectors. */
static long first_of(long count, int t, int threads) {
    const long unit = LANES * SUMS;
    return count / unit * t / threads * unit;
}

double machine_read_gbs(const real *data, long count, int threads) {
    const long least = 256L << 20; /* numbers: some 2 ms at the least */
    const long repeats = count < least ? least / count : 1;
    const double first = stopwatch_ms();
    double best_ms = HUGE_VAL;
    for (int tries = 0; again(tries, first); tries++) {
        const double start = stopwatch_ms();
#pragma omp parallel for num_threads(threads)
        for (int t = 0; t < threads; t++) {
            const long from = first_of(count, t, threads);
            read_often(data + from, first_of(count, t + 1, threads) - from, repeats);
        }
        best_ms = fmin(best_ms, stopwatch_ms() - start);
    }
    const double bytes = (double)first_of(count, 1, 1) * sizeof(real);
    return bytes * (double)repeats / (best_ms * 1e6);
}

static void triad(real *restrict x, const real *restrict y, const real *restrict z,
                  long count) {
#pragma omp simd
    for (long i = 0; i < count; i++) {
        x[i] = y[i] + 2 * z[i];
    }
}

double machine_triad_gbs(real *data, long count, int threads) {
    const long third = first_of(count / 3, 1, 1); /* rounded down */
    const double first = stopwatch_ms();
    double best_ms = HUGE_VAL;
    for (int tries = 0; again(tries, first); tries++) {
        const double start = stopwatch_ms();
#pragma omp parallel for num_threads(threads)
        for (int t = 0; t < threads; t++) {
            real *x = data + first_of(third, t, threads);
            triad(x, x + third, x + 2 * third,
                  first_of(third, t + 1, threads) - first_of(third, t, threads));
        }
        best_ms = fmin(best_ms, stopwatch_ms() - start);
    }
    return 3.0 * (double)third * sizeof(real) / (best_ms * 1e6);
}

/* ---- a product ----------------------------------------------------------- */

double machine_product_ms(void (*product)(Tensor A, Tensor B, Tensor C), Tensor A,
                          Tensor B, Tensor C, int repeats, double budget_ms) {
    const double first = stopwatch_ms();
    double best = HUGE_VAL;
    for (int r = 0; r < repeats || stopwatch_ms() - first < budget_ms; r++) {
        const double start = stopwatch_ms();
        product(A, B, C);
        best = fmin(best, stopwatch_ms() - start);
    }
    return best;
}
