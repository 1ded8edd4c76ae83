/*
 * geometry.h: a model's sizes, from its arrays' shapes and what is said beside them.
 *
 *     D, C, P      the patches' projection is (D, C, P, P)
 *     L            the largest block's number, and one
 *     M            a block's first dense layer is (M, D)
 *     N            positions, less those of the tokens before the patches: a square
 *                  grid, where nothing says another
 *     K            the head is (K, D)
 *     h            in no shape but the .npz's kernels (D, h, D_h)
 *
 * A wrong number of heads gives plausible nonsense: each head would read the columns of
 * others. So it is never guessed without a word.
 */
#pragma once

#include "chapters/07_pretrained_weights/model/pretrained.h"
#include "chapters/07_pretrained_weights/weights/names.h"
#include "chapters/07_pretrained_weights/weights/said.h"

/* geometry_find: `heads` 0: not given. */
bool geometry_find(PretrainedConfig *config, const Names *names, const Said *said,
                   int heads, Error *error);
