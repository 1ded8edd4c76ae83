/* statistics.h: one number from several. */
#pragma once

/* median: of `count` >= 1 numbers, which it sorts. */
double median(double *numbers, int count);

/* geometric_mean: of `count` positive numbers; 0 of none. */
double geometric_mean(const double *numbers, int count);

/* digits_for: how many after the point, so that about three digits can be seen. */
int digits_for(double number);
