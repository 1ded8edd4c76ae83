/*
 * post_norm.h: the block of the Transformer of 2017, for encoder_block.c.
 *
 *   z' = LN(z  + MSA(z))   [AIAYN 3.1]
 *   y  = LN(z' + MLP(z'))
 *
 * Shapes and contracts are encoder_block_forward's and encoder_block_backward's.
 */
#pragma once

#include "chapters/04_encoder_block/encoder_block.h"

Tensor post_norm_forward(const EncoderBlock *block, Tensor z,
                         EncoderBlockActivations *a, const Dropout *dropout);
void post_norm_backward(const EncoderBlock *block, EncoderBlock *d, Tensor z,
                        const EncoderBlockActivations *a, const Dropout *dropout,
                        Tensor dz, EncoderBlockScratch *s);
