/*
 * gradcheck.h: is the derivative that backward computes the derivative of what
 * forward computes? It asks this for every element, by central differences:
 *
 *     D(h) = (L(x + h e_i) - L(x - h e_i)) / (2 h) = dL/dx_i + c h^2 + O(h^4)
 *
 * A small h loses digits to rounding (1e-16 / h), a large one to truncation (c h^2):
 * chapter 1 draws the curve. Two differences have the same c, so it can be
 * cancelled (Richardson, 1911):
 *
 *     dL/dx_i = (4 D(h/2) - D(h)) / 3 + O(h^4)
 *
 * which lets h be 1e-3, where rounding is near 1e-13. In double a wrong formula
 * then stands out by many orders of magnitude; in float it would not. Where f has a
 * kink (ReLU's at 0) there is no derivative: keep inputs further than h from it.
 */
#pragma once

#include <stdbool.h>

#include "common/tensor.h"

#define GRADCHECK_STEP 1e-3
#define GRADCHECK_TOLERANCE 1e-6

typedef struct {
    long elements;            /* how many were compared: all of them */
    double worst;             /* the largest relative error; NaN if any was NaN */
    long index;               /* where, counted row by row */
    double analytic, numeric; /* the two derivatives there */
} Gradcheck;

/*
 * gradcheck: compare dx (the analytic gradient) with differences of
 * loss(context) in each element of x. x is changed and restored.
 *
 * The relative error of an element is
 *     |analytic - numeric| / max(|analytic|, |numeric|, floor)
 * with floor = 1% of the tensor's root mean square gradient: an element that is
 * zero by symmetry (a key's bias) can't be compared relative to itself.
 */
Gradcheck gradcheck(double (*loss)(void *context), void *context, Tensor x, Tensor dx);

/* gradcheck_worse: the worse of two, with the elements of both; a NaN is the worst. */
Gradcheck gradcheck_worse(Gradcheck a, Gradcheck b);

/* gradcheck_passed: worst < 1e-6, with elements compared and no NaN. */
bool gradcheck_passed(const Gradcheck *check);
