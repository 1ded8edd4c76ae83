/*
 * arena.h: all the memory that a computation needs, in one block, sized once.
 *
 * A function that lays out tensors is run twice: first over an arena that only
 * counts, then over one that has exactly that much memory. So the size is computed
 * by the very code that uses it, and there is no allocation inside a training step.
 */
#pragma once

#include <stdbool.h>

#include "common/error.h"
#include "common/tensor.h"

typedef struct {
    real *block;   /* NULL: this arena only counts */
    long used;     /* elements handed out so far */
    long capacity; /* elements in the block */
} Arena;

/* A function that takes its owner's tensors from the arena, the same ones each time. */
typedef void ArenaLayout(Arena *arena, void *owner);

/* arena_make: a block of exactly what the layout takes, all zeros, laid out; false if
 * there is no memory for `what`. */
bool arena_make(Arena *arena, ArenaLayout *lay_out, void *owner, const char *what,
                Error *error);
void arena_free(Arena *arena);

/* The next tensor of the block (its data is NULL while counting). Each starts at
 * a multiple of 64 bytes, so that vectors load from whole cache lines. */
Tensor arena_tensor1(Arena *arena, int n);
Tensor arena_tensor2(Arena *arena, int rows, int cols);
Tensor arena_tensor3(Arena *arena, int n0, int n1, int n2);
Tensor arena_tensor4(Arena *arena, int n0, int n1, int n2, int n3);

/* arena_check_full: stop unless exactly what was planned has been handed out. */
void arena_check_full(const Arena *arena);
