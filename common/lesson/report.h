/*
 * report.h: how the chapters print: equations with their tags, matrices, and
 * verdicts. A program's exit status is the sum of its verdicts.
 */
#pragma once

#include <stdbool.h>

#include "common/gradcheck.h"
#include "common/tensor.h"

/* The chapter's name, and a heading within it ("2.1 Scores"), underlined. */
void report_title(const char *title);
void report_section(const char *heading);

/* report_equation: "    [AIAYN eq.1]   Attention(Q, K, V) = ...". */
void report_equation(const char *tag, const char *equation);

/* report_matrix: "Q (3,2) =" and its rows, `digits` after the point. */
void report_matrix(const char *name, Tensor T, int digits);

/* report_check: one line "PASS  ..." or "FAIL  ..." (printf's format); returns ok. */
bool report_check(bool ok, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * by_hand: report_check of a result against numbers that were worked out on paper: does
 * T agree with `want` (its elements row by row) to within `tolerance`? 0 asks for
 * exactly these numbers. NaN fails.
 */
bool by_hand(Tensor T, const double *want, double tolerance, const char *what);

/* report_gradcheck: one line for one tensor's gradient. */
bool report_gradcheck(const char *name, const Gradcheck *check);

/* report_failures: how many checks of this program have failed. */
int report_failures(void);

/* report_verdict: the closing line; returns the exit status, 0 or 1. `other_status` is
 * that of checks which another program made (second_program.h), or 0. */
int report_verdict(const char *program, int other_status);
