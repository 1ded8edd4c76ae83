/* gpu_options_gpu.c: see gpu_options.h. */
#include "chapters/08_many_machines/gpus/gpu_options.h"

#include <stdio.h>
#include <string.h>

#include "chapters/05_vision_transformer/program/options.h"
#include "chapters/06_cuda_training/device_options.h"
#include "chapters/06_cuda_training/gpu.h"
#include "chapters/08_many_machines/gpus/ranks_on_cpu.h"
#include "common/files/number.h"

void gpu_options_help(void) {
    printf(
        "\nMany ranks\n"
        "  --bucket KB            of gradients, the least that is summed at once "
        "[4096]\n"
        "  --patience S           how long the other ranks may let one wait [600]\n");
    if (gpu_is_emulated()) {
        printf(
            "  --ranks N              devices of cuda_on_cpu, each with a rank [2]\n");
    } else {
        printf(
            "One process per card, each told by torchrun, Kubernetes or sbatch who it "
            "is:\n  RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT\n");
    }
}

static bool read_number(const char *option, const char *text, double largest,
                        double *number, Error *error) {
    if (!text || !*text || strncmp(text, "--", 2) == 0) {
        return error_set(error, "%s needs a value", option);
    }
    if (!number_read(text, number) || !(*number >= 1 && *number <= largest) ||
        *number != (double)(long)*number) {
        return error_set(error, "%s is a whole number from 1 to %.0f, not \"%.60s\"",
                         option, largest, text);
    }
    return true;
}

bool gpu_options_take(GpuOptions *own, int argc, char **argv, int *count, char **rest,
                      Error *error) {
    double bucket_kb = 4096, patience_s = 600, ranks = 2;
    const struct {
        const char *word;
        double largest, *value;
    } words[] = {{"--bucket", 1 << 30, &bucket_kb},
                 {"--patience", 1e6, &patience_s},
                 {"--ranks", MAX_RANKS_ON_CPU, &ranks}};
    enum { WORDS = sizeof words / sizeof words[0] };
    *count = 0;
    for (int i = 0; i < argc; i++) {
        int w = 0;
        while (w < WORDS && (i == 0 || strcmp(argv[i], words[w].word) != 0)) {
            w++;
        }
        if (w == WORDS) {
            rest[(*count)++] = argv[i];
            if (i + 1 < argc &&
                (options_has_value(argv[i]) || device_options_has_value(argv[i]))) {
                rest[(*count)++] = argv[++i];
            }
            continue;
        }
        if (words[w].value == &ranks && !gpu_is_emulated()) {
            return error_set(error,
                             "--ranks is for cuda_on_cpu: on GPUs each rank is a "
                             "process that torchrun, Kubernetes or sbatch starts");
        }
        if (!read_number(argv[i], argv[i + 1], words[w].largest, words[w].value,
                         error)) {
            return false;
        }
        i++;
    }
    rest[*count] = NULL;
    *own = (GpuOptions){(long)bucket_kb * 1024, patience_s, (int)ranks};
    return true;
}
