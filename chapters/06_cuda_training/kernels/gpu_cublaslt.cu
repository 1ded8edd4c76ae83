/*
 * gpu_cublaslt.cu: NVIDIA's matrix product, to compare ours with (gpu_matmul_parts.h).
 *
 * cuBLASLt stores matrices by columns: our C (m, n), stored by rows, is its C^T (n, m).
 * So it is asked for C^T = op(B)^T op(A)^T, with B as its first factor; it transposes
 * the factor that our layout transposes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/06_cuda_training/kernels/gpu_matmul_parts.h"

#ifndef HAVE_CUBLASLT

bool gpu_matmul_available(MatmulVersion version) {
    return version < MATMUL_CUBLAS;
}

size_t cublaslt_workspace_bytes(void) {
    return 0;
}

bool cublaslt_open(Error *) {
    return true;
}

void cublaslt_close(void) {
}

void cublaslt_matmul(GpuStream, bool, MatmulLayout, MatmulProduct) {
    bug("cublaslt_matmul: this program was built without cuBLASLt: ask "
        "gpu_matmul_available first");
}

#else

#include <cublasLt.h>

static const size_t WORKSPACE_BYTES = 32u << 20;
static cublasLtHandle_t handle;
static void *workspace;

/* What distinguishes products. Compared byte by byte: each member has 4 bytes. */
struct Key {
    int tf32, accumulate, has_bias;
    MatmulLayout layout;
    int m, n, k, ld_A, ld_B, ld_C;
    unsigned alignment; /* of A, B and C in bytes: 4 to 16 */
};

/* A product's description and the algorithm chosen for it: searched once per key. */
struct Plan {
    Key key;
    cublasLtMatmulDesc_t description;
    cublasLtMatrixLayout_t A, B, C;
    cublasLtMatmulAlgo_t algorithm;
};
enum { MAX_PLANS = 128 };
static Plan plans[MAX_PLANS];
static int plan_count;

static void must(cublasStatus_t status, const char *what, int line) {
    if (status != CUBLAS_STATUS_SUCCESS) {
        fflush(stdout);
        fprintf(stderr,
                "chapter6: %s failed (gpu_cublaslt.cu:%d): %s; our own kernels need no "
                "library: --matmul vectorised\n",
                what, line, cublasLtGetStatusString(status));
        exit(1);
    }
}
#define CUBLAS_MUST(call) must((call), #call, __LINE__)

bool gpu_matmul_available(MatmulVersion) {
    return true;
}

size_t cublaslt_workspace_bytes(void) {
    return WORKSPACE_BYTES;
}

bool cublaslt_open(Error *error) {
    if (!handle) {
        workspace = gpu_allocate(WORKSPACE_BYTES, "cuBLASLt's workspace", error);
        if (!workspace) {
            return false;
        }
        CUBLAS_MUST(cublasLtCreate(&handle));
    }
    return true;
}

void cublaslt_close(void) {
    for (int i = 0; i < plan_count; i++) {
        cublasLtMatmulDescDestroy(plans[i].description);
        cublasLtMatrixLayoutDestroy(plans[i].A);
        cublasLtMatrixLayoutDestroy(plans[i].B);
        cublasLtMatrixLayoutDestroy(plans[i].C);
    }
    plan_count = 0;
    if (handle) {
        cublasLtDestroy(handle);
        gpu_free(workspace);
    }
    handle = NULL;
    workspace = NULL;
}

template <class T>
static void set(Plan *p, cublasLtMatmulDescAttributes_t what, const T &value) {
    CUBLAS_MUST(
        cublasLtMatmulDescSetAttribute(p->description, what, &value, sizeof value));
}

template <class T>
static void prefer(cublasLtMatmulPreference_t p,
                   cublasLtMatmulPreferenceAttributes_t what, const T &value) {
    CUBLAS_MUST(cublasLtMatmulPreferenceSetAttribute(p, what, &value, sizeof value));
}

/* A matrix of ours, (rows, cols) row by row, is (cols, rows) to cuBLASLt. */
static void describe(cublasLtMatrixLayout_t *to, int rows, int cols, int ld) {
    CUBLAS_MUST(
        cublasLtMatrixLayoutCreate(to, CUDA_R_32F, (uint64_t)cols, (uint64_t)rows, ld));
}

/* bias: any bias of this plan; the search needs one. */
static void make_plan(Plan *p, const float *bias) {
    const Key &key = p->key;
    const bool A_turned = key.layout == MATMUL_TN, B_turned = key.layout == MATMUL_NT;
    CUBLAS_MUST(cublasLtMatmulDescCreate(
        &p->description, key.tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F,
        CUDA_R_32F));
    set(p, CUBLASLT_MATMUL_DESC_TRANSA, B_turned ? CUBLAS_OP_T : CUBLAS_OP_N);
    set(p, CUBLASLT_MATMUL_DESC_TRANSB, A_turned ? CUBLAS_OP_T : CUBLAS_OP_N);
    if (key.has_bias) {
        set(p, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
        set(p, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
    }
    describe(&p->A, A_turned ? key.k : key.m, A_turned ? key.m : key.k, key.ld_A);
    describe(&p->B, B_turned ? key.n : key.k, B_turned ? key.k : key.n, key.ld_B);
    describe(&p->C, key.m, key.n, key.ld_C);
    cublasLtMatmulPreference_t wish;
    cublasLtMatmulHeuristicResult_t found;
    int count = 0;
    CUBLAS_MUST(cublasLtMatmulPreferenceCreate(&wish));
    prefer(wish, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, WORKSPACE_BYTES);
    /* A kernel of its own adds the parts of k, in order: always the same bits. */
    const uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
    prefer(wish, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, reductions);
    prefer(wish, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, key.alignment);
    prefer(wish, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, key.alignment);
    prefer(wish, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, key.alignment);
    prefer(wish, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, key.alignment);
    CUBLAS_MUST(cublasLtMatmulAlgoGetHeuristic(handle, p->description, p->B, p->A, p->C,
                                               p->C, wish, 1, &found, &count));
    CUBLAS_MUST(cublasLtMatmulPreferenceDestroy(wish));
    must(count > 0 ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED,
         "the search for an algorithm", __LINE__);
    p->algorithm = found.algo;
}

/* The largest power of two, up to 16, that divides all three addresses. */
static unsigned alignment_of(const MatmulProduct &p) {
    const uintptr_t bits = (uintptr_t)p.A | (uintptr_t)p.B | (uintptr_t)p.C | 16u;
    return (unsigned)(bits & (~bits + 1));
}

static Plan *plan_for(const Key &key, const float *bias) {
    for (int i = 0; i < plan_count; i++) {
        if (memcmp(&plans[i].key, &key, sizeof key) == 0) {
            return &plans[i];
        }
    }
    if (plan_count == MAX_PLANS) {
        bug("cublaslt_matmul: more than %d different products", MAX_PLANS);
    }
    Plan *p = &plans[plan_count++];
    p->key = key;
    make_plan(p, bias);
    return p;
}

void cublaslt_matmul(GpuStream stream, bool tf32, MatmulLayout layout,
                     MatmulProduct p) {
    if (!handle) {
        bug("cublaslt_matmul: gpu_matmul_make_workspace comes first");
    }
    const Key key = {
        tf32,   p.accumulate, p.bias != NULL, layout,         p.m, p.n, p.k,
        p.ld_A, p.ld_B,       p.ld_C,         alignment_of(p)};
    Plan *plan = plan_for(key, p.bias);
    if (p.bias) {
        set(plan, CUBLASLT_MATMUL_DESC_BIAS_POINTER, p.bias);
    }
    const float one = 1, beta = p.accumulate ? 1.0f : 0.0f;
    CUBLAS_MUST(cublasLtMatmul(handle, plan->description, &one, p.B, plan->B, p.A,
                               plan->A, &beta, p.C, plan->C, p.C, plan->C,
                               &plan->algorithm, workspace, WORKSPACE_BYTES, stream));
}

#endif
