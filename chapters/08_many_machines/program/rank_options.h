/*
 * rank_options.h: this chapter's words of the command line; the others are chapter 5's.
 *
 *     --threads N          of each rank [1]
 *     --sum WAY            ring, at-end, gather, halving, mpi, mpi-at-end
 *                          (rank_trainer.h) [ring]
 *     --bucket KB          the least that is sent at once [512]
 *     --deterministic      the same bits for any number of ranks (sum_in_order.h)
 *     --shards S           with it: into how many the batch is cut [8]
 *     --shard-optimiser    each rank keeps its part of AdamW's moments
 *     --patience S         how long a rank may hang (heartbeat.h)
 */
#pragma once

#include "chapters/08_many_machines/training/rank_trainer.h"

typedef struct {
    GradientSum sum;
    int shards;
    long bucket_bytes;
    int threads;       /* T: chapter 5's --threads, whose default isn't 1 */
    double patience_s; /* HEARTBEAT_USUAL, HEARTBEAT_NO_PATIENCE, or seconds */
    bool deterministic, shard_optimiser, sum_given, shards_given, bucket_given;
} RankOptions;

/* rank_options_take: takes its words out of argv; `rest` (argc + 1 pointers) gets the
 * others. False and one line if a value is missing or wrong, or two words disagree. */
bool rank_options_take(RankOptions *own, int argc, char **argv, int *count, char **rest,
                       Error *error);

/* rank_options_task: "--scale", "--by-hand" or "--measure --largest 64": all words, if
 * they aren't for chapter 5's command line. False and "": they are. */
enum { RANK_OPTIONS_TASK = 256 };
bool rank_options_task(int argc, char **argv, char words[RANK_OPTIONS_TASK]);

/* rank_options_sum: the word for the way that the gradients are summed. */
const char *rank_options_sum(const RankOptions *own);

/* rank_options_again: " --deterministic", ...: the words that a run goes on with. */
void rank_options_again(const RankOptions *own, char *text, size_t bytes);

/* rank_options_help: what --help adds. */
void rank_options_help(void);
