/* machine.c: see machine.h. */
#include "tests/bench/machine.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "common/matmul.h"

#ifndef BENCH_FLAGS
#define BENCH_FLAGS "unknown"
#endif

int machine_cores(void) {
#ifdef _OPENMP
    return omp_get_num_procs();
#else
    return 1;
#endif
}

/* The processor's name, where the system has a line of it; else "". */
static void processor_name(char name[128]) {
    FILE *file = fopen("/proc/cpuinfo", "r");
    name[0] = '\0';
    for (char line[256]; file && !name[0] && fgets(line, sizeof line, file);) {
        const char *colon = strchr(line, ':');
        if (colon && strncmp(line, "model name", 10) == 0) {
            snprintf(name, 128, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
        }
    }
    if (file) {
        fclose(file);
    }
}

/* How much else the machine has been doing in the last minute; -1: unknown. */
static double load_average(void) {
    FILE *file = fopen("/proc/loadavg", "r");
    double load = -1;
    if (file && fscanf(file, "%lf", &load) != 1) {
        load = -1;
    }
    if (file) {
        fclose(file);
    }
    return load;
}

static void print_load(void) {
    const double load = load_average();
    if (load >= 0) {
        printf("load      %.2f threads in the last minute%s\n", load,
               load > 0.5 ? "; what else runs makes the times longer" : "");
    }
}

static void print_system(void) {
    struct utsname system;
    char name[128], date[32] = "";
    const time_t now = time(NULL);
    const double gib =
        (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) / (1 << 30);
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    processor_name(name);
    if (uname(&system) != 0) {
        snprintf(system.machine, sizeof system.machine, "unknown");
        snprintf(system.sysname, sizeof system.sysname, "unknown");
        system.release[0] = '\0';
    }
    strftime(date, sizeof date, "%Y-%m-%d", localtime(&now));
    printf("machine   %s %s, %ld core%s, %.1f GiB, %s %s, %s\n", system.machine, name,
           cores, cores == 1 ? "" : "s", gib, system.sysname, system.release, date);
}

void machine_print(void) {
    print_system();
    print_load();
#ifdef __clang__
    printf("compiler  clang %s\n", __clang_version__);
#else
    printf("compiler  gcc %s\n", __VERSION__);
#endif
    printf("flags     %s\n", BENCH_FLAGS);
    const MatmulSizes s = matmul_sizes();
    printf("ours      tiles of %d x %d, %d " REAL_NAME "s a vector%s\n", s.tile_rows,
           s.tile_vectors * s.lanes, s.lanes,
#ifdef _OPENMP
           ", OpenMP"
#else
           ", without threads"
#endif
    );
}
