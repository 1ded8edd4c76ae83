/*
 * gradcheck.h: is the derivative that backward computes the derivative of what
 * forward computes? Asked of every element, by central differences:
 *
 *     dL/dx_i  ~  (L(x + eps e_i) - L(x - eps e_i)) / (2 eps)
 *
 * In double with eps = 1e-5 the truncation (eps^2) and the rounding (1e-16 / eps)
 * are both near 1e-11, and an error in a formula stands out by many orders of
 * magnitude. In float it does not: chapter 1 draws the curve.
 */
#ifndef COMMON_GRADCHECK_H
#define COMMON_GRADCHECK_H

#include <stdbool.h>

#include "tensor.h"

#define GRADCHECK_EPSILON 1e-5
#define GRADCHECK_TOLERANCE 1e-6

typedef struct {
    long elements;           /* how many were compared: all of them */
    double worst;            /* the largest relative error; NaN if any was NaN */
    long index;              /* where, counted row by row */
    double analytic, numeric; /* the two derivatives there */
} Gradcheck;

/*
 * gradcheck: compare dx (the analytic gradient) with central differences of
 * loss(context) in each element of x. x is moved and put back.
 *
 * The relative error of an element is
 *     |analytic - numeric| / max(|analytic|, |numeric|, floor)
 * with floor = 1% of the tensor's root mean square gradient: an element that is
 * zero by symmetry (a key's bias) can't be compared relative to itself.
 */
Gradcheck gradcheck(double (*loss)(void *context), void *context, Tensor x, Tensor dx);

/* gradcheck_passed: worst < 1e-6, with elements compared and no NaN. */
bool gradcheck_passed(const Gradcheck *check);

#endif
