/*
 * dump_block.h: every tensor that a pre-norm block's forward pass keeps, and its
 * weights' gradients, for a dump (dump.h), under the names "blocks.0.x1", ...: those
 * of chapters 4 to 6. Afterwards the dump's group is "".
 */
#pragma once

#include "common/files/dump.h"
#include "chapters/04_encoder_block/encoder_block.h"

/* dump_block: in the order of computation, from LN(z) to y. */
void dump_block(Dump *dump, const EncoderBlockActivations *a, int index);

/* dump_block_gradients: from the MLP's last layer back to the first norm. */
void dump_block_gradients(Dump *dump, const EncoderBlock *d);
