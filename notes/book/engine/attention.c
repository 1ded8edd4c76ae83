/*
 * attention.c: attention on tensors small enough to read (chapter 2), each line of
 * forward and backward by itself. The examples are the program's: 0, the one with a
 * pencil (its section 2.1); 1, five tokens of random numbers (section 2.4).
 */
#include "notes/book/engine/engine.h"

#include <math.h>

#include "chapters/02_scaled_dot_product_attention/attention_demos.h"
#include "common/matmul.h"
#include "common/real_math.h"

enum { PENCIL, FIVE_TOKENS, EXAMPLES };

static double example = PENCIL, loss;

static real memory[PASS_ELEMENTS], steps[PASS_ELEMENTS];
static Pass pass;
/* What attention_forward keeps to itself: Q K^T; S, scaled; with the mask; and of each
 * row the largest score, which its softmax takes out, the exponentials and their sum.
 * And backward's mean: of each row the sum of dA o A. */
static Tensor product, S, masked, max, exponentials, sum, mean;

/* The example with a pencil. */
static real q[] = {1, 0, 1, 0, /**/ 0, 1, 0, -1};
static real k[] = {1, 1, 1, 1, /**/ 0, 1, 0, -1, /**/ 2, -1, 2, 1};
static real v[] = {1, 0, /**/ 0, 2, /**/ 2, 1};
static real d_o[] = {1, 0, /**/ -2, 1};

static bool start(Error *error) {
    (void)error;
    const Arena arena = {memory, 0, PASS_ELEMENTS};
    if (example == PENCIL) {
        pass = pass_in(arena, 2, 3, 4, 2);
        tensor_copy(pass.Q, tensor2(q, 2, 4));
        tensor_copy(pass.K, tensor2(k, 3, 4));
        tensor_copy(pass.V, tensor2(v, 3, 2));
        tensor_copy(pass.dO, tensor2(d_o, 2, 2));
    } else {
        pass = pass_in(arena, 5, 5, 4, 3);
        pass_draw(&pass, 4, 1);
    }
    const int n = tensor_rows(pass.A), m = tensor_cols(pass.A);
    Arena more = {steps, 0, PASS_ELEMENTS};
    tensor_fill(pass.mask, 0);
    pass.masked = true;
    product = arena_tensor2(&more, n, m);
    S = arena_tensor2(&more, n, m);
    masked = arena_tensor2(&more, n, m);
    exponentials = arena_tensor2(&more, n, m);
    max = arena_tensor1(&more, n);
    sum = arena_tensor1(&more, n);
    mean = arena_tensor1(&more, n);
    return true;
}

static bool mask_future(Error *error) {
    (void)error;
    pass_mask_future(&pass);
    return true;
}

/* attention_forward's lines, one by one, up to the softmax's terms. */
static bool scores(Error *error) {
    matmul_nt(pass.Q, pass.K, product);
    tensor_copy(S, product);
    tensor_scale(S, R(1) / real_sqrt((real)tensor_cols(pass.Q)));
    tensor_copy(masked, S);
    tensor_add(masked, pass.mask);
    for (int i = 0; i < tensor_rows(masked); i++) {
        const real *s = tensor_row(masked, i);
        real most = -R(INFINITY), total = 0;
        for (int j = 0; j < tensor_cols(masked); j++) {
            most = s[j] > most ? s[j] : most;
        }
        for (int j = 0; j < tensor_cols(masked); j++) {
            const real e = real_exp(s[j] - most);
            tensor_row(exponentials, i)[j] = e;
            total += e;
        }
        max.data[i] = most;
        sum.data[i] = total;
        if (!(most > -R(INFINITY))) { /* the layer itself would stop the program */
            return error_set(error,
                             "attention_forward: the mask forbids query %d every key, "
                             "so its softmax has nothing to sum. Let each query see "
                             "at least itself.",
                             i);
        }
    }
    return true;
}

static bool run(Error *error) {
    if (!scores(error)) {
        return false;
    }
    pass_forward(&pass);
    pass_backward(&pass);
    for (int i = 0; i < tensor_rows(mean); i++) {
        mean.data[i] =
            (real)tensor_dot(tensor_slice(pass.d.dA, i), tensor_slice(pass.A, i));
    }
    loss = tensor_dot(pass.dO, pass.O);
    return true;
}

static const EngineFunction functions[] = {
    {"start", start}, {"mask_future", mask_future}, {"run", run}, {NULL, NULL}};
static const EngineNumber numbers[] = {{"example", &example, 0, EXAMPLES - 1, true},
                                       {"loss", &loss, -HUGE_VAL, HUGE_VAL, false},
                                       {.name = NULL}};
static const EngineTensor tensors[] = {
    {"Q", &pass.Q},       {"K", &pass.K},        {"V", &pass.V},
    {"mask", &pass.mask}, {"product", &product}, {"S", &S},
    {"masked", &masked},  {"max", &max},         {"exponentials", &exponentials},
    {"sum", &sum},        {"A", &pass.A},        {"O", &pass.O},
    {"dO", &pass.dO},     {"dV", &pass.d.dV},    {"dA", &pass.d.dA},
    {"mean", &mean},      {"dS", &pass.d.dS},    {"dQ", &pass.d.dQ},
    {"dK", &pass.d.dK},   {NULL, NULL}};

const EngineSubject attention_subject = {"attention", functions, numbers, tensors,
                                         NULL};
