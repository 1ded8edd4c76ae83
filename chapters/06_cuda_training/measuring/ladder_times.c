/* ladder_times.c: see ladder_times.h. */
#include "chapters/06_cuda_training/measuring/ladder_times.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/06_cuda_training/kernels/gpu_adamw.h"
#include "chapters/06_cuda_training/kernels/gpu_attention.h"
#include "chapters/06_cuda_training/kernels/gpu_elementwise.h"
#include "chapters/06_cuda_training/kernels/gpu_gelu.h"
#include "chapters/06_cuda_training/kernels/gpu_layer_norm.h"
#include "chapters/06_cuda_training/kernels/gpu_limits.h"
#include "chapters/06_cuda_training/kernels/gpu_matmul.h"
#include "chapters/06_cuda_training/kernels/gpu_softmax.h"
#include "common/random.h"
#include "common/files/regular_file.h"
#include "common/lesson/report.h"

enum { ROUNDS = 9, MOST_REPEATS = 50, MOST_TENSORS = 16 };

/* What all ladders share. */
typedef struct {
    FILE *csv; /* or NULL */
    bool small;
    GpuStream stream;
    GpuEvent begin, end;
    double peak_gflops, peak_gb; /* the limits, once they are known; else 0 */
    void *blocks[MOST_TENSORS];  /* of the ladder that runs now */
    int block_count;
    float *numbers; /* host: what tensors are filled with, again and again */
    Error error;
} Timing;

enum { NUMBERS = 1 << 16 };

/* ---- memory ---------------------------------------------------------------------- */

/* A tensor of this shape on the device, filled with N(0, 1); without data, and an
 * error in t, if there is no memory. */
static Tensor made(Timing *t, Tensor shape) {
    const size_t count = (size_t)tensor_count(shape);
    Tensor T = shape;
    T.data = gpu_allocate(count * sizeof(float), "a ladder's tensors", &t->error);
    if (!T.data) {
        return T;
    }
    t->blocks[t->block_count++] = T.data;
    for (size_t at = 0; at < count; at += NUMBERS) {
        const size_t left = count - at;
        gpu_upload(t->stream, T.data + at, t->numbers,
                   (left < NUMBERS ? left : NUMBERS) * sizeof(float));
    }
    return T;
}

static void give_back(Timing *t) {
    gpu_wait(t->stream);
    while (t->block_count > 0) {
        gpu_free(t->blocks[--t->block_count]);
    }
}

static bool all_there(const Tensor *T, int count) {
    for (int i = 0; i < count; i++) {
        if (!T[i].data) {
            return false;
        }
    }
    return true;
}

/* ---- time ------------------------------------------------------------------------ */

/* What is timed: launches, into this stream. */
typedef void Work(GpuStream stream, int version, const void *what);

static double time_of(Timing *t, Work *work, int version, const void *what,
                      int repeats) {
    gpu_event_record(t->begin, t->stream);
    for (int i = 0; i < repeats; i++) {
        work(t->stream, version, what);
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
static double median_ms(Timing *t, Work *work, int version, const void *what) {
    double ms[ROUNDS];
    const double first = time_of(t, work, version, what, 1);
    if (t->small) {
        return first;
    }
    const double once = time_of(t, work, version, what, 1);
    const int repeats = once > 2                  ? 1
                        : once * MOST_REPEATS < 2 ? MOST_REPEATS
                                                  : (int)(2 / once) + 1;
    for (int round = 0; round < ROUNDS; round++) {
        ms[round] = time_of(t, work, version, what, repeats);
    }
    qsort(ms, ROUNDS, sizeof ms[0], by_size);
    return ms[ROUNDS / 2];
}

/* ---- a line ---------------------------------------------------------------------- */

/* flops and bytes: what the computation needs at least; 0: not told. */
static void tell(Timing *t, const char *ladder, const char *version, const char *sizes,
                 double ms, double flops, double bytes) {
    const double gflops = 1e-6 * flops / ms, gb = 1e-6 * bytes / ms;
    printf("  %-24s %-13s %-22s %9.4f ms", ladder, version, sizes, ms);
    if (flops > 0) {
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
        fprintf(t->csv, "%s,%s,%s,%.6f,%.3f,%.3f\n", ladder, version, sizes, ms, gflops,
                gb);
    }
}

/* ---- the limits ------------------------------------------------------------------ */

typedef struct {
    long threads;
    int rounds;
    Tensor in, out;
} Limit;

static void run_arithmetic(GpuStream stream, int version, const void *what) {
    const Limit *l = what;
    (void)version;
    gpu_limit_arithmetic(stream, l->threads, l->rounds, l->out);
}

static void run_memory(GpuStream stream, int version, const void *what) {
    const Limit *l = what;
    (void)version;
    gpu_limit_memory(stream, l->in, l->out);
}

static bool time_limits(Timing *t) {
    const int threads = t->small ? 512 : 1 << 20, numbers = t->small ? 4096 : 1 << 28;
    Limit fma = {threads, t->small ? 4 : 4096, tensor1(NULL, 0),
                 made(t, tensor1(NULL, threads))};
    Limit copy = {0, 0, made(t, tensor1(NULL, numbers)),
                  made(t, tensor1(NULL, numbers))};
    if (!fma.out.data || !copy.in.data || !copy.out.data) {
        return false;
    }
    report_section("The device's limits, measured");
    double ms = median_ms(t, run_arithmetic, 0, &fma);
    const double flops = 2.0 * FMA_CHAINS * fma.rounds * (double)threads;
    tell(t, "limit", "multiply-add", "fp32", ms, flops, 0);
    t->peak_gflops = 1e-6 * flops / ms;
    ms = median_ms(t, run_memory, 0, &copy);
    tell(t, "limit", "copy", t->small ? "16 KB" : "1 GiB", ms, 0, 8.0 * numbers);
    t->peak_gb = 1e-6 * 8.0 * numbers / ms;
    return true;
}

/* ---- matmul ---------------------------------------------------------------------- */

typedef struct {
    MatmulLayout layout;
    Tensor A, B, C;
} Product;

static void run_product(GpuStream stream, int version, const void *what) {
    const Product *p = what;
    gpu_matmul(stream, (MatmulVersion)version, p->layout, p->A, p->B, (MatmulEnd){0},
               p->C);
}

static bool time_product(Timing *t, const char *ladder, MatmulLayout layout, int m,
                         int n, int k) {
    char sizes[48];
    const bool tn = layout == MATMUL_TN, nt = layout == MATMUL_NT;
    const Product p = {layout, made(t, tn ? tensor2(NULL, k, m) : tensor2(NULL, m, k)),
                       made(t, nt ? tensor2(NULL, n, k) : tensor2(NULL, k, n)),
                       made(t, tensor2(NULL, m, n))};
    if (!p.A.data || !p.B.data || !p.C.data) {
        return false;
    }
    snprintf(sizes, sizeof sizes, "%d x %d x %d", m, n, k);
    for (int v = 0; v < MATMUL_VERSIONS; v++) {
        if (gpu_matmul_available((MatmulVersion)v)) {
            tell(t, ladder, gpu_matmul_names[v], sizes,
                 median_ms(t, run_product, v, &p), 2.0 * m * n * k, 0);
        }
    }
    give_back(t);
    return true;
}

/* A dense layer of `tokens`: forward, and both products of its backward pass. */
static bool time_dense(Timing *t, const char *name, int tokens, int in, int out) {
    char ladder[48];
    snprintf(ladder, sizeof ladder, "%s Y = X W^T", name);
    bool ok = time_product(t, ladder, MATMUL_NT, tokens, out, in);
    snprintf(ladder, sizeof ladder, "%s dX = dY W", name);
    ok = ok && time_product(t, ladder, MATMUL_NN, tokens, in, out);
    snprintf(ladder, sizeof ladder, "%s dW = dY^T X", name);
    return ok && time_product(t, ladder, MATMUL_TN, out, in, tokens);
}

/* The four dense layers of a block: qkv, the output projection, the MLP's two. */
static bool time_model(Timing *t, const char *name, int tokens, int D, int M) {
    static const char *const layers[] = {"qkv", "proj", "fc1", "fc2"};
    const int in[] = {D, D, D, M}, out[] = {3 * D, D, M, D};
    for (int i = 0; i < 4; i++) {
        char layer[24];
        snprintf(layer, sizeof layer, "%s %s", name, layers[i]);
        if (!time_dense(t, layer, tokens, in[i], out[i])) {
            return false;
        }
    }
    return true;
}

static bool time_matmul(Timing *t) {
    report_section("Matrix products; % of the multiply-adds' limit");
    if (!gpu_matmul_make_workspace(&t->error)) {
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

static void run_softmax(GpuStream stream, int version, const void *what) {
    const Tensor *T = what;
    gpu_softmax_forward(stream, (SoftmaxVersion)version, 0.125f, T[0], T[1]);
}

static void run_softmax_backward(GpuStream stream, int version, const void *what) {
    const Tensor *T = what;
    gpu_softmax_backward(stream, (SoftmaxVersion)version, 0.125f, T[0], T[1], T[2]);
}

static bool time_softmax(Timing *t) {
    const int rows = t->small ? 65 : 64 * 12 * 197, cols = t->small ? 65 : 197;
    const Tensor shape = tensor2(NULL, rows, cols);
    const Tensor T[] = {made(t, shape), made(t, shape), made(t, shape)};
    const double numbers = (double)rows * cols;
    char sizes[48];
    snprintf(sizes, sizeof sizes, "%d x %d", rows, cols);
    for (int v = 0; all_there(T, 3) && v < SOFTMAX_VERSIONS; v++) {
        tell(t, "softmax", gpu_softmax_names[v], sizes, median_ms(t, run_softmax, v, T),
             0, 8 * numbers);
        tell(t, "softmax backward", gpu_softmax_names[v], sizes,
             median_ms(t, run_softmax_backward, v, T), 0, 12 * numbers);
    }
    return all_there(T, 3);
}

static void run_layer_norm(GpuStream stream, int version, const void *what) {
    const Tensor *T = what;
    gpu_layer_norm_forward(stream, (LayerNormVersion)version, T[0], T[1], T[2], T[3],
                           T[4], T[5]);
}

static void run_layer_norm_backward(GpuStream stream, int version, const void *what) {
    const Tensor *T = what;
    gpu_layer_norm_backward(stream, (LayerNormVersion)version, T[0], T[1], T[3], T[4],
                            T[5], T[6], T[7], T[8], T[9]);
}

static bool time_layer_norm(Timing *t) {
    const int rows = t->small ? 65 : 64 * 197, D = t->small ? 32 : 768;
    const Tensor X = tensor2(NULL, rows, D), row = tensor1(NULL, D);
    const Tensor column = tensor1(NULL, rows);
    const Tensor T[] = {
        made(t, X),      made(t, row),
        made(t, row),    made(t, column),
        made(t, column), made(t, X),
        made(t, X),      made(t, row),
        made(t, row),    made(t, tensor3(NULL, LAYER_NORM_PARTS, 2, D))};
    const double numbers = (double)rows * D;
    char sizes[48];
    snprintf(sizes, sizeof sizes, "%d x %d", rows, D);
    for (int v = 0; all_there(T, 10) && v < LAYER_NORM_VERSIONS; v++) {
        tell(t, "layer norm", gpu_layer_norm_names[v], sizes,
             median_ms(t, run_layer_norm, v, T), 0, 8 * numbers);
        tell(t, "layer norm backward", gpu_layer_norm_names[v], sizes,
             median_ms(t, run_layer_norm_backward, v, T), 0, 12 * numbers);
    }
    return all_there(T, 10);
}

static void run_gelu(GpuStream stream, int version, const void *what) {
    const Tensor *T = what;
    gpu_bias_gelu_forward(stream, (GeluVersion)version, T[0], T[1], T[2]);
}

static bool time_gelu(Timing *t) {
    const int rows = t->small ? 65 : 64 * 197, M = t->small ? 64 : 3072;
    const Tensor X = tensor2(NULL, rows, M);
    const Tensor T[] = {made(t, X), made(t, tensor1(NULL, M)), made(t, X)};
    char sizes[48];
    snprintf(sizes, sizeof sizes, "%d x %d", rows, M);
    for (int v = 0; all_there(T, 3) && v < GELU_VERSIONS; v++) {
        tell(t, "bias and GELU", gpu_gelu_names[v], sizes, median_ms(t, run_gelu, v, T),
             0, 12.0 * rows * M);
    }
    return all_there(T, 3);
}

typedef struct {
    Tensor w, g, m, v, runs, result;
    long count;
} Update;

static void run_adamw(GpuStream stream, int version, const void *what) {
    static const AdamW adamw = {0.9, 0.99, 1e-8, 0.05};
    const Update *u = what;
    (void)version;
    const GpuUpdate update = {u->count,  u->w.data, u->m.data,
                              u->v.data, u->g.data, (const DecayRun *)u->runs.data,
                              1};
    gpu_adamw_step(stream, &adamw, 1e-3, 10, &update,
                   (const GpuStepResult *)u->result.data);
}

static bool time_adamw(Timing *t) {
    const int count = t->small ? 1000 : 86567656; /* B/16's */
    const Tensor shape = tensor1(NULL, count), four = tensor1(NULL, 4);
    const Update u = {made(t, shape), made(t, shape), made(t, shape), made(t, shape),
                      made(t, four),  made(t, four),  count};
    const Tensor all[] = {u.w, u.g, u.m, u.v, u.runs, u.result};
    const DecayRun run = {.end = count, .lambda = 0.05f};
    const GpuStepResult result = {.clip_scale = 1};
    char sizes[48];
    if (!all_there(all, 6)) {
        return false;
    }
    gpu_tensor_fill(t->stream, u.v, 1); /* v is a mean of squares: never below 0 */
    gpu_upload(t->stream, u.runs.data, &run, sizeof run);
    gpu_upload(t->stream, u.result.data, &result, sizeof result);
    gpu_wait(t->stream);
    snprintf(sizes, sizeof sizes, "%d", count);
    tell(t, "AdamW", "one kernel", sizes, median_ms(t, run_adamw, 0, &u), 0,
         28.0 * count);
    return true;
}

/* ---- attention ------------------------------------------------------------------- */

typedef struct {
    int heads;
    Tensor qkv, O, dO, dqkv;
    AttentionKept kept[ATTENTION_VERSIONS];
} Attention;

static void run_attention(GpuStream stream, int version, const void *what) {
    const Attention *a = what;
    gpu_attention_forward(stream, (AttentionVersion)version, a->heads, a->qkv,
                          &a->kept[version], a->O);
}

static void run_attention_backward(GpuStream stream, int version, const void *what) {
    const Attention *a = what;
    gpu_attention_backward(stream, (AttentionVersion)version, a->heads, a->qkv,
                           &a->kept[version], a->O, a->dO, a->dqkv);
}

/* Room for what either version keeps: (B, h, n, n) is the larger. */
static void share_kept(Attention *a, int B, int n, Tensor first, Tensor second) {
    for (int v = 0; v < ATTENTION_VERSIONS; v++) {
        gpu_attention_shapes((AttentionVersion)v, B, a->heads, n, &a->kept[v]);
        a->kept[v].A.data = a->kept[v].lse.data = first.data;
        a->kept[v].dA.data = a->kept[v].delta.data = second.data;
    }
}

static bool time_one_attention(Timing *t, int B, int heads, int n, int d) {
    const int D = heads * d;
    const Tensor wide = tensor3(NULL, B, n, 3 * D), thin = tensor3(NULL, B, n, D);
    const Tensor scores = tensor4(NULL, B, heads, n, n);
    const Tensor T[] = {made(t, wide), made(t, thin),   made(t, thin),
                        made(t, wide), made(t, scores), made(t, scores)};
    Attention a = {.heads = heads, .qkv = T[0], .O = T[1], .dO = T[2], .dqkv = T[3]};
    const double flops = 4.0 * B * heads * (double)n * n * d; /* q k^T and A v */
    char sizes[48];
    if (!all_there(T, 6)) {
        return false;
    }
    share_kept(&a, B, n, T[4], T[5]);
    snprintf(sizes, sizeof sizes, "B %d h %d n %d d %d", B, heads, n, d);
    for (int v = 0; v < ATTENTION_VERSIONS; v++) {
        tell(t, "attention", gpu_attention_names[v], sizes,
             median_ms(t, run_attention, v, &a), flops, 0);
        tell(t, "attention backward", gpu_attention_names[v], sizes,
             median_ms(t, run_attention_backward, v, &a), 2 * flops, 0);
    }
    give_back(t);
    return true;
}

static bool time_attention(Timing *t) {
    static const int tokens[] = {17, 50, 65, 197}, head_sizes[] = {16, 32, 64};
    report_section("Attention, all tokens ask; % of the multiply-adds' limit");
    if (t->small) {
        return time_one_attention(t, 2, 2, 17, 16);
    }
    for (int i = 0; i < 4; i++) {
        for (int j = 0; j < 3; j++) {
            /* as many numbers at every size */
            const int B = 64 * 197 / tokens[i] * 64 / head_sizes[j] / 3;
            if (!time_one_attention(t, B, 12, tokens[i], head_sizes[j])) {
                return false;
            }
        }
    }
    return true;
}

/* ---- all of them ----------------------------------------------------------------- */

static bool time_rows(Timing *t) {
    static bool (*const ladders[])(Timing *) = {time_softmax, time_layer_norm,
                                                time_gelu, time_adamw};
    report_section("Softmax, layer norm, GELU, AdamW; % of the copy's limit");
    bool ok = true;
    for (int i = 0; ok && i < 4; i++) {
        ok = ladders[i](t);
        give_back(t);
    }
    return ok;
}

static bool time_all(Timing *t) {
    bool ok = time_limits(t);
    give_back(t);
    ok = ok && time_matmul(t) && time_rows(t) && time_attention(t);
    give_back(t);
    return ok;
}

bool ladder_times(const char *csv, bool small, Error *error) {
    const Random random = {.seed = 6, .use = RANDOM_DEMO, .sequence = 5};
    Timing t = {.small = small};
    NewFile file;
    t.numbers = allocate(NUMBERS * sizeof(float), "a ladder's numbers", error);
    if (!t.numbers || (csv && !new_file_begin(&file, csv, error))) {
        free(t.numbers);
        return false;
    }
    t.csv = csv ? file.file : NULL;
    random_fill_normal(random, tensor1(t.numbers, NUMBERS), 1);
    t.stream = gpu_stream_make();
    t.begin = gpu_event_make();
    t.end = gpu_event_make();
    if (t.csv) {
        fprintf(t.csv, "ladder,version,sizes,milliseconds,gflops,gb_per_s\n");
    }
    bool ok = time_all(&t);
    if (!ok) {
        *error = t.error;
    }
    if (csv && !ok) {
        new_file_drop(&file);
    } else if (csv) {
        ok = new_file_end(&file, error);
    }
    gpu_event_free(t.begin);
    gpu_event_free(t.end);
    gpu_stream_free(t.stream);
    free(t.numbers);
    return ok;
}
