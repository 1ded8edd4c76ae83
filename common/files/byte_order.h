/*
 * byte_order.h: numbers as a file has them, the lowest byte first, on every machine.
 *
 * Shifts don't ask how this machine stores a number, so that what was written on one
 * is read on another. Compilers turn each of these into one load or store.
 */
#ifndef COMMON_BYTE_ORDER_H
#define COMMON_BYTE_ORDER_H

#include <stdint.h>

/* lowest_first_put: the low `count` <= 8 bytes of `bits`. */
static inline void lowest_first_put(uint64_t bits, int count, unsigned char *bytes) {
    for (int i = 0; i < count; i++) {
        bytes[i] = (unsigned char)(bits >> (8 * i));
    }
}

/* lowest_first_get: what lowest_first_put wrote. */
static inline uint64_t lowest_first_get(const unsigned char *bytes, int count) {
    uint64_t bits = 0;
    for (int i = count - 1; i >= 0; i--) {
        bits = bits << 8 | bytes[i];
    }
    return bits;
}

#endif
