/*
 * demo_encoder_pieces.h: the three small parts of a block, each on numbers that can be
 * followed by hand.
 */
#ifndef ENCODER_PIECES_H
#define ENCODER_PIECES_H

/* encoder_pieces_layer_norm: mean 0, variance 1; what eps does; the gradient. */
void encoder_pieces_layer_norm(void);

/* encoder_pieces_mlp: ReLU beside GELU, and two dense layers on two numbers. */
void encoder_pieces_mlp(void);

/* encoder_pieces_dropout: share of zeros, mean, the same mask again, slices. */
void encoder_pieces_dropout(void);

#endif
