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

/* The exponent moves to a float's place, where it is 127 - 15 = 112 too small: 2^112
 * times the number, exactly, of what is below the least normal one (2^-14), too. What
 * would be 2^16 or more is infinity, or NaN. */
static inline float float16_value(uint16_t bits) {
    const uint32_t sign = (uint32_t)(bits & 0x8000) << 16;
    const float size = float_of_bits((uint32_t)(bits & 0x7fff) << 13) * 0x1p112F;
    const uint32_t beyond = size >= 65536 ? 0x7f800000 : 0;
    uint32_t widened;
    memcpy(&widened, &size, sizeof widened);
    return float_of_bits(sign | widened | beyond);
}
