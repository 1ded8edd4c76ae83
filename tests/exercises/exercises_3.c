/* exercises_3.c: multi-head attention and positions, graded. See exercise.h. */
#include <math.h>
#include <stddef.h>

#include "arena.h"
#include "exercise.h"
#include "multi_head_attention.h"
#include "naive_layers.h"
#include "parameters.h"
#include "positions.h"

const int chapter_number = 3;
const char chapter_title[] = "multi-head attention and positions";

#define TOLERANCE 1e-11
#define GRADIENT_TOLERANCE 1e-7 /* of differences */

/* ---- 3.1 ------------------------------------------------------------------------- */

static void predict(void) {
    ask('a',
        "D = 8, h = 2 heads: in [q | k | v] (n, 24), the first column (from 0) of V "
        "of head 1.",
        20, 1e-9);
    mistake_number("the column of K: V's third begins at 2 D", 12);
    mistake_number("the column of head 0", 16);
    mistake_number("the column within V alone", 4);
    ask('b', "The parameters of multi-head attention with D = 64, biases included.",
        4.0 * 64 * 64 + 4 * 64, 1e-9);
    mistake_number("the count without biases", 4.0 * 64 * 64);
    mistake_number("the count without the output projection W_O",
                   3.0 * 64 * 64 + 3 * 64);
    ask('c',
        "Eight heads in place of four, D the same: how many times the "
        "multiply-adds of Q K^T?",
        1, 1e-9);
    mistake_number("a factor of 2: twice the heads, but each half as wide", 2);
}

/* ---- a layer, and the same in double --------------------------------------------- */

typedef struct {
    int B, n, D, heads;
    MultiHeadAttention layer, d;
    MultiHeadAttentionActivations a;
    MultiHeadAttentionScratch s;
    Tensor z, Y, dY;
    NaiveMultiHeadAttention naive;
    double *z_naive, *C;
} Bench;

static void lay_out(Bench *b, Arena *arena) {
    multi_head_attention_activations(&b->a, arena, b->B, b->n, b->D, b->heads);
    multi_head_attention_scratch(&b->s, arena, b->B, b->n, b->D);
}

static Bench make_bench(int B, int n, int D, int heads) {
    Bench b = {.B = B, .n = n, .D = D, .heads = heads};
    const int count = 4 * D * D + 4 * D;
    Tensor weights = normal('W', SHAPE(count)), gradients = zeros(SHAPE(count));
    tensor_scale(weights, (real)0.5);
    ParameterBlock in = {.data = weights.data}, out = {.data = gradients.data};
    multi_head_attention_parameters(&b.layer, &in, D, heads, "");
    multi_head_attention_parameters(&b.d, &out, D, heads, "");
    Arena plan = {0};
    lay_out(&b, &plan);
    Arena arena = {.block = zeros(SHAPE((int)plan.used)).data, .capacity = plan.used};
    lay_out(&b, &arena);
    b.z = normal('z', SHAPE(B, n, D));
    b.dY = normal('C', SHAPE(B, n, D));
    b.Y = unset(b.z);
    b.naive = (NaiveMultiHeadAttention){.D = D,
                                        .heads = heads,
                                        .W_qkv = doubles_of(b.layer.W_qkv),
                                        .b_qkv = doubles_of(b.layer.b_qkv),
                                        .W_O = doubles_of(b.layer.W_O),
                                        .b_O = doubles_of(b.layer.b_O)};
    b.z_naive = doubles_of(b.z);
    b.C = doubles_of(b.dY);
    case_is("%d images, %d tokens, D = %d, %d heads", B, n, D, heads);
    return b;
}

static double *naive_forward(const Bench *b, const NaiveMultiHeadAttention *layer) {
    double *Y = doubles((long)b->B * b->n * b->D);
    naive_multi_head_attention(layer, b->B, b->n, b->z_naive, NULL, Y);
    return Y;
}

/* The layer with its keys' and values' weights exchanged. */
static NaiveMultiHeadAttention keys_and_values_swapped(const Bench *b) {
    NaiveMultiHeadAttention other = b->naive;
    const long D = b->D, third = D * D;
    other.W_qkv = doubles(3 * third);
    other.b_qkv = doubles(3 * D);
    for (long part = 0; part < 3; part++) {
        const long from = part == 0 ? 0 : 3 - part;
        for (long i = 0; i < third; i++) {
            other.W_qkv[part * third + i] = b->naive.W_qkv[from * third + i];
        }
        for (long i = 0; i < D; i++) {
            other.b_qkv[part * D + i] = b->naive.b_qkv[from * D + i];
        }
    }
    return other;
}

/* The heads' results side by side in reverse order: W_O's columns move. */
static NaiveMultiHeadAttention heads_reversed(const Bench *b) {
    NaiveMultiHeadAttention other = b->naive;
    const int D = b->D, d_v = D / b->heads;
    other.W_O = doubles((long)D * D);
    for (int o = 0; o < D; o++) {
        for (int c = 0; c < D; c++) {
            const int head = b->heads - 1 - c / d_v;
            other.W_O[o * D + c] = b->naive.W_O[o * D + head * d_v + c % d_v];
        }
    }
    return other;
}

static NaiveMultiHeadAttention without_output_projection(const Bench *b) {
    NaiveMultiHeadAttention other = b->naive;
    other.W_O = doubles((long)b->D * b->D);
    other.b_O = doubles(b->D);
    for (int c = 0; c < b->D; c++) {
        other.W_O[c * b->D + c] = 1;
    }
    return other;
}

static NaiveMultiHeadAttention with_one_head(const Bench *b) {
    NaiveMultiHeadAttention other = b->naive;
    other.heads = 1;
    return other;
}

/* ---- 3.2 ------------------------------------------------------------------------- */

static void forward_case(int B, int n, int D, int heads) {
    Bench b = make_bench(B, n, D, heads);
    multi_head_attention_forward(&b.layer, b.z, &b.a, b.Y);
    expect("Y", b.Y, naive_forward(&b, &b.naive), TOLERANCE);
    const NaiveMultiHeadAttention swapped = keys_and_values_swapped(&b),
                                  reversed = heads_reversed(&b),
                                  plain = without_output_projection(&b),
                                  one = with_one_head(&b);
    mistake("MSA with keys and values exchanged: the columns are [q | k | v]",
            naive_forward(&b, &swapped));
    mistake("MSA with its heads' results in reverse order",
            naive_forward(&b, &reversed));
    mistake("the concatenated heads without the output projection W_O",
            naive_forward(&b, &plain));
    mistake("one head of width D: each head has its own D / h columns",
            naive_forward(&b, &one));
}

static void forward(void) {
    forward_case(2, 5, 6, 2);
    forward_case(1, 4, 12, 3);
    forward_case(3, 3, 4, 1);
}

/* ---- 3.3 ------------------------------------------------------------------------- */

static double loss(void *bench) {
    const Bench *b = bench;
    return dot((long)b->B * b->n * b->D, b->C, naive_forward(b, &b->naive));
}

static void backward_case(int B, int n, int D, int heads) {
    Bench b = make_bench(B, n, D, heads);
    const long DD = (long)D * D;
    multi_head_attention_forward(&b.layer, b.z, &b.a, b.Y);
    Tensor dz = unset(b.z);
    multi_head_attention_backward(&b.layer, &b.d, b.z, &b.a, b.dY, dz, &b.s);
    expect("dW_O", b.d.W_O, gradient(loss, &b, b.naive.W_O, DD), GRADIENT_TOLERANCE);
    mistake_if("a gradient of zeros: nothing was added to d",
               tensor_max_abs_difference(b.d.W_O, zeros(b.d.W_O)) == 0);
    expect("db_O", b.d.b_O, gradient(loss, &b, b.naive.b_O, D), GRADIENT_TOLERANCE);
    const double *dW_qkv = gradient(loss, &b, b.naive.W_qkv, 3 * DD);
    double *swapped = doubles(3 * DD);
    for (long i = 0; i < 3 * DD; i++) {
        const long part = i / DD, from = part == 0 ? 0 : 3 - part;
        swapped[i] = dW_qkv[from * DD + i % DD];
    }
    expect("dW_qkv", b.d.W_qkv, dW_qkv, GRADIENT_TOLERANCE);
    mistake("dK and dV in each other's columns of dqkv", swapped);
    expect("dz", dz, gradient(loss, &b, b.z_naive, (long)B * n * D),
           GRADIENT_TOLERANCE);
}

static void backward(void) {
    backward_case(2, 4, 6, 2);
    backward_case(1, 3, 6, 3);
}

/* ---- 3.4 ------------------------------------------------------------------------- */

static void sinusoid_case(int n, int D) {
    const long count = (long)n * D;
    double *want = doubles(count), *halves = doubles(count), *exponent = doubles(count),
           *swapped = doubles(count), *from_one = doubles(count);
    for (int pos = 0; pos < n; pos++) {
        for (int i = 0; i < D / 2; i++) {
            const double step = pow(10000, -2.0 * i / D);
            double *row = want + (long)pos * D, *half = halves + (long)pos * D,
                   *power = exponent + (long)pos * D, *other = swapped + (long)pos * D,
                   *late = from_one + (long)pos * D;
            row[2 * i] = half[i] = other[2 * i + 1] = sin(pos * step);
            row[2 * i + 1] = half[D / 2 + i] = other[2 * i] = cos(pos * step);
            power[2 * i] = sin(pos * pow(10000, -1.0 * i / D));
            power[2 * i + 1] = cos(pos * pow(10000, -1.0 * i / D));
            late[2 * i] = sin((pos + 1) * step);
            late[2 * i + 1] = cos((pos + 1) * step);
        }
    }
    case_is("%d positions, D = %d", n, D);
    Tensor PE = wide(unset(SHAPE(n, D)));
    sinusoid_positions(PE);
    expect("PE", PE, want, TOLERANCE);
    mistake("all sines, then all cosines: the equation has them in turn, in columns 2i "
            "and 2i + 1",
            halves);
    mistake("the exponent i / D: pair i has 2i / D", exponent);
    mistake("cosines in the even columns", swapped);
    mistake("positions from 1: they begin at 0", from_one);
}

static void sinusoids(void) {
    sinusoid_case(5, 8);
    sinusoid_case(50, 6);
}

/* ---- 3.5 ------------------------------------------------------------------------- */

static void positions_grade(void) {
    enum { B = 3, n = 4, D = 5 };
    Tensor dz = normal('d', SHAPE(B, n, D)), dE = zeros(SHAPE(n, D));
    const double *g = doubles_of(dz);
    double *want = doubles(n * D), *last = doubles(n * D), *mean = doubles(n * D),
           *fresh = doubles(n * D);
    for (int i = 0; i < n * D; i++) {
        for (int b = 0; b < B; b++) {
            fresh[i] += g[b * n * D + i];
        }
        want[i] = 1 + fresh[i];
        mean[i] = 1 + fresh[i] / B;
        last[i] = g[(B - 1) * n * D + i];
    }
    case_is("%d images, %d tokens, D = %d; dE_pos begins as ones", B, n, D);
    tensor_fill(dE, 1);
    positions_add_backward(dz, dE);
    expect("dE_pos", dE, want, TOLERANCE);
    mistake("the last image's share alone: every image uses the same E_pos", last);
    mistake("the mean over images: the sum is wanted, the loss has its own 1/B", mean);
    mistake("a gradient written over: it is added (+=)", fresh);
}

/* ---- 3.6 ------------------------------------------------------------------------- */

static void derive(void) {
    const double pi = 3.14159265358979323846;
    ask('a', "The wavelength of pair i = 0, in positions, to 3 digits.", 2 * pi, 2e-3);
    mistake_number("half a wave", pi);
    ask('b', "D = 64: the wavelength of the last pair, i = 31, to 3 digits.",
        2 * pi * pow(10000, 62.0 / 64), 3e-3);
    mistake_number("2 pi times 10000, which no pair reaches: i ends at D/2 - 1",
                   2 * pi * 10000);
    ask('c',
        "PE(pos + 5) is PE(pos) with each pair turned. By which angle is pair 0, in "
        "radians?",
        5, 1e-3);
    mistake_number("the angle in degrees", 5 * 180 / pi);
    ask_which(
        'd',
        "Without positions, two tokens of the input exchange places. Which is true "
        "of Y = MSA(z)? a: nothing changes. b: the same two rows of Y exchange "
        "places. c: all rows change.",
        "b");
}

const Exercise exercises[] = {
    {"3.1", "Answers: columns, parameters, cost", "Predict from shapes.",
     "qkv is [q | k | v], each D wide; head i has columns i d_k .. (i + 1) d_k - 1 of "
     "each.",
     "the lesson's symbols and worked example; notes/03, 1", predict},
    {"3.2", "multi_head_attention_forward",
     "multi_head_attention.c: head_of and concat_part as views (tensor_columns), then "
     "each head of each image by attention_forward, then W_O. For asking(...) see the "
     "file.",
     "Views, no copies: Q, K, V are columns of qkv; a head's result is written into "
     "its "
     "columns of concat.",
     "the lesson, \"The forward pass\"; notes/03, 1", forward},
    {"3.3", "multi_head_attention_backward",
     "multi_head_attention.c: from dY through W_O to dconcat, then each head by "
     "attention_backward into its columns of dqkv.",
     "head_of(dqkv ...) gives the views that dQ, dK and dV are written to.",
     "the lesson, \"The backward pass\"; notes/03, 2", backward},
    {"3.4", "sinusoid_positions",
     "positions.c: PE(pos, 2i) = sin(pos / 10000^(2i/D)), PE(pos, 2i+1) = cos(...).",
     "angle_step(i, D) is 10000^(-2i/D); sines in even columns, cosines in odd ones.",
     "notes/03 [AIAYN 3.5]", sinusoids},
    {"3.5", "positions_add_backward",
     "positions.c: forward adds the same E_pos to every image; what is its gradient?",
     "What is used B times has B gradients, which add up.", "notes/03",
     positions_grade},
    {"3.6", "Answers: waves and order", "Derive from [AIAYN 3.5].",
     "sin(pos w) repeats after 2 pi / w positions.", "notes/03 [AIAYN 3.5]", derive},
};
const int exercise_count = sizeof exercises / sizeof exercises[0];
