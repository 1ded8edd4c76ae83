/* classify.h: what a trained model sees in one picture: ./chapter5 --image FILE. */
#pragma once

#include "chapters/05_vision_transformer/program/options.h"

/* classify_run: the picture, made as the model's training images were, and the most
 * likely classes with their probabilities; the exit status. The model is --eval's
 * checkpoint, or the one that the program saves if nothing else is said. */
int classify_run(const Options *options);
