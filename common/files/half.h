/*
 * half.h: the two numbers of 16 bits that weights are kept in, widened to 32. Each has
 * a sign, an exponent and a fraction, as a float has (1 + 8 + 23 bits).
 *
 *     bfloat16   1 +  8 +  7   a float without its last 16 bits
 *     float16    1 +  5 + 10   IEEE's; its exponent is biased by 15, a float's by 127
 */
#pragma once

#include <stdint.h>
#include <string.h>

static inline float float_of_bits(uint32_t bits) {
    float number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static inline float bfloat16_value(uint16_t bits) {
    return float_of_bits((uint32_t)bits << 16);
}

static inline float float16_value(uint16_t bits) {
    const uint32_t sign = (uint32_t)(bits & 0x8000) << 16;
    const uint32_t exponent = (bits >> 10) & 31, fraction = bits & 1023;
    if (exponent == 31) { /* infinity, or NaN */
        return float_of_bits(sign | 0x7f800000 | fraction << 13);
    }
    if (exponent == 0) { /* zero, and what is below the least normal number, 2^-14 */
        const float size = (float)fraction * (1.0F / 16777216.0F); /* 2^-24 */
        return sign ? -size : size;
    }
    return float_of_bits(sign | (exponent + 127 - 15) << 23 | fraction << 13);
}
