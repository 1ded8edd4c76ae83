/*
 * gpu_cublaslt.cu: see gpu_cublaslt.h.
 *
 * cuBLASLt thinks in columns: to it our C (m, n), row by row, is C^T (n, m), column by
 * column. So it is asked for C^T = op(B)^T op(A)^T, with B as its first factor; what it
 * must transpose is what our layout doesn't.
 */
#include "chapters/06_cuda_training/kernels/gpu_cublaslt.h"

#include <stdio.h>
#include <stdlib.h>

#include "chapters/06_cuda_training/kernels/gpu_kernel.h"

#ifndef HAVE_CUBLASLT

bool cublaslt_available(void) {
    return false;
}

size_t cublaslt_workspace_bytes(void) {
    return 0;
}

bool cublaslt_open(Error *) {
    return true;
}

void cublaslt_close(void) {
}

void cublaslt_matmul(GpuStream, bool, MatmulForm, Tensor, Tensor, Tensor) {
    bug("cublaslt_matmul: this program was built without cuBLASLt: ask "
        "gpu_matmul_available first");
}

#else

#include <cublasLt.h>

static const size_t WORKSPACE_BYTES = 32u << 20;
static cublasLtHandle_t handle;
static void *workspace;

/* A product's description and the algorithm chosen for it: searched once a shape. */
struct Plan {
    bool tf32, accumulate, has_bias;
    MatmulLayout layout;
    int m, n, k, ld_A, ld_B, ld_C;
    unsigned alignment; /* of A, B and C in bytes: 4 to 16 */
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

bool cublaslt_available(void) {
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

static bool same(const Plan &a, const Plan &b) {
    return a.tf32 == b.tf32 && a.accumulate == b.accumulate &&
           a.has_bias == b.has_bias && a.layout == b.layout && a.m == b.m &&
           a.n == b.n && a.k == b.k && a.ld_A == b.ld_A && a.ld_B == b.ld_B &&
           a.ld_C == b.ld_C && a.alignment == b.alignment;
}

static void set(Plan *p, cublasLtMatmulDescAttributes_t what, const void *value,
                size_t bytes) {
    CUBLAS_MUST(cublasLtMatmulDescSetAttribute(p->description, what, value, bytes));
}

/* A matrix of ours, (rows, cols) row by row, is (cols, rows) to cuBLASLt. */
static void describe(cublasLtMatrixLayout_t *to, int rows, int cols, int ld) {
    CUBLAS_MUST(cublasLtMatrixLayoutCreate(to, CUDA_R_32F, static_cast<uint64_t>(cols),
                                           static_cast<uint64_t>(rows), ld));
}

/* Sums of parts of k in a kernel of their own, in order: the same bits every time. */
static const uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;

/* bias: any of this plan's biases; the search wants to see one. */
static void make_plan(Plan *p, const float *bias) {
    const cublasComputeType_t compute =
        p->tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
    CUBLAS_MUST(cublasLtMatmulDescCreate(&p->description, compute, CUDA_R_32F));
    const cublasOperation_t first = p->layout == MATMUL_NT ? CUBLAS_OP_T : CUBLAS_OP_N;
    const cublasOperation_t second = p->layout == MATMUL_TN ? CUBLAS_OP_T : CUBLAS_OP_N;
    set(p, CUBLASLT_MATMUL_DESC_TRANSA, &first, sizeof first);
    set(p, CUBLASLT_MATMUL_DESC_TRANSB, &second, sizeof second);
    if (p->has_bias) {
        const cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_BIAS;
        set(p, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue);
        set(p, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias);
    }
    const bool A_turned = p->layout == MATMUL_TN, B_turned = p->layout == MATMUL_NT;
    describe(&p->A, A_turned ? p->k : p->m, A_turned ? p->m : p->k, p->ld_A);
    describe(&p->B, B_turned ? p->n : p->k, B_turned ? p->k : p->n, p->ld_B);
    describe(&p->C, p->m, p->n, p->ld_C);
    cublasLtMatmulPreference_t preference;
    cublasLtMatmulHeuristicResult_t found;
    int count = 0;
    CUBLAS_MUST(cublasLtMatmulPreferenceCreate(&preference));
    CUBLAS_MUST(cublasLtMatmulPreferenceSetAttribute(
        preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &WORKSPACE_BYTES,
        sizeof WORKSPACE_BYTES));
    CUBLAS_MUST(cublasLtMatmulPreferenceSetAttribute(
        preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &reductions,
        sizeof reductions));
    const cublasLtMatmulPreferenceAttributes_t alignments[] = {
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES};
    for (int i = 0; i < 4; i++) {
        const uint32_t bytes = p->alignment;
        CUBLAS_MUST(cublasLtMatmulPreferenceSetAttribute(preference, alignments[i],
                                                         &bytes, sizeof bytes));
    }
    CUBLAS_MUST(cublasLtMatmulAlgoGetHeuristic(handle, p->description, p->B, p->A, p->C,
                                               p->C, preference, 1, &found, &count));
    CUBLAS_MUST(cublasLtMatmulPreferenceDestroy(preference));
    must(count > 0 ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED,
         "the search for an algorithm", __LINE__);
    p->algorithm = found.algo;
}

/* The largest power of two, up to 16, that divides all three addresses. */
static unsigned alignment_of(Tensor A, Tensor B, Tensor C) {
    const uintptr_t bits = reinterpret_cast<uintptr_t>(A.data) |
                           reinterpret_cast<uintptr_t>(B.data) |
                           reinterpret_cast<uintptr_t>(C.data) | 16u;
    return static_cast<unsigned>(bits & (~bits + 1));
}

static Plan *plan_for(const Plan &wanted, const float *bias) {
    for (int i = 0; i < plan_count; i++) {
        if (same(plans[i], wanted)) {
            return &plans[i];
        }
    }
    if (plan_count == MAX_PLANS) {
        bug("cublaslt_matmul: more than %d different products", MAX_PLANS);
    }
    Plan *p = &plans[plan_count++];
    *p = wanted;
    make_plan(p, bias);
    return p;
}

void cublaslt_matmul(GpuStream stream, bool tf32, MatmulForm form, Tensor A, Tensor B,
                     Tensor C) {
    if (!handle) {
        bug("cublaslt_matmul: gpu_matmul_make_workspace comes first");
    }
    Plan wanted = {};
    wanted.tf32 = tf32;
    wanted.accumulate = form.accumulate;
    wanted.has_bias = form.bias != NULL;
    wanted.layout = form.layout;
    wanted.m = tensor_rows(C);
    wanted.n = tensor_cols(C);
    wanted.k = form.layout == MATMUL_TN ? tensor_rows(A) : tensor_cols(A);
    wanted.ld_A = A.ld;
    wanted.ld_B = B.ld;
    wanted.ld_C = C.ld;
    wanted.alignment = alignment_of(A, B, C);
    Plan *p = plan_for(wanted, form.bias);
    if (form.bias) {
        set(p, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &form.bias, sizeof form.bias);
    }
    const float one = 1, beta = form.accumulate ? 1.0f : 0.0f;
    CUBLAS_MUST(cublasLtMatmul(handle, p->description, &one, B.data, p->B, A.data, p->A,
                               &beta, C.data, p->C, C.data, p->C, &p->algorithm,
                               workspace, WORKSPACE_BYTES, stream));
}

#endif
