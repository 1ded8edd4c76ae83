/* ladder_times.c: see measuring.h. */
#include <math.h>
#include <stdio.h>

#include "chapters/06_cuda_training/kernels/gpu_matmul.h"
#include "chapters/06_cuda_training/measuring/ladders.h"
#include "chapters/06_cuda_training/measuring/measuring.h"
#include "common/files/regular_file.h"
#include "common/lesson/report.h"

enum { ROUNDS = 9, MAX_REPEATS = 50 };

/* What all ladders share. */
typedef struct {
    FILE *csv; /* or NULL */
    bool small;
    GpuStream stream;
    GpuEvent begin, end;
    double peak_gflops, peak_gb; /* the device's limits, once they are known; else 0 */
    LadderCase on;               /* what is timed now */
    Error *error;
} Timing;

static double time_of(Timing *t, Ladder ladder, int version, int repeats) {
    gpu_event_record(t->begin, t->stream);
    for (int i = 0; i < repeats; i++) {
        ladder_run(t->stream, ladder, version, &t->on);
    }
    gpu_event_record(t->end, t->stream);
    gpu_event_wait(t->end);
    return gpu_event_ms(t->begin, t->end) / repeats;
}

/* Milliseconds: the median of rounds, each long enough (2 ms) to be timed well. */
static double median_ms(Timing *t, Ladder ladder, int version) {
    double ms[ROUNDS];
    const double first = time_of(t, ladder, version, 1);
    if (t->small) {
        return first;
    }
    const double once = time_of(t, ladder, version, 1);
    const int repeats = (int)fmin(2 / once + 1, MAX_REPEATS);
    for (int round = 0; round < ROUNDS; round++) {
        ms[round] = time_of(t, ladder, version, repeats);
    }
    return measuring_median(ms, ROUNDS);
}

/* The product of the sizes; attention's n counts twice: n queries and n keys. */
static double product_of(Ladder ladder, const int *size) {
    const bool attention =
        ladder == LADDER_ATTENTION || ladder == LADDER_ATTENTION_BACKWARD;
    double product = attention ? size[2] : 1;
    for (int i = 0; i < 4 && size[i] > 0; i++) {
        product *= size[i];
    }
    return product;
}

/* Times one version of a ladder, and prints a line. */
static void time_version(Timing *t, const char *layer, Ladder ladder, int version) {
    const LadderInfo *info = &ladders[ladder];
    const int *n = t->on.size;
    const bool arithmetic = info->flops > 0, tiny = ladder == LADDER_MEMORY && t->small;
    const double ms = median_ms(t, ladder, version);
    const double each = 1e-6 * product_of(ladder, n) / ms;
    const double gflops = each * info->flops, gb = each * info->bytes;
    const double speed = arithmetic ? gflops : gb;
    double *peak = arithmetic ? &t->peak_gflops : &t->peak_gb;
    const char *rung = ladder_version(ladder, version);
    char name[48], sizes[48];
    snprintf(name, sizeof name, "%s%s", layer, info->name);
    snprintf(sizes, sizeof sizes, info->sizes, n[0], n[1], n[2], n[3]);
    if (tiny) {
        snprintf(sizes, sizeof sizes, "16 KB");
    }
    printf("  %-24s %-13s %-22s %9.4f ms %9.1f %s", name, rung, sizes, ms, speed,
           arithmetic ? "GFLOP/s" : "GB/s   ");
    if (*peak > 0) {
        printf(" %5.1f%%", 100 * speed / *peak);
    } else {
        *peak = speed; /* the limits come first */
    }
    printf("\n");
    if (t->csv) {
        fprintf(t->csv, "%s,%s,%s,%.6f,%.3f,%.3f\n", name, rung, sizes, ms, gflops, gb);
    }
}

/* Every version of `count` ladders, from `first` on, on the same tensors. `layer`: what
 * a product is part of, with a space after it, or "". */
static bool time_ladders(Timing *t, const char *layer, Ladder first, int count,
                         const int *size) {
    const bool ok = ladder_make(&t->on, first, size, t->error);
    for (int v = 0; ok && ladder_version(first, v); v++) {
        for (int i = 0; i < count; i++) {
            time_version(t, layer, (Ladder)((int)first + i), v);
        }
    }
    gpu_wait(t->stream);
    ladder_free(&t->on);
    return ok;
}

static bool time_limits(Timing *t) {
    static const int threads[][4] = {{1 << 20, 4096}, {512, 4}};
    static const int floats[][4] = {{1 << 28}, {4096}};
    report_section("The device's limits, measured");
    return time_ladders(t, "", LADDER_ARITHMETIC, 1, threads[t->small]) &&
           time_ladders(t, "", LADDER_MEMORY, 1, floats[t->small]);
}

/* A dense layer of `tokens`: forward, and both products of its backward pass. */
static bool time_dense(Timing *t, const char *layer, int tokens, int in, int out) {
    return time_ladders(t, layer, LADDER_NT, 1, (int[4]){tokens, out, in}) &&
           time_ladders(t, layer, LADDER_NN, 1, (int[4]){tokens, in, out}) &&
           time_ladders(t, layer, LADDER_TN, 1, (int[4]){out, in, tokens});
}

/* The four dense layers of a block: qkv, the output projection, the MLP's two. */
static bool time_model(Timing *t, const char *name, int tokens, int D, int M) {
    static const char *const layers[] = {"qkv", "proj", "fc1", "fc2"};
    const int in[] = {D, D, D, M}, out[] = {3 * D, D, M, D};
    bool ok = true;
    for (int i = 0; ok && i < 4; i++) {
        char layer[24];
        snprintf(layer, sizeof layer, "%s %s ", name, layers[i]);
        ok = time_dense(t, layer, tokens, in[i], out[i]);
    }
    return ok;
}

static bool time_matmul(Timing *t) {
    report_section("Matrix products; % of the multiply-adds' limit");
    if (!gpu_matmul_make_workspace(t->error)) {
        return false;
    }
    bool ok;
    if (t->small) {
        ok = time_dense(t, "small ", 65, 32, 48);
    } else {
        ok = time_dense(t, "square ", 4096, 4096, 4096) &&
             time_dense(t, "square ", 1024, 1024, 1024) &&
             time_model(t, "default", 512 * 50, 64, 128) &&
             time_model(t, "S/4", 256 * 65, 384, 1536) &&
             time_model(t, "B/16", 64 * 197, 768, 3072);
    }
    gpu_matmul_free_workspace();
    return ok;
}

static bool time_rows(Timing *t) {
    static const int softmax[][4] = {{64 * 12 * 197, 197}, {65, 65}};
    static const int norm[][4] = {{64 * 197, 768}, {65, 32}};
    static const int gelu[][4] = {{64 * 197, 3072}, {65, 64}};
    static const int adamw[][4] = {{86567656}, {1000}}; /* B/16's parameters */
    report_section("Softmax, layer norm, GELU, AdamW; % of the copy's limit");
    return time_ladders(t, "", LADDER_SOFTMAX, 2, softmax[t->small]) &&
           time_ladders(t, "", LADDER_LAYER_NORM, 2, norm[t->small]) &&
           time_ladders(t, "", LADDER_GELU, 1, gelu[t->small]) &&
           time_ladders(t, "", LADDER_ADAMW, 1, adamw[t->small]);
}

static bool time_attention(Timing *t) {
    static const int tokens[] = {17, 50, 65, 197}, head_sizes[] = {16, 32, 64};
    report_section("Attention, all tokens ask; % of the multiply-adds' limit");
    if (t->small) {
        return time_ladders(t, "", LADDER_ATTENTION, 2, (int[4]){2, 2, 17, 16});
    }
    bool ok = true;
    for (int i = 0; ok && i < 4 * 3; i++) {
        const int n = tokens[i / 3], d = head_sizes[i % 3];
        const int B = 64 * 197 / n * 64 / d / 3; /* as many elements at every size */
        ok = time_ladders(t, "", LADDER_ATTENTION, 2, (int[4]){B, 12, n, d});
    }
    return ok;
}

bool ladder_times(const char *csv, bool small, Error *error) {
    Timing t = {.small = small, .error = error};
    NewFile file;
    if (csv && !new_file_begin(&file, csv, error)) {
        return false;
    }
    t.csv = csv ? file.file : NULL;
    t.stream = gpu_stream_make();
    t.begin = gpu_event_make();
    t.end = gpu_event_make();
    if (t.csv) {
        fprintf(t.csv, "ladder,version,sizes,milliseconds,gflops,gb_per_s\n");
    }
    bool ok = time_limits(&t) && time_matmul(&t) && time_rows(&t) && time_attention(&t);
    if (csv && !ok) {
        new_file_drop(&file);
    } else if (csv) {
        ok = new_file_end(&file, error);
    }
    gpu_event_free(t.begin);
    gpu_event_free(t.end);
    gpu_stream_free(t.stream);
    return ok;
}
