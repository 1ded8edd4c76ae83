/* random.c: see random.h. */
#include "common/random.h"

#include <math.h>

void philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    /* Multipliers and key increments are the paper's. */
    const uint32_t multiply[2] = {0xD2511F53u, 0xCD9E8D57u};
    const uint32_t weyl[2] = {0x9E3779B9u, 0xBB67AE85u};
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)multiply[0] * c0;
        uint64_t p1 = (uint64_t)multiply[1] * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        k0 += weyl[0];
        k1 += weyl[1];
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

void random_bits4(Random random, uint64_t block, uint32_t out[4]) {
    const uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32),
                                 random.sequence, (uint32_t)random.use};
    const uint32_t key[2] = {(uint32_t)random.seed, (uint32_t)(random.seed >> 32)};
    philox4x32(counter, key, out);
}

uint32_t random_bits(Random random, uint64_t index) {
    uint32_t four[4];
    random_bits4(random, index / 4, four);
    return four[index % 4];
}

double random_uniform(Random random, uint64_t index) {
    return random_bits(random, index) * 0x1p-32;
}

double random_normal(Random random, uint64_t index) {
    const double pi = 3.14159265358979323846;
    double u = 1.0 - random_uniform(random, 2 * index); /* (0, 1]: log is finite */
    double v = random_uniform(random, 2 * index + 1);
    return sqrt(-2.0 * log(u)) * cos(2.0 * pi * v);
}

uint32_t random_below(Random random, uint64_t index, uint32_t n) {
    return (uint32_t)(((uint64_t)random_bits(random, index) * n) >> 32);
}

void random_fill_normal(Random random, Tensor T, double sigma) {
    uint64_t index = 0;
    for (int i = 0; i < tensor_rows(T); i++) {
        for (int j = 0; j < tensor_cols(T); j++) {
            tensor_row(T, i)[j] = (real)(sigma * random_normal(random, index++));
        }
    }
}

void random_fill_uniform(Random random, Tensor T, double bound) {
    uint64_t index = 0;
    for (int i = 0; i < tensor_rows(T); i++) {
        for (int j = 0; j < tensor_cols(T); j++) {
            double uniform = random_uniform(random, index++);
            tensor_row(T, i)[j] = (real)(bound * (2 * uniform - 1));
        }
    }
}

void random_permutation(Random random, int *order, int n) {
    for (int i = 0; i < n; i++) {
        order[i] = i;
    }
    /* Fisher and Yates: the last position takes any element that is left. */
    for (int i = n - 1; i > 0; i--) {
        int j = (int)random_below(random, (uint64_t)i, (uint32_t)(i + 1));
        int swapped = order[i];
        order[i] = order[j];
        order[j] = swapped;
    }
}
