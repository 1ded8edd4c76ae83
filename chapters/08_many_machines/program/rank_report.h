/* rank_report.h: after training, where a step's time went, what was sent, and the
 * memory of each rank. */
#pragma once

#include "chapters/05_vision_transformer/training/trainer.h"
#include "chapters/08_many_machines/program/rank_options.h"

/* rank_report: called by all; rank 0 prints. Nothing for a single rank. */
void rank_report(const Trainer *trainer, Group *group, const RankOptions *own);
