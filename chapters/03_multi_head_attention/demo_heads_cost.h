/*
 * demo_heads_cost.h: what multi-head attention costs, counted from the layer itself
 * and compared with the formulas:
 *
 *     parameters  4 D^2 + 4 D              flops  B (8 n D^2 + 4 n^2 D)
 *
 * Neither depends on the number of heads h.
 */
#ifndef HEADS_COST_H
#define HEADS_COST_H

#include "common/error.h"

/* heads_cost_counts: tables for the papers' base models, with their checks. */
bool heads_cost_counts(Error *error);

/* heads_cost_heads: the same layer with 1 to 24 heads, counted and timed. */
bool heads_cost_heads(Error *error);

#endif
