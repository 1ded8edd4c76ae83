/*
 * device_options.h: this chapter's own words of the command line; the others are for
 * chapter 5's options.h.
 */
#pragma once

#include "chapters/06_cuda_training/gpu_trainer.h"
#include "chapters/05_vision_transformer/program/options.h"

typedef struct {
    GpuChoices choices; /* of --matmul and --attention */
    bool emulate, check, counts, times;
    const char *matmul, *attention, *bench, *csv; /* as given, or NULL */
    const char *twice; /* one of them that is given more than once, or NULL */
    int argc;          /* what is left, for options_parse */
    char **argv;       /* never freed: it lives as long as the program */
} DeviceOptions;

/* device_options_take: takes this chapter's words out; false, and an error, if one of
 * them is wrong, or if this program can't do what it asks for. */
bool device_options_take(DeviceOptions *own, int argc, char **argv, Error *error);

/* device_options_has_value: as options_has_value, of this chapter's words. */
bool device_options_has_value(const char *name);

/* device_options_agree: false, and an error, if two options, of this chapter or of
 * chapter 5, contradict each other, or if one would be ignored. */
bool device_options_agree(const DeviceOptions *own, const Options *options,
                          Error *error);

/* device_options_can_write: false, and why, if --csv's file can't be written; called
 * before anything is printed. */
bool device_options_can_write(const DeviceOptions *own, Error *error);

/* device_options_help: prints them, with what this program has. */
void device_options_help(void);

/* device_options_put_small_run_first: puts what the emulator trains by default before
 * the user's own words, which override it, since an option's last value counts.
 * device_options_say_small_run prints it. */
void device_options_put_small_run_first(DeviceOptions *own);
void device_options_say_small_run(const DeviceOptions *own);
