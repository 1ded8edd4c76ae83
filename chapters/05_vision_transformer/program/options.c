/* options.c: see options.h. */
#include "chapters/05_vision_transformer/program/options.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "common/files/number.h"

/* ---- the table ------------------------------------------------------------ */

/* Options that are settings: their name on the command line and in the table of
 * settings.c, and what they are. `values` are the words that stand for 0, 1, ... */
enum { MAX_WORDS = 4 };
static const struct {
    const char *option, *setting, *values[MAX_WORDS], *argument, *help;
} setting_options[] = {
    {"--epochs", "epochs", {0}, "N", "passes over the training images"},
    {"--batch", "batch", {0}, "N", "images a step"},
    {"--lr", "lr", {0}, "X", "highest learning rate"},
    {"--seed", "seed", {0}, "N", "of every random number"},
    {"--threads", "threads", {0}, "N", "(default: all cores)"},
    {"--dim", "dim", {0}, "D", "width of a token"},
    {"--depth", "depth", {0}, "L", "encoder blocks"},
    {"--heads", "heads", {0}, "H", "attention heads; must divide D"},
    {"--mlp", "mlp", {0}, "M", "width of the MLP"},
    {"--patch", "patch", {0}, "P", "side of a patch; must divide the image's"},
    {"--norm", "norm", {"pre", "post"}, "pre|post", "where layer norm stands"},
    {"--activation", "activation", {"gelu", "relu"}, "gelu|relu", "of the MLP"},
    {"--positions",
     "positions",
     {"1d", "none", "2d", "sinusoidal"},
     "KIND",
     "1d, none, 2d or sinusoidal"},
    {"--pool", "pool", {"class", "mean"}, "class|mean", "what the head reads"},
    {"--schedule", "schedule", {"cosine", "noam"}, "cosine|noam", "noam: [AIAYN eq.3]"},
    {"--warmup", "warmup", {0}, "N", "steps (default: a tenth of all, at most 1000)"},
    {"--weight-decay", "weight_decay", {0}, "X", "AdamW's lambda"},
    {"--beta2", "beta2", {0}, "X", "AdamW's second moment's memory"},
    {"--clip", "clip", {0}, "X", "global norm of the gradient, 0: none"},
    {"--smoothing", "label_smoothing", {0}, "X", "label smoothing, 0 to 1"},
    {"--dropout", "dropout", {0}, "X", "probability, 0 to 0.999"},
    {"--shift", "shift", {0}, "N", "augmentation: pixels an image may move"},
    {"--flip",
     "flip",
     {"no", "yes"},
     "yes|no",
     "augmentation: mirror images (default:"},
};

static const char *path_help[] = {
    "  --data DIR             IDX files, gzip or not (default: data/fashion-mnist, if",
    "                         it is there; else the sample in data/sample)",
    "  --save FILE            checkpoint, after each epoch (default: the file that is",
    "                         resumed, or PROGRAM.safetensors)",
    "  --resume FILE          go on from a checkpoint, with its settings",
    "  --eval FILE            only test a checkpoint",
    "  --look FILE            test a checkpoint, and write its figures: plots/*.dat",
    "  --log FILE.csv         a line a step (default: PROGRAM.csv)",
    "  --steps N              stop after N steps (to try things out)",
    "  --describe NAME        the parameters of Ti/16, S/16, B/16, B/32, L/16, L/32,",
    "                         H/14, or of the model the other options make: this",
    "  --dump FILE            one small pass, every tensor of it (for make compare)",
    "  --double               that pass in double (chapter 5)",
    "  --gradcheck            only check every gradient, in double",
    "  --brief                with one line for all of them (chapter 5)",
    "  --help                 this text",
};

enum { SETTING_OPTIONS = sizeof setting_options / sizeof setting_options[0] };

static int setting_index(const char *name) {
    for (int i = 0; i < settings_count(); i++) {
        if (strcmp(settings_name(i), name) == 0) {
            return i;
        }
    }
    bug("options: there is no setting %s", name);
}

const char *options_word(const char *setting, int value) {
    for (int i = 0; i < SETTING_OPTIONS; i++) {
        if (strcmp(setting_options[i].setting, setting) == 0 && value >= 0 &&
            value < MAX_WORDS) {
            return setting_options[i].values[value];
        }
    }
    return NULL;
}

static void help_of(int option) {
    const Settings standard = settings_default();
    const char *setting = setting_options[option].setting;
    char left[40], value[SETTINGS_TEXT];
    settings_get(&standard, setting_index(setting), value);
    snprintf(left, sizeof left, "%s %s", setting_options[option].option,
             setting_options[option].argument);
    printf("  %-22s %s", left, setting_options[option].help);
    if (strcmp(setting, "flip") == 0) {
        printf("\n%25sif the data has a classes.txt)", "");
    } else if (setting_options[option].values[0]) {
        printf(" [%s]", setting_options[option].values[atoi(value)]);
    } else if (strcmp(setting, "warmup") != 0 && strcmp(setting, "threads") != 0) {
        printf(" [%g]", atof(value));
    }
    printf("\n");
}

/* The line, with the program's name in place of PROGRAM. */
static void print_named(const char *line, const char *program) {
    const char *mark = strstr(line, "PROGRAM");
    if (mark) {
        printf("%.*s%s%s\n", (int)(mark - line), line, program,
               mark + strlen("PROGRAM"));
    } else {
        printf("%s\n", line);
    }
}

void options_help(const char *program) {
    printf("%s: train a Vision Transformer from scratch\n\n"
           "usage: ./%s [options]\n\nThe data and the run\n",
           program, program);
    for (size_t i = 0; i < sizeof path_help / sizeof path_help[0]; i++) {
        print_named(path_help[i], program);
    }
    printf("\nModel and training (in brackets: the default; of an option that is given "
           "twice\nthe last counts)\n");
    for (int i = 0; i < SETTING_OPTIONS; i++) {
        help_of(i);
    }
    printf(
        "\nExit status: 0 done, 1 the data, a file or a check failed, 2 wrong usage,\n"
        "130 stopped by Ctrl-C, 143 by kill, 129 by a closed terminal, 141 because\n"
        "nobody reads the output (the run is saved, and can be resumed).\n");
}

/* ---- parsing -------------------------------------------------------------- */

/* Which of the words it is: "0", "1", ...; false, and a line with all of them. */
static bool number_of_word(int option, const char *value, char number[2],
                           Error *error) {
    const char *const *words = setting_options[option].values;
    char all[80] = "";
    int count = 0;
    for (; count < MAX_WORDS && words[count]; count++) {
        if (strcmp(value, words[count]) == 0) {
            number[0] = (char)('0' + count);
            number[1] = '\0';
            return true;
        }
    }
    for (int i = 0; i < count; i++) { /* "a, b or c" */
        const size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", words[i],
                 i < count - 2    ? ", "
                 : i == count - 2 ? " or "
                                  : "");
    }
    return error_set(error, "%s is %s, not \"%.60s\"", setting_options[option].option,
                     all, value);
}

/* Which setting this option is. */
static int setting_of(int option) {
    return setting_index(setting_options[option].setting);
}

/* Word or number into the setting that `option` stands for. */
static bool set_setting(Options *o, int option, const char *value, Error *error) {
    const int i = setting_of(option);
    char word[2];
    const bool has_words = setting_options[option].values[0] != NULL;
    if (has_words && !number_of_word(option, value, word, error)) {
        return false;
    }
    if (!settings_set(&o->settings, i, has_words ? word : value)) {
        return error_set(error, "%s can't be \"%.60s\": want %s",
                         setting_options[option].option, value, settings_range(i));
    }
    if (strcmp(setting_options[option].setting, "lr") == 0 && o->settings.lr == 0) {
        return error_set(error, "--lr can't be 0: nothing would be learned");
    }
    if (strcmp(setting_options[option].setting, "label_smoothing") == 0 &&
        o->settings.label_smoothing == 1) {
        return error_set(error, "--smoothing can't be 1: no label would count");
    }
    o->given[i] = true;
    return true;
}

static bool set_steps(Options *o, const char *value, Error *error) {
    return number_read_whole(value, 1, LONG_MAX, &o->max_steps) ||
           error_set(error, "--steps can't be \"%.60s\": want 1 or more", value);
}

/* One option; *used is how many words of the command line it took. */
static bool parse_one(Options *o, const char *word, const char *value, int *used,
                      Error *error) {
    const struct {
        const char *name;
        const char **to;
    } paths[] = {{"--data", &o->data},     {"--save", &o->save},
                 {"--resume", &o->resume}, {"--eval", &o->eval},
                 {"--log", &o->log},       {"--describe", &o->describe},
                 {"--look", &o->look},     {"--dump", &o->dump}};
    const struct {
        const char *name;
        bool *to;
    } flags[] = {{"--help", &o->help},
                 {"-h", &o->help},
                 {"--gradcheck", &o->gradcheck},
                 {"--brief", &o->brief},
                 {"--double", &o->in_double}};
    *used = 1;
    const bool is_steps = strcmp(word, "--steps") == 0;
    int path = -1, setting = -1;
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (strcmp(word, flags[i].name) == 0) {
            *flags[i].to = true;
            return true;
        }
    }
    for (int i = 0; i < (int)(sizeof paths / sizeof paths[0]); i++) {
        path = strcmp(word, paths[i].name) == 0 ? i : path;
    }
    for (int i = 0; i < SETTING_OPTIONS; i++) {
        setting = strcmp(word, setting_options[i].option) == 0 ? i : setting;
    }
    if (path < 0 && setting < 0 && !is_steps) {
        return error_set(error, "unknown option \"%.60s\": ./%s --help lists them",
                         word, o->program);
    }
    if (!value || (path >= 0 && *value == '\0')) {
        return error_set(error, "%s needs a value", word);
    }
    if (path >= 0 && strncmp(value, "--", 2) == 0) {
        return error_set(error,
                         "%s needs a value, not an option: a file of that name is "
                         "./%.60s",
                         word, value);
    }
    *used = 2;
    const bool again = path >= 0     ? *paths[path].to != NULL
                       : setting < 0 ? o->max_steps > 0
                                     : o->given[setting_of(setting)];
    o->twice = again ? word : o->twice;
    if (path >= 0) {
        *paths[path].to = value;
        return true;
    }
    return is_steps ? set_steps(o, value, error)
                    : set_setting(o, setting, value, error);
}

static bool is_one_of(const char *word, const char *const *words) {
    for (; *words; words++) {
        if (strcmp(word, *words) == 0) {
            return true;
        }
    }
    return false;
}

bool options_only(const Options *o, const char *with, const char *const *used,
                  Error *error) {
    const struct {
        const char *name;
        bool given;
    } others[] = {{"--data", o->data != NULL},
                  {"--save", o->save && o->save != o->own_save && o->save != o->resume},
                  {"--log", o->log && o->log != o->own_log},
                  {"--steps", o->max_steps > 0}};
    const char *wrong = NULL;
    for (int i = 0; i < SETTING_OPTIONS; i++) {
        const char *option = setting_options[i].option;
        wrong = o->given[setting_of(i)] && !is_one_of(option, used) ? option : wrong;
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        const char *option = others[i].name;
        wrong = others[i].given && !is_one_of(option, used) ? option : wrong;
    }
    return !wrong ||
           error_set(error, "%s has no use for %s: leave it out", with, wrong);
}

static int all_cores(void) {
#ifdef _OPENMP
    const int cores = omp_get_max_threads(); /* or OMP_NUM_THREADS */
    return cores < MAX_THREADS ? cores : MAX_THREADS;
#else
    return 1;
#endif
}

/* A program has one name: the texts are kept here. */
static bool name_files(Options *o, const char *command, Error *error) {
    static char save[300], log[300];
    const char *slash = strrchr(command, '/');
    o->command = command;
    o->program = slash ? slash + 1 : command;
    o->own_save = save;
    o->own_log = log;
    const int longest = snprintf(save, sizeof save, "%s.safetensors", o->program);
    snprintf(log, sizeof log, "%s.csv", o->program);
    return longest < (int)sizeof save ||
           error_set(error, "the program's name is too long for its files' names");
}

bool options_parse(Options *o, int argc, char **argv, Error *error) {
    *o = (Options){.settings = settings_default(), .max_steps = -1};
    o->settings.threads = all_cores();
    if (!name_files(o, argc > 0 && *argv[0] ? argv[0] : "chapter5", error)) {
        return false;
    }
    for (int i = 1, used; i < argc; i += used) {
        if (!parse_one(o, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &used, error)) {
            return false;
        }
    }
    if (!options_agree(o, error)) {
        return false;
    }
    if (!o->save) {
        o->save = o->resume ? o->resume : o->own_save;
    }
    if (!o->log) {
        o->log = o->own_log;
    }
    o->eval = o->look ? o->look : o->eval;
    return true;
}
