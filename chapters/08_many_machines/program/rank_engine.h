/*
 * rank_engine.h: an engine whose steps are shared by ranks (rank_trainer.h), as a
 * program needs it: it lets the ranks agree before they begin (agreement.h), tells
 * heartbeat.h where the rank is, and in the end says where the time went.
 */
#pragma once

#include "chapters/05_vision_transformer/program/options.h"
#include "chapters/05_vision_transformer/training/engine.h"
#include "chapters/08_many_machines/program/rank_options.h"

/* rank_engine: `inner`, with all that. What is pointed to has to outlive it. One per
 * process. */
Engine rank_engine(const Engine *inner, Group *group, const Options *options,
                   const RankOptions *own);

/* rank_engine_agree: the same before there is an engine: this rank has another task
 * than training ("--help"), or wrong options (a status, and why). Returns a status, as
 * Engine's agree. */
int rank_engine_agree(Group *group, const char *task, int status, Error *error);
