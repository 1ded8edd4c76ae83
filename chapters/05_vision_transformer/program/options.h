/*
 * options.h: the command line of chapters 5 and 6. The program is called what the
 * first word says: messages begin with it, files that it makes are named after it.
 */
#pragma once

#include "chapters/05_vision_transformer/training/dataset.h"
#include "chapters/05_vision_transformer/training/settings.h"

typedef struct {
    const char *command, *program; /* argv[0], "./chapter5"; "chapter5" */
    Settings settings;
    bool given[64]; /* see options_given */
    /* As they were given, or NULL; eval is --look's file too. */
    const char *data, *resume, *eval, *look, *image, *dump, *describe;
    /* --save, --resume's file or "chapter5.safetensors"; --log or own_log. */
    const char *save, *log, *own_log; /* "chapter5.csv" */
    bool help, gradcheck, brief, in_double;
    long max_steps;          /* --steps: stop after this many, -1: don't */
    int width, height;       /* --size; 0: as the data's images are */
    double split, memory_mb; /* --split, --memory; 0: the default */
    const char *twice;       /* an option that was given more than once, or NULL */
    bool follower;           /* another process prints, logs and saves (chapter 8) */
    const char *launcher;    /* "mpirun -n 2 ": what a run is started by, or NULL */
    const char *again; /* " --emulate": what else a run is to go on with, or NULL */

    /* What fine-tuning (chapter 7) knows of the model before there are data. */
    int channels;        /* of all images; 0: as the data's are */
    bool whole_if_fewer; /* fewer images than a batch are one */
    double mean[DATASET_MAX_CHANNELS],
        deviation[DATASET_MAX_CHANNELS]; /* PIXELS_GIVEN */
} Options;

/* options_parse: false, and one line that says what is wrong, for an unknown option, a
 * missing value, a value that is no number or out of its range. What only the data can
 * tell (a patch that doesn't divide the image) comes later. */
bool options_parse(Options *options, int argc, char **argv, Error *error);

/* options_given: is this option, "--batch", on the command line? */
bool options_given(const Options *options, const char *name);

/* options_has_value: is this one of these options, "--batch", whose value is the next
 * word? Programs with more options take theirs out first, but not such a value. */
bool options_has_value(const char *name);

/* options_only: false, and a line, if the command line has an option (of a setting, or
 * --data, --save, --log, --steps) that isn't one of `used`, which NULL ends: `with`,
 * "--eval", has no use for it. */
bool options_only(const Options *options, const char *with, const char *const *used,
                  Error *error);

/* options_fit_optimiser: false, and a line, if the command line has an option of the
 * optimiser that the settings don't have. */
bool options_fit_optimiser(const Options *options, const Settings *settings,
                           Error *error);

/* options_word: "post" for 1 of the setting "norm"; NULL where there are no words. */
const char *options_word(const char *setting, int value);

/* options_shown: the value of settings_name(i) for people: "post", "0.003". */
const char *options_shown(const Settings *settings, int i, char text[SETTINGS_TEXT]);

/* options_help: what --help prints. */
void options_help(const char *program);

/* options_merge: the settings of a run that goes on from a checkpoint: the
 * checkpoint's, but for what the command line says anew. False if that would be another
 * model. */
bool options_merge(const Options *options, const Settings *saved, Settings *merged,
                   Error *error);
