/*
 * made_up.h: elements that every side of the benchmark makes for itself, and all alike:
 * a formula of a name and an index. pytorch_peer.py has the same.
 */
#pragma once

#include <stdint.h>

#include "common/parameters.h"

/* made_up: 32 bits that look random: element `index` of what is called `name`. */
uint32_t made_up(const char *name, long index);

/* made_up_weights: the whole block; nothing is 0, and layers keep their inputs'
 * scale. */
void made_up_weights(const ParameterList *list, real *weights);
