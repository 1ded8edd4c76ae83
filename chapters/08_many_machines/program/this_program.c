/* this_program.c: see this_program.h. */
#include "chapters/08_many_machines/program/this_program.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

/* FNV-1a (Fowler, Noll, Vo), eight bytes at a time, and the rest one by one. */
uint64_t checksum_add(uint64_t sum, const void *bytes, size_t count) {
    const uint64_t prime = 0x100000001b3;
    const unsigned char *at = bytes;
    uint64_t h = sum ? sum : 0xcbf29ce484222325;
    for (; count >= 8; count -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        h = (h ^ word) * prime;
        h ^= h >> 29; /* a product's high bits depend on all bits, its low ones don't */
    }
    for (; count > 0; count--, at++) {
        h = (h ^ *at) * prime;
    }
    return h;
}

uint64_t this_program_checksum(void) {
    static unsigned char piece[1 << 16];
    FILE *file = fopen("/proc/self/exe", "rb");
    uint64_t sum = 0;
    size_t got;
    if (!file) {
        return 0;
    }
    while ((got = fread(piece, 1, sizeof piece, file)) > 0) {
        sum = checksum_add(sum, piece, got);
    }
    fclose(file);
    return sum;
}

/* The lines of /proc/cpuinfo that name a model: of x86; of Arm, which needs two. */
static void read_cpuinfo(char model[256]) {
    static const char *const names[] = {"model name", "CPU implementer", "CPU part"};
    char line[512];
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && fgets(line, sizeof line, file) && line[0] != '\n') {
        const char *value = strstr(line, ": ");
        for (size_t i = 0; i < sizeof names / sizeof names[0] && value; i++) {
            if (strncmp(line, names[i], strlen(names[i])) == 0) {
                const size_t used = strlen(model);
                snprintf(model + used, 256 - used, "%s%.*s", used ? " " : "",
                         (int)strcspn(value + 2, "\n"), value + 2);
            }
        }
    }
    if (file) {
        fclose(file);
    }
}

void this_processor(char model[256]) {
    struct utsname system;
    model[0] = '\0';
    read_cpuinfo(model);
    if (model[0] == '\0' && uname(&system) == 0) {
        snprintf(model, 256, "%.200s", system.machine);
    }
}
