/*
 * bench: this course's code compared with its peers, in one run: matrix products with
 * OpenBLAS and BLIS, training and inference with PyTorch, ranks with PyTorch's DDP.
 *
 * Whoever is compared has a process of its own (peer.h), and they take turns (A B A B
 * ...), after a warm-up; each number is the median of the turns. This process only
 * waits. Peers that aren't installed are named as skipped; one that is there, but fails
 * or gives other results than ours, is named, left out, and makes the exit status 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/bench_options.h"
#include "tests/bench/contest.h"
#include "tests/bench/machine.h"
#include "tests/bench/matmul_bench.h"
#include "tests/bench/ours.h"
#include "common/lesson/output.h"
#include "tests/bench/peer.h"
#include "tests/bench/products.h"
#include "tests/bench/ranks_bench.h"
#include "tests/bench/sweep_bench.h"
#include "tests/bench/vit_bench.h"

static const unsigned beside_pytorch =
    PART_TRAIN | PART_INFER | PART_MEMORY | PART_BATCH | PART_TOKENS | PART_RANKS;

void bench_failed(Bench *bench, const char *why) {
    printf("FAILED    %s: left out\n", why);
    fflush(stdout);
    bench->failures++;
}

static bool run_parts(Bench *bench, Error *error) {
    if (bench->parts & beside_pytorch) {
        contest_probe(bench);
    }
    printf("medians of %d rounds\n", bench->rounds);
    if (bench->parts & PART_MATMUL && !matmul_bench(bench, error)) {
        return false;
    }
    if (bench->parts & (PART_TRAIN | PART_INFER | PART_MEMORY) &&
        !vit_bench(bench, error)) {
        return false;
    }
    if (bench->parts & SWEEPS && !sweep_bench(bench, error)) {
        return false;
    }
    return !(bench->parts & PART_RANKS) || ranks_bench(bench, error);
}

/*
 * Each library is to choose its kernels and threads for itself: what the
 * environment says about that is meant for other programs, and would hold a peer
 * back here.
 */
static void forget_tuning(void) {
    static const char *names[] = {
        "OPENBLAS_CORETYPE",     "OPENBLAS_L2_SIZE",
        "OPENBLAS_NUM_THREADS",  "GOTO_NUM_THREADS",
        "BLIS_ARCH_TYPE",        "BLIS_NUM_THREADS",
        "MKL_DEBUG_CPU_TYPE",    "MKL_ENABLE_INSTRUCTIONS",
        "MKL_NUM_THREADS",       "DNNL_MAX_CPU_ISA",
        "ONEDNN_MAX_CPU_ISA",    "ATEN_CPU_CAPABILITY",
        "OMP_NUM_THREADS",       "OMP_THREAD_LIMIT",
        "OMP_WAIT_POLICY",       "OMP_DYNAMIC",
        "OMP_PROC_BIND",         "OMP_PLACES",
        "OMP_SCHEDULE",          "GOMP_SPINCOUNT",
        "GOMP_CPU_AFFINITY",     "KMP_BLOCKTIME",
        "KMP_AFFINITY",          "OPENBLAS_THREAD_TIMEOUT",
        "OPENBLAS_VERBOSE",      "OMP_STACKSIZE",
        "OMP_MAX_ACTIVE_LEVELS",
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
    bench->self = access("/proc/self/exe", X_OK) == 0 ? "/proc/self/exe" : program;
    bench->cores = machine_cores();
}

int main(int argc, char **argv) {
    Bench bench;
    Error error;
    if (argc > 1 && strcmp(argv[1], "--serve") == 0) {
        return ours_serve(argc - 2, argv + 2, NULL);
    }
    if (argc > 2 && strcmp(argv[1], "--multiply") == 0) {
        return products_serve(argc - 2, argv + 2);
    }
    if (!bench_options_parse(&bench, argc, argv, &error)) {
        fprintf(stderr, "bench: %s\n", error.text);
        return 2;
    }
    if (bench.help) {
        bench_options_help();
        return output_end("bench", 0);
    }
    peer_patience_s = bench.patience_s;
    peers_end_with_us();
    find_programs(&bench, argv[0]);
    machine_print();
    forget_tuning();
    if (!run_parts(&bench, &error)) {
        fflush(stdout);
        fprintf(stderr, "bench: %s\n", error.text);
        return 1;
    }
    if (bench.failures > 0) {
        fprintf(stderr, "bench: %d comparison%s failed, named above, and left out\n",
                bench.failures, bench.failures == 1 ? "" : "s");
    }
    return output_end("bench", bench.failures > 0);
}
