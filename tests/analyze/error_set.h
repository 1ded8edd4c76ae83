/* error_set.h: put before each file that is analysed. An analyser looks into one file
 * at a time, and doesn't know that error_set, in another, always returns false. */
#include "common/error.h"
#define error_set(...) (error_set(__VA_ARGS__), false)
