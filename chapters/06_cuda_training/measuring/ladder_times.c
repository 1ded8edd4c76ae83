/* ladder_times.c: see measuring.h. */
#include <stdio.h>

#include "chapters/06_cuda_training/kernels/gpu_adamw.h"
#include "chapters/06_cuda_training/kernels/gpu_elementwise.h"
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
    double speed;                /* of the last line: GFLOP/s, or GB/s */
    Error *error;
} Timing;

/* ---- time ------------------------------------------------------------------------ */

static double time_of(Timing *t, Ladder ladder, int version, const LadderCase *on,
                      int repeats) {
    gpu_event_record(t->begin, t->stream);
    for (int i = 0; i < repeats; i++) {
        ladder_run(t->stream, ladder, version, on);
    }
    gpu_event_record(t->end, t->stream);
    gpu_event_wait(t->end);
    return gpu_event_ms(t->begin, t->end) / repeats;
}

/* Milliseconds: the median of rounds, each long enough (2 ms) to be timed well. */
static double median_ms(Timing *t, Ladder ladder, int version, const LadderCase *on) {
    double ms[ROUNDS];
    const double first = time_of(t, ladder, version, on, 1);
    if (t->small) {
        return first;
    }
    const double once = time_of(t, ladder, version, on, 1);
    const int repeats = once > 2                 ? 1
                        : once * MAX_REPEATS < 2 ? MAX_REPEATS
                                                 : (int)(2 / once) + 1;
    for (int round = 0; round < ROUNDS; round++) {
        ms[round] = time_of(t, ladder, version, on, repeats);
    }
    return measuring_median(ms, ROUNDS);
}

/* A line for one version of a ladder. */
static void time_version(Timing *t, const char *layer, Ladder ladder, int version,
                         const LadderCase *on) {
    const LadderWork work = ladder_work(ladder, on->size);
    const char *rung = ladder_version(ladder, version);
    const double ms = median_ms(t, ladder, version, on);
    const double gflops = 1e-6 * work.flops / ms, gb = 1e-6 * work.bytes / ms;
    const bool arithmetic = work.flops > 0;
    const double peak = arithmetic ? t->peak_gflops : t->peak_gb;
    char name[48];
    snprintf(name, sizeof name, "%s%s", layer, work.name);
    t->speed = arithmetic ? gflops : gb;
    printf("  %-24s %-13s %-22s %9.4f ms %9.1f %s", name, rung, work.sizes, ms,
           t->speed, arithmetic ? "GFLOP/s" : "GB/s   ");
    if (peak > 0) {
        printf(" %5.1f%%", 100 * t->speed / peak);
    }
    printf("\n");
    if (t->csv) {
        fprintf(t->csv, "%s,%s,%s,%.6f,%.3f,%.3f\n", name, rung, work.sizes, ms, gflops,
                gb);
    }
}

/* Every version of `count` ladders, from `first` on, on the same tensors. `layer`: what
 * a product is part of, with a space behind it, or "". */
static bool time_ladders(Timing *t, const char *layer, Ladder first, int count,
                         const int *size) {
    LadderCase on;
    const bool ok = ladder_make(&on, first, size, t->error);
    for (int v = 0; ok && ladder_version(first, v); v++) {
        for (int i = 0; i < count; i++) {
            time_version(t, layer, (Ladder)((int)first + i), v, &on);
        }
    }
    gpu_wait(t->stream);
    ladder_free(&on);
    return ok;
}

static bool time_limits(Timing *t) {
    static const int threads[][4] = {{1 << 20, 4096}, {512, 4}};
    static const int floats[][4] = {{1 << 28}, {4096}};
    report_section("The device's limits, measured");
    if (!time_ladders(t, "", LADDER_ARITHMETIC, 1, threads[t->small])) {
        return false;
    }
    t->peak_gflops = t->speed;
    if (!time_ladders(t, "", LADDER_MEMORY, 1, floats[t->small])) {
        return false;
    }
    t->peak_gb = t->speed;
    return true;
}

/* ---- matmul ---------------------------------------------------------------------- */

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

/* ---- limited by memory ----------------------------------------------------------- */

static bool time_adamw(Timing *t) {
    const int size[4] = {t->small ? 1000 : 86567656}; /* B/16's */
    const DecayRun run = {.end = size[0], .lambda = 0.05f};
    const GpuStepResult result = {.clip_scale = 1};
    LadderCase on;
    const bool ok = ladder_make(&on, LADDER_ADAMW, size, t->error);
    if (ok) {
        gpu_tensor_fill(t->stream, on.T[3], 1); /* v is a mean of squares: never < 0 */
        gpu_upload(t->stream, on.T[4].data, &run, sizeof run);
        gpu_upload(t->stream, on.T[5].data, &result, sizeof result);
        gpu_wait(t->stream);
        time_version(t, "", LADDER_ADAMW, 0, &on);
    }
    ladder_free(&on);
    return ok;
}

static bool time_rows(Timing *t) {
    static const int softmax[][4] = {{64 * 12 * 197, 197}, {65, 65}};
    static const int norm[][4] = {{64 * 197, 768}, {65, 32}};
    static const int gelu[][4] = {{64 * 197, 3072}, {65, 64}};
    report_section("Softmax, layer norm, GELU, AdamW; % of the copy's limit");
    return time_ladders(t, "", LADDER_SOFTMAX, 2, softmax[t->small]) &&
           time_ladders(t, "", LADDER_LAYER_NORM, 2, norm[t->small]) &&
           time_ladders(t, "", LADDER_GELU, 1, gelu[t->small]) && time_adamw(t);
}

/* ---- attention ------------------------------------------------------------------- */

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

/* ---- all of them ----------------------------------------------------------------- */

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
