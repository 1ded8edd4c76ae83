/*
 * describe.h: a model's parts, with the number of parameters of each, counted from
 * the list that the program trains by and compared with the formula.
 */
#pragma once

#include "chapters/05_vision_transformer/training/settings.h"

/* describe_config: the published model called `name` ("B/16", 224x224x3, 1000 classes)
 * or, for "this", the settings' own. False and an error that lists the names if there
 * is no such model. */
bool describe_config(const char *name, const Settings *settings, VitConfig *config,
                     Error *error);

/* describe_run: --describe NAME, all of it; the exit status. Checks counted = formula,
 * and, for the published models, = the published count, through report_check. */
int describe_run(const char *program, const char *name, const Settings *settings);
