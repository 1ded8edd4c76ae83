/*
 * names.h: whose names a file's arrays have, and what each of them is: its row of the
 * dialect's table (dialects.h) and its block.
 */
#pragma once

#include "chapters/07_pretrained_weights/weights/arrays.h"
#include "chapters/07_pretrained_weights/weights/dialects.h"

enum { NO_BLOCK = -1 };

typedef struct {
    const Array *array;
    const DialectRow *row; /* its ours is not NULL */
    int block;             /* or NO_BLOCK */
} Place;

typedef struct {
    const Arrays *file;
    const Dialect *dialect;
    Place *places; /* owned: every array of the file that is of use */
    int count;
    int depth; /* one more than the largest block */
} Names;

/* names_recognise: false for names of no dialect; and for an array that has no place in
 * its dialect's table, and isn't of whole numbers: it is named. */
bool names_recognise(Names *names, const Arrays *file, Error *error);
void names_free(Names *names);

/* names_find: the array of this name of ours ("attn.qkv.weight" of a block), or
 * NULL. */
const Place *names_find(const Names *names, const char *ours, int block, Part part);

/* names_shape: the same, as the shape of our tensor, or of the part of it; {0}: there
 * is none, or transform_shape has none for it. */
Tensor names_shape(const Names *names, const char *ours, int block, Part part);
