/* options.c: see options.h. */
#include "chapters/05_vision_transformer/program/options.h"

#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "common/files/number.h"

/* ---- the tables ----------------------------------------------------------- */

/* A SETTING is one of settings.c, where it has this name; --help shows the
 * rest of the row. The others are kept in Options, and run_help describes them. */
typedef enum { SETTING, PATH, STEPS, SIZE, SHARE, MEGABYTES, FLAG } Kind;
static const struct {
    const char *name;
    Kind kind;
    size_t at; /* in Options */
    const char *setting, *argument, *help;
} table[] = {
#define AT(field) .at = offsetof(Options, field)
    {"--epochs", SETTING, 0, "epochs", "N", "passes over the training images"},
    {"--batch", SETTING, 0, "batch", "N", "images a step"},
    {"--lr", SETTING, 0, "lr", "X", "highest learning rate"},
    {"--seed", SETTING, 0, "seed", "N", "of every random number"},
    {"--threads", SETTING, 0, "threads", "N", "(default: all cores)"},
    {"--dim", SETTING, 0, "dim", "D", "width of a token"},
    {"--depth", SETTING, 0, "depth", "L", "encoder blocks"},
    {"--heads", SETTING, 0, "heads", "H", "attention heads; must divide D"},
    {"--mlp", SETTING, 0, "mlp", "M", "width of the MLP"},
    {"--patch", SETTING, 0, "patch", "P", "side of a patch; must divide the image's"},
    {"--norm", SETTING, 0, "norm", "pre|post", "where layer norm stands"},
    {"--activation", SETTING, 0, "activation", "gelu|relu", "of the MLP"},
    {"--positions", SETTING, 0, "positions", "KIND", "1d, none, 2d or sinusoidal"},
    {"--pool", SETTING, 0, "pool", "class|mean", "what the head reads"},
    {"--schedule", SETTING, 0, "schedule", "cosine|noam", "noam: [AIAYN eq.3]"},
    {"--warmup", SETTING, 0, "warmup", "N",
     "steps (default: a tenth of all, at most 1000)"},
    {"--weight-decay", SETTING, 0, "weight_decay", "X", "AdamW's lambda"},
    {"--optimiser", SETTING, 0, "optimiser", "adamw|sgd",
     "sgd: chapter 7, fine-tuning"},
    {"--momentum", SETTING, 0, "momentum", "X", "of sgd"},
    {"--freeze", SETTING, 0, "freeze", "N",
     "the embedding and N blocks keep their weights, 0: none does"},
    {"--beta2", SETTING, 0, "beta2", "X", "AdamW's second moment's memory"},
    {"--clip", SETTING, 0, "clip", "X", "global norm of the gradient, 0: none"},
    {"--smoothing", SETTING, 0, "label_smoothing", "X", "label smoothing, 0 to 1"},
    {"--dropout", SETTING, 0, "dropout", "X", "probability, 0 to 0.999"},
    {"--shift", SETTING, 0, "shift", "N", "augmentation: pixels an image may move"},
    {"--flip", SETTING, 0, "flip", "yes|no",
     "augmentation: mirror images (default:\n"
     "                         if the data has a classes.txt)"},
    {"--data", PATH, AT(data)},
    {"--size", SIZE, AT(width)},
    {"--split", SHARE, AT(split)},
    {"--memory", MEGABYTES, AT(memory_mb)},
    {"--save", PATH, AT(save)},
    {"--log", PATH, AT(log)},
    {"--steps", STEPS, AT(max_steps)},
    {"--resume", PATH, AT(resume)},
    {"--eval", PATH, AT(eval)},
    {"--look", PATH, AT(look)},
    {"--image", PATH, AT(image)},
    {"--dump", PATH, AT(dump)},
    {"--describe", PATH, AT(describe)},
    {"--double", FLAG, AT(in_double)},
    {"--gradcheck", FLAG, AT(gradcheck)},
    {"--brief", FLAG, AT(brief)},
    {"--help", FLAG, AT(help)},
    {"-h", FLAG, AT(help)},
};
enum { OPTIONS = sizeof table / sizeof table[0] };
_Static_assert(OPTIONS <= sizeof((Options *)0)->given, "there is a place for each");

/* The words that stand for a setting's values 0, 1, ... */
enum { MAX_WORDS = 4 };
static const struct {
    const char *setting, *words[MAX_WORDS];
} worded[] = {
    {"norm", {"pre", "post"}},
    {"activation", {"gelu", "relu"}},
    {"positions", {"1d", "none", "2d", "sinusoidal"}},
    {"pool", {"class", "mean"}},
    {"schedule", {"cosine", "noam"}},
    {"flip", {"no", "yes"}},
    {"optimiser", {"adamw", "sgd"}},
};

static const char run_help[] =
    "%s: train a Vision Transformer from scratch\n\n"
    "usage: ./%s [options]\n\nThe data and the run\n"
    "  --data DIR             IDX files, gzip or not; CIFAR-10 or -100; or a folder "
    "of\n"
    "                         pictures for each class (default: data/fashion-mnist, "
    "if\n"
    "                         it is there; else the sample in data/sample)\n"
    "  --size WxH             images become so many pixels wide and high; --size S: "
    "both\n"
    "  --split X              pictures without a test/ folder: the share of each "
    "class\n"
    "                         that is held out for testing [0.2]\n"
    "  --memory MB            pictures that need more are read again in each epoch\n"
    "                         (default: half of the machine's)\n"
    "  --save FILE            checkpoint, after each epoch (default: the file that is\n"
    "                         resumed, or %s.safetensors)\n"
    "  --resume FILE          go on from a checkpoint, with its settings\n"
    "  --eval FILE            only test a checkpoint\n"
    "  --look FILE            test a checkpoint, and write its figures: plots/*.dat\n"
    "  --image FILE           what a checkpoint sees in a picture, JPEG or PNG "
    "(--eval's,\n"
    "                         or %s.safetensors)\n"
    "  --log FILE.csv         a line a step (default: %s.csv)\n"
    "  --steps N              stop after N steps (to try things out)\n"
    "  --describe NAME        the parameters of Ti/16, S/16, B/16, B/32, L/16, L/32,\n"
    "                         H/14, or of the model the other options make: this\n"
    "  --dump FILE            one small pass, every tensor of it (for make compare)\n"
    "  --double               that pass in double (chapter 5)\n"
    "  --gradcheck            only check every gradient, in double\n"
    "  --brief                with one line for all of them (chapter 5)\n"
    "  --help                 this text\n"
    "\nModel and training (in brackets: the default; of an option that is given twice\n"
    "the last counts)\n";

/* -1: there is none of this name. */
static int index_of(const char *name) {
    int i = OPTIONS - 1;
    while (i >= 0 && strcmp(table[i].name, name) != 0) {
        i--;
    }
    return i;
}

bool options_given(const Options *o, const char *name) {
    return o->given[index_of(name)];
}

bool options_has_value(const char *name) {
    const int i = index_of(name);
    return i >= 0 && table[i].kind != FLAG;
}

const char *options_word(const char *setting, int value) {
    for (size_t i = 0; i < sizeof worded / sizeof worded[0]; i++) {
        if (strcmp(worded[i].setting, setting) == 0 && value >= 0 &&
            value < MAX_WORDS) {
            return worded[i].words[value];
        }
    }
    return NULL;
}

const char *options_shown(const Settings *settings, int i, char text[SETTINGS_TEXT]) {
    settings_get(settings, i, text);
    const double number = atof(text);
    if (number < 0) {
        return "the default"; /* -1: flip, warm-up */
    }
    const int value = number < MAX_WORDS ? (int)number : MAX_WORDS;
    const char *word = options_word(settings_name(i), value);
    if (!word && strpbrk(text, ".e")) {
        snprintf(text, SETTINGS_TEXT, "%.10g", number);
    }
    return word ? word : text;
}

void options_help(const char *program) {
    const Settings standard = settings_default();
    printf(run_help, program, program, program, program, program);
    for (int i = 0; table[i].kind == SETTING; i++) {
        char left[40], text[SETTINGS_TEXT];
        snprintf(left, sizeof left, "%s %s", table[i].name, table[i].argument);
        printf("  %-22s %s", left, table[i].help);
        if (!strstr(table[i].help, "(default:")) {
            const int setting = settings_index(table[i].setting);
            printf(" [%s]", options_shown(&standard, setting, text));
        }
        printf("\n");
    }
    printf(
        "\nExit status: 0 done, 1 the data, a file or a check failed, 2 wrong usage,\n"
        "130 stopped by Ctrl-C, 143 by kill, 129 by a closed terminal, 141 because\n"
        "nobody reads the output (the run is saved, and can be resumed).\n");
}

/* ---- parsing -------------------------------------------------------------- */

/* A number, or one of the setting's words, into the setting. */
static bool set_setting(Options *o, int option, const char *value, Error *error) {
    const char *name = table[option].name, *setting = table[option].setting;
    const int i = settings_index(setting);
    char words[80] = "", number[12]; /* "a, b or c" */
    for (int k = 0; options_word(setting, k); k++) {
        const char *word = options_word(setting, k);
        const char *before = options_word(setting, k + 1) ? ", " : " or ";
        const size_t used = strlen(words);
        if (strcmp(value, word) == 0) {
            snprintf(number, sizeof number, "%d", k);
            return settings_set(&o->settings, i, number);
        }
        snprintf(words + used, sizeof words - used, "%s%s", k == 0 ? "" : before, word);
    }
    if (words[0] != '\0') {
        return error_set(error, "%s is %s, not \"%.60s\"", name, words, value);
    }
    if (!settings_set(&o->settings, i, value)) {
        return error_set(error, "%s can't be \"%.60s\": want %s", name, value,
                         settings_range(i));
    }
    if (o->settings.lr == 0) {
        return error_set(error, "--lr can't be 0: nothing would be learned");
    }
    return o->settings.label_smoothing != 1 ||
           error_set(error, "--smoothing can't be 1: no label would count");
}

/* "224" or "320x240": width and height. */
static bool read_size(const char *text, int *width, int *height, Error *error) {
    char first[12];
    long w = 0, h = 0;
    const size_t length = strcspn(text, "x");
    const char *second = text[length] ? text + length + 1 : text;
    const bool ok = length < sizeof first &&
                    snprintf(first, sizeof first, "%.*s", (int)length, text) > 0 &&
                    number_read_whole(first, 1, VIT_MAX_SIDE, &w) &&
                    number_read_whole(second, 1, VIT_MAX_SIDE, &h);
    *width = (int)w;
    *height = (int)h;
    return ok || error_set(error,
                           "--size can't be \"%.60s\": want pixels, from 1 to %d: 224, "
                           "or width x height, as 320x240",
                           text, VIT_MAX_SIDE);
}

/* One option; *used is how many words of the command line it took. */
static bool parse_one(Options *o, const char *word, const char *value, int *used,
                      Error *error) {
    const int i = index_of(word);
    if (i < 0) {
        return error_set(error, "unknown option \"%.60s\": ./%s --help lists them",
                         word, o->program);
    }
    const Kind kind = table[i].kind;
    void *at = (char *)o + table[i].at;
    if (kind != FLAG && (!value || (kind == PATH && *value == '\0'))) {
        return error_set(error, "%s needs a value", word);
    }
    if (kind == PATH && strncmp(value, "--", 2) == 0) {
        return error_set(error,
                         "%s needs a value, not an option: a file of that name is "
                         "./%.60s",
                         word, value);
    }
    *used = kind == FLAG ? 1 : 2;
    o->twice = o->given[i] && kind != FLAG ? word : o->twice;
    o->given[i] = true;
    switch (kind) {
    case SETTING: return set_setting(o, i, value, error);
    case PATH: *(const char **)at = value; break;
    case FLAG: *(bool *)at = true; break;
    case SIZE: return read_size(value, &o->width, &o->height, error);
    case SHARE:
        return (number_read(value, at) && o->split > 0 && o->split < 1) ||
               error_set(error, "--split can't be \"%.60s\": want a share of 1", value);
    case MEGABYTES:
        return (number_read(value, at) && o->memory_mb > 0 && o->memory_mb <= 1e9) ||
               error_set(error, "--memory can't be \"%.60s\": want megabytes", value);
    case STEPS:
        return number_read_whole(value, 1, LONG_MAX, at) ||
               error_set(error, "--steps can't be \"%.60s\": want 1 or more", value);
    }
    return true;
}

/* ---- agreeing ------------------------------------------------------------- */

#define OF_THE_MODEL                                                                   \
    "--patch", "--depth", "--dim", "--heads", "--mlp", "--norm", "--activation",       \
        "--positions", "--pool"
static const char *const model[] = {OF_THE_MODEL, NULL};

/* Those that say what the program is to do. */
static const char *const tasks[] = {"--eval", "--resume",   "--look",      "--image",
                                    "--dump", "--describe", "--gradcheck", NULL};

static bool is_one_of(const char *word, const char *const *words) {
    while (*words && strcmp(word, *words) != 0) {
        words++;
    }
    return *words != NULL;
}

/* No two tasks. */
static bool one_task(const Options *o, Error *error) {
    const char *first = NULL;
    if (o->look && (o->eval || o->resume)) {
        return error_set(error, "--look, and --eval or --resume: one or the other");
    }
    for (int i = 0; tasks[i]; i++) {
        if (o->image && o->eval && strcmp(tasks[i], "--eval") == 0) {
            continue; /* whose checkpoint looks at the image */
        }
        if (first && options_given(o, tasks[i])) {
            return error_set(error, "%s and %s: one or the other", first, tasks[i]);
        }
        first = options_given(o, tasks[i]) ? tasks[i] : first;
    }
    return true;
}

bool options_only(const Options *o, const char *with, const char *const *used,
                  Error *error) {
    const char *wrong = NULL;
    for (int i = 0; i < OPTIONS; i++) {
        const char *name = table[i].name;
        const bool matters = table[i].kind != FLAG && !is_one_of(name, tasks);
        wrong = o->given[i] && matters && !is_one_of(name, used) ? name : wrong;
    }
    return !wrong ||
           error_set(error, "%s has no use for %s: leave it out", with, wrong);
}

bool options_fit_optimiser(const Options *o, const Settings *s, Error *error) {
    static const char *const of[][3] = {{"--weight-decay", "--beta2", NULL},
                                        {"--momentum", NULL}};
    const int other = s->optimiser == OPTIMISER_SGD ? 0 : 1;
    for (int i = 0; of[other][i]; i++) {
        if (options_given(o, of[other][i])) {
            return error_set(error, "--optimiser %s has no use for %s: leave it out",
                             options_word("optimiser", (int)s->optimiser),
                             of[other][i]);
        }
    }
    return true;
}

/* Each option that was given is one that the task uses. */
static bool all_used(const Options *o, Error *error) {
    static const char *const nothing[] = {NULL};
    static const char *const kind[] = {"--positions", "--pool", NULL};
    static const char *const test[] = {OF_THE_MODEL, "--data",    "--size",  "--split",
                                       "--memory",   "--threads", "--batch", NULL};
    if (o->describe && strcmp(o->describe, "this") == 0) {
        return options_only(o, "--describe this", model, error);
    }
    return (!o->image || options_only(o, "--image", nothing, error)) &&
           (!o->eval || options_only(o, "--eval", test, error)) &&
           (!o->look || options_only(o, "--look", test, error)) &&
           (!o->dump || options_only(o, "--dump", nothing, error)) &&
           (!o->gradcheck || options_only(o, "--gradcheck", kind, error)) &&
           (!o->describe ||
            options_only(o, "--describe of a known model", nothing, error));
}

/* False, and a line, if options contradict each other, or one would be ignored. */
static bool agree(const Options *o, Error *error) {
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
    return block->D % block->heads == 0 || o->eval || o->look || o->image ||
           o->resume ||
           error_set(error, "%d heads don't divide the width of %d (--heads, --dim)",
                     block->heads, block->D);
}

/* ---- the whole ------------------------------------------------------------ */

bool options_parse(Options *o, int argc, char **argv, Error *error) {
    static char save[300], log[300]; /* a program has one name */
    const char *command = argc > 0 && *argv[0] ? argv[0] : "chapter5";
    const char *slash = strrchr(command, '/');
    *o = (Options){.settings = settings_default(), .max_steps = -1};
    o->command = command;
    o->program = slash ? slash + 1 : command;
    o->save = save;
    o->log = o->own_log = log;
#ifdef _OPENMP
    const int cores = omp_get_max_threads(); /* or OMP_NUM_THREADS */
    o->settings.threads = cores < MAX_THREADS ? cores : MAX_THREADS;
#endif
    snprintf(log, sizeof log, "%s.csv", o->program);
    if (snprintf(save, sizeof save, "%s.safetensors", o->program) >= (int)sizeof save) {
        return error_set(error, "the program's name is too long for its files' names");
    }
    for (int i = 1, used = 1; i < argc; i += used) {
        if (!parse_one(o, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &used, error)) {
            return false;
        }
    }
    if (!agree(o, error)) {
        return false;
    }
    if (o->resume && !options_given(o, "--save")) {
        o->save = o->resume;
    }
    o->eval = o->look ? o->look : o->eval;
    return true;
}

bool options_merge(const Options *o, const Settings *saved, Settings *merged,
                   Error *error) {
    *merged = *saved;
    for (int i = 0; model[i]; i++) {
        char was[SETTINGS_TEXT], now[SETTINGS_TEXT];
        const char *name = table[index_of(model[i])].setting;
        const char *old = options_shown(saved, settings_index(name), was);
        const char *new = options_shown(&o->settings, settings_index(name), now);
        if (options_given(o, model[i]) && strcmp(old, new) != 0) {
            return error_set(error,
                             "the checkpoint is of another shape: its %s is %s, not %s",
                             name, old, new);
        }
    }
    for (int i = 0; table[i].kind == SETTING; i++) {
        const int setting = settings_index(table[i].setting);
        char text[SETTINGS_TEXT];
        if (o->given[i]) {
            settings_get(&o->settings, setting, text);
            settings_set(merged, setting, text);
        }
    }
    if (options_given(o, "--epochs")) {
        merged->total_steps = 0;
    }
    return true;
}
