/*
 * score.h: how often a model is right on pictures whose classes are known.
 */
#pragma once

#include "chapters/07_pretrained_weights/program/seeing.h"

typedef struct {
    long pictures; /* that were read */
    long first;    /* of these, those whose most likely class is right: top-1 */
    long among;    /* those whose class is one of the `top` most likely */
    long skipped;  /* files that are no picture, or are damaged */
    int classes;   /* folders */
    bool in_order; /* the folders' order says which class each is (see below) */
} Score;

/*
 * score_folder: of the pictures in a folder that has a sub-folder per class. Such a
 * folder is called as its class is: by its label, its id (n01440764, where the labels'
 * file has ids), or its number. Where nobody knows ids, but there are as many folders
 * as classes and all have such names, they are ImageNet's classes in its order.
 *
 * What can't be read is named on stderr by `program`, skipped and counted. On a
 * terminal a line shows how far it is. False and an error, before any picture is read:
 * a folder is no class of the model, or there is none.
 */
bool score_folder(const char *program, Seeing *seeing, const char *folder, int top,
                  Score *score, Error *error);

/* score_print: both shares, and their standard errors, sqrt(p (1 - p) / n): how much
 * the share of other pictures of the same kind would differ by chance. */
void score_print(const Score *score, int top);
