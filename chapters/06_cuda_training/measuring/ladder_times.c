/* ladder_times.c: see ladder_times.h. */
#include "chapters/06_cuda_training/measuring/ladder_times.h"

#include <stdio.h>
#include <stdlib.h>

#include "chapters/06_cuda_training/kernels/gpu_adamw.h"
#include "chapters/06_cuda_training/kernels/gpu_elementwise.h"
#include "chapters/06_cuda_training/kernels/gpu_layer_norm.h"
#include "chapters/06_cuda_training/kernels/gpu_limits.h"
#include "chapters/06_cuda_training/kernels/gpu_matmul.h"
#include "chapters/06_cuda_training/measuring/ladders.h"
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
    LadderMemory memory;
    Error *error;
} Timing;

/* ---- time ------------------------------------------------------------------------ */

static double time_of(Timing *t, const Ladder *ladder, int version, const Tensor *T,
                      int repeats) {
    gpu_event_record(t->begin, t->stream);
    for (int i = 0; i < repeats; i++) {
        ladder->run(t->stream, version, T);
    }
    gpu_event_record(t->end, t->stream);
    gpu_event_wait(t->end);
    return gpu_event_ms(t->begin, t->end) / repeats;
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Milliseconds: the median of rounds, each long enough (2 ms) to be timed well. */
static double median_ms(Timing *t, const Ladder *ladder, int version, const Tensor *T) {
    double ms[ROUNDS];
    const double first = time_of(t, ladder, version, T, 1);
    if (t->small) {
        return first;
    }
    const double once = time_of(t, ladder, version, T, 1);
    const int repeats = once > 2                 ? 1
                        : once * MAX_REPEATS < 2 ? MAX_REPEATS
                                                 : (int)(2 / once) + 1;
    for (int round = 0; round < ROUNDS; round++) {
        ms[round] = time_of(t, ladder, version, T, repeats);
    }
    qsort(ms, ROUNDS, sizeof ms[0], by_size);
    return ms[ROUNDS / 2];
}

/* A ladder's name, and the flops or bytes that the computation needs at least. */
typedef struct {
    const char *name, *sizes;
    const Ladder *ladder;
    double flops, bytes;
} Work;

/* A line for this version; returns the milliseconds. */
static double time_version(Timing *t, const Work *w, int version, const Tensor *T) {
    const char *name = w->ladder->names[version];
    const double ms = median_ms(t, w->ladder, version, T);
    const double gflops = 1e-6 * w->flops / ms, gb = 1e-6 * w->bytes / ms;
    printf("  %-24s %-13s %-22s %9.4f ms", w->name, name, w->sizes, ms);
    if (w->flops > 0) {
        printf(" %9.1f GFLOP/s", gflops);
        if (t->peak_gflops > 0) {
            printf(" %5.1f%%", 100 * gflops / t->peak_gflops);
        }
    } else {
        printf(" %9.1f GB/s   ", gb);
        if (t->peak_gb > 0) {
            printf(" %5.1f%%", 100 * gb / t->peak_gb);
        }
    }
    printf("\n");
    if (t->csv) {
        fprintf(t->csv, "%s,%s,%s,%.6f,%.3f,%.3f\n", w->name, name, w->sizes, ms,
                gflops, gb);
    }
    return ms;
}

/* Every version of one or more works on the same tensors. */
static bool time_works(Timing *t, const Work *works, int count, Tensor *T,
                       int tensors) {
    const bool ok = ladder_tensors(&t->memory, T, tensors, t->error);
    for (int v = 0; ok && v < works[0].ladder->versions; v++) {
        for (int i = 0; i < count; i++) {
            if (works[i].ladder->names != gpu_matmul_names ||
                gpu_matmul_available((MatmulVersion)v)) {
                time_version(t, &works[i], v, T);
            }
        }
    }
    gpu_wait(t->stream);
    ladder_give_back(&t->memory);
    return ok;
}

/* ---- the limits ------------------------------------------------------------------ */

static int fma_rounds;

static void run_arithmetic(GpuStream stream, int version, const Tensor *T) {
    (void)version;
    gpu_limit_arithmetic(stream, tensor_count(T[0]), fma_rounds, T[0]);
}

static void run_memory(GpuStream stream, int version, const Tensor *T) {
    (void)version;
    gpu_limit_memory(stream, T[0], T[1]);
}

static bool time_limits(Timing *t) {
    static const char *const fma_name[] = {"multiply-add"}, *const copy_name[] = {
                                                                "copy"};
    const Ladder arithmetic = {fma_name, 1, run_arithmetic};
    const Ladder memory = {copy_name, 1, run_memory};
    const int threads = t->small ? 512 : 1 << 20, floats = t->small ? 4096 : 1 << 28;
    Tensor out[] = {tensor1(NULL, threads)};
    Tensor copy[] = {tensor1(NULL, floats), tensor1(NULL, floats)};
    fma_rounds = t->small ? 4 : 4096;
    const Work fma = {"limit", "fp32", &arithmetic,
                      2.0 * FMA_CHAINS * fma_rounds * (double)threads, 0};
    const Work bytes = {"limit", t->small ? "16 KB" : "1 GiB", &memory, 0,
                        8.0 * floats};
    if (!ladder_tensors(&t->memory, out, 1, t->error) ||
        !ladder_tensors(&t->memory, copy, 2, t->error)) {
        return false;
    }
    report_section("The device's limits, measured");
    t->peak_gflops = 1e-6 * fma.flops / time_version(t, &fma, 0, out);
    t->peak_gb = 1e-6 * bytes.bytes / time_version(t, &bytes, 0, copy);
    ladder_give_back(&t->memory);
    return true;
}

/* ---- matmul ---------------------------------------------------------------------- */

/* A dense layer of `tokens`: forward, and both products of its backward pass. */
static bool time_dense(Timing *t, const char *layer, int tokens, int in, int out) {
    const struct {
        const char *what;
        const Ladder *ladder;
        int m, n, k;
        Tensor A, B;
    } products[] = {{"Y = X W^T", &ladder_nt, tokens, out, in,
                     tensor2(NULL, tokens, in), tensor2(NULL, out, in)},
                    {"dX = dY W", &ladder_nn, tokens, in, out,
                     tensor2(NULL, tokens, out), tensor2(NULL, out, in)},
                    {"dW = dY^T X", &ladder_tn, out, in, tokens,
                     tensor2(NULL, tokens, out), tensor2(NULL, tokens, in)}};
    bool ok = true;
    for (int i = 0; ok && i < 3; i++) {
        const int m = products[i].m, n = products[i].n, k = products[i].k;
        char name[48], sizes[48];
        snprintf(name, sizeof name, "%s %s", layer, products[i].what);
        snprintf(sizes, sizeof sizes, "%d x %d x %d", m, n, k);
        const Work work = {name, sizes, products[i].ladder, 2.0 * m * n * k, 0};
        Tensor T[] = {products[i].A, products[i].B, tensor2(NULL, m, n)};
        ok = time_works(t, &work, 1, T, 3);
    }
    return ok;
}

/* The four dense layers of a block: qkv, the output projection, the MLP's two. */
static bool time_model(Timing *t, const char *name, int tokens, int D, int M) {
    static const char *const layers[] = {"qkv", "proj", "fc1", "fc2"};
    const int in[] = {D, D, D, M}, out[] = {3 * D, D, M, D};
    bool ok = true;
    for (int i = 0; ok && i < 4; i++) {
        char layer[24];
        snprintf(layer, sizeof layer, "%s %s", name, layers[i]);
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
        ok = time_dense(t, "small", 65, 32, 48);
    } else {
        ok = time_dense(t, "square", 4096, 4096, 4096) &&
             time_dense(t, "square", 1024, 1024, 1024) &&
             time_model(t, "default", 512 * 50, 64, 128) &&
             time_model(t, "S/4", 256 * 65, 384, 1536) &&
             time_model(t, "B/16", 64 * 197, 768, 3072);
    }
    gpu_matmul_free_workspace();
    return ok;
}

/* ---- softmax, layer norm, GELU, AdamW: limited by memory ------------------------- */

static bool time_softmax(Timing *t) {
    const int rows = t->small ? 65 : 64 * 12 * 197, cols = t->small ? 65 : 197;
    const Tensor S = tensor2(NULL, rows, cols);
    const double elements = (double)rows * cols;
    char sizes[48];
    snprintf(sizes, sizeof sizes, "%d x %d", rows, cols);
    Tensor T[] = {S, S, S};
    const Work works[] = {
        {"softmax", sizes, &ladder_softmax, 0, 8 * elements},
        {"softmax backward", sizes, &ladder_softmax_backward, 0, 12 * elements}};
    return time_works(t, works, 2, T, 3);
}

static bool time_layer_norm(Timing *t) {
    const int rows = t->small ? 65 : 64 * 197, D = t->small ? 32 : 768;
    const Tensor X = tensor2(NULL, rows, D), row = tensor1(NULL, D);
    const Tensor column = tensor1(NULL, rows);
    const double elements = (double)rows * D;
    char sizes[48];
    snprintf(sizes, sizeof sizes, "%d x %d", rows, D);
    Tensor T[] = {X, row, row, column, column,
                  X, X,   row, row,    tensor3(NULL, LAYER_NORM_PARTS, 2, D)};
    const Work works[] = {
        {"layer norm", sizes, &ladder_layer_norm, 0, 8 * elements},
        {"layer norm backward", sizes, &ladder_layer_norm_backward, 0, 12 * elements}};
    return time_works(t, works, 2, T, 10);
}

static bool time_gelu(Timing *t) {
    const int rows = t->small ? 65 : 64 * 197, M = t->small ? 64 : 3072;
    const Tensor X = tensor2(NULL, rows, M);
    char sizes[48];
    snprintf(sizes, sizeof sizes, "%d x %d", rows, M);
    Tensor T[] = {X, tensor1(NULL, M), X};
    const Work work = {"bias and GELU", sizes, &ladder_gelu, 0, 12.0 * rows * M};
    return time_works(t, &work, 1, T, 3);
}

/* T: weights, gradients, m, v; and a DecayRun and a GpuStepResult. */
static void run_adamw(GpuStream stream, int version, const Tensor *T) {
    static const AdamW adamw = {0.9, 0.99, 1e-8, 0.05};
    const GpuUpdate update = {.count = tensor_count(T[0]),
                              .weights = T[0].data,
                              .gradients = T[1].data,
                              .m = T[2].data,
                              .v = T[3].data,
                              .runs = (const DecayRun *)T[4].data,
                              .run_count = 1};
    (void)version;
    gpu_adamw_step(stream, &adamw, 1e-3, 10, &update, (const GpuStepResult *)T[5].data);
}

static bool time_adamw(Timing *t) {
    static const char *const names[] = {"one kernel"};
    const Ladder ladder = {names, 1, run_adamw};
    const int count = t->small ? 1000 : 86567656; /* B/16's */
    const Tensor block = tensor1(NULL, count), four = tensor1(NULL, 4);
    const DecayRun run = {.end = count, .lambda = 0.05f};
    const GpuStepResult result = {.clip_scale = 1};
    char sizes[48];
    Tensor T[] = {block, block, block, block, four, four};
    if (!ladder_tensors(&t->memory, T, 6, t->error)) {
        return false;
    }
    /* v is a mean of squares: never below 0 */
    gpu_zero(t->stream, T[3].data, (size_t)count * sizeof(float));
    gpu_upload(t->stream, T[4].data, &run, sizeof run);
    gpu_upload(t->stream, T[5].data, &result, sizeof result);
    gpu_wait(t->stream);
    snprintf(sizes, sizeof sizes, "%d", count);
    const Work work = {"AdamW", sizes, &ladder, 0, 28.0 * count};
    time_version(t, &work, 0, T);
    ladder_give_back(&t->memory);
    return true;
}

static bool time_rows(Timing *t) {
    report_section("Softmax, layer norm, GELU, AdamW; % of the copy's limit");
    return time_softmax(t) && time_layer_norm(t) && time_gelu(t) && time_adamw(t);
}

/* ---- attention ------------------------------------------------------------------- */

static bool time_one_attention(Timing *t, int B, int heads, int n, int d) {
    const int D = heads * d;
    const Tensor wide = tensor3(NULL, B, n, 3 * D), thin = tensor3(NULL, B, n, D);
    const Tensor scores = tensor4(NULL, B, heads, n, n);
    const double flops = 4.0 * B * heads * (double)n * n * d; /* q k^T and A v */
    char sizes[48];
    snprintf(sizes, sizeof sizes, "B %d h %d n %d d %d", B, heads, n, d);
    Tensor T[] = {wide, thin, scores, thin, wide, scores};
    const Work works[] = {
        {"attention", sizes, &ladder_attention, flops, 0},
        {"attention backward", sizes, &ladder_attention_backward, 2 * flops, 0}};
    return time_works(t, works, 2, T, 6);
}

static bool time_attention(Timing *t) {
    static const int tokens[] = {17, 50, 65, 197}, head_sizes[] = {16, 32, 64};
    report_section("Attention, all tokens ask; % of the multiply-adds' limit");
    if (t->small) {
        return time_one_attention(t, 2, 2, 17, 16);
    }
    bool ok = true;
    for (int i = 0; ok && i < 4 * 3; i++) {
        const int n = tokens[i / 3], d = head_sizes[i % 3];
        ok = time_one_attention(t, 64 * 197 / n * 64 / d / 3, 12, n, d);
    } /* as many elements at every size */
    return ok;
}

/* ---- all of them ----------------------------------------------------------------- */

bool ladder_times(const char *csv, bool small, Error *error) {
    Timing t = {.small = small, .error = error};
    NewFile file;
    if (!ladder_memory_make(&t.memory, error) ||
        (csv && !new_file_begin(&file, csv, error))) {
        ladder_memory_free(&t.memory);
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
    ladder_memory_free(&t.memory);
    return ok;
}
