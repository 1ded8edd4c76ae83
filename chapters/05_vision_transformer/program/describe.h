/*
 * describe.h: a model's parts, with the number of parameters of each, counted from
 * the list that the program trains by and compared with the formula.
 */
#ifndef DESCRIBE_H
#define DESCRIBE_H

#include "chapters/05_vision_transformer/training/settings.h"

/*
 * describe_config: the published model called `name` ("B/16", 224x224x3, 1000
 * classes) or, for "this", the settings' own. False and an error that lists the
 * names if there is no such model.
 */
bool describe_config(const char *name, const Settings *settings, VitConfig *config,
                     Error *error);

/*
 * describe_model: print the table; *counted becomes the number of parameters. No
 * memory is taken for them. Checks counted = formula, and, for the published
 * models, = the published count, through report_check.
 */
bool describe_model(const char *name, const VitConfig *config, long *counted,
                    Error *error);

/* describe_run: --describe NAME, all of it; the exit status. */
int describe_run(const char *program, const char *name, const Settings *settings);

#endif
