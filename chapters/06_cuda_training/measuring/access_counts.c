/* access_counts.c: see access_counts.h. */
#include "chapters/06_cuda_training/measuring/access_counts.h"

#include <stdio.h>
#include <stdlib.h>

#include "chapters/06_cuda_training/kernels/gpu_attention.h"
#include "chapters/06_cuda_training/gpu_counts.h"
#include "chapters/06_cuda_training/kernels/gpu_gelu.h"
#include "chapters/06_cuda_training/kernels/gpu_layer_norm.h"
#include "chapters/06_cuda_training/kernels/gpu_matmul.h"
#include "chapters/06_cuda_training/kernels/gpu_softmax.h"
#include "common/random.h"
#include "common/lesson/report.h"

/* Device memory of one ladder, given back at its end. */
enum { MOST_TENSORS = 12 };
typedef struct {
    void *blocks[MOST_TENSORS];
    int count;
    Error error;
} Memory;

static void give_back(Memory *memory) {
    while (memory->count > 0) {
        gpu_free(memory->blocks[--memory->count]);
    }
}

/* A tensor of this shape on the device, from N(0, 1); data NULL: there is no memory. */
static Tensor device_random(Memory *memory, Tensor shape) {
    const size_t bytes = (size_t)tensor_count(shape) * sizeof(float);
    const Random random = {.seed = 6, .use = RANDOM_DEMO, .sequence = 3};
    Tensor host = shape, T = shape;
    host.data = malloc(bytes);
    T.data = gpu_allocate(bytes, "a ladder", &memory->error);
    if (host.data && T.data) {
        random_fill_normal(random, host, 1);
        gpu_upload(NULL, T.data, host.data, bytes);
        gpu_wait(NULL);
    }
    if (T.data && memory->count < MOST_TENSORS) {
        memory->blocks[memory->count++] = T.data;
    }
    free(host.data);
    return T;
}

/* ---- a table --------------------------------------------------------------------- */

static void print_header(const char *what, int rungs) {
    printf("\n%s\n", what);
    if (rungs > 0) {
        printf("              global            sectors      MB   shared     passes\n"
               "              loads    stores  a request   moved  accesses  a request"
               "   barriers\n");
    }
}

static double each(uint64_t all, uint64_t of) {
    return of > 0 ? (double)all / (double)of : 0;
}

static void print_row(const char *name, const CudaOnCpuCounts *c) {
    const uint64_t sectors = c->global_load.units + c->global_store.units;
    const uint64_t shared = c->shared_load.accesses + c->shared_store.accesses;
    printf("  %-12s %7.0f k %6.0f k %8.1f %9.2f", name,
           1e-3 * (double)c->global_load.accesses,
           1e-3 * (double)c->global_store.accesses,
           each(sectors, c->global_load.requests + c->global_store.requests),
           1e-6 * 32 * (double)sectors);
    if (shared > 0) {
        printf(" %7.0f k %8.1f", 1e-3 * (double)shared,
               each(c->shared_load.units + c->shared_store.units,
                    c->shared_load.requests + c->shared_store.requests));
    } else {
        printf("        -          ");
    }
    printf(" %9llu\n", (unsigned long long)c->barriers);
}

/* One rung: whatever `run` launches. */
typedef void Run(int version, const Tensor *T);

static int count_rungs(const char *const *names, int versions, Run *run,
                       const Tensor *T) {
    for (int version = 0; version < versions; version++) {
        CudaOnCpuCounts counts;
        gpu_counts_clear();
        run(version, T);
        gpu_wait(NULL);
        gpu_counts(&counts);
        print_row(names[version], &counts);
    }
    return versions;
}

static bool all_there(const Tensor *T, int count, const Memory *memory) {
    for (int i = 0; i < count; i++) {
        if (!T[i].data) {
            printf("  not counted: %s\n", memory->error.text);
            return false;
        }
    }
    return true;
}

/* ---- the ladders ----------------------------------------------------------------- */

static void run_nn(int version, const Tensor *T) {
    gpu_matmul(NULL, (MatmulVersion)version, MATMUL_NN, T[0], T[1], (MatmulEnd){0},
               T[2]);
}

static void run_nt(int version, const Tensor *T) {
    gpu_matmul(NULL, (MatmulVersion)version, MATMUL_NT, T[0], T[1], (MatmulEnd){0},
               T[2]);
}

static int count_matmul(void) {
    enum { SIZE = 128, OWN = MATMUL_CUBLAS }; /* cuBLASLt is no kernel of ours */
    Memory memory = {.count = 0};
    const Tensor shape = tensor2(NULL, SIZE, SIZE);
    const Tensor T[] = {device_random(&memory, shape), device_random(&memory, shape),
                        device_random(&memory, shape)};
    int rungs = 0;
    if (all_there(T, 3, &memory)) {
        print_header("matmul: C = A B, 128 x 128 x 128; A, B and C are 0.20 MB", OWN);
        rungs += count_rungs(gpu_matmul_names, OWN, run_nn, T);
        print_header("matmul: C = A B^T, a dense layer's Y = X W^T [ViT eq.5]", OWN);
        rungs += count_rungs(gpu_matmul_names, OWN, run_nt, T);
    }
    give_back(&memory);
    return rungs;
}

static void run_softmax(int version, const Tensor *T) {
    gpu_softmax_forward(NULL, (SoftmaxVersion)version, 0.25f, T[0], T[1]);
}

static int count_softmax(void) {
    enum { ROWS = 260, COLS = 65 };
    Memory memory = {.count = 0};
    const Tensor shape = tensor2(NULL, ROWS, COLS);
    const Tensor T[] = {device_random(&memory, shape), device_random(&memory, shape)};
    int rungs = 0;
    if (all_there(T, 2, &memory)) {
        print_header(
            "softmax: 260 rows of 65 scores; read once and written once: 0.14 MB",
            SOFTMAX_VERSIONS);
        rungs = count_rungs(gpu_softmax_names, SOFTMAX_VERSIONS, run_softmax, T);
    }
    give_back(&memory);
    return rungs;
}

static void run_layer_norm(int version, const Tensor *T) {
    gpu_layer_norm_forward(NULL, (LayerNormVersion)version, T[0], T[1], T[2], T[3],
                           T[4], T[5]);
}

static int count_layer_norm(void) {
    enum { ROWS = 260, D = 64 };
    Memory memory = {.count = 0};
    const Tensor X = tensor2(NULL, ROWS, D), row = tensor1(NULL, D);
    const Tensor column = tensor1(NULL, ROWS);
    const Tensor T[] = {device_random(&memory, X),      device_random(&memory, row),
                        device_random(&memory, row),    device_random(&memory, column),
                        device_random(&memory, column), device_random(&memory, X)};
    int rungs = 0;
    if (all_there(T, 6, &memory)) {
        print_header("layer norm: 260 rows of 64; read once and written once: 0.13 MB",
                     LAYER_NORM_VERSIONS);
        rungs =
            count_rungs(gpu_layer_norm_names, LAYER_NORM_VERSIONS, run_layer_norm, T);
    }
    give_back(&memory);
    return rungs;
}

static void run_gelu(int version, const Tensor *T) {
    gpu_bias_gelu_forward(NULL, (GeluVersion)version, T[0], T[1], T[2]);
}

static int count_gelu(void) {
    enum { ROWS = 260, M = 128 };
    Memory memory = {.count = 0};
    const Tensor X = tensor2(NULL, ROWS, M);
    const Tensor T[] = {device_random(&memory, X),
                        device_random(&memory, tensor1(NULL, M)),
                        device_random(&memory, X)};
    int rungs = 0;
    if (all_there(T, 3, &memory)) {
        print_header(
            "bias and GELU: 260 rows of 128; read once, written twice: 0.40 MB",
            GELU_VERSIONS);
        rungs = count_rungs(gpu_gelu_names, GELU_VERSIONS, run_gelu, T);
    }
    give_back(&memory);
    return rungs;
}

enum { HEADS = 4, TOKENS = 65, D_H = 16, IMAGES = 2 };

static void run_attention(int version, const Tensor *T) {
    AttentionKept kept;
    gpu_attention_shapes((AttentionVersion)version, IMAGES, HEADS, TOKENS, &kept);
    kept.A.data = kept.lse.data = T[2].data; /* the one or the other */
    gpu_attention_forward(NULL, (AttentionVersion)version, HEADS, T[0], &kept, T[1]);
}

static int count_attention(void) {
    enum { D = HEADS * D_H };
    Memory memory = {.count = 0};
    const Tensor T[] = {
        device_random(&memory, tensor3(NULL, IMAGES, TOKENS, 3 * D)),
        device_random(&memory, tensor3(NULL, IMAGES, TOKENS, D)),
        device_random(&memory, tensor4(NULL, IMAGES, HEADS, TOKENS, TOKENS))};
    int rungs = 0;
    if (all_there(T, 3, &memory)) {
        print_header(
            "attention: 2 images, 4 heads, 65 tokens, D_h 16; q, k, v read once, O\n"
            "written once: 0.13 MB; the scores would be 0.14 MB",
            ATTENTION_VERSIONS);
        rungs = count_rungs(gpu_attention_names, ATTENTION_VERSIONS, run_attention, T);
    }
    give_back(&memory);
    return rungs;
}

int access_counts_print(void) {
    if (!gpu_counts_clear()) {
        printf("not counted: these kernels were not compiled by g++ to be watched\n");
        return 0;
    }
    report_section("What each rung asks of memory, counted by cuda_on_cpu");
    printf(
        "A request is a warp's; global memory answers in sectors of 32 bytes, 4 for "
        "32\n"
        "neighbouring floats; shared memory in passes, 1 if no bank is asked twice.\n"
        "Moved: sectors times 32 bytes, as if there were no cache.\n");
    return count_matmul() + count_softmax() + count_layer_norm() + count_gelu() +
           count_attention();
}
