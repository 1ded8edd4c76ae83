/* picture_helpers.h: pictures in tests: read, and compared. */
#pragma once

#include "common/images/picture.h"

/* picture_of: the picture in a file; the test fails if there is none. To be freed. */
Picture picture_of(const char *path);

/* picture_difference: NULL, or where two pictures differ by more than `levels`; `name`
 * begins the line, which the next call overwrites. */
const char *picture_difference(const Picture *got, const Picture *want, int levels,
                               const char *name);
