/* weights_refused.h: for the suites of chapter 7's weights (test_weights.c has it). */
#pragma once

#define REFERENCE "tests/reference/weights/"

/* assert_refused: no model comes of this file, and the error is a line with these words
 * ("a|b": with both), and the name of a file. */
void assert_refused(const char *path, int heads, const char *words);
