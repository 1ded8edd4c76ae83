/* seeing_options.h: the command line of chapter 7 where it looks at pictures. */
#pragma once

#include "common/error.h"

typedef struct {
    /* or NULL */
    const char *weights, *recipe, *labels, *features, *out, *export_to, *score;
    int heads;       /* 0: as the file says */
    int top;         /* classes to print */
    int layer, head; /* 1, 2, ...; 0: not given */
    bool time, describe, help;
    char **pictures; /* of argv; the options are taken out */
    int count;
} SeeingOptions;

/* seeing_options: false, and one line that says what is wrong. argv is put in order:
 * pictures first. After "--" every word is a picture. */
bool seeing_options(SeeingOptions *options, int argc, char **argv, Error *error);

extern const char seeing_help[];
