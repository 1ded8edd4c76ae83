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
#include "device_options.h"
#include "made_up_run.h"
#include "options.h"
#include "report.h"
#include "run.h"

/* The device that this program was built for: what it has, --help lists. */
static const Device *built_for(void) {
#ifdef HAVE_CUDA
    return &device_cuda;
#else
    return &device_cuda_on_cpu;
#endif
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
static int measure(const Device *device, const DeviceOptions *own, const Options *o) {
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
static int dump(const Device *device, const DeviceOptions *own, const char *path) {
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
    static DeviceOptions own;
    Options options;
    Error error;
    if (!device_options_take(&own, built_for(), argc, argv, &error)) {
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
        device_options_help(built_for());
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
        device_options_put_small_run_first(&own);
        if (!options_parse(&options, own.argc, own.argv, &error)) {
            bug("the small run: %s", error.text);
        }
    }
    return run(&options, device->engine);
}
