/*
 * demo_dump_msa.h: every tensor of positions and multi-head attention, forward and
 * backward, into a file for make compare: 2 images of 5 tokens, D = 8, 2 heads.
 */
#ifndef DEMO_DUMP_MSA_H
#define DEMO_DUMP_MSA_H

#include "common/error.h"

bool chapter3_dump(const char *path, Error *error);

#endif
