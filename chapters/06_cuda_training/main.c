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

#include "chapters/05_vision_transformer/program/classify.h"
#include "chapters/05_vision_transformer/program/describe.h"
#include "chapters/06_cuda_training/cuda_on_cpu/counts.h"
#include "chapters/06_cuda_training/device_options.h"
#include "common/files/dump.h"
#include "chapters/06_cuda_training/gpu_trainer.h"
#include "chapters/06_cuda_training/measuring/measuring.h"
#include "chapters/05_vision_transformer/program/options.h"
#include "common/lesson/output.h"
#include "common/files/regular_file.h"
#include "common/lesson/report.h"
#include "chapters/05_vision_transformer/program/run.h"
#include "common/files/safetensors_file.h"
#include "common/lesson/second_program.h"

/* This chapter's words of the command line, and the lesson's words about the device. */
static DeviceOptions own;
static char about[400];

static int complain(const Error *error, int status) {
    fflush(stdout);
    fprintf(stderr, "chapter6: %s\n", error->text);
    return status;
}

/*
 * Each program has one device: ./chapter6 a GPU, if it was built where there is CUDA,
 * the others cuda_on_cpu. If the options want another device, or counts, it runs the
 * program that has them with the same words: other_program is its name, or NULL.
 */
static const char *other_program(void) {
    GpuInfo info;
    Error error;
    if (own.counts && !cuda_on_cpu_is_watched()) {
        return "chapter6_watched";
    }
    if (own.emulate && !gpu_is_emulated()) {
        return "chapter6_on_cpu";
    }
    if (gpu_is_emulated()) {
        snprintf(about, sizeof about, "device: %s\n",
                 own.emulate ? "cuda_on_cpu, as asked"
                             : "this program was built without nvcc;\n"
                               "        cuda_on_cpu runs the same kernels instead.");
        return NULL;
    }
    if (!gpu_open(&info, &error)) {
        printf("device: %s\n        chapter6_on_cpu runs the same kernels instead.\n",
               error.text);
        return "chapter6_on_cpu";
    }
    snprintf(about, sizeof about, "device: %s, compute capability %d.%d, CUDA %d.%d\n",
             info.name, info.major, info.minor, info.runtime_version / 1000,
             info.runtime_version % 1000 / 10);
    return NULL;
}

/* Prints the counts, by the program that counts; 0, or an exit status. */
static int print_counts(void) {
    const char *const words[] = {"--counts", NULL};
    if (cuda_on_cpu_is_watched()) {
        access_counts_print();
        return 0;
    }
    const int status = second_program(own.argv[0], "chapter6_watched", words);
    if (status < 0) {
        return 1;
    }
    return status > 1 ? status : 0; /* 1: compiled by clang, nothing is counted */
}

/* ---- other tasks than a run ------------------------------------------------------ */

/* --dump. Attention is materialised unless it was asked for: the fused version keeps no
 * A. */
static bool dump(const char *path, Error *error) {
    GpuChoices choices = own.choices;
    if (!own.attention) {
        choices.attention = ATTENTION_MATERIALISED;
    }
    printf("matmul %s, attention %s\n", gpu_matmul_names[choices.matmul],
           gpu_attention_names[choices.attention]);
    const bool ok = dump_gpu(path, choices, error);
    if (ok) {
        printf("every tensor of one pass: %s\n", path);
    }
    return ok;
}

/* --times and --bench. */
static bool measure(const Options *o, Error *error) {
    const bool emulated = gpu_is_emulated();
    const int batch = options_given(o, "--batch") ? o->settings.batch : 0; /* usual */
    const MadeUpRun made_up = {own.bench, batch, o->max_steps, own.csv};
    if (o->twice) {
        printf("note: %s is given more than once: the last counts\n", o->twice);
    }
    if (emulated) {
        printf("        These times say nothing about a GPU.\n");
    }
    if (own.times) {
        return ladder_times(own.csv, emulated, error);
    }
    return made_up_run(&o->settings, &made_up, error);
}

static int check(void) {
    report_title("The device beside chapter 5's CPU code: a small ViT, every gradient");
    return gpu_parity();
}

/* ---- the run --------------------------------------------------------------------- */

static bool small_run;

static void print_device(void) {
    report_title("Chapter 6: training in CUDA");
    printf("%s", about);
}

/* What comes before a run; 0, or an exit status. */
static int lesson(const Options *options) {
    (void)options;
    print_device();
    if (check() > 0) {
        return report_verdict("chapter6", 0);
    }
    printf("\n");
    if (small_run) {
        const int status = print_counts();
        if (status != 0) {
            return status;
        }
        printf("\n");
        device_options_say_small_run(&own);
    }
    return 0;
}

static int train(Options *options) {
    static char again[120]; /* this chapter's words that a run goes on with */
    small_run = gpu_is_emulated() && !options->resume && !options->eval;
    if (small_run) {
        const char *twice = options->twice; /* by the user */
        Error error;
        device_options_put_small_run_first(&own);
        if (!options_parse(options, own.argc, own.argv, &error) ||
            !gpu_vit_can(&options->settings.model, &error)) {
            return complain(&error, 2); /* the user's words don't fit the small model */
        }
        options->twice = twice;
    }
    snprintf(again, sizeof again, "%s%s%s%s%s", own.emulate ? " --emulate" : "",
             own.matmul ? " --matmul " : "", own.matmul ? own.matmul : "",
             own.attention ? " --attention " : "", own.attention ? own.attention : "");
    options->again = again;
    return run(options, &gpu_engine, lesson);
}

int main(int argc, char **argv) {
    Options options;
    Error error;
    if (!output_begin("chapter6")) {
        return 1;
    }
    if (!device_options_take(&own, argc, argv, &error) ||
        !options_parse(&options, own.argc, own.argv, &error) ||
        !device_options_agree(&own, &options, &error) ||
        !gpu_vit_can(&options.settings.model, &error) ||
        !gpu_trainer_can(&options.settings, &error)) {
        return complain(&error, 2);
    }
    options.twice = own.twice ? own.twice : options.twice;
    if (options.help) {
        options_help("chapter6");
        device_options_help();
        return output_end("chapter6", 0);
    }
    if (options.image) {
        return classify_run(&options);
    }
    if (options.describe) {
        return describe_run("chapter6", options.describe, &options.settings);
    }
    if (!device_options_can_write(&own, &error) ||
        (options.dump &&
         (!new_file_possible(options.dump, &error) ||
          !safetensors_may_replace(options.dump, DUMP_FORMAT, &error)))) {
        return complain(&error, 1);
    }
    const char *other = other_program();
    if (other) {
        second_program_instead(argv[0], other, argv);
        return 1; /* it can't be run */
    }
    if (own.counts) {
        return output_end("chapter6", access_counts_print() > 0 ? 0 : 1);
    }
    gpu_trainer_choose(own.choices);
    const bool checks = own.check || options.gradcheck,
               measures = own.times || own.bench;
    if (!options.dump && !measures && !checks) {
        return train(&options);
    }
    print_device();
    if (checks) {
        check();
        return report_verdict("chapter6", 0);
    }
    if ((measures && !measure(&options, &error)) ||
        (options.dump && !dump(options.dump, &error))) {
        return complain(&error, 1);
    }
    return output_end("chapter6", 0);
}
