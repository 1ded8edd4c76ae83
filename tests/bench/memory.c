/* memory.c: see memory.h. */
#include "tests/bench/memory.h"

#include <stdio.h>
#include <sys/resource.h>

double peak_mb(void) {
    /* Linux: VmHWM is this program's alone; getrusage's number also counts the one
     * that started it. */
    FILE *file = fopen("/proc/self/status", "r");
    double kilobytes = 0;
    for (char line[256]; file && fgets(line, sizeof line, file);) {
        sscanf(line, "VmHWM: %lf kB", &kilobytes);
    }
    if (file) {
        fclose(file);
    }
    struct rusage usage;
    if (kilobytes == 0 && getrusage(RUSAGE_SELF, &usage) == 0) {
        kilobytes = (double)usage.ru_maxrss;
    }
    return kilobytes / 1024;
}
