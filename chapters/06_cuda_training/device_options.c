/* device_options.c: see device_options.h. */
#include "chapters/06_cuda_training/device_options.h"

#include <stdio.h>
#include <string.h>

#include "chapters/06_cuda_training/measuring/measuring.h"
#include "common/files/regular_file.h"

/* What ./chapter6 trains on the emulator unless its options say otherwise. */
static char *small_run[] = {"--data",  "data/sample", "--dim",   "32",    "--depth",
                            "2",       "--heads",     "2",       "--mlp", "64",
                            "--patch", "7",           "--batch", "32",    "--epochs",
                            "1",       "--steps",     "24"};
enum { SMALL_WORDS = sizeof small_run / sizeof small_run[0] };

static const char help[] =
    "\nThe device\n"
    "  --emulate              on cuda_on_cpu, even where there is a GPU\n"
    "  --check                only compare the device with chapter 5's CPU code\n"
    "  --counts               only count what every rung asks of memory\n"
    "  --times                only time every rung, beside cuBLASLt and the limits\n"
    "  --bench MODEL          only time training, on made-up images: S/4 (32x32x3),\n"
    "                         B/16 or another of --describe's (224x224x3), or this;\n"
    "                         with --batch N, and --steps N a round\n"
    "  --csv FILE             --times writes it, --bench adds a line to it\n"
    "  --matmul NAME         ";

void device_options_help(void) {
    printf("%s", help);
    for (int i = 0; i < MATMUL_VERSIONS; i++) {
        if (gpu_matmul_available((MatmulVersion)i)) {
            printf(" %s", gpu_matmul_names[i]);
        }
    }
    printf("\n  --attention NAME      ");
    for (int i = 0; i < ATTENTION_VERSIONS; i++) {
        printf(" %s", gpu_attention_names[i]);
    }
    printf("\n");
}

static int index_of(const char *word, const char *const *names, int count) {
    for (int i = 0; i < count; i++) {
        if (strcmp(word, names[i]) == 0) {
            return i;
        }
    }
    return -1;
}

/* Is this a value that the option can have? */
static bool read_value(DeviceOptions *own, const char *option, const char *value,
                       Error *error) {
    bool known = true;
    if (strcmp(option, "--matmul") == 0) {
        const int v = index_of(value, gpu_matmul_names, MATMUL_VERSIONS);
        known = v >= 0 && gpu_matmul_available((MatmulVersion)v);
        own->choices.matmul = (MatmulVersion)v;
    } else if (strcmp(option, "--attention") == 0) {
        const int v = index_of(value, gpu_attention_names, ATTENTION_VERSIONS);
        known = v >= 0;
        own->choices.attention = (AttentionVersion)v;
    } else if (*value == '\0') {
        return error_set(error, "%s wants a value: --help", option);
    } else if (strncmp(value, "--", 2) == 0) {
        return error_set(error, "%s wants a value, not the option %.60s", option,
                         value);
    }
    return known ||
           error_set(error, "%s can't be \"%.60s\": --help lists them", option, value);
}

bool device_options_has_value(const char *name) {
    static const char *const names[] = {"--matmul", "--attention", "--bench", "--csv"};
    return index_of(name, names, 4) >= 0;
}

bool device_options_take(DeviceOptions *own, int argc, char **argv, Error *error) {
    const struct {
        const char *name;
        bool *flag;         /* of an option alone */
        const char **value; /* of one with a value */
    } words[] = {
        {"--emulate", &own->emulate, NULL}, {"--check", &own->check, NULL},
        {"--counts", &own->counts, NULL},   {"--times", &own->times, NULL},
        {"--matmul", NULL, &own->matmul},   {"--attention", NULL, &own->attention},
        {"--bench", NULL, &own->bench},     {"--csv", NULL, &own->csv}};
    enum { WORDS = sizeof words / sizeof words[0] };
    *own = (DeviceOptions){.choices = gpu_choices_default()};
    own->argv = allocate(((size_t)argc + SMALL_WORDS + 1) * sizeof own->argv[0],
                         "the command line", error);
    for (int i = 0; own->argv && i < argc; i++) {
        int w = 0;
        while (w < WORDS && strcmp(argv[i], words[w].name) != 0) {
            w++;
        }
        if (w == WORDS) {
            own->argv[own->argc++] = argv[i];
            if (options_has_value(argv[i]) && i + 1 < argc) {
                own->argv[own->argc++] = argv[++i];
            }
        } else if (words[w].flag) {
            *words[w].flag = true;
        } else {
            own->twice = *words[w].value ? argv[i] : own->twice;
            *words[w].value = i + 1 < argc ? argv[i + 1] : "";
            if (!read_value(own, argv[i], *words[w].value, error)) {
                return false;
            }
            i++;
        }
    }
    return own->argv != NULL;
}

bool device_options_agree(const DeviceOptions *own, const Options *o, Error *error) {
    enum { OF_THE_MODEL = 7 };
    static const char *const nothing[] = {NULL};
    static const char *const used[] = {
        "--dim",       "--depth",      "--heads",   "--mlp",  "--patch",
        "--norm",      "--activation", /* then those of the training */
        "--batch",     "--steps",      "--threads", "--seed", "--dropout",
        "--smoothing", "--clip",       "--lr",      NULL};
    const struct {
        const char *name;
        bool given;
    } tasks[] = {{"--check", own->check},
                 {"--counts", own->counts},
                 {"--times", own->times},
                 {"--bench", own->bench != NULL},
                 {"--resume", o->resume != NULL},
                 {"--image", o->image != NULL},
                 {"--eval", o->eval && !o->look && !o->image},
                 {"--look", o->look != NULL},
                 {"--dump", o->dump != NULL},
                 {"--gradcheck", o->gradcheck},
                 {"--describe", o->describe != NULL}};
    const bool chosen = own->matmul || own->attention;
    const char *task = NULL;
    for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; i++) {
        if (tasks[i].given && task) {
            return error_set(error, "%s and %s: one or the other", task, tasks[i].name);
        }
        task = tasks[i].given ? tasks[i].name : task;
    }
    if (o->in_double) {
        return error_set(error, "kernels compute in float: ./chapter5 has --double");
    }
    if (o->brief) {
        return error_set(error, "--brief is for ./chapter5 --gradcheck");
    }
    if (own->csv && !own->times && !own->bench) {
        return error_set(error, "--csv is for --times and --bench");
    }
    if (chosen && o->describe) {
        return error_set(error, "--describe has no use for %s: leave it out",
                         own->matmul ? "--matmul" : "--attention");
    }
    if (chosen && (own->counts || own->times)) {
        return error_set(
            error, "%s takes every rung: leave --matmul and --attention out", task);
    }
    if (own->bench) {
        const bool this = strcmp(own->bench, "this") == 0;
        return made_up_model(own->bench, &o->settings, &(VitConfig){0}, error) &&
               options_only(o, this ? "--bench this" : "--bench of a known model",
                            this ? used : used + OF_THE_MODEL, error);
    }
    return !(own->check || own->counts || own->times) ||
           options_only(o, task, nothing, error);
}

/* The file that --times replaces, or --bench adds to, must be its own. */
static bool csv_is_ours(const DeviceOptions *own, Error *error) {
    char line[200], end = '\0';
    Error ignored;
    FILE *file = regular_file_open(own->csv, &ignored);
    if (!file) {
        return true; /* there is none yet */
    }
    bool ours = !fgets(line, sizeof line, file);
    fclose(file);
    if (!ours && own->times) {
        ours = strncmp(line, "ladder,version,", 15) == 0;
    } else if (!ours) {
        ours =
            sscanf(line, "%*[^,],%*d,%*d,%*d,%*f,%*f,%*f%c", &end) == 1 && end == '\n';
    }
    return ours || error_set(error,
                             "%s: can't be written: what is there is no file of %s; "
                             "remove it, or give another name",
                             own->csv, own->times ? "--times" : "--bench");
}

bool device_options_can_write(const DeviceOptions *own, Error *error) {
    return !own->csv || (new_file_possible(own->csv, error) && csv_is_ours(own, error));
}

void device_options_put_small_run_first(DeviceOptions *own) {
    memmove(own->argv + 1 + SMALL_WORDS, own->argv + 1,
            (size_t)(own->argc - 1) * sizeof own->argv[0]);
    memcpy(own->argv + 1, small_run, sizeof small_run);
    own->argc += SMALL_WORDS;
}

void device_options_say_small_run(const DeviceOptions *own) {
    printf(
        "One CPU thread plays the GPU: a small model, a few steps, unless options say\n"
        "otherwise:\n   ");
    for (int i = 1; i < own->argc; i++) {
        printf(" %s", own->argv[i]);
    }
    printf("\n\n");
}
