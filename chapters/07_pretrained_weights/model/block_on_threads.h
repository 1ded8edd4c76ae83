/*
 * block_on_threads.h: chapter 4's block, forward only, on all threads.
 *
 * The trainer gives each thread some images of a batch. A single picture can't be given
 * out like that, so its rows (tokens) and its heads are: a norm, GELU or sum treats
 * each row by itself, and each head has columns of its own. The layers are called as
 * they are, on views of their tensors.
 */
#pragma once

#include "chapters/04_encoder_block/encoder_block.h"

/*
 * block_forward_on_threads: encoder_block_forward, without dropout, to the bit
 *   z (B, n, D)   in
 *   returns y (B, n, D), a view of a->y
 * A block in post-norm runs as chapter 4 has it.
 */
Tensor block_forward_on_threads(const EncoderBlock *block, Tensor z,
                                EncoderBlockActivations *a);
