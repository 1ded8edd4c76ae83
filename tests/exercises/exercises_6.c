/*
 * exercises_6.c: CUDA kernels, graded on cuda_on_cpu. See exercise.h. The kernels are
 * compiled so that each access is watched: races stop them, and accesses are counted.
 */
#include <math.h>
#include <stddef.h>

#include "error.h"
#include "exercise.h"
#include "gpu.h"
#include "gpu_adamw.h"
#include "gpu_attention.h"
#include "gpu_gelu.h"
#include "gpu_matmul.h"
#include "gpu_softmax.h"
#include "naive_layers.h"

const int chapter_number = 6;
const char chapter_title[] = "CUDA kernels";

#define TOLERANCE 1e-5 /* float */

/* ---- the device ------------------------------------------------------------------ */

static void *device_bytes(const void *host, size_t bytes) {
    Error error;
    void *at = gpu_allocate(bytes, "an exercise", &error);
    if (!at) {
        bug("%s", error.text);
    }
    gpu_upload(NULL, at, host, bytes);
    gpu_wait(NULL);
    return at;
}

/* T's numbers on the device, in rows `gap` further apart; between them lies NaN. */
static Tensor on_device(Tensor T, int gap) {
    const int rows = tensor_rows(T), cols = tensor_cols(T);
    Tensor all = unset(SHAPE(rows, cols + gap)), D = T;
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < cols; j++) {
            tensor_row(all, i)[j] = tensor_row(T, i)[j];
        }
    }
    D.ld = cols + gap;
    D.data = device_bytes(all.data, (size_t)tensor_count(all) * sizeof(float));
    return D;
}

/* What is there now; the numbers between rows must still be NaN. */
static Tensor from_device(Tensor D) {
    Tensor all = unset(SHAPE(tensor_rows(D), D.ld)), T = unset(D);
    gpu_wait(NULL);
    gpu_download(NULL, all.data, D.data, (size_t)tensor_count(all) * sizeof(float));
    gpu_wait(NULL);
    for (int i = 0; i < tensor_rows(D); i++) {
        for (int j = 0; j < D.ld; j++) {
            const float x = tensor_row(all, i)[j];
            if (j < tensor_cols(D)) {
                tensor_row(T, i)[j] = x;
            } else {
                expect_true(isnan(x),
                            "row %d was written beyond its end: rows lie `ld` "
                            "apart, and have `cols` numbers",
                            i);
            }
        }
    }
    return T;
}

static void begin_device(void) {
    GpuInfo info;
    Error error;
    if (!gpu_open(&info, &error)) {
        bug("%s", error.text);
    }
    gpu_counts_clear();
}

/* No more than this many loads of global memory by all threads. */
static void expect_loads(double most, const char *instead) {
    CudaOnCpuCounts counts;
    gpu_wait(NULL);
    if (!gpu_counts(&counts)) {
        bug("these kernels are not counted");
    }
    const double loads = (double)counts.global_load.accesses;
    expect_true(loads <= most, "%.0f loads from global memory; at most %.0f are needed",
                loads, most);
    mistake_if(instead, true);
}

/* ---- 6.1 ------------------------------------------------------------------------- */

static void predict(void) {
    ask('a',
        "10000 elements, blocks of 256 threads, a thread an element: how many "
        "blocks?",
        40, 1e-9);
    mistake_number("10000 / 256 rounded down: the last 16 elements have no thread", 39);
    ask('b',
        "The 32 threads of a warp read floats that lie beside each other, from an "
        "address divisible by 128. How many sectors of 32 bytes?",
        4, 1e-9);
    mistake_number("a sector for each thread: a sector holds 8 floats", 32);
    mistake_number("the number of 128-byte lines", 1);
    ask('c',
        "They read the same column of 32 rows that are 50 floats apart. How many "
        "sectors?",
        32, 1e-9);
    mistake_number("the count for neighbours: rows are 200 bytes apart", 4);
    ask('d',
        "C = A B, all 1024 x 1024, tiles of 32 x 32 in shared memory: loads from "
        "global memory, in millions.",
        2.0 * 1024 * 1024 * 1024 / 32 / 1e6, 1e-2);
    mistake_number("the naive kernel's 2 m n k", 2.0 * 1024 * 1024 * 1024 / 1e6);
    mistake_number(
        "the size of A and B: each tile is loaded for every block that needs "
        "it",
        2.0 * 1024 * 1024 / 1e6);
}

/* ---- 6.2 ------------------------------------------------------------------------- */

static void gelu(void) {
    enum { ROWS = 7, COLS = 45, COUNT = ROWS * COLS };
    begin_device();
    Tensor pre = normal('p', SHAPE(ROWS, COLS)), b = normal('b', SHAPE(COLS));
    const double *x = doubles_of(pre), *bias = doubles_of(b);
    double *sum = doubles(COUNT), *y = doubles(COUNT), *no_bias = doubles(COUNT);
    for (int i = 0; i < COUNT; i++) {
        sum[i] = x[i] + bias[i % COLS];
        y[i] = naive_gelu(sum[i]);
        no_bias[i] = naive_gelu(x[i]);
    }
    Tensor P = on_device(pre, 3), Y = on_device(unset(pre), 5);
    case_is("%d x %d, rows further apart than they are long", ROWS, COLS);
    gpu_bias_gelu_forward(NULL, GELU_FUSED, P, on_device(b, 0), Y);
    expect("Y", from_device(Y), y, TOLERANCE);
    mistake("GELU(pre), without the bias", no_bias);
    expect("pre, which backward reads,", from_device(P), sum, TOLERANCE);
    mistake("pre without its bias: it must be kept for the backward pass", x);
    expect_loads(2.0 * COUNT, "more than one load of `pre` and of `b` for an element");
}

/* ---- 6.3 ------------------------------------------------------------------------- */

/* The 32 lanes' running maximum and sum over columns lane, lane + 32, ...; `rescale`:
 * the sum is brought to a new maximum; `join`: lanes are brought to one maximum. */
static double *online(int rows, int cols, const double *s, bool rescale, bool join) {
    double *a = doubles((long)rows * cols);
    for (int i = 0; i < rows; i++) {
        double all = -INFINITY, total = 0, most[32], sum[32];
        for (int lane = 0; lane < 32; lane++) {
            most[lane] = -INFINITY;
            sum[lane] = 0;
            for (int j = lane; j < cols; j += 32) {
                const double x = s[i * cols + j], larger = fmax(most[lane], x);
                sum[lane] *= rescale ? exp(most[lane] - larger) : 1;
                sum[lane] += exp(x - larger);
                most[lane] = larger;
            }
            all = fmax(all, most[lane]);
        }
        for (int lane = 0; lane < 32; lane++) {
            total += sum[lane] * (join ? exp(most[lane] - all) : 1);
        }
        for (int j = 0; j < cols; j++) {
            a[i * cols + j] = exp(s[i * cols + j] - all) / total;
        }
    }
    return a;
}

static void softmax_case(int rows, int cols) {
    begin_device();
    const float scale = 0.5f;
    Tensor S = normal('S', SHAPE(rows, cols));
    tensor_scale(S, 6);
    double *s = doubles_of(S), *raw = doubles_of(S);
    for (long i = 0; i < (long)rows * cols; i++) {
        s[i] *= 0.5;
    }
    case_is("%d rows of %d, scale 0.5", rows, cols);
    Tensor dS = on_device(S, 3), A = on_device(unset(S), 2);
    gpu_counts_clear();
    gpu_softmax_forward(NULL, SOFTMAX_ONLINE, scale, dS, A);
    gpu_wait(NULL);
    expect("A", from_device(A), online(rows, cols, s, true, true), TOLERANCE);
    mistake("a softmax without the scale", online(rows, cols, raw, true, true));
    mistake("a sum that is not brought to the new maximum: sum exp(most - larger)",
            online(rows, cols, s, false, true));
    mistake("lanes' sums added without bringing them to one maximum",
            online(rows, cols, s, true, false));
    expect_loads(2.0 * rows * cols,
                 "three passes: maximum and sum are found together in one");
}

static void softmax(void) {
    softmax_case(5, 100);
    softmax_case(9, 17); /* lanes without a column */
}

/* ---- 6.4 ------------------------------------------------------------------------- */

static void matmul_case(MatmulLayout layout, const char *name, int m, int n, int k) {
    begin_device();
    Tensor A =
        layout == MATMUL_TN ? normal('A', SHAPE(k, m)) : normal('A', SHAPE(m, k));
    Tensor B =
        layout == MATMUL_NT ? normal('B', SHAPE(n, k)) : normal('B', SHAPE(k, n));
    const double *a = doubles_of(A), *b = doubles_of(B);
    double *want = doubles((long)m * n), *first = doubles((long)m * n);
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            for (int l = 0; l < k; l++) {
                const double product =
                    (layout == MATMUL_TN ? a[l * m + i] : a[i * k + l]) *
                    (layout == MATMUL_NT ? b[j * k + l] : b[l * n + j]);
                want[i * n + j] += product;
                first[i * n + j] += l < 32 ? product : 0;
            }
        }
    }
    Tensor C = on_device(unset(SHAPE(m, n)), 3);
    const Tensor dA = on_device(A, 2), dB = on_device(B, 1);
    case_is("%s, C (%d, %d), inner size %d", name, m, n, k);
    gpu_counts_clear();
    gpu_matmul(NULL, MATMUL_SHARED, layout, dA, dB, (MatmulEnd){0}, C);
    gpu_wait(NULL);
    /* Each block of 32 x 32 loads its rows of op(A) and columns of op(B) once. */
    const double most =
        (double)((n + 31) / 32) * m * k + (double)((m + 31) / 32) * n * k;
    expect("C", from_device(C), want, TOLERANCE);
    mistake("the sum over the first 32 of the inner size: go through all tiles", first);
    expect_loads(most, "a kernel that reads an element from global memory more than "
                       "once a block: keep it in shared memory");
}

static void matmul(void) {
    matmul_case(MATMUL_NN, "C = A B", 40, 50, 70);
    matmul_case(MATMUL_NT, "C = A B^T", 33, 17, 65);
    matmul_case(MATMUL_TN, "C = A^T B", 20, 40, 31);
}

/* ---- 6.5 ------------------------------------------------------------------------- */

enum { KEYS = 4 }; /* that the kernel takes at once */

/* One head's attention, four keys after the other; `shrink_O`, `shrink_sum`: what is
 * brought to a new maximum. */
static double *one_pass(int n, int d, int ld, const double *qkv, bool shrink_O,
                        bool shrink_sum) {
    double *O = doubles((long)n * d), s[KEYS];
    for (int i = 0; i < n; i++) {
        const double *q = qkv + (long)i * ld;
        double most = -INFINITY, sum = 0, *o = O + (long)i * d;
        for (int j = 0; j < n; j += KEYS) {
            double larger = most;
            for (int k = 0; k < KEYS; k++) {
                s[k] = j + k < n ? dot(d, q, qkv + (long)(j + k) * ld + d) / sqrt(d)
                                 : -INFINITY;
                larger = fmax(larger, s[k]);
            }
            const double shrink = exp(most - larger);
            sum *= shrink_sum ? shrink : 1;
            for (int c = 0; c < d; c++) {
                o[c] *= shrink_O ? shrink : 1;
            }
            for (int k = 0; k < KEYS && j + k < n; k++) {
                const double *v = qkv + (long)(j + k) * ld + 2 * d;
                const double p = exp(s[k] - larger);
                sum += p;
                for (int c = 0; c < d; c++) {
                    o[c] += p * v[c];
                }
            }
            most = larger;
        }
        for (int c = 0; c < d; c++) {
            o[c] /= sum;
        }
    }
    return O;
}

static void attention_case(int n, int d) {
    begin_device();
    Tensor qkv = normal('q', SHAPE(1, n, 3 * d));
    tensor_scale(qkv, 2);
    const double *x = doubles_of(qkv);
    Tensor O = on_device(unset(SHAPE(1, n, d)), 0);
    AttentionKept kept;
    gpu_attention_shapes(ATTENTION_FUSED, 1, 1, n, &kept);
    kept.lse = on_device(unset(kept.lse), 0);
    const Tensor device_qkv = on_device(qkv, 0);
    case_is("%d tokens, one head of %d", n, d);
    gpu_attention_forward(NULL, ATTENTION_FUSED, 1, device_qkv, &kept, O);
    expect("O", from_device(O), one_pass(n, d, 3 * d, x, true, true), 2e-5);
    mistake(
        "an output that is not brought to the new maximum: O shrinks as the sum does",
        one_pass(n, d, 3 * d, x, false, true));
    mistake("a sum that is not brought to the new maximum",
            one_pass(n, d, 3 * d, x, true, false));
    mistake("neither output nor sum brought to the new maximum",
            one_pass(n, d, 3 * d, x, false, false));
}

static void attention(void) {
    attention_case(7, 8);
    attention_case(50, 16);
}

/* ---- 6.6 ------------------------------------------------------------------------- */

static void adamw(void) {
    enum { COUNT = 300 };
    begin_device();
    const AdamW o = {.beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-3, .weight_decay = 0.3};
    const double lr = 0.05, clip = 0.25;
    const DecayRun runs[2] = {{100, 0.3f}, {COUNT, 0}};
    const GpuStepResult result = {.clip_scale = (float)clip};
    Tensor w = normal('w', SHAPE(COUNT)), g = normal('g', w), m = normal('m', w),
           v = normal('v', w);
    for (int i = 0; i < COUNT; i++) {
        v.data[i] *= v.data[i];
    }
    const double *w0 = doubles_of(w), *g0 = doubles_of(g), *m0 = doubles_of(m),
                 *v0 = doubles_of(v);
    double *W[3] = {doubles(COUNT), doubles(COUNT), doubles(COUNT)};
    double *m_want = doubles(COUNT), *v_want = doubles(COUNT);
    for (int i = 0; i < COUNT; i++) {
        for (int wrong = 0; wrong < 3; wrong++) { /* 1: not clipped, 2: all decay */
            const double G = g0[i] * (wrong == 1 ? 1 : clip);
            const double M = 0.9 * m0[i] + 0.1 * G, V = 0.99 * v0[i] + 0.01 * G * G;
            const double decay = i < 100 || wrong == 2 ? lr * 0.3 : 0;
            W[wrong][i] =
                (1 - decay) * w0[i] -
                lr * (M / (1 - pow(0.9, 3))) / (sqrt(V / (1 - pow(0.99, 3))) + 1e-3);
            if (wrong == 0) {
                m_want[i] = M;
                v_want[i] = V;
            }
        }
    }
    Tensor D[4] = {on_device(w, 0), on_device(g, 0), on_device(m, 0), on_device(v, 0)};
    const void *device_runs = device_bytes(runs, sizeof runs),
               *device_result = device_bytes(&result, sizeof result);
    case_is("%d numbers, step 3, clip_scale %.2f; the first 100 decay", COUNT, clip);
    gpu_counts_clear();
    gpu_adamw_step(NULL, &o, lr, 3, COUNT, device_runs, 2, D[0].data, D[1].data,
                   D[2].data, D[3].data, device_result);
    expect("w", from_device(D[0]), W[0], TOLERANCE);
    mistake("a step by the gradient before clipping: g is gradients times clip_scale",
            W[1]);
    mistake(
        "decay for every parameter: kept_share(runs, run_count, i, s.lr) knows which",
        W[2]);
    expect("m", from_device(D[2]), m_want, TOLERANCE);
    expect("v", from_device(D[3]), v_want, TOLERANCE);
}

const Exercise exercises[] = {
    {"6.1", "Answers: blocks, sectors, tiles",
     "Predict; compare with ./chapter6 --counts.",
     "ceil(n / 256); a sector holds 8 floats; each tile of 32 x 32 is used by 32 rows.",
     "the lesson; the table of ./chapter6 --counts", predict},
    {"6.2", "GELU's kernel (forward)",
     "gpu_gelu.cu: the body of `forward`: element i < count, at row i / cols, column "
     "i % cols; add b (unless NULL) and keep the sum in pre; Y = apply<f>(x).",
     "Rows of pre are ld_pre apart, those of Y ld_Y; a thread past the end does "
     "nothing.",
     "the lesson, \"The forward pass\"; gpu_gelu.h", gelu},
    {"6.3", "softmax in one pass (forward_online)",
     "gpu_softmax.cu: a warp a row. Each lane keeps a maximum and a sum over its "
     "columns "
     "lane, lane + 32, ...; then warp_max, warp_sum; then write. At most two loads an "
     "element.",
     "When a larger maximum comes, the sum so far shrinks by exp(old - new).",
     "the head of gpu_softmax.cu; the lesson", softmax},
    {"6.4", "matmul with tiles in shared memory (shared_tiles)",
     "gpu_matmul.cu: bring 32 x 32 of op(A) and op(B) into shared memory (0 outside), "
     "barrier, 32 multiply-adds, barrier. Each element is loaded once a block.",
     "A[l][i] and B[l][j]; *at_A<layout>(p, i, l) reads op(A)[i][l]; two barriers a "
     "tile.",
     "the head of gpu_matmul.cu; the lesson", matmul},
    {"6.5", "attention in one kernel (forward)",
     "gpu_attention_fused.cu: four keys' scores s[] and `larger`, the largest of them "
     "and of `most`, are there: bring sum and o to it, then p = exp(s[k] - most), add "
     "p to sum and p V[j + k] to o.",
     "Whatever was added under the old maximum is too large by exp(new - old).",
     "the head of gpu_attention_fused.cu; the lesson", attention},
    {"6.6", "AdamW's kernel (adamw_kernel)",
     "gpu_adamw.cu: one element a thread: clip, m, v, w, as adamw.c does.",
     "g = gradients[i] * result->clip_scale; s.rate and s.root_of_v have the "
     "corrections.",
     "notes/05, 5 and 6; gpu_adamw.h", adamw},
};
const int exercise_count = sizeof exercises / sizeof exercises[0];
