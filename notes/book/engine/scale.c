/*
 * scale.c: what scores of wide keys do to the softmax (chapter 2), with scores divided
 * by d_k to a power p of the reader's choice: 0 is no scale, 1/2 the course's. Queries
 * and keys are those that ./chapter2 draws in its section 2.3.
 */
#include "notes/book/engine/engine.h"

#include <math.h>

#include "chapters/02_scaled_dot_product_attention/sharpness.h"
#include "common/matmul.h"
#include "common/random.h"
#include "common/softmax.h"

enum { FIRST_D_K = 4, LAST_D_K = 1024, SIZES = 9, QUERIES = 256, KEYS = 64 };
enum { MEASURES = 3 }; /* entropy, largest, slope: sharpness.h */

static double power = 0.5, size = 4; /* d_k = 4 << size */

static real measured[SIZES * MEASURES], first[KEYS];
static Tensor sharpness = {measured, 2, {SIZES, MEASURES}, MEASURES};
static Tensor weights = {first, 1, {KEYS}, KEYS}; /* one query's, at this size */

/* Q K^T of every size: drawn and multiplied once. */
static real products[SIZES * QUERIES * KEYS];

static void draw(void) {
    static _Alignas(64) real drawn[(QUERIES + KEYS) * LAST_D_K];
    for (int s = 0; s < SIZES; s++) {
        Tensor both = tensor2(drawn, QUERIES + KEYS, FIRST_D_K << s);
        Tensor Q = tensor_first(both, QUERIES);
        Tensor K = tensor2(tensor_row(both, QUERIES), KEYS, FIRST_D_K << s);
        random_fill_normal((Random){3, RANDOM_DEMO, (uint32_t)s}, both, 1.0);
        matmul_nt(Q, K, tensor2(products + s * QUERIES * KEYS, QUERIES, KEYS));
    }
}

static bool measure(Error *error) {
    static real scores[QUERIES * KEYS];
    static double slopes[QUERIES];
    static bool drawn = false;
    (void)error;
    if (!drawn) {
        draw();
        drawn = true;
    }
    for (int s = 0; s < SIZES; s++) {
        Tensor A = tensor2(scores, QUERIES, KEYS);
        tensor_copy(A, tensor2(products + s * QUERIES * KEYS, QUERIES, KEYS));
        tensor_scale(A, (real)pow(FIRST_D_K << s, -power));
        softmax_forward(A, A);
        const Sharpness of = sharpness_of(A, slopes);
        real *row = tensor_row(sharpness, s);
        row[0] = (real)of.entropy;
        row[1] = (real)of.largest;
        row[2] = (real)of.slope;
        if (s == (int)size) {
            tensor_copy(weights, tensor_slice(A, 0));
        }
    }
    return true;
}

static const EngineFunction functions[] = {{"measure", measure}, {NULL, NULL}};
static const EngineNumber numbers[] = {{"power", &power, 0, 1, false},
                                       {"size", &size, 0, SIZES - 1, true},
                                       {.name = NULL}};
static const EngineTensor tensors[] = {
    {"sharpness", &sharpness}, {"weights", &weights}, {NULL, NULL}};

const EngineSubject scale_subject = {"scale", functions, numbers, tensors, NULL};
