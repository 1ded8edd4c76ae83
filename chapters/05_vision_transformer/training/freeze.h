/*
 * freeze.h: which of a model's parameters a run trains. Only fine-tuning (chapter 7)
 * leaves some as they are: those near the image, which suit other images as well.
 */
#pragma once

#include "chapters/05_vision_transformer/model/vit.h"

/* parameter_part: which part of a Vit a parameter is of: block 0, 1, ...; -1: the
 * embedding, in front of them; VIT_MAX_DEPTH: norm and head, behind them. */
int parameter_part(const Parameter *parameter);

/*
 * not_frozen: what is trained if the embedding (patches, class token, positions) and
 * the first `freeze` blocks keep their weights; all if freeze is 0. A Vit's list begins
 * with them, in this order, so the rest is the end of the list, and of each block of
 * memory: from items[0].offset to total. It has no memory of its own.
 */
ParameterList not_frozen(const ParameterList *list, int freeze);

/* Who wants to know how far a backward pass is; see GradientsDone (trainer.h). */
typedef struct {
    void (*done)(void *listener, int worker, long from);
    void *listener;
    int worker;
    const real *gradients; /* the block that d is laid over */
} Passed;

/*
 * backward_down_to: vit_backward, for these parameters alone: it ends below the first
 * block that is trained, for nobody asks for the gradients of what is frozen; in d they
 * stay as they are. All others are vit_backward's, to the bit.
 *   passed   hears of the head, of each block, and of the embedding; NULL: nobody does
 */
void backward_down_to(const Vit *vit, Vit *d, VitActivations *a, const Dropout *dropout,
                      Tensor dlogits, int freeze, const Passed *passed);
