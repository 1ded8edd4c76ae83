/*
 * positions.h: the encodings that tell attention where a token is.
 *
 * Attention alone is blind to order: if the tokens are permuted, its results are
 * permuted, and nothing else changes (chapter 3 shows it). So a vector for each
 * position is added to the tokens, once, before the first layer:
 *
 *     sinusoids   fixed waves of many lengths             [AIAYN 3.5]
 *     learned     a parameter for each position, E_pos    [ViT eq.1]
 *
 * Derivation of the rotation: notes/03_multi_head_attention.md.
 */
#pragma once

#include "common/tensor.h"

/*
 * sinusoid_positions: row pos of PE is the encoding of position pos
 *
 *     PE(pos, 2i)   = sin(pos / 10000^(2i/D))                  [AIAYN 3.5]
 *     PE(pos, 2i+1) = cos(pos / 10000^(2i/D))
 *
 *   PE (n, D)   out; D is even (each wave has a sine and a cosine)
 */
void sinusoid_positions(Tensor PE);

/*
 * sinusoid_shift: PE(pos + k) from PE(pos) alone, without knowing pos
 *
 *   PE (n, D)   in      shifted (n, D)   out; may be PE      k may be negative
 */
void sinusoid_shift(Tensor PE, int k, Tensor shifted);

/*
 * positions_add: z += E_pos, the same E_pos for each image of the batch
 *   z (B, n, D)   in and out      E_pos (n, D)   in: sinusoids or learned
 */
void positions_add(Tensor z, Tensor E_pos);

/*
 * positions_add_backward: the gradient of learned positions
 *   dz (B, n, D)   in      dE_pos (n, D)   its gradient
 */
void positions_add_backward(Tensor dz, Tensor dE_pos);
