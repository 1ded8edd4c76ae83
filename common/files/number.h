/*
 * number.h: a number from a text that a person or a file wrote: all of it, or nothing.
 *
 * Digits with at most one decimal point, a sign, an exponent: "12", "-0.5", "1.5e3".
 * What strtod would also take is refused: blanks, "0x10", "inf", "nan"; what it would
 * stop in ("1,5", "12abc", "1e"); and what a double can't hold ("1e400", "1e-400").
 */
#pragma once

#include <stdbool.h>

/* number_read: false, and *value untouched, if the text is no such number. */
bool number_read(const char *text, double *value);

/* number_read_whole: the same for a whole number in digits, from min to max. */
bool number_read_whole(const char *text, long min, long max, long *value);
