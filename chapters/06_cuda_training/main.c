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

#include "describe.h"
#include "device.h"
#include "device_options.h"
#include "dump.h"
#include "made_up_run.h"
#include "options.h"
#include "output.h"
#include "regular_file.h"
#include "report.h"
#include "run.h"
#include "safetensors_file.h"

/* The device that this program was built for: what it has, --help lists. */
static const Device *built_for(void) {
#ifdef HAVE_CUDA
    return &device_cuda;
#else
    return &device_cuda_on_cpu;
#endif
}

/* The device, and what is to be said of it. */
static const Device *choose_device(bool emulate, char *about, size_t bytes) {
    const Device *device = &device_cuda_on_cpu;
    GpuInfo info;
    Error error;
#ifdef HAVE_CUDA
    if (emulate) {
        snprintf(about, bytes, "device: cuda_on_cpu, as asked\n");
    } else if (device_cuda.open(&info, &error)) {
        snprintf(about, bytes, "device: %s, compute capability %d.%d, CUDA %d.%d\n",
                 info.name, info.major, info.minor, info.runtime_version / 1000,
                 info.runtime_version % 1000 / 10);
        device = &device_cuda;
    } else {
        snprintf(about, bytes,
                 "device: %s\n        cuda_on_cpu runs the same kernels instead.\n",
                 error.text);
    }
#else
    (void)emulate;
    (void)info;
    (void)error;
    snprintf(about, bytes,
             "device: this program was built without nvcc;\n"
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
static int measure(const Device *device, const DeviceOptions *given, const Options *o) {
    const bool emulated = device == &device_cuda_on_cpu;
    const MadeUpRun made_up = {given->bench, batch_given(o), o->max_steps, given->csv};
    Error error;
    if (o->twice) {
        printf("note: %s is given more than once: the last counts\n", o->twice);
    }
    if (emulated) {
        printf("        These times say nothing about a GPU.\n");
    }
    const bool ok = given->times
                        ? device->print_ladder_times(given->csv, emulated, &error)
                        : made_up_run(device->engine, &o->settings, &made_up, &error);
    if (!ok) {
        fflush(stdout);
        fprintf(stderr, "chapter6: %s\n", error.text);
    }
    return output_end("chapter6", ok ? 0 : 1);
}

/* Attention that is materialised, unless it was asked for: the fused keeps no A. */
static int dump(const Device *device, const DeviceOptions *given, const char *path) {
    GpuChoices choices = given->choices;
    Error error;
    if (!given->attention_given) {
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
    return output_end("chapter6", 0);
}

static int check(const Device *device) {
    report_title("The device beside chapter 5's CPU code: a small ViT, every gradient");
    return device->check_against_cpu();
}

/* ---- the run --------------------------------------------------------------------- */

/* What the lesson needs to know. */
static DeviceOptions own;
static const Device *chosen;
static char about[800];
static bool small_run;

static void print_device(void) {
    report_title("Chapter 6: training in CUDA");
    printf("%s", about);
}

/* What comes before a run; 0, or an exit status. */
static int lesson(const Options *options) {
    (void)options;
    print_device();
    if (check(chosen) > 0) {
        return report_verdict("chapter6", 0);
    }
    printf("\n");
    if (small_run) {
        device_watched.print_access_counts();
        printf("\n");
        device_options_say_small_run(&own);
    }
    return 0;
}

static int complain(const Error *error, int status) {
    fprintf(stderr, "chapter6: %s\n", error->text);
    return status;
}

/* This chapter's words that a run goes on with. */
static const char *words_again(void) {
    static char words[120];
    snprintf(words, sizeof words, "%s%s%s%s%s", own.emulate ? " --emulate" : "",
             own.matmul_given ? " --matmul " : "",
             own.matmul_given ? chosen->matmul_names[own.choices.matmul] : "",
             own.attention_given ? " --attention " : "",
             own.attention_given ? chosen->attention_names[own.choices.attention] : "");
    return words;
}

static int train(Options *options) {
    small_run = chosen == &device_cuda_on_cpu && !options->resume && !options->eval;
    if (small_run) {
        const char *twice = options->twice; /* by the user */
        Error error;
        device_options_put_small_run_first(&own);
        if (!options_parse(options, own.argc, own.argv, &error) ||
            !device_cuda_on_cpu.can_train(&options->settings.model, &error)) {
            return complain(&error, 2); /* his words don't fit the small model */
        }
        options->twice = twice;
    }
    options->again = words_again();
    return run(options, chosen->engine, lesson);
}

/* ---- the command line ------------------------------------------------------------ */

static bool parse(int argc, char **argv, Options *options, Error *error) {
    return device_options_take(&own, built_for(), argc, argv, error) &&
           options_parse(options, own.argc, own.argv, error) &&
           device_options_agree(&own, options, error) &&
           device_cuda_on_cpu.can_train(&options->settings.model, error);
}

/* The other files that it writes: asked before anything is printed. */
static bool can_write(const Options *options, Error *error) {
    return device_options_can_write(&own, error) &&
           (!options->dump ||
            (new_file_possible(options->dump, error) &&
             safetensors_may_replace(options->dump, DUMP_FORMAT, error)));
}

int main(int argc, char **argv) {
    Options options;
    Error error;
    if (!output_begin("chapter6")) {
        return 1;
    }
    if (!parse(argc, argv, &options, &error)) {
        return complain(&error, 2);
    }
    options.twice = own.twice ? own.twice : options.twice;
    if (options.help) {
        options_help("chapter6");
        device_options_help(built_for());
        return output_end("chapter6", 0);
    }
    if (options.describe) {
        return describe_run("chapter6", options.describe, &options.settings);
    }
    if (!can_write(&options, &error)) {
        return complain(&error, 1);
    }
    if (own.counts) {
        report_title("Chapter 6: training in CUDA");
        return output_end("chapter6", device_watched.print_access_counts() > 0 ? 0 : 1);
    }
    chosen = choose_device(own.emulate, about, sizeof about);
    if (!chosen->matmul_available(own.choices.matmul)) {
        error_set(&error, "--matmul %s is not there on cuda_on_cpu",
                  chosen->matmul_names[own.choices.matmul]);
        return complain(&error, 2);
    }
    chosen->choose(own.choices);
    const bool checks = own.check || options.gradcheck;
    if (!options.dump && !own.times && !own.bench && !checks) {
        return train(&options);
    }
    print_device();
    if (options.dump) {
        return dump(chosen, &own, options.dump);
    }
    if (!checks) {
        return measure(chosen, &own, &options);
    }
    check(chosen);
    return report_verdict("chapter6", 0);
}
