/*
 * chapter6: chapter 5's Vision Transformer, trained by CUDA kernels: on a GPU, or,
 * where there is none, on cuda_on_cpu.
 *
 * New since chapter 5: the device (gpu), a .cu file for each operation with a ladder of
 * versions, the model as a queue of launches (gpu_vit), training on the device
 * (gpu_trainer), and the emulator (cuda_on_cpu). The command line, checkpoints, logs
 * and Ctrl-C are chapter 5's (options, run).
 */
#include <stdio.h>
#include <string.h>

#include "device.h"
#include "made_up_run.h"
#include "options.h"
#include "report.h"
#include "run.h"

enum { MOST_WORDS = 256 };

/* This chapter's own options; the other words are for chapter 5's. */
typedef struct {
    GpuChoices choices;
    bool emulate, check, counts, times, attention_given;
    const char *bench, *csv; /* or NULL */
    int argc;
    char *argv[MOST_WORDS];
} OwnOptions;

static void print_own_help(const Device *device) {
    printf(
        "\nThe device\n"
        "  --emulate              on cuda_on_cpu, even where there is a GPU\n"
        "  --check                only compare the device with chapter 5's CPU code\n"
        "  --counts               only count what every rung asks of memory\n"
        "  --times                only time every rung, beside cuBLASLt and the "
        "limits\n"
        "  --bench MODEL          only time training, on made-up images: S/4 "
        "(32x32x3),\n"
        "                         B/16 or another of --describe's (224x224x3), or "
        "this;\n"
        "                         with --batch N, and --steps N a round\n"
        "  --csv FILE             --times writes it, --bench adds a line to it\n"
        "  --matmul NAME         ");
    for (int i = 0; i < MATMUL_VERSIONS; i++) {
        if (device->matmul_available((MatmulVersion)i)) {
            printf(" %s", device->matmul_names[i]);
        }
    }
    printf("\n  --attention NAME      ");
    for (int i = 0; i < ATTENTION_VERSIONS; i++) {
        printf(" %s", device->attention_names[i]);
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

/* The device that this program was built for: what it has, --help lists. */
static const Device *built_for(void) {
#ifdef HAVE_CUDA
    return &device_cuda;
#else
    return &device_cuda_on_cpu;
#endif
}

/* Takes this chapter's words out; false if one of them is wrong. */
static bool take_own_options(OwnOptions *own, int argc, char **argv, Error *error) {
    const Device *d = built_for();
    *own = (OwnOptions){.choices = gpu_choices_default()};
    for (int i = 0; i < argc && own->argc < MOST_WORDS - 32; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--emulate") == 0) {
            own->emulate = true;
        } else if (strcmp(argv[i], "--check") == 0) {
            own->check = true;
        } else if (strcmp(argv[i], "--counts") == 0) {
            own->counts = true;
        } else if (strcmp(argv[i], "--times") == 0) {
            own->times = true;
        } else if (strcmp(argv[i], "--bench") == 0 || strcmp(argv[i], "--csv") == 0) {
            if (*value == '\0') {
                return error_set(error, "%s wants a value: --help", argv[i]);
            }
            *(argv[i][2] == 'b' ? &own->bench : &own->csv) = value;
            i++;
        } else if (strcmp(argv[i], "--matmul") == 0) {
            const int v = index_of(value, d->matmul_names, MATMUL_VERSIONS);
            if (v < 0 || !d->matmul_available((MatmulVersion)v)) {
                return error_set(
                    error, "--matmul can't be \"%.60s\": --help lists them", value);
            }
            own->choices.matmul = (MatmulVersion)v;
            i++;
        } else if (strcmp(argv[i], "--attention") == 0) {
            const int v = index_of(value, d->attention_names, ATTENTION_VERSIONS);
            if (v < 0) {
                return error_set(
                    error, "--attention can't be \"%.60s\": --help lists them", value);
            }
            own->choices.attention = (AttentionVersion)v;
            own->attention_given = true;
            i++;
        } else {
            own->argv[own->argc++] = argv[i];
        }
    }
    return true;
}

/* What ./chapter6 trains on the emulator where its options say nothing else. */
static char *small_run[] = {"--data",  "data/sample", "--dim",   "32",    "--depth",
                            "2",       "--heads",     "2",       "--mlp", "64",
                            "--patch", "7",           "--batch", "32",    "--epochs",
                            "1",       "--steps",     "24"};
enum { SMALL_WORDS = sizeof small_run / sizeof small_run[0] };

/* Before the user's own words: the later one of two counts. */
static void put_small_run_first(OwnOptions *own) {
    memmove(own->argv + 1 + SMALL_WORDS, own->argv + 1,
            (size_t)(own->argc - 1) * sizeof own->argv[0]);
    memcpy(own->argv + 1, small_run, sizeof small_run);
    own->argc += SMALL_WORDS;
    printf(
        "One CPU thread plays the GPU: a small model, a few steps, unless options say\n"
        "otherwise:\n   ");
    for (int i = 1; i < own->argc; i++) {
        printf(" %s", own->argv[i]);
    }
    printf("\n\n");
}

static const Device *choose_device(bool emulate) {
    const Device *device = &device_cuda_on_cpu;
    GpuInfo info;
    Error error;
#ifdef HAVE_CUDA
    if (emulate) {
        printf("device: cuda_on_cpu, as asked\n");
    } else if (device_cuda.open(&info, &error)) {
        printf("device: %s, compute capability %d.%d, CUDA %d.%d\n", info.name,
               info.major, info.minor, info.runtime_version / 1000,
               info.runtime_version % 1000 / 10);
        device = &device_cuda;
    } else {
        printf("device: %s\n        cuda_on_cpu runs the same kernels instead.\n",
               error.text);
    }
#else
    (void)emulate;
    (void)info;
    (void)error;
    printf("device: this program was built without nvcc;\n"
           "        cuda_on_cpu runs the same kernels instead.\n");
#endif
    return device;
}

/* The number after --batch, or 0: the model's usual one. */
static int batch_given(const Options *o) {
    for (int i = 0; i < settings_count(); i++) {
        if (o->given[i] && strcmp(settings_name(i), "batch") == 0) {
            return o->settings.batch;
        }
    }
    return 0;
}

/* --times and --bench. */
static int measure(const Device *device, const OwnOptions *own, const Options *o) {
    const bool emulated = device == &device_cuda_on_cpu;
    const MadeUpRun made_up = {own->bench, batch_given(o), o->max_steps, own->csv};
    Error error;
    if (emulated) {
        printf("        These times say nothing about a GPU.\n");
    }
    const bool ok = own->times
                        ? device->print_ladder_times(own->csv, emulated, &error)
                        : made_up_run(device->engine, &o->settings, &made_up, &error);
    if (!ok) {
        fflush(stdout);
        fprintf(stderr, "chapter6: %s\n", error.text);
    }
    return ok ? 0 : 1;
}

/* Attention that is materialised, unless it was asked for: the fused keeps no A. */
static int dump(const Device *device, const OwnOptions *own, const char *path) {
    GpuChoices choices = own->choices;
    Error error;
    if (!own->attention_given) {
        choices.attention = ATTENTION_MATERIALISED;
    }
    printf("matmul %s, attention %s\n", device->matmul_names[choices.matmul],
           device->attention_names[choices.attention]);
    if (!device->dump(path, choices, &error)) {
        fflush(stdout);
        fprintf(stderr, "chapter6: %s\n", error.text);
        return 1;
    }
    printf("every tensor of one pass: %s\n", path);
    return 0;
}

static int check(const Device *device) {
    report_title("The device beside chapter 5's CPU code: a small ViT, every gradient");
    return device->check_against_cpu();
}

int main(int argc, char **argv) {
    static OwnOptions own;
    Options options;
    Error error;
    if (!take_own_options(&own, argc, argv, &error)) {
        fprintf(stderr, "chapter6: %s\n", error.text);
        return 2;
    }
    if (!options_parse(&options, own.argc, own.argv, &error) ||
        !device_cuda_on_cpu.can_train(&options.settings.model, &error)) {
        fprintf(stderr, "chapter6: %s\n", error.text);
        return 2;
    }
    if (options.in_double) {
        fprintf(stderr,
                "chapter6: kernels compute in float: ./chapter5 has --double\n");
        return 2;
    }
    if (options.help) {
        options_help("chapter6");
        print_own_help(built_for());
        return 0;
    }
    report_title("Chapter 6: training in CUDA");
    if (own.counts) {
        return device_watched.print_access_counts() > 0 ? 0 : 1;
    }
    const Device *device = choose_device(own.emulate);
    if (!device->matmul_available(own.choices.matmul)) {
        fprintf(stderr, "chapter6: --matmul %s is not there on cuda_on_cpu\n",
                device->matmul_names[own.choices.matmul]);
        return 2;
    }
    device->choose(own.choices);
    if (options.dump) {
        return dump(device, &own, options.dump);
    }
    if (own.times || own.bench) {
        return measure(device, &own, &options);
    }
    if (check(device) > 0 || own.check || options.gradcheck) {
        return report_verdict("chapter6", 0);
    }
    printf("\n");
    if (device == &device_cuda_on_cpu && !options.resume && !options.eval) {
        device_watched.print_access_counts();
        printf("\n");
        put_small_run_first(&own);
        if (!options_parse(&options, own.argc, own.argv, &error)) {
            bug("the small run: %s", error.text);
        }
    }
    return run(&options, device->engine);
}
