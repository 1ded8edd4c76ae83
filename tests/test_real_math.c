/*
 * test_real_math.c: exp and the normal distribution in float, against libm in double,
 * over the whole range of float (common/real_math.h). The float versions are compiled
 * into the double build too, so these tests are the same in both.
 */
#include "common/real_math.h"

#include "tests/check_helpers.h"
#include "tests/suites.h"

/* The bounds that real_math.h states. */
#define EXP_BOUND 2e-7
#define CDF_BOUND 1e-6      /* x > -4 */
#define CDF_TAIL_BOUND 1e-5 /* -12 <= x <= -4 */

/* A prime step through all floats' bit patterns, ordered by size within a sign. */
enum { STEP = 251 };

static float float_of(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* A function's worst relative error over one sign's floats must be below `bound`. */
typedef double ErrorAt(float x);

static void assert_error_below(ErrorAt *error_at, uint32_t sign, float from, float to,
                               double bound) {
    double worst = 0;
    float at = 0;
    uint32_t first, last;
    memcpy(&first, &from, sizeof first);
    memcpy(&last, &to, sizeof last);
    ck_assert_uint_lt(first, last);
    for (uint32_t bits = first; bits <= last; bits += STEP) {
        float x = float_of(bits | sign);
        double error = error_at(x);
        if (!(error <= worst) && !isnan(worst)) { /* a NaN is the worst, and stays */
            worst = error;
            at = x;
        }
    }
    ck_assert_msg(worst < bound, "relative error %.3g at %.9g, bound %.0e", worst,
                  (double)at, bound);
}

#define POSITIVE 0u
#define NEGATIVE 0x80000000u

/* ---- exp ----------------------------------------------------------------- */

static double exp_error(float x) {
    double want = exp((double)x);
    return fabs((double)real_exp_float(x) - want) / want;
}

START_TEST(exp_keeps_its_bound_for_every_negative_number) {
    assert_error_below(exp_error, NEGATIVE, 0.0f, 86.9f, EXP_BOUND);
}
END_TEST

START_TEST(exp_keeps_its_bound_for_every_positive_number) {
    assert_error_below(exp_error, POSITIVE, 0.0f, 88.72f, EXP_BOUND);
}
END_TEST

START_TEST(exp_is_exact_where_it_should_be) {
    ck_assert(real_exp_float(0.0f) == 1.0f);
    ck_assert(real_exp_float(-0.0f) == 1.0f);
    ck_assert(real_exp_float(1e-40f) == 1.0f);
}
END_TEST

START_TEST(exp_underflows_to_zero_and_overflows_to_infinity) {
    ck_assert(real_exp_float(-86.95f) == 0.0f);
    ck_assert(real_exp_float(-88.0f) == 0.0f);
    ck_assert(real_exp_float(-1e30f) == 0.0f);
    ck_assert(real_exp_float(-INFINITY) == 0.0f);
    ck_assert(isfinite(real_exp_float(88.72f)));
    ck_assert(real_exp_float(88.73f) == INFINITY);
    ck_assert(real_exp_float(1e30f) == INFINITY);
    ck_assert(real_exp_float(INFINITY) == INFINITY);
}
END_TEST

START_TEST(exp_of_nan_is_nan) {
    ck_assert(isnan(real_exp_float(NAN)));
    ck_assert(isnan(real_exp_float(-(float)NAN)));
    ck_assert(isnan(real_exp((real)NAN)));
}
END_TEST

START_TEST(exp_in_a_vector_loop_is_exp_one_by_one) {
    enum { COUNT = 1003 };
    float x[COUNT], y[COUNT];
    for (int i = 0; i < COUNT; i++) {
        x[i] = -95.0f + 0.19f * (float)i;
    }
    x[17] = NAN;
#pragma omp simd
    for (int i = 0; i < COUNT; i++) {
        y[i] = real_exp_float(x[i]);
    }
    for (int i = 0; i < COUNT; i++) {
        volatile float alone = x[i];
        float want = real_exp_float(alone);
        bool same = i == 17 ? isnan(y[i]) : fabsf(y[i] - want) <= 2.4e-7f * want;
        ck_assert_msg(same || y[i] == want, "at %.9g: %.9g, alone %.9g", (double)x[i],
                      (double)y[i], (double)want);
    }
}
END_TEST

/* ---- the normal distribution --------------------------------------------- */

static double cdf_error(float x) {
    float cdf, pdf;
    gauss_float(x, &cdf, &pdf);
    double want = 0.5 * erfc(-(double)x / sqrt(2.0));
    return fabs((double)cdf - want) / want;
}

/* exp's argument is rounded: x^2/2 roundings of 2^-24, so the bound grows with x. */
static double pdf_error(float x) {
    float cdf, pdf;
    gauss_float(x, &cdf, &pdf);
    double xx = (double)x * (double)x;
    double want = exp(-0.5 * xx) / sqrt(2 * acos(-1.0));
    return fabs((double)pdf - want) / want / (1 + 0.25 * xx);
}

START_TEST(cdf_keeps_its_bound_above_minus_four) {
    assert_error_below(cdf_error, NEGATIVE, 0.0f, 3.9999998f, CDF_BOUND);
    assert_error_below(cdf_error, POSITIVE, 0.0f, 3e38f, CDF_BOUND);
}
END_TEST

START_TEST(cdf_keeps_its_bound_down_to_minus_twelve) {
    assert_error_below(cdf_error, NEGATIVE, 4.0f, 12.0f, CDF_TAIL_BOUND);
}
END_TEST

START_TEST(pdf_is_as_good_as_exp_of_a_rounded_number) {
    assert_error_below(pdf_error, NEGATIVE, 0.0f, 13.0f, 2e-7);
    assert_error_below(pdf_error, POSITIVE, 0.0f, 13.0f, 2e-7);
}
END_TEST

START_TEST(cdf_and_pdf_at_infinity_and_nan) {
    float cdf, pdf;
    gauss_float(-INFINITY, &cdf, &pdf);
    ck_assert(cdf == 0.0f && pdf == 0.0f);
    gauss_float(INFINITY, &cdf, &pdf);
    ck_assert(cdf == 1.0f && pdf == 0.0f);
    gauss_float(-1e20f, &cdf, &pdf);
    ck_assert(cdf == 0.0f && pdf == 0.0f);
    gauss_float(NAN, &cdf, &pdf);
    ck_assert(isnan(cdf) && isnan(pdf));
    gauss_float(0.0f, &cdf, &pdf);
    ck_assert(fabsf(cdf - 0.5f) < 1e-7f);
}
END_TEST

START_TEST(the_two_tails_sum_to_one) {
    bool sum_to_one = true, symmetric = true;
    for (float x = 0; x < 14; x += 0.001f) {
        float left, right, pdf_left, pdf_right;
        gauss_float(-x, &left, &pdf_left);
        gauss_float(x, &right, &pdf_right);
        sum_to_one &= fabsf(left + right - 1.0f) <= 1.2e-7f;
        symmetric &= pdf_left == pdf_right;
    }
    ck_assert(sum_to_one && symmetric);
}
END_TEST

START_TEST(real_versions_are_those_of_the_real_in_use) {
    for (double x = -8; x < 8; x += 0.0625) {
        real cdf, pdf;
        gauss((real)x, &cdf, &pdf);
        double want = 0.5 * erfc(-x / sqrt(2.0));
        ck_assert(fabs((double)cdf - want) <= TOLERANCE * want);
        want = exp(-x * x / 2) / sqrt(2 * acos(-1.0));
        ck_assert(fabs((double)pdf - want) <= TOLERANCE * want);
        ck_assert(fabs((double)real_exp((real)x) - exp(x)) <= TOLERANCE * exp(x));
    }
}
END_TEST

Suite *real_math_suite(void) {
    Suite *suite = suite_create("real_math");
    TCase *exponential = add_case(suite, "exp");
    tcase_add_test(exponential, exp_keeps_its_bound_for_every_negative_number);
    tcase_add_test(exponential, exp_keeps_its_bound_for_every_positive_number);
    tcase_add_test(exponential, exp_is_exact_where_it_should_be);
    tcase_add_test(exponential, exp_underflows_to_zero_and_overflows_to_infinity);
    tcase_add_test(exponential, exp_of_nan_is_nan);
    tcase_add_test(exponential, exp_in_a_vector_loop_is_exp_one_by_one);
    TCase *normal = add_case(suite, "normal distribution");
    tcase_add_test(normal, cdf_keeps_its_bound_above_minus_four);
    tcase_add_test(normal, cdf_keeps_its_bound_down_to_minus_twelve);
    tcase_add_test(normal, pdf_is_as_good_as_exp_of_a_rounded_number);
    tcase_add_test(normal, cdf_and_pdf_at_infinity_and_nan);
    tcase_add_test(normal, the_two_tails_sum_to_one);
    tcase_add_test(normal, real_versions_are_those_of_the_real_in_use);
    return suite;
}
