/*
 * real_math.h: exp and the normal distribution, so that a loop over them becomes
 * vector instructions.
 *
 * libm's functions take one number per call. Half the time of a small ViT's
 * training step would go into them (softmax calls exp, GELU calls erf). The
 * float versions below are short polynomials without a branch; their error
 * bounds are stated here and tested over the whole range against libm in double.
 * The double versions, for gradient checks, are libm itself.
 */
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "common/tensor.h"

/* R(0.5): a constant of type real, so that float code never widens to double. */
#define R(x) ((real)(x))

#define SQRT_HALF 0.70710678118654752440      /* 1 / sqrt(2)    */
#define ONE_OVER_SQRT_2PI 0.39894228040143268 /* 1 / sqrt(2 pi) */

/*
 * real_exp_float: e^x in float, relative error below 2e-7.
 *
 *     x = k ln 2 + r,  |r| <= ln(2)/2:    e^x = 2^k e^r
 *
 * e^r is a polynomial of degree 6 (minimax: 3e-9 before rounding). ln 2 is
 * subtracted in two parts, of which the first has zeros at its end, so that k times it
 * is exact. Below -86.9 the result is 0 (a masked score of minus infinity gets
 * weight 0), above 88.72 it is infinity, and NaN stays NaN.
 */
static inline float real_exp_float(float x) {
    const float log2_e = 1.44269504f, ln2_high = 0.693145752f, ln2_low = 1.42860677e-6f;
    const float round = 12582912.0f; /* 1.5 * 2^23: adding it rounds to integer */
    float clamped = x < -86.9f ? -86.9f : x;
    clamped = clamped > 88.72f ? 88.72f : clamped;
    float shifted = clamped * log2_e + round;
    float k = shifted - round;
    float r = clamped - k * ln2_high - k * ln2_low;
    float p = 1.38145396e-3f;
    p = p * r + 8.36874517e-3f;
    p = p * r + 4.16684206e-2f;
    p = p * r + 1.66665204e-1f;
    p = p * r + 4.99999934e-1f;
    p = p * r * r + r + 1.0f;
    /* 2^k: k is in the low bits of `shifted`; put it into a float's exponent.
     * k reaches 128, one too many for it, so 2^(k-1) is made, and doubled. */
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 126u) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    float y = p * power * 2.0f;
    y = x < -86.9f ? 0.0f : y;
    return x > 88.72f ? INFINITY : y;
}

/*
 * gauss_float: Phi and its density in float; relative error of Phi below 1e-6
 * for x > -4, below 1e-5 down to x = -12 (where Phi is 2e-33).
 *
 * Both tails come from one polynomial: Phi(-a) = e^(-a^2/2) t P(t) with
 * t = 1 / (1 + 0.305 a), a = |x|: the form of Abramowitz and Stegun 7.1.26,
 * whose five terms are good to 1.5e-7 absolute. Here eight terms are fitted
 * for the smallest relative error (9.4e-8 for 0 <= a <= 13.5).
 */
static inline void gauss_float(float x, float *cdf, float *pdf) {
    float a = fabsf(x);
    float e = real_exp_float(-0.5f * x * x);
    float t = 1.0f / (1.0f + 0.305f * a);
    float p = 0.0366992182f;
    p = p * t - 0.152988427f;
    p = p * t + 0.185717095f;
    p = p * t - 0.0379770003f;
    p = p * t + 0.121021766f;
    p = p * t + 0.103420842f;
    p = p * t + 0.122466821f;
    p = p * t + 0.121639732f;
    float tail = e * (p * t);
    *cdf = x < 0.0f ? tail : 1.0f - tail;
    *pdf = (float)ONE_OVER_SQRT_2PI * e;
}

/* real_sqrt: the square root, correctly rounded. */
static inline real real_sqrt(real x) {
#ifdef REAL_IS_DOUBLE
    return sqrt(x);
#else
    return sqrtf(x);
#endif
}

/* real_exp: e^x. */
static inline real real_exp(real x) {
#ifdef REAL_IS_DOUBLE
    return exp(x);
#else
    return real_exp_float(x);
#endif
}

/*
 * gauss: of the normal distribution with mean 0 and variance 1,
 *     cdf = Phi(x) = (1 + erf(x / sqrt(2))) / 2,   pdf = Phi'(x).
 */
static inline void gauss(real x, real *cdf, real *pdf) {
#ifdef REAL_IS_DOUBLE
    *cdf = 0.5 * erfc(-x * SQRT_HALF);
    *pdf = ONE_OVER_SQRT_2PI * exp(-0.5 * x * x);
#else
    gauss_float(x, cdf, pdf);
#endif
}
