/*
 * exercises_6.c: CUDA kernels, graded on cuda_on_cpu. See exercise.h. The kernels are
 * compiled so that each access is watched: races stop them, and accesses are counted.
 */
#include <float.h>
#include <math.h>
#include <stddef.h>

#include "tests/exercises/exercise.h"
#include "tests/exercises/exercises_6.h"
#include "chapters/06_cuda_training/gpu.h"
#include "chapters/06_cuda_training/cuda_on_cpu/counts.h"
#include "chapters/06_cuda_training/kernels/gpu_gelu.h"
#include "chapters/06_cuda_training/kernels/gpu_softmax.h"
#include "tests/naive_layers.h"

const int chapter_number = 6;
const char chapter_title[] = "CUDA kernels";

#define TOLERANCE 1e-5 /* float */

/* ---- 6.1 ------------------------------------------------------------------------- */

static void predict(void) {
    ask('a',
        "10000 elements, blocks of 256 threads, one thread per element: how many "
        "threads have no element?",
        240, 1e-9);
    mistake_number("the number of blocks, not of threads: each block has 256", 40);
    mistake_number("the elements of the last block: it has 256 threads", 16);
    mistake_number("10000 / 256 rounded down: then 16 elements have no thread", 0);
    ask('b',
        "Lane l of a warp reads x[l + 1], and x begins at an address divisible by 128. "
        "How many sectors of 32 bytes?",
        5, 1e-9);
    mistake_number("what x[l] takes: these 32 floats begin 4 bytes further on", 4);
    mistake_number("a sector for each lane: a sector holds 8 floats", 32);
    ask('c', "Lane l reads x[2 * l] of the same x. How many sectors?", 8, 1e-9);
    mistake_number("32 floats packed closely: these are spread over 64", 4);
    mistake_number("a sector for each lane: four of them fall into one sector", 32);
    mistake_number("half of them: what isn't wanted comes with the sector", 2);
    ask('d',
        "C = A^T B by the naive kernel, all 128 x 128: thread (x, y) makes C[x][y] "
        "from A[l][x] and B[l][y]. How many sectors has a warp's load, as the mean of "
        "both loads?",
        2.5, 1e-9);
    mistake_number("what C = A B takes: here A is read along its rows", 16.5);
    mistake_number("A's load alone: B's is the same element for all lanes", 4);
    mistake_number("coalesced loads of A and of B: all lanes of a warp have the same y",
                   4.5);
    ask('e',
        "C = A B, all 1024 x 1024, tiles of 32 x 32 in shared memory: loads from "
        "global memory, in millions.",
        2.0 * 1024 * 1024 * 1024 / 32 / 1e6, 1e-2);
    mistake_number("the naive kernel's 2 m n k", 2.0 * 1024 * 1024 * 1024 / 1e6);
    mistake_number("loads: the answer is in millions of loads",
                   2.0 * 1024 * 1024 * 1024 / 32);
    mistake_number(
        "the size of A and B: each tile is loaded for every block that needs it",
        2.0 * 1024 * 1024 / 1e6);
    ask('f',
        "A tile is declared float t[32][34]. Lane l reads t[l][0]. How many passes "
        "does shared memory need?",
        2, 1e-9);
    mistake_number("what rows of 33 need: word 34 l is in bank 34 l mod 32", 1);
    mistake_number(
        "what rows of 32 need, where all words are in bank 0: these rows have 34", 32);
    ask_in_words(
        'g', "By the counts, *shared* asks for 1/18 of the bytes of *coalesced*. On an "
             "H200 it is only 1.15 times as fast (C = A B). Why?");
}

/* ---- 6.2 ------------------------------------------------------------------------- */

static double of_relu(double x) {
    return x > 0 ? x : 0;
}

static double relu_derivative(double x) {
    return x > 0 ? 1 : 0;
}

static Cost elements(double loads, double stores) {
    return (Cost){.loads = loads,
                  .stores = stores,
                  .lanes = 16,
                  .sectors = 8, /* a row's end, within a warp */
                  .apart =
                      "neighbours that are far apart: element i + 1 is element i's "
                      "neighbour in its row"};
}

/* Is each element f of pre and of some column's bias? */
static bool has_biases(Tensor Y, const double *x, const double *bias, bool relu) {
    const int cols = tensor_cols(Y);
    const double *y = doubles_of(Y);
    for (long i = 0; i < tensor_count(Y); i++) {
        bool any = false;
        for (int j = 0; j < cols && !any; j++) {
            const double sum = x[i] + bias[j];
            any = fabs(y[i] - (relu ? of_relu(sum) : naive_gelu(sum))) < 1e-5;
        }
        if (!any) {
            return false;
        }
    }
    return true;
}

static void add_bias_mistakes(Tensor got, const double *x, const double *bias) {
    const int cols = tensor_cols(got);
    const long count = tensor_count(got);
    double *alone = doubles(count), *twice = doubles(count);
    for (long i = 0; i < count; i++) {
        alone[i] = bias[i % cols];
        twice[i] = x[i] + 2 * alone[i];
    }
    mistake("pre as it was: add_bias adds b to it, before f", x);
    mistake("the bias alone, from add_bias: it is added to pre, not written over it",
            alone);
    mistake("a bias that is added twice: by add_bias, and by forward, whose b is NULL",
            twice);
    mistake_if("a mistake of add_bias, not of forward: element i of pre is in row i / "
               "cols, rows lie ld apart, and each column has its own bias",
               true);
}

static void gelu_case(bool relu, GeluVersion version, int rows, int cols) {
    const int count = rows * cols;
    begin_device();
    Tensor pre = writable(normal('p', SHAPE(rows, cols))), b = normal('b', SHAPE(cols));
    const double *x = doubles_of(pre), *bias = doubles_of(b);
    double *sum = doubles(count), *y = doubles(count), *no_bias = doubles(count),
           *other = doubles(count), *after = doubles(count), *over = doubles(count);
    for (int i = 0; i < count; i++) {
        const double b_j = bias[i % cols];
        after[i] = (relu ? of_relu(x[i]) : naive_gelu(x[i])) + b_j;
        over[i] = relu ? of_relu(b_j) : naive_gelu(b_j);
        sum[i] = x[i] + b_j;
        y[i] = relu ? of_relu(sum[i]) : naive_gelu(sum[i]);
        other[i] = relu ? naive_gelu(sum[i]) : of_relu(sum[i]);
        no_bias[i] = relu ? of_relu(x[i]) : naive_gelu(x[i]);
    }
    const int gap =
        cols % 4 == 0 ? 4 : 3; /* rows that allow loads of 16 bytes, or not */
    Tensor P = on_device(pre, gap), Y = on_device(unset(pre), 2 * gap);
    case_is("%s, %d x %d, rows further apart than they are long%s",
            relu ? "ReLU" : "GELU", rows, cols,
            version == GELU_SEPARATE
                ? "; add_bias, then f: b is NULL, pre has the bias already"
                : "");
    if (relu) {
        gpu_bias_relu_forward(NULL, P, on_device(b, 0), Y);
    } else {
        gpu_bias_gelu_forward(NULL, version, P, on_device(b, 0), Y);
    }
    if (version == GELU_SEPARATE) {
        const Tensor biased = from_device(P);
        expect("pre, after add_bias,", biased, sum, TOLERANCE);
        add_bias_mistakes(biased, x, bias);
    }
    const Tensor got = from_device(Y);
    expect("Y", got, y, TOLERANCE);
    mistake("f(pre), without the bias", no_bias);
    mistake("f(pre) + b: the bias is added before f, f(pre + b)", after);
    mistake("f(b): the bias is added to pre, not written over it", over);
    mistake_if("the bias of another column: b has one number for each column",
               has_biases(got, x, bias, relu));
    mistake("pre + b: f is applied to it, by apply<f>", sum);
    mistake("one function for every f: apply<f> knows which is wanted", other);
    expect("pre, which backward reads,", from_device(P), sum, TOLERANCE);
    mistake("pre without its bias: it must be kept for the backward pass", x);
    mistake("Y: backward reads pre + b, what f was applied to", y);
    if (version != GELU_SEPARATE) {
        expect_cost(elements(2.0 * count, 2.0 * count));
    } else { /* by two kernels */
        Cost most = elements(3.0 * count, 2.0 * count);
        most.restore = "pre stored as it was: where b is NULL, its bias is in it";
        expect_cost(most);
    }
}

/* in_place: dpre is dY. */
static void gelu_backward_case(bool relu, bool in_place) {
    enum { ROWS = 9, COLS = 37, COUNT = ROWS * COLS };
    begin_device();
    Tensor pre = normal('p', SHAPE(ROWS, COLS)), dY = normal('d', pre);
    const double *x = doubles_of(pre), *dy = doubles_of(dY);
    double *want = doubles(COUNT), *turned = doubles(COUNT), *other = doubles(COUNT),
           *in_y = doubles(COUNT);
    for (int i = 0; i < COUNT; i++) {
        in_y[i] = dy[i] * (relu ? relu_derivative(of_relu(x[i]))
                                : naive_gelu_derivative(naive_gelu(x[i])));
        const double gelu_of = dy[i] * naive_gelu_derivative(x[i]),
                     relu_of = dy[i] * relu_derivative(x[i]);
        want[i] = relu ? relu_of : gelu_of;
        other[i] = relu ? gelu_of : relu_of;
        turned[i] =
            x[i] * (relu ? relu_derivative(dy[i]) : naive_gelu_derivative(dy[i]));
    }
    const Tensor P = on_device(pre, 2),
                 D = on_device(in_place ? writable(dY) : dY, in_place ? 5 : 7),
                 out = in_place ? D : on_device(unset(pre), 1);
    case_is("%s backward, %d x %d%s", relu ? "ReLU" : "GELU", ROWS, COLS,
            in_place ? ", dpre is dY" : "");
    if (relu) {
        gpu_relu_backward(NULL, P, D, out);
    } else {
        gpu_gelu_backward(NULL, GELU_FUSED, P, D, out);
    }
    const Tensor got = from_device(out);
    expect("dpre", got, want, TOLERANCE);
    mistake_added(got, COUNT);
    mistake("f's derivative in Y: it is taken in pre", in_y);
    mistake("pre and dY changed for one another: through<f>(x, dy)", turned);
    mistake("dY as it came: f's derivative in pre is a factor, by through<f>", dy);
    mistake("one function for every f: through<f> knows which is wanted", other);
    expect_cost(elements(2.0 * COUNT, COUNT));
}

static void gelu(void) {
    gelu_case(false, GELU_FUSED, 7, 45);
    gelu_case(false, GELU_SEPARATE, 7, 45);
    gelu_case(false, GELU_FUSED, 70, 33);
    gelu_case(false, GELU_VECTORISED, 6, 44);
    gelu_case(true, GELU_FUSED, 11, 29);
    gelu_backward_case(false, false);
    gelu_backward_case(false, true);
    gelu_backward_case(true, false);
}

/* ---- 6.3 ------------------------------------------------------------------------- */

/* What is done wrongly. */
typedef struct {
    bool unscaled, no_rescale, inverse, from_zero; /* in the pass over the scores */
    bool new_term_shrunk, new_term_by_old;
    bool no_join, own_maximum, own_sum;                  /* between the lanes */
    bool unscaled_at_end, undivided, own_maximum_at_end; /* in what is written */
} Online;

typedef struct {
    double max, sum;
} Lane;

static Lane lane_of(int lane, int cols, const double *s, double scale, Online wrong) {
    Lane a = {wrong.from_zero ? 0 : -DBL_MAX, 0};
    for (int j = lane; j < cols; j += 32) {
        const double x = scale * s[j], larger = fmax(a.max, x);
        const double by = exp(wrong.inverse ? larger - a.max : a.max - larger);
        const double term = exp(x - (wrong.new_term_by_old ? a.max : larger));
        a.sum = a.sum * (wrong.no_rescale ? 1 : by) +
                term * (wrong.new_term_shrunk ? by : 1);
        a.max = larger;
    }
    return a;
}

/* A = softmax(scale S) by the 32 lanes' running maximum and sum over columns lane,
 * lane + 32, ... */
static double *online(int rows, int cols, const double *S, double scale, Online wrong) {
    double *A = doubles((long)rows * cols);
    const double in_pass = wrong.unscaled ? 1 : scale,
                 at_end = wrong.unscaled || wrong.unscaled_at_end ? 1 : scale;
    for (int i = 0; i < rows; i++) {
        const double *s = S + (long)i * cols;
        double all = (double)-INFINITY, total = 0;
        Lane lanes[32];
        for (int l = 0; l < 32; l++) {
            lanes[l] = lane_of(l, cols, s, in_pass, wrong);
            all = fmax(all, lanes[l].max);
        }
        for (int l = 0; l < 32; l++) {
            const bool joined = !wrong.no_join && !wrong.own_maximum;
            lanes[l].sum *= joined ? exp(lanes[l].max - all) : 1;
            total += lanes[l].sum;
        }
        for (int j = 0; j < cols; j++) {
            const Lane *mine = &lanes[j % 32];
            A[i * cols + j] =
                exp(at_end * s[j] -
                    (wrong.own_maximum || wrong.own_maximum_at_end ? mine->max : all)) /
                (wrong.undivided ? 1
                 : wrong.own_sum ? mine->sum
                                 : total);
        }
    }
    return A;
}

/* shift: how far from 0 the scores lie */
static void softmax_case(int rows, int cols, float shift, bool in_place) {
    begin_device();
    const float scale = 0.5f;
    Tensor S = normal('S', SHAPE(rows, cols));
    for (int i = 0; i < rows * cols; i++) {
        S.data[i] = 6 * S.data[i] + shift;
    }
    input('S', S);
    const double *s = doubles_of(S);
    case_is("%d rows of %d, scale 0.5%s%s", rows, cols,
            shift < 0 ? ", scores near -4000" : "", in_place ? ", A is S" : "");
    Tensor dS = on_device(in_place ? writable(S) : S, 3),
           A = in_place ? dS : on_device(unset(S), 2);
    cuda_on_cpu_counts_clear();
    gpu_softmax_forward(NULL, SOFTMAX_ONLINE, scale, dS, A);
    gpu_wait(NULL);
#define BY(...) online(rows, cols, s, 0.5, (Online){__VA_ARGS__})
    expect("A", from_device(A), BY(.unscaled = false), TOLERANCE);
    mistake("a softmax without the scale", BY(.unscaled = true));
    mistake("scores without the scale where A is written", BY(.unscaled_at_end = true));
    mistake("a sum that is not brought to the new maximum: sum exp(max - larger)",
            BY(.no_rescale = true));
    mistake("0 / 0, as exp of every score is 0: max begins above all of them (it "
            "begins at the lowest float, -FLT_MAX), or exp is taken without max",
            BY(.from_zero = true));
    mistake("a new term that is shrunk with the old ones: exp(x - larger) is relative "
            "to the new maximum already",
            BY(.new_term_shrunk = true));
    mistake("a new term relative to the old maximum: it is exp(x - larger)",
            BY(.new_term_by_old = true));
    mistake("a sum that grows by exp(larger - max): it shrinks, by exp(max - larger)",
            BY(.inverse = true));
    mistake("lanes' sums added without bringing them to one maximum",
            BY(.no_join = true));
    mistake(
        "each lane's own maximum, where the row's is wanted: before lanes' sums are "
        "added, each is brought from its own maximum to the row's, by exp(max - "
        "all)",
        BY(.own_maximum = true));
    mistake("each lane's own maximum where A is written: the sum is relative to the "
            "row's",
            BY(.own_maximum_at_end = true));
    mistake("each lane's own sum: warp_sum gives every lane the whole row's",
            BY(.own_sum = true));
    mistake("exp(x - maximum), not divided by the sum", BY(.undivided = true));
#undef BY
    expect_cost((Cost){.loads = 2.0 * rows * cols,
                       .stores = (double)rows * cols,
                       .lanes = cols < 32 ? 0 : 16,
                       .reload = "three passes: maximum and sum are found together in "
                                 "one"});
}

/* Scores that are -infinity, as masks make them: two lanes have no other. */
static void softmax_of_masked_case(void) {
    enum { ROWS = 2, COLS = 65, MASKED = 34 };
    begin_device();
    Tensor S = normal('S', SHAPE(ROWS, COLS));
    for (int i = 0; i < ROWS * COLS; i++) {
        S.data[i] = i % COLS < MASKED ? -INFINITY : S.data[i];
    }
    input('S', S);
    Tensor A = on_device(unset(S), 0);
    case_is("%d rows of %d, the first %d scores of each -infinity", ROWS, COLS, MASKED);
    gpu_softmax_forward(NULL, SOFTMAX_ONLINE, 0.5f, on_device(S, 0), A);
    const Tensor got = from_device(A);
    expect("A", got,
           online(ROWS, COLS, doubles_of(S), 0.5, (Online){.unscaled = false}),
           TOLERANCE);
    mistake_if("exp(-infinity - -infinity), which is not a number: a maximum that "
               "begins at -FLT_MAX is never -infinity",
               has_nan(got));
}

static void softmax(void) {
    softmax_case(5, 100, 0, false);
    softmax_case(9, 17, 0, false); /* lanes without a column */
    softmax_case(3, 70, -4000, false);
    softmax_case(2, 1, 0, false);
    softmax_case(7, 330, 0, true);
    softmax_of_masked_case();
}

const Exercise exercises[] = {
    {"6.a", "an index (square)",
     "warm_up.cu: kernel and launch: y[i] = x[i] squared, one thread per element.",
     "In the picture, how many elements does block 1 leave to block 0?",
     "the lesson; warm_up.h", warm_up_square_grade},
    {"6.b", "a guard (add)", "warm_up.cu: kernel and launch: z = x + y, for any count.",
     "Take 10 elements and blocks of 4: how many blocks, and what does each of their "
     "threads do?",
     "the lesson; warm_up.h", warm_up_add_grade},
    {"6.c", "a stride (add_scaled)",
     "warm_up.cu: y += a x, where elements are more than threads.",
     "In one turn of the loop, which elements does a warp load?",
     "the lesson; warm_up.h", warm_up_add_scaled_grade},
    {"6.d", "rows and columns (scale_rows)",
     "warm_up.cu: kernel and launch: Y[i][j] = by[i] X[i][j], one thread per element.",
     "Which lanes are one warp, and what do they want to read?",
     "the lesson; warm_up.h", warm_up_scale_rows_grade},
    {"6.e", "a reversal (reverse)",
     "warm_up.cu: each block turns its run round, in place, through shared memory.",
     "Which elements does this block have, and who still needs the one that a thread "
     "overwrites?",
     "the lesson; warm_up.h", warm_up_reverse_grade},
    {"6.f", "a block's sum (sum_runs)",
     "warm_up.cu: sums[b] is the sum of run b, by all threads of block b.",
     "Play it with the picture's 8 elements: which threads work in each step, and "
     "what must be finished before it?",
     "the lesson; warm_up.h", warm_up_sums_grade},
    {"6.1", "Answers: threads, sectors, tiles, banks",
     "Predict; then compare with ./chapter6 --counts where it can say so.",
     "Draw the addresses of the first few lanes, and the lines between sectors.",
     "the lesson, \"How a GPU runs a kernel\"", predict},
    {"6.2", "The bias and GELU, forward and backward",
     "gpu_gelu.cu: three kernels with one thread per element; rows are ld apart.",
     "Which row and column has element i, and where is it in each of the tensors?",
     "the lesson, \"One thread per element\"; gpu_gelu.h", gelu},
    {"6.3", "softmax in one pass (forward_online)",
     "gpu_softmax.cu: one warp per row, and at most two loads of each score.",
     "What does a sum of exp(s - max) become when max changes, in a lane and between "
     "lanes?",
     "the lesson, \"One warp per row\"", softmax},
    {"6.4", "matmul with tiles in shared memory (shared_tiles)",
     "gpu_matmul.cu: each element is loaded once per block, and coalesced in each "
     "of the three layouts; sizes need not be multiples of 32.",
     "Which element of a tile does thread (x, y) load, and which ones does it use? "
     "They need not be the same.",
     "the lesson, \"Used thirty-two times\"", matmul_grade},
    {"6.5", "attention in one kernel (forward)",
     "gpu_attention_fused.cu: what a query keeps, what happens to it while a tile of "
     "keys and values streams past, and what O and lse are at the end.",
     "Whatever was added under an old maximum was measured against that maximum. And "
     "all lanes of a warp must reach q.dot.",
     "the lesson, \"Scores that are never written\"", attention_grade},
    {"6.6", "AdamW's kernel (adamw_kernel, gpu_adamw_step)",
     "gpu_adamw.cu: one element per thread, the same step as adamw.c's.",
     "Compare with adamw.c line by line: what has the host computed already, and for "
     "what is it meant?",
     "the lesson, \"A host that never waits\"; notes/05, 5 and 6", adamw_grade},
};
const int exercise_count = sizeof exercises / sizeof exercises[0];
