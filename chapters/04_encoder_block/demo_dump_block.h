/*
 * demo_dump_block.h: every tensor of one pre-norm block [ViT eq.2, eq.3], forward and
 * backward, into a file for make compare: 2 images of 5 tokens, D = 8, 2 heads, M = 12,
 * GELU, no dropout.
 */
#ifndef DEMO_DUMP_BLOCK_H
#define DEMO_DUMP_BLOCK_H

#include "common/error.h"

bool chapter4_dump(const char *path, Error *error);

#endif
