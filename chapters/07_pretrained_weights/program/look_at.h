/* look_at.h: chapter 7 with a model and pictures: ./chapter7 cat.jpg. */
#pragma once

#include "chapters/07_pretrained_weights/program/seeing_options.h"

/* look_at: all of it, with what it prints; the exit status. */
int look_at(const char *program, const SeeingOptions *options);
