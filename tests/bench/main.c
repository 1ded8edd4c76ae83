/*
 * bench: this course's code beside its peers, in one run: matrix products beside
 * OpenBLAS and BLIS, training and inference beside PyTorch.
 *
 * Whoever is compared takes turns (A B A B ...), after a warm-up; each number is
 * the median of the turns. Peers that aren't installed are named as skipped.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench_options.h"
#include "contest.h"
#include "machine.h"
#include "matmul_bench.h"
#include "ours.h"
#include "sweep_bench.h"
#include "vit_bench.h"

static const unsigned beside_pytorch =
    PART_TRAIN | PART_INFER | PART_MEMORY | PART_BATCH | PART_TOKENS;

static bool run_parts(Bench *bench, Error *error) {
    if (bench->parts & beside_pytorch && !contest_probe(bench, error)) {
        return false;
    }
    printf("medians of %d rounds\n", bench->rounds);
    if (bench->parts & PART_MATMUL && !matmul_bench(bench, error)) {
        return false;
    }
    if (bench->parts & (PART_TRAIN | PART_INFER | PART_MEMORY) &&
        !vit_bench(bench, error)) {
        return false;
    }
    return !(bench->parts & SWEEPS) || sweep_bench(bench, error);
}

/*
 * Each library is to choose its kernels and threads for itself: what the
 * environment says about that is meant for other programs, and would hold a peer
 * back here.
 */
static void forget_tuning(void) {
    static const char *names[] = {
        "OPENBLAS_CORETYPE",  "OPENBLAS_L2_SIZE",        "OPENBLAS_NUM_THREADS",
        "GOTO_NUM_THREADS",   "BLIS_ARCH_TYPE",          "BLIS_NUM_THREADS",
        "MKL_DEBUG_CPU_TYPE", "MKL_ENABLE_INSTRUCTIONS", "MKL_NUM_THREADS",
        "DNNL_MAX_CPU_ISA",   "ONEDNN_MAX_CPU_ISA",      "ATEN_CPU_CAPABILITY",
        "OMP_NUM_THREADS",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);
        if (value) {
            printf("ignored   %s=%s of the environment\n", names[i], value);
            unsetenv(names[i]);
        }
    }
}

static void find_programs(Bench *bench, const char *program) {
    const char *python = getenv("PYTHON");
    bench->python = python && *python ? python : "python3";
    bench->self = access("/proc/self/exe", X_OK) == 0 ? "/proc/self/exe" : program;
    bench->cores = machine_cores();
}

int main(int argc, char **argv) {
    Bench bench;
    Error error;
    if (argc > 1 && strcmp(argv[1], "--serve") == 0) {
        return ours_serve(argc - 2, argv + 2);
    }
    if (!bench_options_parse(&bench, argc, argv, &error)) {
        fprintf(stderr, "bench: %s\n", error.text);
        return 2;
    }
    if (bench.help) {
        bench_options_help();
        return 0;
    }
    signal(SIGPIPE, SIG_IGN); /* a child that died is an error, not our end */
    find_programs(&bench, argv[0]);
    machine_print();
    forget_tuning();
    if (!run_parts(&bench, &error)) {
        fflush(stdout);
        fprintf(stderr, "bench: %s\n", error.text);
        return 1;
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "bench: could not write all of the output\n");
        return 1;
    }
    return 0;
}
