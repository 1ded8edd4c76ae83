/*
 * traces: what the first warp of a kernel asks of memory, request by request, as
 * cuda_on_cpu saw it: the data of the book's figure "warp". Prints JSON to stdout:
 *
 *   [{title, tensors: [{name, rows, columns}, ...], rungs: [...]}, ...]
 *   a rung: {name, totals: {loads, stores, sectors, requests, shared, passes,
 *            sharedRequests, barriers}, of the whole grid, as ./chapter6 --counts has
 *            them; warps, of a block; words, of its shared memory; lines:
 *            ["file:line", "source"]; patterns: 32 offsets in words, -1: the lane took
 *            no part; steps}
 *   a step:  [kind, line, tensor, base, pattern, words per lane, units, barriers
 *            before, [pattern, base, ...] of the block's other warps, if it stores to
 *            shared memory]; kind 0: global load, 1: global store, 2: shared load,
 *            3: shared store; tensor -1: shared memory, where base 0 is in bank 0;
 *            bases are in words of 4 bytes
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chapters/06_cuda_training/cuda_on_cpu/counts.h"
#include "chapters/06_cuda_training/measuring/ladders.h"

enum { LANES = 32, MAX_LINES = 200, MAX_PATTERNS = 2000 };

/* As measuring/access_counts.c has them; names: of a LadderCase's tensors. */
static const struct {
    const char *title;
    Ladder ladder;
    int size[4];
    const char *names[LADDER_TENSORS];
} tables[] = {
    {"matmul: C = A B", LADDER_NN, {128, 128, 128}, {"A", "B", "C"}},
    {"matmul: C = A B^T", LADDER_NT, {128, 128, 128}, {"A", "B", "C"}},
    {"softmax", LADDER_SOFTMAX, {260, 65}, {"S", [5] = "A"}},
    {"layer norm",
     LADDER_LAYER_NORM,
     {260, 64},
     {"X", "gamma", "beta", "mean", "rstd", "Y"}},
    {"bias and GELU", LADDER_GELU, {260, 128}, {"pre", "b", [5] = "Y"}},
};

/* ---- what the emulator tells: the first block of each launch --------------------- */

static CudaOnCpuRequest *requests;
static int count, room;

static void keep(const CudaOnCpuRequest *request) {
    if (request->block > 0) {
        return;
    }
    if (count == room) {
        room = room > 0 ? 2 * room : 1024;
        requests = realloc(requests, (size_t)room * sizeof *requests);
        if (!requests) {
            fprintf(stderr, "traces: no memory for %d requests\n", room);
            exit(1);
        }
    }
    requests[count++] = *request;
}

/* By warp, then as the warp made them. */
static int compare(const void *a, const void *b) {
    const CudaOnCpuRequest *x = a, *y = b;
    const int differences[] = {x->warp - y->warp, x->launch - y->launch,
                               x->barriers - y->barriers, x->number - y->number};
    for (int i = 0; i < 4; i++) {
        if (differences[i] != 0) {
            return differences[i];
        }
    }
    return 0;
}

/* The lowest address of a request: its lanes are all in one tensor. */
static uintptr_t lowest(const CudaOnCpuRequest *r) {
    uintptr_t low = UINTPTR_MAX;
    for (int lane = 0; lane < LANES; lane++) {
        if (r->addresses[lane] && r->addresses[lane] < low) {
            low = r->addresses[lane];
        }
    }
    return low;
}

/* ---- the source of an instruction ------------------------------------------------ */

static uint64_t instructions[MAX_LINES];
static int lines;

static int line_of(uint64_t instruction) {
    for (int i = 0; i < lines; i++) {
        if (instructions[i] == instruction) {
            return i;
        }
    }
    if (lines == MAX_LINES) {
        fprintf(stderr, "traces: more than %d instructions\n", MAX_LINES);
        exit(1);
    }
    instructions[lines] = instruction;
    return lines++;
}

/* Before the i-th element of a list. */
static void separate(int i) {
    printf("%s\n", i > 0 ? "," : "");
}

static void print_text(const char *text) {
    putchar('"');
    for (text += strspn(text, " "); *text && *text != '\n'; text++) {
        if (*text == '"' || *text == '\\') {
            putchar('\\');
        }
        putchar(*text);
    }
    putchar('"');
}

/* Line `number` of a file; "" where there is none. */
static void print_source(const char *path, int number) {
    char text[200] = "";
    FILE *file = fopen(path, "r");
    for (int i = 0; file && i < number; i++) {
        if (!fgets(text, sizeof text, file)) {
            text[0] = '\0';
            break;
        }
    }
    if (file) {
        fclose(file);
    }
    print_text(text);
}

/* ["file:line", "source"]: by addr2line; ["", ""] where there is none. */
static void print_line(uint64_t instruction) {
    char command[500], program[300], place[400] = "";
    const ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    program[n > 0 ? n : 0] = '\0';
    snprintf(command, sizeof command, "addr2line -e '%s' %#llx 2>/dev/null", program,
             (unsigned long long)instruction);
    FILE *pipe = popen(command, "r");
    if (pipe && !fgets(place, sizeof place, pipe)) {
        place[0] = '\0';
    }
    if (pipe) {
        pclose(pipe);
    }
    char *path = strstr(place, "chapters/"), *colon = path ? strrchr(path, ':') : NULL;
    if (!colon) {
        printf("[\"\",\"\"]");
        return;
    }
    const int number = atoi(colon + 1);
    *colon = '\0';
    printf("[\"%s:%d\",", path, number);
    print_source(path, number);
    printf("]");
}

/* ---- patterns: where the lanes are, from the lowest on --------------------------- */

static int patterns[MAX_PATTERNS][LANES], pattern_count;

static int pattern_of(const CudaOnCpuRequest *r) {
    int *made = patterns[pattern_count];
    const uintptr_t low = lowest(r);
    for (int lane = 0; lane < LANES; lane++) {
        const uintptr_t at = r->addresses[lane];
        made[lane] = at ? (int)((at - low) / sizeof(float)) : -1;
    }
    int i = 0;
    while (memcmp(patterns[i], made, sizeof patterns[i]) != 0) {
        i++;
    }
    if (i == pattern_count && ++pattern_count == MAX_PATTERNS) {
        fprintf(stderr, "traces: more than %d patterns\n", MAX_PATTERNS);
        exit(1);
    }
    return i;
}

/* ---- a rung ---------------------------------------------------------------------- */

typedef struct {
    const LadderCase *on;
    uintptr_t shared; /* where shared memory begins: in bank 0 */
    int tensor;
} Place;

/* Words from the beginning of its tensor, place->tensor, or of shared memory: -1. */
static long base_of(const CudaOnCpuRequest *r, Place *place) {
    const uintptr_t low = lowest(r);
    place->tensor = -1;
    if (r->shared) {
        return (long)((low - place->shared) / sizeof(float));
    }
    for (int i = 0; i < LADDER_TENSORS; i++) {
        const Tensor T = place->on->T[i];
        const uintptr_t first = (uintptr_t)T.data;
        const size_t bytes = T.data ? (size_t)tensor_count(T) * sizeof(float) : 0;
        if (low >= first && low < first + bytes) {
            place->tensor = i;
            return (long)((low - first) / sizeof(float));
        }
    }
    fprintf(stderr, "traces: %s accesses memory of no tensor\n", r->kernel);
    exit(1);
}

/* Does `other`, another warp's, store what `r` stores: its k-th execution, too? */
static bool same_store(const CudaOnCpuRequest *r, const CudaOnCpuRequest *other) {
    return other->launch == r->launch && other->barriers == r->barriers &&
           other->instruction == r->instruction;
}

/* The other warps' part of a store to shared memory: requests[at] is warp 0's. */
static void print_others(int at, Place *place) {
    const CudaOnCpuRequest *r = &requests[at];
    int k = 0;
    for (int i = 0; i < at; i++) {
        k += same_store(r, &requests[i]);
    }
    printf(",[");
    int warp = 0, seen = 0;
    const char *comma = "";
    for (int i = at; i < count; i++) {
        const CudaOnCpuRequest *other = &requests[i];
        if (other->warp != warp) {
            warp = other->warp;
            seen = 0;
        }
        if (warp > 0 && same_store(r, other) && seen++ == k) {
            printf("%s%d,%ld", comma, pattern_of(other), base_of(other, place));
            comma = ",";
        }
    }
    printf("]");
}

static void print_step(int at, Place *place) {
    const CudaOnCpuRequest *r = &requests[at];
    const long base = base_of(r, place);
    printf("[%d,%d,%d,%ld,%d,%d,%d,%d", 2 * r->shared + r->store,
           line_of(r->instruction), place->tensor, base, pattern_of(r), r->bytes / 4,
           r->units, r->barriers);
    if (r->shared && r->store) {
        print_others(at, place);
    }
    printf("]");
}

static void print_totals(const CudaOnCpuCounts *c) {
    printf("\"totals\":{\"loads\":%llu,\"stores\":%llu,\"sectors\":%llu,"
           "\"requests\":%llu,",
           (unsigned long long)c->global_load.accesses,
           (unsigned long long)c->global_store.accesses,
           (unsigned long long)(c->global_load.units + c->global_store.units),
           (unsigned long long)(c->global_load.requests + c->global_store.requests));
    printf("\"shared\":%llu,\"passes\":%llu,\"sharedRequests\":%llu,"
           "\"barriers\":%llu},\n",
           (unsigned long long)(c->shared_load.accesses + c->shared_store.accesses),
           (unsigned long long)(c->shared_load.units + c->shared_store.units),
           (unsigned long long)(c->shared_load.requests + c->shared_store.requests),
           (unsigned long long)c->barriers);
}

/* Where the shared memory that the requests access begins, in bank 0, and its words. */
static int find_shared(Place *place) {
    uintptr_t low = UINTPTR_MAX, high = 0;
    for (int i = 0; i < count; i++) {
        for (int lane = 0; lane < LANES && requests[i].shared; lane++) {
            const uintptr_t at = requests[i].addresses[lane];
            low = at && at < low ? at : low;
            high = at + (uintptr_t)requests[i].bytes > high && at
                       ? at + (uintptr_t)requests[i].bytes
                       : high;
        }
    }
    place->shared = low / (4 * LANES) * (4 * LANES);
    return high > 0 ? (int)((high - place->shared) / sizeof(float)) : 0;
}

static void print_rung(const char *name, const LadderCase *on,
                       const CudaOnCpuCounts *counts) {
    Place place = {.on = on};
    const int words = find_shared(&place);
    qsort(requests, (size_t)count, sizeof *requests, compare);
    lines = pattern_count = 0;
    printf("{\"name\":\"%s\",", name);
    print_totals(counts);
    printf("\"warps\":%d,\"words\":%d,\"steps\":[",
           count > 0 ? requests[count - 1].warp + 1 : 0, words);
    for (int i = 0; i < count && requests[i].warp == 0; i++) {
        separate(i);
        print_step(i, &place);
    }
    printf("],\"patterns\":[");
    for (int i = 0; i < pattern_count; i++) {
        separate(i);
        for (int lane = 0; lane < LANES; lane++) {
            printf("%s%d", lane > 0 ? "," : "[", patterns[i][lane]);
        }
        printf("]");
    }
    printf("],\"lines\":[");
    for (int i = 0; i < lines; i++) {
        separate(i);
        print_line(instructions[i]);
    }
    printf("]}");
}

/* ---- all of them ----------------------------------------------------------------- */

static void print_table(size_t t, const LadderCase *on) {
    printf("{\"title\":\"%s\",\"tensors\":[", tables[t].title);
    for (int i = 0; i < LADDER_TENSORS; i++) {
        const char *name = tables[t].names[i];
        separate(i);
        printf("{\"name\":\"%s\",\"rows\":%d,\"columns\":%d}", name ? name : "",
               name ? tensor_rows(on->T[i]) : 0, name ? tensor_cols(on->T[i]) : 0);
    }
    printf("],\"rungs\":[");
    const char *name;
    for (int version = 0; (name = ladder_version(tables[t].ladder, version));
         version++) {
        CudaOnCpuCounts counts;
        count = 0;
        cuda_on_cpu_counts_clear();
        ladder_run(NULL, tables[t].ladder, version, on);
        gpu_wait(NULL);
        cuda_on_cpu_counts(&counts);
        separate(version);
        print_rung(name, on, &counts);
    }
    printf("]}");
}

int main(void) {
    if (!cuda_on_cpu_counts_clear()) {
        fprintf(stderr,
                "traces: these kernels were not compiled by g++ to be watched\n");
        return 1;
    }
    cuda_on_cpu_listen(keep);
    printf("[");
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        LadderCase on;
        Error error;
        if (!ladder_make(&on, tables[t].ladder, tables[t].size, &error)) {
            fprintf(stderr, "traces: %s\n", error.text);
            return 1;
        }
        separate((int)t);
        print_table(t, &on);
        ladder_free(&on);
    }
    printf("]\n");
    free(requests);
    return ferror(stdout) || fflush(stdout) != 0;
}
