/* neighbour.h: files in the folder of the weights: config.json, labels.txt, ... */
#pragma once

#include <stddef.h>

#include "common/error.h"

/* neighbour_read: *text: all of the file `name` in the folder of `path`, with a 0 after
 * its bytes, to be freed; NULL: there is none. False, and an error that names it: it
 * can't be read, or is longer than 16 MB. */
bool neighbour_read(const char *path, const char *name, char **text, size_t *bytes,
                    Error *error);

/* file_read_text: the same of a file that must be there. */
bool file_read_text(const char *path, char **text, size_t *bytes, Error *error);
