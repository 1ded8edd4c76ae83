/* options_agree.c: do the options agree with each other, and with a checkpoint? See
 * options.h. */
#include <stdlib.h>
#include <string.h>

#include "chapters/05_vision_transformer/program/options.h"

/* ---- with each other --------------------------------------------------------- */

#define OF_THE_MODEL                                                                   \
    "--dim", "--depth", "--heads", "--mlp", "--patch", "--norm", "--activation",       \
        "--positions", "--pool"

/* No two of those that say what the program is to do. */
static bool one_task(const Options *o, Error *error) {
    const struct {
        const char *name;
        bool given;
    } tasks[] = {{"--resume", o->resume != NULL},     {"--eval", o->eval != NULL},
                 {"--look", o->look != NULL},         {"--dump", o->dump != NULL},
                 {"--describe", o->describe != NULL}, {"--gradcheck", o->gradcheck}};
    const char *first = NULL;
    if (o->look && (o->eval || o->resume)) {
        return error_set(error, "--look, and --eval or --resume: one or the other");
    }
    if (o->eval && o->resume) {
        return error_set(error, "--eval and --resume: one or the other");
    }
    for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; i++) {
        if (tasks[i].given && first) {
            return error_set(error, "%s and %s: one or the other", first,
                             tasks[i].name);
        }
        first = tasks[i].given ? tasks[i].name : first;
    }
    return true;
}

/* What a task doesn't look at would be ignored. */
static bool all_used(const Options *o, Error *error) {
    static const char *const nothing[] = {NULL};
    static const char *const model[] = {OF_THE_MODEL, NULL};
    static const char *const kind[] = {"--positions", "--pool", NULL};
    static const char *const test[] = {OF_THE_MODEL, "--data", "--threads", "--batch",
                                       NULL};
    if (o->eval || o->look) {
        return options_only(o, o->eval ? "--eval" : "--look", test, error);
    }
    if (o->describe) {
        const bool own = strcmp(o->describe, "this") == 0;
        return options_only(o, own ? "--describe this" : "--describe of a known model",
                            own ? model : nothing, error);
    }
    if (o->dump) {
        return options_only(o, "--dump", nothing, error);
    }
    return !o->gradcheck || options_only(o, "--gradcheck", kind, error);
}

bool options_agree(const Options *o, Error *error) {
    const BlockConfig *block = &o->settings.model.block;
    if (o->help) {
        return true;
    }
    if (o->in_double && !o->dump) {
        return error_set(error, "--double is for --dump FILE: training is in float");
    }
    if (o->brief && !o->gradcheck) {
        return error_set(error, "--brief is for --gradcheck");
    }
    if (!one_task(o, error) || !all_used(o, error)) {
        return false;
    }
    if (block->D % block->heads != 0 && !o->eval && !o->look && !o->resume) {
        return error_set(error,
                         "%d heads don't divide the width of %d (--heads, --dim)",
                         block->heads, block->D);
    }
    return true;
}

/* ---- with a checkpoint ------------------------------------------------------- */

/* A setting's text as the command line has it: "post" for "1". */
static const char *in_words(const char *setting, const char *text) {
    const char *word = options_word(setting, atoi(text));
    return word ? word : text;
}

bool options_merge(const Options *o, const Settings *saved, Settings *merged,
                   Error *error) {
    static const char *of_the_model[] = {"dim",   "depth", "heads",      "mlp",
                                         "patch", "norm",  "activation", "positions",
                                         "pool",  NULL};
    *merged = *saved;
    for (int i = 0; i < settings_count(); i++) {
        char was[SETTINGS_TEXT], now[SETTINGS_TEXT];
        if (!o->given[i]) {
            continue;
        }
        settings_get(saved, i, was);
        settings_get(&o->settings, i, now);
        for (int k = 0; of_the_model[k] && strcmp(was, now) != 0; k++) {
            if (strcmp(of_the_model[k], settings_name(i)) == 0) {
                const char *name = settings_name(i);
                return error_set(error,
                                 "the checkpoint is of another shape: its %s is "
                                 "%s, not %s",
                                 name, in_words(name, was), in_words(name, now));
            }
        }
        settings_set(merged, i, now);
    }
    return true;
}
