/*
 * emulated_ranks.h: an Engine of several ranks in one program, each with a device of
 * cuda_on_cpu: what run.c asks of it, every rank does (gpu_rank_engine). The Trainer
 * that run.c knows is rank 0's.
 */
#pragma once

#include "chapters/05_vision_transformer/training/engine.h"

/* emulated_ranks_use: how many, and the least that a bucket of gradients has. */
void emulated_ranks_use(int size, long bucket_bytes);

extern const Engine emulated_ranks_engine;
