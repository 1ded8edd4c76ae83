/*
 * machine_speed.c: see machine_speed.h. Loops of gcc's and clang's vectors, in which
 * one thing alone is the limit.
 */
#include "common/lesson/machine_speed.h"

#include <stddef.h>

#include "common/lesson/stopwatch.h"

/* The widest vectors, and as many as there may be in registers at once. */
#if defined(__AVX512F__) && defined(__x86_64__)
enum { VECTOR_BYTES = 64, CHAINS = 24 }; /* 32 registers */
#elif defined(__AVX__) && defined(__x86_64__)
enum { VECTOR_BYTES = 32, CHAINS = 12 }; /* 16 registers */
#elif defined(__aarch64__)
enum { VECTOR_BYTES = 16, CHAINS = 24 }; /* 32 registers */
#elif defined(__i386__)
enum { VECTOR_BYTES = 16, CHAINS = 6 }; /* 8 registers */
#else
enum { VECTOR_BYTES = 16, CHAINS = 10 };
#endif

/* An asm statement asks for such a register by a letter. */
#if defined(__x86_64__) || defined(__i386__)
#define IN_REGISTER(x) __asm__ volatile("" : "+v"(x))
#elif defined(__aarch64__)
#define IN_REGISTER(x) __asm__ volatile("" : "+w"(x))
#else
#define IN_REGISTER(x) ((void)0)
#endif

enum { LANES = VECTOR_BYTES / (int)sizeof(real) };

typedef real vector __attribute__((vector_size(VECTOR_BYTES), may_alias));

/* How often, and how long, everything is tried: the best try is undisturbed. */
enum { TIMES = 5, BUDGET_MS = 100 };

/* Where results go, so that the compiler must compute them. */
static volatile real sink;

/*
 * x += a b, for CHAINS registers x. Each x waits for itself (some 4 cycles), so a core
 * that starts two in each cycle needs 8 chains or more; 4 in each cycle, 16. The empty
 * asm statement says "a may have changed": so a b can't be computed once for all.
 */
enum { ROUNDS = 200000 }; /* some 1 ms, less than a time slice */

static void run_chains(void *none) {
    (void)none;
    vector x[CHAINS] = {{0}}, a = (vector){0} + (real)0.5, b = a;
    IN_REGISTER(b);
    for (long round = 0; round < ROUNDS; round++) {
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

double machine_peak_gflops(int threads) {
    double gflops = 0;
#pragma omp parallel for num_threads(threads) reduction(+ : gflops)
    for (int t = 0; t < threads; t++) {
        gflops += 2e-6 * LANES * CHAINS * ROUNDS /
                  fastest_ms(run_chains, NULL, TIMES, BUDGET_MS);
    }
    return gflops;
}

enum { SUMS = 8 }; /* enough that adding is no limit */

/* `count` elements for all threads, each of which does `work` with a part of them. */
typedef struct Bytes {
    void (*work)(const struct Bytes *b, long from, long to);
    real *data;
    long count, repeats;
    int threads;
} Bytes;

/* Where the part of thread t begins; parts are whole rounds of vectors. */
static long first_of(long count, int t, int threads) {
    const long unit = LANES * SUMS;
    return count / unit * t / threads * unit;
}

static void on_threads(void *context) {
    const Bytes *b = context;
#pragma omp parallel for num_threads(b->threads)
    for (int t = 0; t < b->threads; t++) {
        b->work(b, first_of(b->count, t, b->threads),
                first_of(b->count, t + 1, b->threads));
    }
}

static void read_part(const Bytes *b, long from, long to) {
    vector sum[SUMS] = {{0}};
    const vector *x = (const vector *)(b->data + from);
    const long vectors = (to - from) / LANES;
    for (long r = 0; r < b->repeats; r++) {
        for (long i = 0; i < vectors; i += SUMS) {
#pragma GCC unroll 8
            for (int s = 0; s < SUMS; s++) {
                sum[s] += x[i + s];
            }
        }
    }
    for (int s = 1; s < SUMS; s++) {
        sum[0] += sum[s];
    }
    sink = sum[0][0];
}

double machine_read_gbs(const real *data, long count, int threads) {
    const long enough = 256L << 20; /* elements: some 2 ms */
    Bytes b = {read_part, (real *)data, count, count < enough ? enough / count : 1,
               threads};
    const double ms = fastest_ms(on_threads, &b, TIMES, BUDGET_MS);
    return (double)first_of(count, 1, 1) * sizeof(real) * (double)b.repeats /
           (ms * 1e6);
}

static void triad_part(const Bytes *b, long from, long to) {
    real *restrict x = b->data;
    const real *restrict y = b->data + b->count, *restrict z = y + b->count;
#pragma omp simd
    for (long i = from; i < to; i++) {
        x[i] = y[i] + 2 * z[i];
    }
}

double machine_triad_gbs(real *data, long count, int threads) {
    Bytes b = {triad_part, data, first_of(count / 3, 1, 1), 1, threads};
    const double ms = fastest_ms(on_threads, &b, TIMES, BUDGET_MS);
    return 3.0 * (double)b.count * sizeof(real) / (ms * 1e6);
}

static void run_product(void *context) {
    const MachineProduct *p = context;
    p->product(p->A, p->B, p->C);
}

double machine_product_ms(MachineProduct product, int times, double budget_ms) {
    return fastest_ms(run_product, &product, times, budget_ms);
}
