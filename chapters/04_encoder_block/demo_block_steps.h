/*
 * demo_block_steps.h: one encoder block taken apart: the layers called one by one, in
 * the order of the equations, beside encoder_block_forward.
 */
#ifndef BLOCK_STEPS_H
#define BLOCK_STEPS_H

#include "chapters/04_encoder_block/encoder_block.h"

/* block_steps_show: mean and size of a token after each step, the same result as
 * the block's, and what the block is when its sublayers give 0. */
bool block_steps_show(NormPlace norm, Error *error);

#endif
